//! Exceptions of rules.

use super::{change, check, excepting, rule_with};

#[test]
fn compat_exceptions_are_folded_in_as_falco_folds_them_in() {
    let open = |exception: &str| excepting("evt.type = open", exception);
    let values = |values: &str| open(&format!("fields: [proc.name], comps: [=], values: [[{values}]]"));
    check(&[
        (
            "a value with a blank",
            excepting(
                "proc.cmdline contains curl or proc.cmdline contains wget",
                "fields: [proc.cmdline], comps: [contains], values: [[curl 127.0.0.1]]",
            ),
            &[
                "cond => ((proc.cmdline contains curl or proc.cmdline contains wget) and not proc.cmdline contains \"curl 127.0.0.1\")",
            ],
        ),
        (
            "a field as a value",
            values("proc.pname"),
            &[
                "cond => (evt.type = open and not proc.name = proc.pname)",
                "'proc.pname' may be a valid field misused as a const string value",
            ],
        ),
        (
            "a quoted field as a value",
            values("\"proc.pname\""),
            &["not proc.name = proc.pname)", "'proc.pname' may be a valid field misused"],
        ),
        (
            "a field and a blank",
            values("\"proc.pname \""),
            &["not proc.name = \"proc.pname \")", "'proc.pname ' may be a valid field misused"],
        ),
        (
            "a transformer",
            values("toupper(proc.pname)"),
            &["cond => (evt.type = open and not proc.name = toupper(proc.pname))"],
        ),
        ("a quoted transformer", values("\"toupper(proc.pname)\""), &["not proc.name = toupper(proc.pname))"]),
        (
            "a transformer with a blank",
            values("toupper( proc.pname)"),
            &["not proc.name = \"toupper( proc.pname)\")", "may be a valid field transformer misused"],
        ),
        (
            "a transformed field",
            open("fields: [tolower(proc.name)], comps: [=], values: [[test]]"),
            &["not tolower(proc.name) = test)", "!LOAD_"],
        ),
        (
            "a transformed field with a blank",
            open("fields: [\"tolower( proc.name)\"], comps: [=], values: [[test]]"),
            &["not tolower(proc.name) = test)", "!LOAD_"],
        ),
        (
            "startswith oneof",
            open("fields: [proc.name], comps: [startswith oneof], values: [[[sshd, sudo, systemd]]]"),
            &["cond => (evt.type = open and not proc.name startswith oneof (sshd, sudo, systemd))"],
        ),
        (
            "contains allof",
            open("fields: [proc.cmdline], comps: [contains allof], values: [[[curl, bash]]]"),
            &["not proc.cmdline contains allof (curl, bash))"],
        ),
        (
            "endswith anyof",
            open("fields: [fd.name], comps: [endswith anyof], values: [[[.sh, .py, .pl]]]"),
            &["not fd.name endswith anyof (.sh, .py, .pl))"],
        ),
        (
            "glob oneof",
            open("fields: [fd.name], comps: [glob oneof], values: [[[\"/tmp/*.sh\", \"/x/*\"]]]"),
            &["!LOAD_ERR", "enabled 1"],
        ),
        (
            "regex oneof",
            open("fields: [proc.name], comps: [regex oneof], values: [[[\"research[0-9]+\", \"pentest-[0-9]{2,4}\"]]]"),
            &["!LOAD_ERR", "enabled 1"],
        ),
        (
            "two fields",
            open(
                "fields: [proc.name, fd.name], comps: [startswith oneof, startswith], values: [[[sshd, sudo], /etc/]]",
            ),
            &["not (proc.name startswith oneof (sshd, sudo) and fd.name startswith /etc/))"],
        ),
        (
            "no operator",
            open("fields: [proc.name], comps: [frobulate oneof], values: [[a]]"),
            &["'frobulate oneof' is not a supported comparison operator"],
        ),
        (
            "no operator for one field",
            open("fields: proc.name, comps: frobulate oneof, values: [a]"),
            &["comps must be one of"],
        ),
        (
            "a list operator with a modifier",
            open("fields: [proc.name], comps: [in oneof], values: [[a]]"),
            &["'in oneof' is not a supported comparison operator"],
        ),
        (
            "an order with a modifier",
            open("fields: [proc.name], comps: [\">= oneof\"], values: [[a]]"),
            &["'>= oneof' is not a supported comparison operator"],
        ),
        (
            "a modifier alone",
            open("fields: [proc.name], comps: [oneof], values: [[a]]"),
            &["'oneof' is not a supported comparison operator"],
        ),
        ("one field", open("fields: proc.name, comps: in, values: [cat, grep]"), &["not proc.name in (cat, grep))"]),
        (
            "one field and no operator",
            open("fields: proc.name, values: [cat, grep]"),
            &["not proc.name in (cat, grep))"],
        ),
        (
            "one field with paths",
            open("fields: proc.exepath, comps: pmatch, values: [/usr/bin/, /usr/local/bin/]"),
            &["not proc.exepath pmatch (/usr/bin/, /usr/local/bin/))"],
        ),
        (
            "= oneof",
            open("fields: [proc.name], comps: [= oneof], values: [[[nmap, masscan]]]"),
            &["not proc.name = oneof (nmap, masscan))"],
        ),
        (
            "a modifier and one value",
            open("fields: [proc.name], comps: [startswith oneof], values: [[sshd]]"),
            &["not proc.name startswith oneof (sshd))"],
        ),
        (
            "blanks around operators",
            open(
                "fields: [proc.name, fd.name], comps: [\"  contains  \", \"  startswith anyof  \"], values: [[agent, [/etc/, /var/]]]",
            ),
            &["not (proc.name contains agent and fd.name startswith anyof (/etc/, /var/)))"],
        ),
        (
            "three fields",
            open(
                "fields: [proc.name, fd.name, proc.exepath], comps: [contains, startswith, =], values: [[agent, /var/log/, /usr/bin/prometheus]]",
            ),
            &[
                "not (proc.name contains agent and fd.name startswith /var/log/ and proc.exepath = /usr/bin/prometheus))",
            ],
        ),
        (
            "two values",
            open("fields: [proc.name, fd.name], values: [[a, b], [c, d]]"),
            &["not ((proc.name = a and fd.name = b) or (proc.name = c and fd.name = d)))"],
        ),
        ("no values", open("fields: [proc.name]"), &["cond => evt.type = open\n"]),
        (
            "an unknown field",
            open("fields: [proc.nobody], values: [[a]]"),
            &["'proc.nobody' is not a supported filter field"],
        ),
        (
            "other lengths",
            open("fields: [proc.name, fd.name], comps: [=], values: [[a, b]]"),
            &["Fields and comps lists must have equal length"],
        ),
        (
            "values of other lengths",
            open("fields: [proc.name, fd.name], values: [[a]]"),
            &["Fields and values lists must have equal length"],
        ),
        (
            "a name twice",
            rule_with(
                "evt.type = open",
                "exceptions:\n- {name: e, fields: [proc.name], values: [[a]]}\n- {name: e, fields: [fd.name], values: [[b]]}",
            ),
            &["LOAD_EXCEPTION_NAME_NOT_UNIQUE", "!LOAD_ERR"],
        ),
        (
            "value for values",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, value: [[b]]}\nappend: true"),
            &["LOAD_APPEND_NO_VALUES: Overriding/appending exception with no values", "!LOAD_ERR"],
        ),
        (
            "replaced without fields",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, values: [[b]]}\noverride: {exceptions: replace}"),
            &["Item has no mapping for key 'fields'"],
        ),
        (
            "values appended",
            open("fields: [proc.name], values: [[a]]")
                + &change("exceptions:\n- {name: test_exception, values: [[b]]}\noverride: {exceptions: append}"),
            &["not (proc.name = a or proc.name = b))", "!LOAD_"],
        ),
    ]);
}
