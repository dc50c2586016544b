//! Which rules are switched on, and what their outputs get.

use tiercel_detection::rule::{Addition, Selector, Switch};
use tiercel_detection::{LoadOptions, Priority, RuleFile, RuleSet};

/// Rules A, B and C, of which the last is off.
const RULES: &str = "
- {rule: rule_A, desc: d, condition: evt.type = open, output: out A, priority: INFO, tags: [common, 'a tag']}
- {rule: rule_B, desc: d, condition: evt.type = open, output: out B, priority: DEBUG, tags: [common]}
- {rule: rule_C, desc: d, condition: evt.type = open, output: out C, priority: ERROR, enabled: false, tags: [c]}
";

fn load(options: &LoadOptions) -> RuleSet {
    let files = [RuleFile { name: "rules.yaml".into(), text: RULES.into() }];
    let (rules, report) = RuleSet::load(&files, options);
    assert!(report.is_ok(), "{report}");
    rules
}

fn plain() -> LoadOptions {
    LoadOptions { append_output: false, ..LoadOptions::default() }
}

fn named(enabled: bool, name: &str) -> Switch {
    Switch { selector: Selector::Name(name.into()), enabled }
}

fn tagged(enabled: bool, tag: &str) -> Switch {
    Switch { selector: Selector::Tag(tag.into()), enabled }
}

#[test]
fn compat_switches_count_in_their_order() {
    let (on, off) = (true, false);
    let cases: [(&[Switch], &str); 13] = [
        (&[], "AB"),
        (&[named(on, "rule_C")], "ABC"),
        (&[named(on, "*")], "ABC"),
        (&[named(on, "rule")], "AB"),
        (&[named(off, "*")], ""),
        (&[named(off, "*"), named(on, "rule_A")], "A"),
        (&[named(on, "rule_A"), named(off, "*")], ""),
        (&[named(on, "*"), named(off, "*C*")], "AB"),
        (&[named(on, "*"), named(off, "*_*")], ""),
        (&[named(off, "*"), named(on, "*ule*C")], "C"),
        (&[tagged(off, "common")], ""),
        (&[tagged(off, "common"), tagged(on, "a tag")], "A"),
        (&[tagged(on, "nothing")], "AB"),
    ];
    for (switches, expected) in cases {
        let rules = load(&LoadOptions { switches: switches.to_vec(), ..plain() });
        let enabled = rules.rules().iter().filter(|rule| rule.enabled);
        let letters: String = enabled.filter_map(|rule| rule.name.chars().last()).collect();
        assert_eq!(letters, expected, "{switches:?}");
    }
}

#[test]
fn compat_less_severe_rules_are_left_out() {
    for (priority, expected) in [("debug", 3), ("informational", 2), ("INFO", 2), ("error", 1), ("critical", 0)] {
        let minimum_priority = Priority::from_name(priority).unwrap();
        let rules = load(&LoadOptions { minimum_priority, ..plain() });
        assert_eq!(rules.rules().len(), expected, "{priority}");
    }
}

#[test]
fn compat_outputs_get_what_is_added_to_them() {
    let add = |text: &str| Addition { text: text.into(), ..Addition::default() };
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
    let additions = vec![
        add("evt.type=%evt.type"),
        Addition { rule: Some("rule_B".into()), ..add("extra 1") },
        Addition { tags: tags(&["common"]), ..add("extra 2") },
        Addition { tags: tags(&["common", "a tag"]), ..add("extra 3") },
        Addition { source: Some("k8s_audit".into()), ..add("extra 4") },
    ];
    let rules = load(&LoadOptions { additions, ..plain() });
    let outputs: Vec<&str> = rules.rules().iter().map(|rule| rule.output.as_str()).collect();
    assert_eq!(
        outputs,
        [
            "out A evt.type=%evt.type extra 2 extra 3",
            "out B evt.type=%evt.type extra 1 extra 2",
            "out C evt.type=%evt.type",
        ]
    );
}
