//! What holds for every script.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A step of a random script: producers send in order, repeat themselves, skip, leave gaps, and notifications are
/// claimed and completed at random.
#[derive(Debug, Clone)]
enum Step {
    Send { node: usize, back: u64, items: Vec<String> },
    Direct { items: Vec<String> },
    Claim { first: u64, count: u64 },
    Complete { id: u64, attempt: u32, verb: &'static str },
    Revoke { id: u64, attempt: u32 },
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<(u64, Step)>> {
    let word = prop_oneof![
        8 => (0_u8..12, prop::sample::select(vec!["hook", "hook,mail", "mail", "nobody"]))
            .prop_map(|(rule, receivers)| format!("r{}-{rule}@{receivers}", rule % 3)),
        1 => (1_u64..9).prop_map(|count| format!("skip:{count}")),
        1 => Just("bad".to_owned()),
    ];
    let items = || prop::collection::vec(word.clone(), 1..12);
    let verbs = prop::sample::select(vec!["delivered", "failed", "dead"]);
    let step = prop_oneof![
        6 => (0_usize..3, 0_u64..6, items()).prop_map(|(node, back, items)| Step::Send { node, back, items }),
        1 => items().prop_map(|items| Step::Direct { items }),
        3 => (1_u64..80, 1_u64..9).prop_map(|(first, count)| Step::Claim { first, count }),
        4 => (1_u64..80, 1_u32..3, verbs).prop_map(|(id, attempt, verb)| Step::Complete { id, attempt, verb }),
        1 => (1_u64..80, 1_u32..3).prop_map(|(id, attempt)| Step::Revoke { id, attempt }),
        1 => Just(Step::Tick),
    ];
    prop::collection::vec((0_u64..40_000, step), 1..120)
}

/// Turns steps into commands; also returns how many alerts and how many skipped ones the producers made.
fn commands(steps: &[(u64, Step)]) -> (Vec<Command>, u64, u64) {
    let mut now = UnixMillis(0);
    let mut sent: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let (mut direct, mut commands) = (Vec::new(), Vec::new());
    for (passed_ms, step) in steps {
        now = now.plus_ms(*passed_ms);
        let text = |id: &u64, attempt: &u32| format!("{id}/{attempt}");
        commands.push(match step {
            Step::Send { node, back, items } => {
                let sent = sent.entry(*node).or_default();
                let from = sent.len().saturating_sub(usize::try_from(*back).unwrap());
                sent.extend(items.iter().cloned());
                let first = 1 + sent[..from].iter().map(|word| item(word).sequences()).sum::<u64>();
                let header = [format!("web-{node}"), "1".to_owned(), first.to_string()];
                let words: Vec<&str> = header.iter().chain(&sent[from..]).map(String::as_str).collect();
                command(now, "admit", &words)
            }
            Step::Direct { items } => {
                direct.extend(items.iter().cloned());
                command(now, "direct", &items.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Step::Claim { first, count } => {
                let ids: Vec<String> = (*first..first + count).map(|id| id.to_string()).collect();
                command(now, "claim", &ids.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Step::Complete { id, attempt, verb } => command(now, verb, &[&text(id, attempt)]),
            Step::Revoke { id, attempt } => command(now, "revoke", &[&text(id, attempt)]),
            Step::Tick => command(now, "tick", &[]),
        });
    }
    let (mut alerts, mut skipped) = (0, 0);
    for word in sent.values().flatten().chain(&direct) {
        match item(word) {
            Item::Alert(_) => alerts += 1,
            Item::Skip { count, .. } => skipped += count,
            Item::Invalid { .. } => {}
        }
    }
    (commands, alerts, skipped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every alert is counted once, every sum adds up after every command, and a replica that started from a
    /// snapshot in the middle ends in the same state, byte for byte.
    #[test]
    fn replicas_agree_and_nothing_is_lost(steps in steps(), cut in any::<prop::sample::Index>()) {
        let (commands, alerts, _) = commands(&steps);
        let cut = cut.index(commands.len());
        let mut leader = State::default();
        let mut follower = None;
        for (index, command) in commands.into_iter().enumerate() {
            if index == cut {
                follower = Some(restored(&leader));
            }
            let applied = leader.apply(command.clone());
            prop_assert_eq!(leader.imbalance(), 0);
            if let Some(follower) = &mut follower {
                prop_assert_eq!(follower.apply(command), applied);
            }
        }
        let follower = follower.expect("the cut lies inside");
        prop_assert_eq!(leader.counters().accepted, alerts);
        prop_assert_eq!(leader.render(), follower.render());
        prop_assert_eq!(postcard::to_stdvec(&leader).unwrap(), postcard::to_stdvec(&follower).unwrap());
    }

    /// What agents gave up is counted once, whatever they resend.
    #[test]
    fn losses_are_counted_once(steps in steps()) {
        let (commands, _, skipped) = commands(&steps);
        let mut state = State::default();
        for command in commands {
            state.apply(command);
        }
        prop_assert_eq!(state.counters().lost_total(), skipped);
    }
}
