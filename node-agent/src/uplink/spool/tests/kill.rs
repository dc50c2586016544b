//! A real process, really killed.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tiercel_detection::Priority;
use tiercel_proto::{AlertId, Lane, Sequence, v1};

use super::{LIMITS, World, alert};
use crate::uplink::spool::{Spool, SpoolOptions, StreamId};

/// Names the spool directory for the process that is going to be killed; otherwise it is an empty test.
const DIRECTORY: &str = "TIERCEL_TEST_SPOOL_TO_KILL";

const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Appends for ever, and acknowledges in between; prints a line after each append that has returned.
#[test]
fn process_to_kill() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let mut spool = Spool::open(SpoolOptions { directory: directory.into(), bytes_max: BYTES_MAX }).unwrap();
    let first: u64 = env::var("FIRST").unwrap().parse().unwrap();
    let mut output = std::io::stdout();
    for number in first.. {
        let priority = [Priority::Critical, Priority::Error, Priority::Notice][usize::try_from(number % 3).unwrap()];
        spool.append(&[alert(number, priority, 300)], Instant::now());
        writeln!(output, "appended {number}").unwrap();
        output.flush().unwrap();
        if number % 100 == 50 {
            let batch = spool.next_batch(Lane::Critical, LIMITS).unwrap();
            // The cluster has it before the acknowledgement is booked here.
            for (index, item) in batch.items.iter().enumerate() {
                let StreamId { spool, generation, lane } = batch.stream;
                let sequence = batch.first.plus(index as u64);
                writeln!(output, "counted {spool}/{generation}/{}/{sequence} {}", lane.number(), number_of(item))
                    .unwrap();
            }
            output.flush().unwrap();
            spool.acknowledge(batch.stream, Sequence(batch.end.0 - 1));
            spool.checkpoint();
        }
    }
}

fn number_of(item: &v1::Item) -> u64 {
    match item.kind.as_ref().unwrap() {
        v1::item::Kind::Alert(alert) => alert.time_unix_nanos,
        v1::item::Kind::Skip(skip) => panic!("nothing was given up, yet there is {skip:?}"),
    }
}

#[test]
fn killed_process_keeps_every_alert_that_append_returned_for() {
    const RUNS: u64 = 8;
    let mut world = World::new(BYTES_MAX);
    world.spool = None;
    let mut appended = 0;
    for run in 0..RUNS {
        let goal = appended + 60 + 37 * run;
        appended = run_and_kill(&mut world, appended, goal, Duration::from_micros(100 * run));
        // The number after the last line may or may not have been appended: it is not used again.
        appended += 1;
    }
    world.open();
    world.drain();
    // `World::drain` has checked that nothing was counted twice and nothing was left out.
    let counted = world.cluster.counted.len() as u64;
    assert_eq!(world.cluster.skipped, 0);
    assert!((appended - RUNS..=appended).contains(&counted), "{counted} of {appended}");
}

/// Lets a process append from the number on, kills it when it has reached the goal, and tells the cluster of the test
/// what the process has told its own. Returns the first number that it had not reported as appended.
fn run_and_kill(world: &mut World, first: u64, goal: u64, delay: Duration) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "uplink::spool::tests::kill::process_to_kill", "--nocapture"])
        .env(DIRECTORY, world.directory.path())
        .env("FIRST", first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut appended, mut is_killed) = (first, false);
    // Lines that were written before the kill still arrive after it.
    for line in lines.map_while(Result::ok) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["appended", number] => appended = number.parse::<u64>().unwrap() + 1,
            ["counted", id, number] => count(world, id.parse().unwrap(), number.parse().unwrap()),
            _ => {}
        }
        if appended >= goal && !is_killed {
            std::thread::sleep(delay);
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    assert!(is_killed, "the process ended by itself");
    appended
}

fn count(world: &mut World, id: AlertId, number: u64) {
    let stream = StreamId { spool: id.spool, generation: id.generation, lane: id.lane };
    let next = world.cluster.next.entry(stream).or_insert(Sequence::FIRST);
    if id.sequence == *next {
        *next = next.plus(1);
        assert_eq!(world.cluster.counted.insert(number, (stream, id.sequence)), None);
    }
}
