//! The Prometheus text format, version 0.0.4.

use std::fmt::Display;

use metrics::{Key, Label};
use metrics_exporter_prometheus::LabelSet;
use metrics_exporter_prometheus::formatting::{write_help_line, write_metric_line, write_type_line};

/// Value of the `Content-Type` header.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by upper bounds, with sum and count.
    Histogram,
}

/// A metric: its name stands here and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: FamilyKind,
    pub(super) help: &'static str,
}

pub(super) const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: FamilyKind::Counter, help }
}

pub(super) const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: FamilyKind::Gauge, help }
}

pub(super) const fn histogram(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: FamilyKind::Histogram, help }
}

/// Label names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

/// The text under construction.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family. Its samples follow at once: the format wants them together.
    pub(super) fn family(&mut self, family: Family) -> Samples<'_> {
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        write_help_line(&mut self.text, family.name, None, None, family.help);
        write_type_line(&mut self.text, family.name, None, None, kind);
        Samples { exposition: self, name: family.name }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Writes the samples of one family.
pub(super) struct Samples<'a> {
    exposition: &'a mut Exposition,
    name: &'static str,
}

impl Samples<'_> {
    /// Writes one sample.
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.write(None, labels, None, value);
    }

    /// Writes one histogram. `at_most` are the counts up to each bound, `count` all of them.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, bounds: &[f64], at_most: &[u64], count: u64, sum: f64) {
        for (bound, count) in bounds.iter().zip(at_most) {
            self.write(Some("bucket"), labels, Some(&bound.to_string()), count);
        }
        self.write(Some("bucket"), labels, Some("+Inf"), count);
        self.write(Some("sum"), labels, None, sum);
        self.write(Some("count"), labels, None, count);
    }

    fn write(&mut self, suffix: Option<&'static str>, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        let labels: Vec<Label> =
            labels.iter().map(|(name, value)| Label::new((*name).to_owned(), (*value).to_owned())).collect();
        let labels = LabelSet::from_key_and_global(&Key::from_parts(self.name, labels), &Default::default());
        write_metric_line(
            &mut self.exposition.text,
            self.name,
            suffix,
            &labels,
            bound.map(|bound| ("le", bound)),
            value,
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_text_is_what_prometheus_reads() {
        let mut exposition = Exposition::default();
        exposition.family(gauge("plain", "Nothing special.")).sample(&[], 7);
        let mut samples = exposition.family(counter("labelled_total", "With labels."));
        samples.sample(&[("path", "C:\\x \"y\"\nz"), ("empty", "")], 1);
        let mut samples = exposition.family(histogram("took_seconds", "In time."));
        samples.histogram(&[("receiver", "pager")], &[0.5, 1.0], &[1, 2], 3, 7.25);
        expect![[r#"
            # HELP plain Nothing special.
            # TYPE plain gauge
            plain 7
            # HELP labelled_total With labels.
            # TYPE labelled_total counter
            labelled_total{path="C:\\x \"y\"\nz",empty=""} 1
            # HELP took_seconds In time.
            # TYPE took_seconds histogram
            took_seconds_bucket{receiver="pager",le="0.5"} 1
            took_seconds_bucket{receiver="pager",le="1"} 2
            took_seconds_bucket{receiver="pager",le="+Inf"} 3
            took_seconds_sum{receiver="pager"} 7.25
            took_seconds_count{receiver="pager"} 3
        "#]]
        .assert_eq(&exposition.finish());
    }
}
