//! Scripts: a line is `TIME EVENT`, and what comes back is what the uplink wants done, with the time.

use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use tiercel_proto::{Generation, Lane, Sequence, SpoolId};

use crate::uplink::decisions::{Chance, Command, Input, Uplink};
use crate::uplink::spool::StreamId;

/// A spool that always has the lanes named by `unsent` and sends batches of ten.
struct Stage {
    uplink: Uplink,
    start: Instant,
    unsent: [bool; 3],
    next: [u64; 3],
    text: String,
}

fn stream(lane: Lane) -> StreamId {
    StreamId { spool: SpoolId([7; 16]), generation: Generation(1), lane }
}

fn lane(word: &str) -> Lane {
    Lane::ALL.into_iter().find(|lane| lane.name() == word).unwrap()
}

impl Stage {
    fn play(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let milliseconds: u64 = words[0].strip_suffix("ms").unwrap().parse().unwrap();
        let now = self.start + Duration::from_millis(milliseconds);
        let number = |index: usize| words[index].parse::<u64>().unwrap();
        let input = match words[1] {
            "tick" => return self.tick(milliseconds, now),
            "unsent" => {
                self.unsent = Lane::ALL.map(|lane| words[2..].contains(&lane.name()));
                return self.tick(milliseconds, now);
            }
            "connected" => Input::Connected,
            "disconnected" => {
                // The share of the range of waiting times, in percent.
                let bits = u16::try_from(u64::from(u16::MAX) * number(2) / 100).unwrap();
                Input::Disconnected { chance: Chance::from_bits(bits) }
            }
            "ack" => Input::Acknowledged { stream: stream(lane(words[2])), through: Sequence(number(3)) },
            "refused" => Input::Refused {
                lane: lane(words[2]),
                stream: None,
                after: Duration::from_millis(number(3)),
                expected: words.get(4).map(|word| Sequence(word.parse().unwrap())),
            },
            word => panic!("unknown event {word}"),
        };
        let commands = self.uplink.handle(input, now);
        self.carry_out(milliseconds, commands, now);
    }

    fn tick(&mut self, milliseconds: u64, now: Instant) {
        loop {
            let commands = self.uplink.handle(Input::Tick { unsent: self.unsent }, now);
            if commands.is_empty() {
                return;
            }
            self.carry_out(milliseconds, commands, now);
        }
    }

    fn carry_out(&mut self, milliseconds: u64, commands: Vec<Command>, now: Instant) {
        for command in commands {
            let what = match command {
                Command::Connect { address } => format!("connect {address}"),
                Command::Disconnect { reason } => format!("disconnect: {reason}"),
                Command::SendHeartbeat => "heartbeat".to_owned(),
                Command::Acknowledge { stream, through } => format!("settled {} {through}", stream.lane),
                Command::Expect { stream, sequence } => format!("expect {} {sequence}", stream.lane),
                Command::Rewind(lane) => {
                    self.next[lane.index()] = 1;
                    format!("rewind {lane}")
                }
                Command::Send(lane) => {
                    let first = self.next[lane.index()];
                    self.next[lane.index()] = first + 10;
                    let sent = Input::Sent { stream: stream(lane), end: Sequence(first + 10) };
                    assert_eq!(self.uplink.handle(sent, now), []);
                    format!("send {lane} {first}..{}", first + 10)
                }
            };
            self.text += &format!("{milliseconds}ms {what}\n");
        }
    }
}

#[track_caller]
fn check(script: &str, expected: Expect) {
    let start = Instant::now();
    let uplink = Uplink::new(vec!["a:1".to_owned(), "b:1".to_owned()], start);
    let mut stage = Stage { uplink, start, unsent: [false; 3], next: [1; 3], text: String::new() };
    script.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| stage.play(line));
    expected.assert_eq(&stage.text);
}

