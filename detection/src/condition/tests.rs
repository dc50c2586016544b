//! Boundary tests of the condition language.

use proptest::prelude::*;

use super::ast::Expression;
use super::*;
use crate::compatibility::cases;
use crate::event::{EventKind, KindSet, kinds};
use crate::example::FieldMap;

/// Falco's default limit, which its parser tests rely on.
const FALCO_DEPTH_MAX: usize = 100;

#[track_caller]
fn prints(text: &str, canonical: &str) {
    assert_eq!(parse(text, DEPTH_MAX).unwrap().to_string(), canonical);
}

/// The message of whatever stops the condition from being evaluated.
fn compile_error(text: &str) -> Option<String> {
    let expression = match parse(text, FALCO_DEPTH_MAX) {
        Ok(expression) => expression,
        Err(error) => return Some(error.message),
    };
    if let Err(error) = required_kinds(&expression) {
        return Some(error.message);
    }
    compile(&expression, &mut Plan::default()).err().map(|error| error.message)
}

#[track_caller]
fn holds(text: &str, fields: &FieldMap) -> bool {
    let mut plan = Plan::default();
    let root = compile(&parse(text, DEPTH_MAX).unwrap(), &mut plan).unwrap_or_else(|error| panic!("{text}: {error}"));
    plan.holds(root, fields)
}

#[test]
fn parser_accepts_and_rejects_what_falco_does() {
    let Some(cases) = cases("falco-parser-cases.jsonl") else { return };
    let disagreements: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let input = case["input"].as_str().unwrap();
            let accepted = parse(input, FALCO_DEPTH_MAX);
            let expected = case["expect"] == "accept";
            (accepted.is_ok() != expected).then(|| format!("{input:?}: expected {}, {accepted:?}", case["expect"]))
        })
        .collect();
    println!("agreed {} of {}", cases.len() - disagreements.len(), cases.len());
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

#[test]
fn conditions_print_in_canonical_form() {
    prints("proc.name=nginx and fd.name=/etc/passwd", "(proc.name = nginx and fd.name = /etc/passwd)");
    prints("not proc.name=nginx", "not proc.name = nginx");
    prints("proc.name in ('some proc', apache)", "proc.name in (\"some proc\", apache)");
    prints("proc.aname[\"some proc\"] != nginx", "proc.aname[\"some proc\"] != nginx");
    prints("proc.name=\"some 'proc'\"", "proc.name = \"some 'proc'\"");
    prints("a.b = \"--ends-with=\"", "a.b = \"--ends-with=\"");
    prints("a.b exists and a.c in (a, b) or d.e=cat", "((a.b exists and a.c in (a, b)) or d.e = cat)");
    prints("not not not not not(not not(not not_macro))", "not not not_macro");
    prints("proc.name startswith oneof (a, b)", "proc.name startswith oneof (a, b)");
    prints("join(\"->\",(a.b, c.d)) = x", "join(\"->\", (a.b, c.d)) = x");
}

#[test]
fn mistakes_have_a_place_and_a_name() {
    let error = |text: &str| parse(text, FALCO_DEPTH_MAX).map_err(|error| (error.offset, error.message)).unwrap_err();
    assert_eq!(error("evt.arg[] = value").0, 8);
    assert_eq!(error("evt.arg[\"x\" = value").1, "expected a ']' token");
    assert_eq!(
        error("toupper(fd.name)[x] = foo").1,
        "filter error: transformer 'toupper' does not support field arguments"
    );
    assert_eq!(
        error("fd.name = val(proc.name)[x]").1,
        "filter error: transformer 'val' does not support field arguments"
    );
    assert_eq!(error(&"(".repeat(100_000)).1, "exceeded max depth limit of 100");
    assert_eq!(error("proc.name = a or (proc.name = b").0, 31);
}

