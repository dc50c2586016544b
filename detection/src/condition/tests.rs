//! Boundary tests of the condition language.

use proptest::prelude::*;

use super::ast::Expression;
use super::*;
use crate::example::FieldMap;

/// Falco's default limit, which its parser tests rely on.
const FALCO_DEPTH_MAX: usize = 100;

#[track_caller]
fn prints(text: &str, canonical: &str) {
    assert_eq!(parse(text, DEPTH_MAX).unwrap().to_string(), canonical);
}

#[track_caller]
fn holds(text: &str, fields: &FieldMap) -> bool {
    let mut plan = Plan::default();
    let root = compile(&parse(text, DEPTH_MAX).unwrap(), &mut plan).unwrap_or_else(|error| panic!("{text}: {error}"));
    plan.holds(root, fields)
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
    let nested = |depth| format!("{}proc.name = a{}", "(not ".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX), DEPTH_MAX).is_ok());
    let error = parse(&nested(DEPTH_MAX + 1), DEPTH_MAX).unwrap_err();
    assert_eq!(error.message, "exceeded max depth limit of 1000");
}

/// Alternatives and conjunctions in turn, so that nothing can be put together.
#[test]
fn conditions_of_the_greatest_depth_are_evaluated() {
    let open: String = (0..DEPTH_MAX)
        .map(|level| if level % 2 == 0 { "(proc.name = a or not (proc.pname = b and " } else { "" })
        .collect();
    let text = format!("{open}fd.name = c{}", ")".repeat(DEPTH_MAX));
    let mut condition = Condition::compile(&text, DEPTH_MAX).unwrap();
    let event = |json| FieldMap::parse(json).unwrap();
    assert!(condition.holds(&event(r#"{"proc.name":"a"}"#)));
    // Five hundred negations cancel each other.
    let holds = condition.holds(&event(r#"{"proc.name":"x","proc.pname":"b","fd.name":"c"}"#));
    assert!(holds, "{text}");
}

#[test]
fn names_that_do_not_exist_come_with_a_hint() {
    let error = |text| compile(&parse(text, DEPTH_MAX).unwrap(), &mut Plan::default()).unwrap_err();
    assert_eq!(error("proc.nmae = cat").hint.as_deref(), Some("did you mean 'proc.name'?"));
    assert_eq!(error("evt.type = opneat").hint.as_deref(), Some("did you mean 'openat'?"));
    assert_eq!(error("evt.type = opneat").offset, 11);
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