#[test]
fn urgent_lane_goes_first_and_the_window_is_bounded() {
    check(
        "0ms tick
         5ms connected
         5ms unsent critical rest",
        expect![[r#"
            0ms connect a:1
            5ms heartbeat
            5ms send critical 1..11
            5ms send critical 11..21
            5ms send critical 21..31
            5ms send critical 31..41
            5ms send rest 1..11
            5ms send rest 11..21
            5ms send rest 21..31
            5ms send rest 31..41
        "#]],
    );
}

#[test]
fn acknowledgement_opens_the_window_by_whole_batches() {
    check(
        "0ms tick
         0ms connected
         0ms unsent critical
         9ms ack critical 10
         9ms tick
        10ms ack critical 25
        10ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send critical 1..11
            0ms send critical 11..21
            0ms send critical 21..31
            0ms send critical 31..41
            9ms settled critical 10
            9ms send critical 41..51
            10ms settled critical 25
            10ms send critical 51..61
        "#]],
    );
}

#[test]
fn lost_connection_means_another_address_and_everything_again() {
    check(
        "0ms tick
         0ms connected
         0ms unsent important
         7ms disconnected 0
       200ms tick
       257ms tick
       260ms connected
       260ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send important 1..11
            0ms send important 11..21
            0ms send important 21..31
            0ms send important 31..41
            7ms rewind critical
            7ms rewind important
            7ms rewind rest
            257ms connect b:1
            260ms heartbeat
            260ms send important 1..11
            260ms send important 11..21
            260ms send important 21..31
            260ms send important 31..41
        "#]],
    );
}

#[test]
fn waiting_time_grows_to_a_bound_and_an_acknowledgement_resets_it() {
    let start = Instant::now();
    let mut uplink = Uplink::new(vec!["a:1".to_owned()], start);
    let mut now = start;
    let mut waits = Vec::new();
    let mut fail = |uplink: &mut Uplink, is_acknowledged: bool| {
        uplink.handle(Input::Tick { unsent: [true; 3] }, now);
        uplink.handle(Input::Connected, now);
        if is_acknowledged {
            uplink.handle(Input::Acknowledged { stream: stream(Lane::Rest), through: Sequence(1) }, now);
        }
        uplink.handle(Input::Disconnected { chance: Chance::from_bits(u16::MAX) }, now);
        waits.push((uplink.next_tick(now) - now).as_millis());
        now = uplink.next_tick(now);
    };
    for _ in 0..7 {
        fail(&mut uplink, false);
    }
    fail(&mut uplink, true);
    assert_eq!(waits, [750, 2250, 6750, 20250, 30000, 30000, 30000, 750]);
}

#[test]
fn refused_lane_pauses_and_begins_again_and_the_others_go_on() {
    check(
        "0ms tick
         0ms connected
         0ms unsent critical rest
         3ms refused rest 300
         4ms refused rest 300
         5ms ack critical 10
         5ms tick
       302ms tick
       303ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send critical 1..11
            0ms send critical 11..21
            0ms send critical 21..31
            0ms send critical 31..41
            0ms send rest 1..11
            0ms send rest 11..21
            0ms send rest 21..31
            0ms send rest 31..41
            3ms rewind rest
            5ms settled critical 10
            5ms send critical 41..51
            303ms send rest 1..11
            303ms send rest 11..21
            303ms send rest 21..31
            303ms send rest 31..41
        "#]],
    );
}

#[test]
fn expected_sequence_reaches_the_spool_before_the_lane_begins_again() {
    check(
        "0ms tick
         0ms connected
         0ms unsent important
         1ms refused important 0 21
         2ms unsent",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send important 1..11
            0ms send important 11..21
            0ms send important 21..31
            0ms send important 31..41
            1ms expect important 21
            1ms rewind important
        "#]],
    );
}

#[test]
fn aggregator_that_acknowledges_nothing_is_left() {
    check(
        "0ms tick
         0ms connected
         0ms unsent critical
     19999ms tick
     20000ms tick
     20001ms tick
     20001ms disconnected 0
     20251ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send critical 1..11
            0ms send critical 11..21
            0ms send critical 21..31
            0ms send critical 31..41
            19999ms heartbeat
            20000ms disconnect: no acknowledgement within 20s
            20001ms rewind critical
            20001ms rewind important
            20001ms rewind rest
            20251ms connect b:1
        "#]],
    );
}

#[test]
fn aggregator_that_only_refuses_is_left_too() {
    check(
        "0ms tick
         0ms connected
         0ms unsent rest
         1ms refused rest 60000
     10002ms unsent rest
     10003ms refused rest 60000
     20000ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            0ms send rest 1..11
            0ms send rest 11..21
            0ms send rest 21..31
            0ms send rest 31..41
            1ms rewind rest
            10002ms heartbeat
            10002ms send rest 1..11
            10002ms send rest 11..21
            10002ms send rest 21..31
            10002ms send rest 31..41
            10003ms rewind rest
            20000ms disconnect: no acknowledgement within 20s
        "#]],
    );
}

#[test]
fn idle_connection_is_kept_and_heard_of() {
    check(
        "0ms tick
         0ms connected
         0ms tick
      9999ms tick
     10000ms tick
     60000ms tick
     60001ms unsent critical
     79999ms tick",
        expect![[r#"
            0ms connect a:1
            0ms heartbeat
            10000ms heartbeat
            60000ms heartbeat
            60001ms send critical 1..11
            60001ms send critical 11..21
            60001ms send critical 21..31
            60001ms send critical 31..41
            79999ms heartbeat
        "#]],
    );
}
