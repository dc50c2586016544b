//! The condition language row by row: types, operators, modifiers, missing values, transformers and names.

use tiercel_detection::FieldMap;
use tiercel_detection::condition::{Condition, DEPTH_MAX, parse};

const EVENT: &str = r#"{
    "evt.type": "open", "evt.num": 7, "evt.rawres": -2, "evt.cpu": 1, "evt.is_open_read": true,
    "evt.buffer": {"hex": "00ff10"}, "evt.res": "ENOENT", "evt.arg.name": "/etc/passwd",
    "fd.name": "/var/run/docker.sock", "fd.directory": "/var/run", "fd.num": -1, "fd.types": ["file", "ipv4"],
    "fd.sip": "10.1.2.3", "fd.ip": ["10.1.2.3", "192.168.0.7"], "fd.net": ["10.1.2.3", "192.168.0.7"],
    "fd.snet": "10.1.2.3", "fd.sport": 443, "fd.port": [443, 50000], "fd.l4proto": "tcp",
    "proc.name": "myexe", "proc.pname": "MyExe", "proc.cmdline": "myexe -a b\nsecond line", "proc.args": "-a b",
    "proc.aname": ["bash", "sshd", "systemd"], "proc.aname[2]": "sshd", "proc.pid": 42, "proc.tty": 0,
    "proc.duration": 5000000000, "user.uid": 4294967295, "user.loginuid": -1, "user.name": "<NA>",
    "proc.env[PATH]": "L2Jpbi9zaA==", "proc.exepath": "/usr/bin/myexe/", "thread.cpu": 12.0
}"#;

