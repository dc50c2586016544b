//! Scripts of commands in, what was decided out. After every command the sums must add up.

mod decisions;
mod properties;

use std::fmt::Write as _;

use bytes::Bytes;
use expect_test::Expect;
use prost::Message as _;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, Priority};
use tiercel_proto::envelope::{Generation, Lane, Sequence, SpoolId};
use tiercel_proto::v1;

use super::*;

const POLICY: Policy =
    Policy { dedup_window_ms: 300_000, rule_rate_per_minute: 60, rule_burst: 3, storm_interval_ms: 60_000 };
const LEADER: Owner = Owner { term: 1, node: 1, run: 7 };
const CLAIM_VALID_MS: u64 = 8_000;

/// Runs a script, one command a line: a time in seconds, then
/// `admit NODE GENERATION FIRST ITEM...` where an item is `RULE`, `RULE@RECEIVER,RECEIVER`, `skip:COUNT` or `bad`,
/// `direct ITEM...`, `claim ID...`, `delivered ID/ATTEMPT`, `failed ID/ATTEMPT`, `unanswered ID/ATTEMPT`,
/// `dead ID/ATTEMPT`, `revoke ID/ATTEMPT`, `tick`, or `show`, which prints the state.
#[track_caller]
fn check(script: &str, expected: Expect) {
    let mut state = State::default();
    let mut output = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        run(&mut state, line, &mut output);
        assert_eq!(state.imbalance(), 0, "after `{line}`:\n{}", state.render());
    }
    expected.assert_eq(&output);
}

fn run(state: &mut State, line: &str, output: &mut String) {
    let mut words = line.split_whitespace();
    let at = UnixMillis(words.next().unwrap().strip_suffix('s').unwrap().parse::<u64>().unwrap() * 1000);
    let verb = words.next().unwrap();
    let rest: Vec<&str> = words.collect();
    if verb == "show" {
        output.push_str(&state.render());
        return;
    }
    let applied = state.apply(command(at, verb, &rest));
    writeln!(output, "{line}").unwrap();
    describe(&applied, output);
}

fn command(at: UnixMillis, verb: &str, rest: &[&str]) -> Command {
    let completion = |outcome: Outcome| {
        let completions = rest.iter().map(|text| attempt(text)).map(|(id, attempt)| Completion {
            id,
            attempt,
            outcome: outcome.clone(),
        });
        Command::Complete { at, owner: LEADER, completions: completions.collect() }
    };
    match verb {
        "admit" => admit(at, vec![batch(rest)]),
        "direct" => admit(at, vec![Batch { origin: Origin::Direct, items: items(rest) }]),
        "claim" => {
            let ids = rest.iter().map(|id| NotificationId(id.parse().unwrap())).collect();
            Command::Claim { at, owner: LEADER, valid_ms: CLAIM_VALID_MS, ids }
        }
        "delivered" => completion(Outcome::Delivered),
        "failed" => completion(retry(at, false, "no route to host")),
        "unanswered" => completion(retry(at, true, "timed out")),
        "dead" => completion(Outcome::Dead { reason: DeathReason::Refused, error: "404".into() }),
        "revoke" => Command::Revoke { at, attempts: rest.iter().map(|text| attempt(text)).collect() },
        "tick" => Command::Tick { at },
        other => panic!("unknown verb {other}"),
    }
}

fn retry(at: UnixMillis, may_have_arrived: bool, error: &str) -> Outcome {
    Outcome::Retry { due: at.plus_ms(10_000), may_have_arrived, error: error.into() }
}

fn admit(received_at: UnixMillis, batches: Vec<Batch>) -> Command {
    Command::Admit(Admission { received_at, policy: POLICY, batches })
}

fn batch(words: &[&str]) -> Batch {
    let [node, generation, first, rest @ ..] = words else { panic!("admit NODE GENERATION FIRST ITEM...") };
    // `web-1=a` is node web-1 with spool a; plain `web-1` has a spool of its own name.
    let (node, spool) = node.split_once('=').unwrap_or((node, node));
    let mut id = [0; 16];
    id[..spool.len()].copy_from_slice(spool.as_bytes());
    let origin = Origin::Spool {
        node: node.into(),
        spool: SpoolId(id),
        generation: Generation(generation.parse().unwrap()),
        lane: Lane::Important,
        first: Sequence(first.parse().unwrap()),
    };
    Batch { origin, items: items(rest) }
}

fn items(words: &[&str]) -> Vec<Item> {
    words.iter().map(|word| item(word)).collect()
}

fn item(word: &str) -> Item {
    match word.split_once(':') {
        Some(("skip", count)) => Item::Skip { count: count.parse().unwrap(), reason: "spool full".into() },
        Some(_) => panic!("unknown item {word}"),
        None if word == "bad" => Item::Invalid { reason: "alert names no rule".into() },
        None => {
            let (rule, receivers) = word.split_once('@').unwrap_or((word, "hook"));
            Item::Alert(alert(rule, receivers))
        }
    }
}

/// An alert whose fingerprint is its rule.
fn alert(rule: &str, receivers: &str) -> StoredAlert {
    let alert = Alert {
        time: Timestamp(0),
        rule: rule.into(),
        priority: if rule.starts_with("critical") { Priority::Critical } else { Priority::Warning },
        source: "syscall".into(),
        hostname: "web-1".into(),
        output: rule.into(),
        fields: Vec::new(),
        tags: [].into_iter().collect(),
    };
    let fingerprint = rule.bytes().fold(0, |sum, byte| (sum << 8) | u128::from(byte));
    // `storm-7` is a finding of its own of rule `storm`.
    let name = rule.split('-').next().unwrap();
    StoredAlert {
        rule: name.into(),
        severity: Severity(alert.priority),
        hostname: alert.hostname.clone(),
        fingerprint,
        receivers: receivers.split(',').filter(|name| *name != "nobody").map(Text::from).collect(),
        body: Bytes::from(v1::Alert::from(&alert).encode_to_vec()),
    }
}

fn attempt(text: &str) -> (NotificationId, u32) {
    let (id, attempt) = text.split_once('/').unwrap();
    (NotificationId(id.parse().unwrap()), attempt.parse().unwrap())
}

fn describe(applied: &Applied, output: &mut String) {
    match &applied.reply {
        Reply::Admitted(replies) => {
            for reply in replies {
                writeln!(output, "  {reply:?}").unwrap();
            }
        }
        Reply::Claimed(granted) => {
            let granted = granted.iter().map(|(id, attempt)| format!("{id}/{attempt}")).collect::<Vec<_>>();
            writeln!(output, "  granted [{}]", granted.join(" ")).unwrap();
        }
        Reply::Done => {}
    }
    for effect in &applied.effects {
        match effect {
            Effect::Record(record) => {
                let verdict = match &record.verdict {
                    Verdict::Told { receivers } => format!("told {}", receivers.join(" ")),
                    Verdict::Repeat { of } => format!("repeat of {}, seen {}", of.sequence, record.seen),
                    Verdict::Folded => "folded".to_owned(),
                    Verdict::Unrouted => "unrouted".to_owned(),
                };
                writeln!(output, "  {} {} {verdict}", record.id.sequence, record.alert.rule).unwrap();
            }
            Effect::Owe { receiver } => writeln!(output, "  owe {receiver}").unwrap(),
        }
    }
}

/// The state after a journey through a snapshot.
fn restored(state: &State) -> State {
    postcard::from_bytes(&postcard::to_stdvec(state).unwrap()).unwrap()
}