#[test]
fn deep_nesting_within_the_limit_parses() {
    let text = format!("{}a{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
    assert!(parse(&text, DEPTH_MAX).is_ok());
}

#[test]
fn names_that_do_not_exist_come_with_a_hint() {
    let error = |text| compile(&parse(text, DEPTH_MAX).unwrap(), &mut Plan::default()).unwrap_err();
    assert_eq!(error("proc.nmae = cat").hint.as_deref(), Some("did you mean 'proc.name'?"));
    assert_eq!(error("evt.type = opneat").hint.as_deref(), Some("did you mean 'openat'?"));
    assert_eq!(error("evt.type = opneat").offset, 11);
}

/// The events of Falco's own tests, as maps of fields. Left out: mock fields (E0), bytes that are not UTF-8 (E12, E13,
/// E15, E16; our events are UTF-8 by then).
fn context(name: &str) -> Option<FieldMap> {
    let fields = match name {
        "E1" => {
            r#"{"evt.type":"getcwd","syscall.type":"getcwd","evt.source":"syscall","evt.arg[1]":"/test/dir",
                "evt.args":"res=-1(EPERM) path=/test/dir"}"#
        }
        "E2" => r#"{"evt.type":"read","evt.buffer":"hello"}"#,
        "E3" => r#"{"evt.type":"read","evt.buffer":"a\u0000b"}"#,
        "E4" => r#"{"evt.type":"open","fd.name":"/opt/dir/SUBDIR/file.txt"}"#,
        "E5" => {
            r#"{"evt.type":"connect","fd.ip":["172.40.111.222","142.251.111.147"],"fd.sip":"142.251.111.147",
                "fd.net":["172.40.111.222","142.251.111.147"]}"#
        }
        "E6" => {
            r#"{"evt.type":"connect","fd.ip":["::1","2001:4860:4860::8888"],"fd.sip":"2001:4860:4860::8888",
                "fd.lip":"2001:4860:4860::8888","fd.rip":"::1","fd.net":["::1","2001:4860:4860::8888"]}"#
        }
        "E7" => r#"{"evt.type":"epoll_create","evt.cpu":1,"evt.rawarg.res":-22}"#,
        "E7b" => r#"{"evt.type":"open","fd.num":-1}"#,
        "E8" => r#"{"evt.type":"open","fd.name":"/opt/dir/subdir/file.txt"}"#,
        "E9" => r#"{"evt.type":"open","evt.num":1,"fd.name":"/tmp/file_to_run","fd.directory":"/tmp"}"#,
        "E9s" => r#"{"evt.type":"socket","fd.types":["ipv4","file"]}"#,
        "E10" => r#"{"evt.type":"execve","proc.aname":["bash","bash","bash","bash","init"]}"#,
        "E11" => r#"{"evt.type":"read","evt.arg.data":"gigi"}"#,
        "E17" => r#"{"evt.type":"execve","proc.name":"myexe"}"#,
        _ => return None,
    };
    Some(FieldMap::parse(fields).unwrap())
}

