//! The events that cases name.

use tiercel_detection::event::Timestamp;
use tiercel_detection::field::{EventView, FieldRef, Fields, Value};
use tiercel_detection::{Event, EventKind, FieldMap, OutputContext, TimeFormat};

use crate::events;

/// An event, and fields of it that no event of ours can hold.
pub(crate) struct Context {
    event: Event,
    output: OutputContext,
    given: FieldMap,
}

/// Fields that only Falco's tests know, with fields of ours of the same type.
const MOCKS: [(&str, &str); 5] = [
    ("c.true", "proc.env[true]"),
    ("c.false", "proc.env[false]"),
    ("c.singlequote", "proc.env[singlequote]"),
    ("c.doublequote", "proc.env[doublequote]"),
    ("c.buffer", "evt.buffer"),
];

/// The condition with fields of ours in the places of those that only Falco's tests know.
pub(crate) fn without_mocks(condition: &str) -> String {
    let mut text = condition.to_owned();
    for (mock, ours) in MOCKS {
        let mut from = 0;
        while let Some(at) = text[from..].find(mock).map(|at| from + at) {
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
            let inside = text[..at].ends_with(is_word) || text[at + mock.len()..].starts_with(is_word);
            from = at + if inside { mock.len() } else { ours.len() };
            if !inside {
                text.replace_range(at..at + mock.len(), ours);
            }
        }
    }
    text
}

/// The event of that name.
pub(crate) fn named(name: &str) -> Option<Context> {
    let event = match name {
        "E0" | "E17" => events::execve("myexe", &["bash", "init"]),
        "E1" => events::getcwd(),
        "E2" => events::read(b"hello"),
        "E3" => events::read(b"a\0b"),
        "E4" => events::open(1, "/opt/dir/SUBDIR/file.txt"),
        "E5" => events::connect("172.40.111.222", "142.251.111.147"),
        "E6" => events::connect("::1", "2001:4860:4860::8888"),
        "E7" => events::epoll_create(),
        "E7b" => events::open(-1, "/tmp/the_file"),
        "E8" => events::open(3, "/opt/dir/subdir/file.txt"),
        "E9" => events::open(3, "/tmp/file_to_run"),
        "E9s" => events::socket(),
        "E9r" => events::read(&[1, 2, 3, 4, 5, 6]),
        "E10" => events::execve("good-exe", &["bash", "bash", "bash", "bash", "init"]),
        "E11" => events::read(b"gigi"),
        "E12" => events::open(3, "/p\u{fffd}/q\u{fffd}"),
        "E13" => events::execve("bad\u{fffd}", &["bash", "init"]),
        "E14" => events::rename(),
        "E15" => events::open_by_handle_at("/tmp/a\u{fffd}"),
        "E16" => events::chdir("/tmp/c\u{fffd}"),
        _ => return None,
    };
    let given = FieldMap::parse(given(name)).expect("the fields are in the catalogue");
    let output = OutputContext {
        hostname: "test".into(),
        time_zone: jiff::tz::TimeZone::UTC,
        time_format: TimeFormat::default(),
    };
    Some(Context { event, output, given })
}

/// What the event itself cannot say: the mock fields, and bytes that are not UTF-8, which events have replaced before
/// they are judged. Comparisons see bytes as they are.
fn given(name: &str) -> &'static str {
    match name {
        "E0" => {
            r#"{"proc.env[true]": "1", "proc.env[false]": "0", "proc.env[singlequote]": "hello 'quoted'",
                "proc.env[doublequote]": "hello \"quoted\""}"#
        }
        "E12" => {
            r#"{"fd.name": {"hex": "2f70ff2f71ff"}, "fd.nameraw": {"hex": "2f70ff2f71ff"},
                "fd.directory": {"hex": "2f70ff"}, "fd.filename": {"hex": "71ff"},
                "evt.arg.name": {"hex": "2f70ff2f71ff"}, "evt.arg[1]": {"hex": "2f70ff2f71ff"},
                "evt.rawarg.name": {"hex": "2f70ff2f71ff"}, "evt.abspath": {"hex": "2f70ff2f71ff"},
                "fs.path.name": {"hex": "2f70ff2f71ff"}, "fs.path.nameraw": {"hex": "2f70ff2f71ff"}}"#
        }
        "E13" => {
            r#"{"proc.name": {"hex": "626164ff"}, "proc.exe": {"hex": "2f62696e2f626164ff"},
                "proc.exepath": {"hex": "2f62696e2f626164ff"}, "proc.cmdline": {"hex": "626164ff"},
                "evt.arg.comm": {"hex": "626164ff"}, "evt.arg.exe": {"hex": "2f62696e2f626164ff"}}"#
        }
        "E14" => {
            r#"{"fs.path.source": {"hex": "2f746d702f73ff"}, "fs.path.sourceraw": {"hex": "2f746d702f73ff"},
                "fs.path.target": {"hex": "2f746d702f74ff"}, "fs.path.targetraw": {"hex": "2f746d702f74ff"},
                "evt.arg.oldpath": {"hex": "2f746d702f73ff"}, "evt.arg.newpath": {"hex": "2f746d702f74ff"}}"#
        }
        "E15" => {
            r#"{"evt.abspath": {"hex": "2f746d702f61ff"}, "fd.name": {"hex": "2f746d702f61ff"},
                "fd.directory": "/tmp", "fd.filename": {"hex": "61ff"}, "evt.arg.path": {"hex": "2f746d702f61ff"}}"#
        }
        "E16" => r#"{"proc.cwd": {"hex": "2f746d702f63ff2f"}, "evt.arg.path": {"hex": "2f746d702f63ff"}}"#,
        _ => "{}",
    }
}

impl Fields for Context {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        let view = EventView::new(&self.event, &self.output);
        self.given.value(field).or_else(|| view.value(field).map(Value::into_owned))
    }

    fn any_value(&self, field: &FieldRef, test: impl FnMut(&Value<'_>) -> bool) -> bool {
        match self.given.value(field) {
            Some(_) => self.given.any_value(field, test),
            None => EventView::new(&self.event, &self.output).any_value(field, test),
        }
    }

    fn kind(&self) -> Option<EventKind> {
        Some(self.event.kind)
    }

    fn time(&self) -> Timestamp {
        self.event.time
    }
}
