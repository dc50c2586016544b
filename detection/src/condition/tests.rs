//! Boundary tests of the condition language.

use super::*;
use crate::compatibility::cases;

/// Falco's default limit, which its parser tests rely on.
const FALCO_DEPTH_MAX: usize = 100;

#[track_caller]
fn prints(text: &str, canonical: &str) {
    assert_eq!(parse(text, DEPTH_MAX).unwrap().to_string(), canonical);
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