#[test]
fn conditions_evaluate_as_in_falcos_own_tests() {
    let Some(cases) = cases("falco-filter-cases.jsonl") else { return };
    let (mut total, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["kind"] == "eval") {
        let Some(fields) = context(case["ctx"].as_str().unwrap()) else { continue };
        let input = case["input"].as_str().unwrap();
        total += 1;
        if holds(input, &fields) != case["expect"].as_bool().unwrap() {
            wrong.push(format!("{} {input}: expected {}", case["ctx"], case["expect"]));
        }
    }
    println!("agreed {} of {total}", total - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn conditions_compile_or_not_as_in_falcos_own_tests() {
    let Some(cases) = cases("falco-filter-cases.jsonl") else { return };
    let (mut total, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["kind"] == "compile") {
        let input = case["input"].as_str().unwrap();
        // Fields of a mock class that only those tests have.
        if input.contains("c.true") || input.contains("c.buffer") {
            continue;
        }
        total += 1;
        let error = compile_error(input);
        if error.is_none() != (case["expect"] == "ok") {
            wrong.push(format!("{input}: expected {}, {error:?}", case["expect"]));
        }
        if let Some(warnings) = case["warnings"].as_u64() {
            let found = parse(input, FALCO_DEPTH_MAX).map_or(0, |expression| suspicions(&expression).len() as u64);
            if found != warnings {
                wrong.push(format!("{input}: expected {warnings} warnings, found {found}"));
            }
        }
    }
    println!("agreed {} of {total}", total - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn event_sets_are_those_of_falcos_own_tests() {
    let Some(cases) = cases("falco-filter-cases.jsonl") else { return };
    let set = |text: &str| required_kinds(&parse(text, DEPTH_MAX).unwrap());
    let only = |names: &[EventKind]| names.iter().copied().collect::<KindSet>();
    let (mut total, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["kind"] == "evttype_set") {
        let (input, expect) = (case["input"].as_str().unwrap(), case["expect"].as_str().unwrap());
        let expected = match expect {
            "openat_only" => only(&[kinds::OPENAT]),
            "not_openat" => only(&[kinds::OPENAT]).complement(),
            "openat_close_only" => only(&[kinds::OPENAT, kinds::CLOSE]),
            "not_openat_close" => only(&[kinds::OPENAT, kinds::CLOSE]).complement(),
            "all_events" => KindSet::all(),
            "no_events" => KindSet::EMPTY,
            _ => continue,
        };
        total += 1;
        if set(input) != Ok(expected) {
            wrong.push(format!("{input}: expected {expect}, found {:?}", set(input)));
        }
    }
    println!("agreed {} of {total}", total - wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_set_of_a_negation_is_that_of_its_dual() {
    let set = |text: &str| required_kinds(&parse(text, DEPTH_MAX).unwrap()).unwrap();
    for (left, right) in [
        ("not (proc.name=cat and evt.type=mmap)", "not proc.name=cat or not evt.type=mmap"),
        ("not (evt.type=execve or evt.type=mmap)", "not evt.type=execve and not evt.type=mmap"),
        ("not evt.type=mmap", "evt.type!=mmap"),
    ] {
        assert_eq!(set(left), set(right), "{left}");
    }
}

#[test]
fn a_missing_field_makes_every_comparison_false() {
    let nothing = FieldMap::default();
    for test in ["= x", "!= x", "exists", "contains x", "in (x)", "< 1", "!= anyof (x)", "= val(proc.pname)"] {
        assert!(!holds(&format!("proc.name {test}"), &nothing), "{test}");
        assert!(holds(&format!("not proc.name {test}"), &nothing), "not {test}");
    }
}

#[test]
fn a_constant_that_looks_like_a_field_is_another_test() {
    let mut plan = Plan::default();
    let texts = ["proc.name = val(proc.pname)", "proc.name = \"val(proc.pname)\""];
    let roots = texts.map(|text| compile(&parse(text, DEPTH_MAX).unwrap(), &mut plan).unwrap());
    let fields = FieldMap::parse(r#"{"proc.name":"sh","proc.pname":"sh"}"#).unwrap();
    assert_eq!(roots.map(|root| plan.holds(root, &fields)), [true, false]);
}

/// A naive reading of the tree, for conditions on text fields: what the plan must agree with.
fn naive(expression: &Expression, fields: &[(&str, Option<&str>)]) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().all(|part| naive(part, fields)),
        Expression::Or(parts) => parts.iter().any(|part| naive(part, fields)),
        Expression::Not(part) => !naive(part, fields),
        Expression::Expanded(_, body) => naive(body, fields),
        Expression::Macro(..) => unreachable!("no macros are generated"),
        Expression::Check(check) => {
            let left = check.left.to_string();
            let value = fields.iter().find(|field| field.0 == left).and_then(|field| field.1);
            let Some(value) = value else { return false };
            match &check.test {
                ast::Test::Exists => true,
                ast::Test::Compare { operator, right, .. } => {
                    let constant = right.to_string();
                    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not generated")]
                    match operator {
                        ast::Operator::Equal => value == constant,
                        ast::Operator::NotEqual => value != constant,
                        ast::Operator::Contains => value.contains(&constant),
                        ast::Operator::StartsWith => value.starts_with(&constant),
                        ast::Operator::EndsWith => value.ends_with(&constant),
                        ast::Operator::In => constant.trim_matches(['(', ')']).split(", ").any(|item| item == value),
                        other => unreachable!("{other:?} is not generated"),
                    }
                }
            }
        }
    }
}

const NAMES: [&str; 4] = ["proc.name", "proc.pname", "fd.name", "user.name"];

fn checks() -> impl Strategy<Value = String> {
    let field = prop::sample::select(NAMES.to_vec());
    let test = prop_oneof![
        Just("exists".to_owned()),
        "(=|!=|contains|startswith|endswith) [ab]{1,2}",
        "in \\([ab]{1,2}, [ab]{1,2}\\)",
    ];
    (field, test).prop_map(|(field, test)| format!("{field} {test}"))
}

fn conditions() -> impl Strategy<Value = String> {
    checks().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

proptest! {
    #[test]
    fn plan_and_program_agree_with_a_naive_reading_of_the_tree(
        texts in prop::collection::vec(conditions(), 1..4),
        values in prop::collection::vec(prop::option::of("[ab]{0,3}"), 4),
    ) {
        let pairs: Vec<(&str, Option<&str>)> = NAMES.into_iter().zip(values.iter().map(Option::as_deref)).collect();
        let json = pairs.iter().filter_map(|(name, value)| Some(((*name).to_owned(), (*value)?.into()))).collect();
        let fields = FieldMap::from_json(&json).unwrap();
        // Several conditions in one plan, so that shared tests and remembered results take part.
        let mut plan = Plan::default();
        let trees: Vec<Expression> = texts.iter().map(|text| parse(text, DEPTH_MAX).unwrap()).collect();
        let roots: Vec<NodeId> = trees.iter().map(|tree| compile(tree, &mut plan).unwrap()).collect();
        let mut compiler = Compiler::new(Arc::new(plan), true);
        compiler.begin(None);
        let links: Vec<Link> = roots.iter().map(|root| compiler.add(*root)).collect();
        let program = compiler.finish();
        let mut memo = Memo::default();
        for _ in 0..2 {
            memo.begin(&program);
            for ((tree, root), link) in trees.iter().zip(&roots).zip(&links) {
                let expected = naive(tree, &pairs);
                prop_assert_eq!(program.plan().holds(*root, &fields), expected, "{}", tree);
                prop_assert_eq!(program.holds(*link, &fields, &mut memo), expected, "{}", tree);
            }
        }
    }

    #[test]
    fn what_is_printed_parses_to_the_same_condition(text in conditions()) {
        let printed = parse(&text, DEPTH_MAX).unwrap().to_string();
        // A chain of negations is read as one or none.
        prop_assume!(!printed.contains("not not"));
        prop_assert_eq!(parse(&printed, DEPTH_MAX).unwrap().to_string(), printed);
    }
}