/// Conditions, and whether they hold for the event.
#[track_caller]
fn check(cases: &[(&str, bool)]) {
    let event = FieldMap::parse(EVENT).unwrap();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, wanted)| {
            let found = Condition::compile(text, DEPTH_MAX).map(|mut condition| condition.holds(&event));
            match found {
                Ok(holds) if holds == *wanted => None,
                Ok(_) => Some(format!("{text}: expected {wanted}")),
                Err(error) => Some(format!("{text}: {error}")),
            }
        })
        .collect();
    println!("agreed {} of {}", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Conditions that cannot be compiled, with a part of the reason.
#[track_caller]
fn check_refused(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, reason)| match Condition::compile(text, DEPTH_MAX) {
            Ok(_) => Some(format!("{text}: is accepted")),
            Err(error) if error.message.contains(reason) => None,
            Err(error) => Some(format!("{text}: expected '{reason}', found '{error}'")),
        })
        .collect();
    println!("agreed {} of {}", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn compat_constants_are_read_as_their_fields_demand() {
    check(&[
        ("fd.num = -1", true),
        ("evt.rawres < 0", true),
        ("evt.rawres in (-1, -2)", true),
        ("user.uid = 4294967295", true),
        ("user.uid = -1", true),
        ("user.loginuid = -1", true),
        ("proc.tty = 0", true),
        ("proc.duration > 4999999999", true),
        ("evt.is_open_read = true", true),
        ("evt.is_open_read != true", false),
        ("evt.is_open_read in (false, true)", true),
        ("fd.sport = https", true),
        ("fd.sport in (http, 443)", true),
        ("fd.port = 50000", true),
        ("fd.port != 443", false),
        ("fd.port != 1", true),
        ("fd.port > 49999", true),
        ("fd.sip = 10.1.2.3", true),
        ("fd.sip in (10.1.2.4, 10.1.2.3)", true),
        ("fd.sip = ::1", false),
        ("fd.ip != 192.168.0.7", false),
        ("fd.ip != 1.1.1.1", true),
        ("fd.snet = 10.0.0.0/8", true),
        ("fd.snet in (1.0.0.0/8, 10.0.0.0/8)", true),
        ("fd.snet != 10.0.0.0/8", false),
        ("fd.snet = fe80::/10", false),
        ("fd.snet != fe80::/10", true),
        // Falco looks only at the first network of a list for this one field.
        ("fd.net in (1.0.0.0/8, 10.0.0.0/8)", false),
        ("fd.net in (10.0.0.0/8, 1.0.0.0/8)", true),
        ("evt.buffer = \"\\x00\\xff\\x10\"", true),
        ("evt.buffer bcontains ff10", true),
        ("evt.buffer bstartswith 00FF", true),
        ("evt.buffer startswith \"\\x00\"", true),
        ("proc.name = \"\\x6d\\x79exe\"", true),
        ("thread.cpu > 11", true),
    ]);
    check_refused(&[
        ("proc.pid = 0x2a", "is not a decimal number"),
        ("proc.pid = 1.5", "is not a decimal number"),
        ("proc.pid = abc", "is not a decimal number"),
        ("evt.is_open_read = 1", "is not 'true' or 'false'"),
        ("evt.is_open_read = TRUE", "is not 'true' or 'false'"),
        ("fd.sport = nosuchservice", "is not a port number"),
        ("fd.sport = 65536", "is not a port number"),
        ("fd.sip = localhost", "is not an IP address"),
        ("fd.sip = 10.0.0.0/8", "is not an IP address"),
        ("fd.snet = 10.0.0.0", "is not a network"),
        ("fd.snet = 10.0.0.0/33", "is not a network"),
        ("proc.name = \"a\\x00b\"", "NUL"),
        ("proc.name in (a, \"\\x00\")", "NUL"),
        ("evt.buffer bcontains abc", "support hex strings only"),
        ("evt.buffer bstartswith zz", "support hex strings only"),
        ("evt.type = nosuchevent", "unknown event type nosuchevent"),
        ("evt.type in (open, nosuchevent)", "unknown event type nosuchevent"),
        ("syscall.type = nosuchevent", "unknown event type nosuchevent"),
    ]);
}

#[test]
fn compat_operators_belong_to_types() {
    let numeric = "operator not supported for numeric filters";
    let string = "operator not supported for string filters";
    let address = "operator not supported for ip address and network filters";
    let list = "operator not supported for list filters";
    check_refused(&[
        ("proc.pid contains 1", numeric),
        ("proc.pid startswith 1", numeric),
        ("proc.pid regex 1", numeric),
        ("proc.pid pmatch (1)", numeric),
        ("fd.sport glob 4*", numeric),
        ("evt.is_open_read > 1", numeric),
        ("proc.duration icontains 1", numeric),
        ("proc.name bcontains 00", string),
        ("proc.name bstartswith 00", string),
        ("evt.buffer > 1", "operator not supported for buffer filters"),
        ("evt.buffer icontains a", "operator not supported for buffer filters"),
        ("evt.buffer regex a", "operator not supported for buffer filters"),
        ("fd.sip > 1", address),
        ("fd.ip contains 1", address),
        ("fd.snet pmatch (10.0.0.0/8)", address),
        ("fd.types = file", list),
        ("fd.types contains file", list),
        ("fd.types pmatch (file)", list),
    ]);
    check(&[
        ("fd.types in (file, ipv4, ipv6)", true),
        ("fd.types in (file)", false),
        ("fd.types intersects (file)", true),
        ("fd.types intersects (ipv6)", false),
        ("fd.types exists", true),
        ("proc.name < 9", false),
        ("proc.name > 9", true),
        ("proc.name >= 9", true),
    ]);
}

#[test]
fn compat_text_operators_compare_bytes() {
    check(&[
        ("proc.name == myexe", true),
        ("proc.name = MYEXE", false),
        ("proc.name contains yex", true),
        ("proc.name contains ''", true),
        ("proc.name icontains YEX", true),
        ("proc.name startswith my", true),
        ("proc.name endswith exe", true),
        ("proc.name glob my*", true),
        ("proc.name glob m?exe", true),
        ("proc.name glob m[xyz]exe", true),
        ("proc.name glob m[!y]exe", false),
        ("proc.name glob m[[:alpha:]]exe", true),
        ("proc.name glob yex", false),
        ("proc.name iglob MY*", true),
        ("fd.name glob /var/*", true),
        ("fd.name glob '*.sock'", true),
        ("proc.name regex my.*", true),
        ("proc.name regex yex", false),
        ("proc.name regex '(my|your)exe'", true),
        ("proc.name regex '[[:alpha:]]+'", true),
        ("proc.name regex 'm+y+e{1}x?e+?'", true),
        // The dot does not match the end of a line, and anchors within the pattern stand for those of lines.
        ("proc.cmdline regex '.*'", false),
        ("proc.cmdline regex '.*b\n.*line'", true),
        ("proc.cmdline regex '.*b$\n^second.*'", true),
        ("proc.name in (a, myexe)", true),
        ("proc.name in ()", false),
        ("not proc.name in ()", true),
        ("proc.name intersects (a, myexe)", true),
        ("fd.name pmatch (/var/run)", true),
        ("fd.name pmatch (/var/run/)", true),
        ("fd.name pmatch (/var/ru)", false),
        ("fd.name pmatch (/)", true),
        ("fd.name pmatch (/etc, /v?r/*)", true),
        ("fd.name pmatch (/*/*/*/*)", false),
        ("fd.name pmatch ()", false),
        ("fd.name pmatch (/v*/x, /va*/run)", true),
    ]);
    check_refused(&[
        ("proc.name regex '\\\\d+'", "is not POSIX syntax"),
        ("proc.name regex '(?i)a'", "is not POSIX syntax"),
        ("proc.name regex '\\\\bmy'", "is not POSIX syntax"),
        ("proc.name regex '('", "invalid regex"),
        ("proc.name regex '*'", "invalid regex"),
        ("proc.name regex '[z-a]'", "invalid regex"),
    ]);
}

#[test]
fn compat_modifiers_count_what_holds() {
    check(&[
        ("proc.name = anyof (a, myexe)", true),
        ("proc.name = allof (myexe, myexe)", true),
        ("proc.name = oneof (myexe, myexe)", false),
        ("proc.name = oneof (a, myexe)", true),
        ("proc.name != anyof (myexe, bash)", true),
        ("proc.name != allof (myexe, bash)", false),
        ("proc.name != oneof (myexe, bash)", true),
        ("proc.name contains allof (my, exe)", true),
        ("proc.name contains oneof (my, exe)", false),
        ("proc.name glob anyof (a*, m*)", true),
        ("proc.name = anyof ()", false),
        ("proc.name = allof ()", false),
        ("proc.name != allof ()", false),
        ("proc.name = oneof", false),
        ("fd.sip = anyof (10.1.2.3)", true),
        ("proc.pid != anyof (42, 43)", true),
        ("proc.aname = anyof (sshd, x)", true),
    ]);
}

#[test]
fn compat_what_is_missing_satisfies_nothing() {
    check(&[
        ("proc.aname[5] != x", false),
        ("not proc.aname[5] = x", true),
        ("proc.aname[5] exists", false),
        ("proc.aname[2] exists", true),
        ("proc.name = val(proc.exe)", false),
        ("proc.name != val(proc.exe)", false),
        ("b64(proc.name) exists", false),
        ("proc.exe = \"<NA>\"", false),
        ("user.name = \"<NA>\"", true),
        ("proc.aname = sshd", true),
        ("proc.aname in (x, systemd)", true),
        ("proc.aname != sshd", true),
        ("evt.arg.flags contains O_RDONLY", false),
        ("not evt.arg.flags contains O_RDONLY", true),
    ]);
}

#[test]
fn compat_transformers_compute_what_falcos_do() {
    check(&[
        ("toupper(proc.name) = MYEXE", true),
        ("tolower(proc.pname) = val(proc.name)", true),
        ("tolower(proc.pname) = tolower(proc.pname)", true),
        ("basename(fd.name) = docker.sock", true),
        ("basename(proc.exepath) = ''", true),
        ("basename(proc.name) = myexe", true),
        ("b64(proc.env[PATH]) = /bin/sh", true),
        ("basename(b64(proc.env[PATH])) = sh", true),
        ("concat(b64(proc.env[PATH]), \"x\") = /bin/shx", true),
        ("len(b64(proc.env[PATH])) = 7", true),
        ("len(proc.name) = 5", true),
        ("len(evt.buffer) = 3", true),
        ("len(fd.types) = 2", true),
        ("len(fd.types) > 2", false),
        ("join(\",\", (proc.name, proc.pid, \"x\", 5)) = \"myexe,42,x,5\"", true),
        ("join(\",\", ()) = ''", true),
        ("concat(proc.name, \"-\", fd.l4proto) = myexe-tcp", true),
        ("toupper(concat(proc.name, proc.name)) = MYEXEMYEXE", true),
        ("toupper(fd.types) intersects (FILE)", true),
        ("proc.name = concat(\"my\", \"exe\")", true),
        ("getopt((\"-a\", \"-b\", \"v\"), \"ab:\") intersects (v)", true),
        ("getopt((\"-a\", \"-b\", \"v\"), \"ab:\")[b] = v", true),
        ("getopt((\"-a\", \"-b\", \"v\"), \"ab:\")[a] = a", true),
        ("getopt((\"-a\"), \"ab:\")[b] exists", false),
        ("getopt((\"--long\", \"-a\"), \"a\") intersects (a)", true),
        ("proc.name in val(proc.name)", true),
    ]);
    check_refused(&[
        ("toupper(proc.pid) = 1", "does not support these arguments"),
        ("b64(evt.rawres) = 1", "does not support these arguments"),
        ("len(proc.pid) = 1", "does not support these arguments"),
        ("concat(proc.name) = a", "does not support these arguments"),
        ("concat(proc.name, proc.pid) = a", "does not support these arguments"),
        ("toupper(proc.name)[x] = A", "does not support field arguments"),
        ("proc.name = val(proc.pid)", "different types"),
        ("proc.name regex val(proc.pname)", "does not compare with another field"),
        ("fd.name pmatch val(fd.directory)", "does not compare with another field"),
        ("fd.ip = val(fd.sip)", "cannot be compared with another field"),
        ("proc.name = val(proc.aname[1])", "cannot be compared with another field"),
        ("b64(evt.type) = open", "evt.type"),
        ("evt.type = val(proc.name)", "evt.type"),
        ("evt.rawarg.uid = 1", "not supported for type"),
    ]);
}

#[test]
fn compat_names_are_looked_up_as_falco_looks_them_up() {
    check_refused(&[
        ("proc.nobody = x", "nonexistent field proc.nobody"),
        ("proc.namex = x", "nonexistent field proc.namex"),
        ("nothing.at.all exists", "nonexistent field nothing.at.all"),
        ("evt.arg = x", "expressed explicitly"),
        ("evt.rawarg.nothing = x", "unknown event argument nothing"),
        ("container.mount = x", "requires an argument"),
        ("proc.name[1] = x", "does not take an argument"),
        ("proc.aname[x] = y", "requires a number"),
        ("nothing", "Undefined macro 'nothing' used in filter."),
    ]);
    check(&[("evt.arg.name = /etc/passwd", true), ("proc.env[PATH] exists", true), ("evt.num > 0", true)]);
}

#[test]
fn compat_what_is_printed_is_what_falco_prints() {
    for (text, printed) in [
        ("proc.name=nginx and fd.name=/etc/passwd", "(proc.name = nginx and fd.name = /etc/passwd)"),
        ("not proc.name=nginx", "not proc.name = nginx"),
        ("proc.name in ('some proc', apache)", "proc.name in (\"some proc\", apache)"),
        ("test.str[\"\"] != nginx", "test.str[\"\"] != nginx"),
        ("getopt(proc.args,proc.args)[\"\"] != nginx", "getopt(proc.args, proc.args)[\"\"] != nginx"),
        ("a.b = \"some \\\"quoted string\\\"\"", "a.b = \"some \\\"quoted string\\\"\""),
        ("a.b = 'some \\'quoted\\' string'", "a.b = \"some 'quoted' string\""),
        ("a.b = 'c(d'", "a.b = c(d"),
        ("a.b = 'c\\\\d'", "a.b = \"c\\\\d\""),
        ("a.b = 'tab\\there'", "a.b = \"tab\\there\""),
        ("a.b = '\\ x'", "a.b = \"\\\\x\""),
        ("a.b == c", "a.b = c"),
        ("a.b=c or d.e=f and not (g.h exists or i)", "(a.b = c or (d.e = f and not (g.h exists or i)))"),
    ] {
        assert_eq!(parse(text, DEPTH_MAX).unwrap().to_string(), printed, "{text}");
    }
}
