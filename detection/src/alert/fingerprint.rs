//! Which alerts say the same thing: the default fingerprint.

use super::{Alert, FieldValue};

/// Version of the recipe. It seeds the hash, so that a changed recipe never collides with fingerprints of an older one.
pub const FINGERPRINT_VERSION: u64 = 1;

/// Fields that name the workload, by what stays the same when it is restarted or scaled: no ids, no pod names, no tags.
const WORKLOAD: [&str; 3] = ["container.image.repository", "container.name", "k8s.ns.name"];

/// Fields that name what was touched. Digits are normalised, so that numbered temporary files and pids in paths do not
/// make every repeat a new finding.
const OBJECTS: [&str; 8] = [
    "fd.name",
    "evt.arg.path",
    "evt.arg.name",
    "evt.arg.oldpath",
    "evt.arg.newpath",
    "evt.arg.linkpath",
    "evt.arg.target",
    "evt.arg.filename",
];

/// Identity of a logical finding: alerts with the same fingerprint say the same thing again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Alert {
    /// Returns the identity of what the alert says: source, rule, workload, program, parent program, user and the
    /// object that was touched.
    ///
    /// Left out on purpose: the time, the node, process and container ids, arguments, pod names and image tags; the
    /// same misuse on ten nodes is one finding, seen ten times. The node does take part when nothing else tells alerts
    /// of the rule apart, as with an agent's reports about itself. A missing field is distinct from an empty one.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut parts = Parts::default();
        parts.push(Some(&self.source));
        parts.push(Some(&self.rule));
        let named = parts.named;
        WORKLOAD.iter().for_each(|name| parts.push(self.text(name)));
        parts.push(self.text("proc.exepath").or_else(|| self.text("proc.name")));
        parts.push(self.text("proc.pname"));
        parts.push(self.text("user.name"));
        OBJECTS.iter().for_each(|name| parts.push(self.text(name).map(normalise).as_deref()));
        if parts.named == named {
            parts.push(Some(&self.hostname));
        }
        Fingerprint(xxhash_rust::xxh3::xxh3_128_with_seed(&parts.bytes, FINGERPRINT_VERSION))
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.field(name)? {
            FieldValue::Text(text) => Some(text),
            FieldValue::Missing
            | FieldValue::Bool(_)
            | FieldValue::Signed(_)
            | FieldValue::Unsigned(_)
            | FieldValue::Float(_)
            | FieldValue::List(_) => None,
        }
    }
}

/// Parts behind each other, each with its length, so that no two lists of parts have the same bytes.
#[derive(Default)]
struct Parts {
    bytes: Vec<u8>,
    named: usize,
}

impl Parts {
    fn push(&mut self, part: Option<&str>) {
        match part {
            None => self.bytes.push(0),
            Some(text) => {
                self.bytes.push(1);
                self.bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
                self.named += 1;
            }
        }
    }
}

/// Replaces each run of digits by `N`. Of a connection (`client->server`) the server end is kept as it is: whom a
/// program talks to is the finding, its own port is not. Of a unix socket the path is kept.
fn normalise(name: &str) -> String {
    match name.split_once("->") {
        None => digits_to_n(name),
        Some((_, server)) => match server.split_once(' ') {
            Some((_, path)) => digits_to_n(path),
            None => format!("->{server}"),
        },
    }
}

fn digits_to_n(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut in_number = false;
    for character in text.chars() {
        let digit = character.is_ascii_digit();
        if !digit {
            normal.push(character);
        } else if !in_number {
            normal.push('N');
        }
        in_number = digit;
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Priority;
    use crate::event::Timestamp;

    fn alert(hostname: &str, fields: &[(&str, &str)]) -> Alert {
        let mut fields: Vec<_> = fields.iter().map(|(k, v)| ((*k).into(), FieldValue::Text((*v).into()))).collect();
        fields.sort_by(|a: &(std::sync::Arc<str>, _), b| a.0.cmp(&b.0));
        Alert {
            time: Timestamp(1),
            rule: "r".into(),
            priority: Priority::Debug,
            source: "syscall".into(),
            hostname: hostname.into(),
            output: "".into(),
            fields,
            tags: [].into(),
        }
    }

    fn same(left: &Alert, right: &Alert) -> bool {
        left.fingerprint() == right.fingerprint()
    }

    #[test]
    fn repeats_on_other_nodes_and_with_other_numbers_are_the_same_finding() {
        let left = alert("a", &[("proc.name", "cat"), ("fd.name", "/proc/12/environ"), ("container.id", "x")]);
        let right = alert("b", &[("proc.name", "cat"), ("fd.name", "/proc/977/environ"), ("container.id", "y")]);
        assert!(same(&left, &right));
    }

    #[test]
    fn another_server_is_another_finding_and_another_client_port_is_not() {
        let to = |name| alert("a", &[("proc.name", "nc"), ("fd.name", name)]);
        assert!(same(&to("10.0.0.1:4000->1.1.1.1:443"), &to("10.0.0.1:5000->1.1.1.1:443")));
        assert!(!same(&to("10.0.0.1:4000->1.1.1.1:443"), &to("10.0.0.1:4000->1.1.1.2:443")));
    }

    #[test]
    fn a_missing_field_differs_from_an_empty_one() {
        let named = |fields: &[_]| alert("a", fields);
        assert!(!same(&named(&[("proc.name", "a")]), &named(&[("proc.name", "a"), ("fd.name", "")])));
    }

    #[test]
    fn the_node_counts_when_nothing_else_does() {
        assert!(!same(&alert("a", &[]), &alert("b", &[])));
        assert!(same(&alert("a", &[("proc.name", "x")]), &alert("b", &[("proc.name", "x")])));
    }
}
