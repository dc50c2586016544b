//! The Prometheus text format, version 0.0.4.

use std::fmt::{Display, Write as _};

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
        self.push(format_args!("# HELP {} {}\n# TYPE {} {kind}\n", family.name, family.help, family.name));
        Samples { exposition: self, name: family.name }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.text.write_fmt(text).expect("writing to a string cannot fail");
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
        self.write("", labels, None, value);
    }

    /// Writes one histogram. `at_most` are the counts up to each bound, `count` all of them.
    pub(super) fn histogram(&mut self, labels: Labels<'_>, bounds: &[f64], at_most: &[u64], count: u64, sum: f64) {
        for (bound, count) in bounds.iter().zip(at_most) {
            self.write("_bucket", labels, Some(&bound.to_string()), count);
        }
        self.write("_bucket", labels, Some("+Inf"), count);
        self.write("_sum", labels, None, sum);
        self.write("_count", labels, None, count);
    }

    fn write(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: impl Display) {
        self.exposition.push(format_args!("{}{suffix}", self.name));
        let bound = bound.map(|bound| ("le", bound));
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(bound) {
            self.exposition.push(format_args!("{separator}{name}=\"{}\"", escape(value)));
            separator = ',';
        }
        let end = if separator == ',' { "}" } else { "" };
        self.exposition.push(format_args!("{end} {value}\n"));
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
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
