//! What the state decides, case by case.

use expect_test::expect;

use super::*;

#[test]
fn resent_alerts_are_counted_once() {
    check(
        "
        1s admit web-1 1 1 a b c
        2s admit web-1 1 1 a b c
        3s admit web-1 1 3 c d
        3s show
        ",
        expect![[r#"
            1s admit web-1 1 1 a b c
              Accepted { through: Sequence(3) }
              owe hook
              1 a told hook
              owe hook
              2 b told hook
              owe hook
              3 c told hook
            2s admit web-1 1 1 a b c
              Accepted { through: Sequence(3) }
            3s admit web-1 1 3 c d
              Accepted { through: Sequence(4) }
              owe hook
              4 d told hook
            cluster - at 3.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 4
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 301.000s
            finding 62 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 301.000s
            finding 63 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 301.000s
            finding 64 first 7765622d310000000000000000000000/1/1/4 repeats 0 until 303.000s
            bucket a 2000000 micro-tokens
            bucket b 2000000 micro-tokens
            bucket c 2000000 micro-tokens
            bucket d 2000000 micro-tokens
            owed 1 to hook: a 7765622d310000000000000000000000/1/1/1 untold 0, waits until 1.000s, 0 attempts
            owed 2 to hook: b 7765622d310000000000000000000000/1/1/2 untold 0, waits until 1.000s, 0 attempts
            owed 3 to hook: c 7765622d310000000000000000000000/1/1/3 untold 0, waits until 1.000s, 0 attempts
            owed 4 to hook: d 7765622d310000000000000000000000/1/1/4 untold 0, waits until 3.000s, 0 attempts
            accepted 4
            duplicates 4
            told 4
            routed 4
            routed told 4
            notifications 4
        "#]],
    );
}

#[test]
fn gap_is_refused_with_what_must_come_next() {
    check(
        "
        1s admit web-1 1 1 a
        2s admit web-1 1 3 c
        3s admit web-1 2 1 d
        3s admit web-2 1 5 e
        ",
        expect![[r#"
            1s admit web-1 1 1 a
              Accepted { through: Sequence(1) }
              owe hook
              1 a told hook
            2s admit web-1 1 3 c
              Gap { expected: Sequence(2) }
            3s admit web-1 2 1 d
              Accepted { through: Sequence(1) }
              owe hook
              1 d told hook
            3s admit web-2 1 5 e
              Gap { expected: Sequence(1) }
        "#]],
    );
}

#[test]
fn copied_spool_is_refused_and_renamed_node_is_not() {
    check(
        "
        1s admit web-1=a 1 1 x
        2s admit web-2=a 1 1 y
        3s admit web-2=a 1 2 y
        4s admit web-2=a 1 9 y
        5s admit web-2=a 2 1 y
        3600s admit web-2=a 1 2 y
        3601s admit web-2=a 1 1 y
        3601s admit web-2=a 1 9 y
        3601s admit web-2=a 1 2 y
        3602s admit web-1=a 1 2 z
        3602s admit web-1=a 1 3 z
        3602s admit web-2=a 1 3 z
        ",
        expect![[r#"
            1s admit web-1=a 1 1 x
              Accepted { through: Sequence(1) }
              owe hook
              1 x told hook
            2s admit web-2=a 1 1 y
              Conflict
            3s admit web-2=a 1 2 y
              Conflict
            4s admit web-2=a 1 9 y
              Conflict
            5s admit web-2=a 2 1 y
              Conflict
            3600s admit web-2=a 1 2 y
              Conflict
            3601s admit web-2=a 1 1 y
              Conflict
            3601s admit web-2=a 1 9 y
              Conflict
            3601s admit web-2=a 1 2 y
              Accepted { through: Sequence(2) }
              owe hook
              2 y told hook
            3602s admit web-1=a 1 2 z
              Conflict
            3602s admit web-1=a 1 3 z
              Conflict
            3602s admit web-2=a 1 3 z
              Accepted { through: Sequence(3) }
              owe hook
              3 z told hook
        "#]],
    );
}

#[test]
fn loss_is_counted_exactly_even_when_its_acknowledgement_was_lost() {
    check(
        "
        1s admit web-1 1 1 a b
        2s admit web-1 1 1 skip:5 bad c
        3s admit web-1 1 1 skip:5 bad c
        3s show
        ",
        expect![[r#"
            1s admit web-1 1 1 a b
              Accepted { through: Sequence(2) }
              owe hook
              1 a told hook
              owe hook
              2 b told hook
            2s admit web-1 1 1 skip:5 bad c
              Accepted { through: Sequence(7) }
              owe hook
              7 c told hook
            3s admit web-1 1 1 skip:5 bad c
              Accepted { through: Sequence(7) }
            cluster - at 3.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 7
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 301.000s
            finding 62 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 301.000s
            finding 63 first 7765622d310000000000000000000000/1/1/7 repeats 0 until 302.000s
            bucket a 2000000 micro-tokens
            bucket b 2000000 micro-tokens
            bucket c 2000000 micro-tokens
            owed 1 to hook: a 7765622d310000000000000000000000/1/1/1 untold 0, waits until 1.000s, 0 attempts
            owed 2 to hook: b 7765622d310000000000000000000000/1/1/2 untold 0, waits until 1.000s, 0 attempts
            owed 3 to hook: c 7765622d310000000000000000000000/1/1/7 untold 0, waits until 2.000s, 0 attempts
            accepted 3
            duplicates 1
            invalid 1
            told 3
            routed 3
            routed told 3
            notifications 3
            lost (spool full) 3
        "#]],
    );
}

#[test]
fn repeat_within_the_window_is_counted_and_told_with_the_next() {
    check(
        "
        0s admit web-1 1 1 shell
        10s admit web-2 1 1 shell
        299s admit web-1 1 2 shell
        300s admit web-1 1 3 shell
        300s show
        ",
        expect![[r#"
            0s admit web-1 1 1 shell
              Accepted { through: Sequence(1) }
              owe hook
              1 shell told hook
            10s admit web-2 1 1 shell
              Accepted { through: Sequence(1) }
              1 shell repeat of 1, seen 2
            299s admit web-1 1 2 shell
              Accepted { through: Sequence(2) }
              2 shell repeat of 1, seen 3
            300s admit web-1 1 3 shell
              Accepted { through: Sequence(3) }
              owe hook
              3 shell told hook
            cluster - at 300.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 3
            producer 7765622d320000000000000000000000/1/1 web-2 through 1
            finding 7368656c6c first 7765622d310000000000000000000000/1/1/3 repeats 0 until 600.000s
            bucket shell 2000000 micro-tokens
            owed 1 to hook: shell 7765622d310000000000000000000000/1/1/1 untold 0, waits until 0.000s, 0 attempts
            owed 2 to hook: shell 7765622d310000000000000000000000/1/1/3 untold 2, waits until 300.000s, 0 attempts
            accepted 4
            repeats 2
            told 2
            routed 2
            routed told 2
            notifications 2
        "#]],
    );
}

#[test]
fn rule_above_its_limit_is_folded_and_told_in_a_summary() {
    check(
        "
        0s admit web-1 1 1 storm-1 storm-2 storm-3 storm-4 storm-5
        0s show
        59s tick
        60s tick
        60s show
        ",
        expect![[r#"
            0s admit web-1 1 1 storm-1 storm-2 storm-3 storm-4 storm-5
              Accepted { through: Sequence(5) }
              owe hook
              1 storm told hook
              owe hook
              2 storm told hook
              owe hook
              3 storm told hook
              4 storm folded
              5 storm folded
            cluster - at 0.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 5
            finding 73746f726d2d31 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 73746f726d2d32 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            finding 73746f726d2d33 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 300.000s
            finding 73746f726d2d34 first 7765622d310000000000000000000000/1/1/4 repeats 0 until 300.000s
            finding 73746f726d2d35 first 7765622d310000000000000000000000/1/1/5 repeats 0 until 300.000s
            bucket storm 0 micro-tokens
            storm storm for hook: 2 alerts until 60.000s
            owed 1 to hook: storm 7765622d310000000000000000000000/1/1/1 untold 0, waits until 0.000s, 0 attempts
            owed 2 to hook: storm 7765622d310000000000000000000000/1/1/2 untold 0, waits until 0.000s, 0 attempts
            owed 3 to hook: storm 7765622d310000000000000000000000/1/1/3 untold 0, waits until 0.000s, 0 attempts
            accepted 5
            told 3
            folded 2
            routed 5
            routed told 3
            routed folded 2
            notifications 3
            59s tick
            60s tick
              owe hook
            cluster - at 60.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 5
            finding 73746f726d2d31 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 73746f726d2d32 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            finding 73746f726d2d33 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 300.000s
            finding 73746f726d2d34 first 7765622d310000000000000000000000/1/1/4 repeats 0 until 300.000s
            finding 73746f726d2d35 first 7765622d310000000000000000000000/1/1/5 repeats 0 until 300.000s
            bucket storm 0 micro-tokens
            owed 1 to hook: storm 7765622d310000000000000000000000/1/1/1 untold 0, waits until 0.000s, 0 attempts
            owed 2 to hook: storm 7765622d310000000000000000000000/1/1/2 untold 0, waits until 0.000s, 0 attempts
            owed 3 to hook: storm 7765622d310000000000000000000000/1/1/3 untold 0, waits until 0.000s, 0 attempts
            owed 4 to hook: storm of storm, 2 alerts, waits until 60.000s, 0 attempts
            accepted 5
            told 3
            folded 2
            routed 5
            routed told 3
            routed folded 2
            routed summarised 2
            notifications 4
        "#]],
    );
}

#[test]
fn summary_that_still_waits_takes_the_next_one_in() {
    check(
        "
        0s admit web-1 1 1 storm-1 storm-2 storm-3 storm-4
        60s tick
        61s admit web-1 1 5 storm-5 storm-6 storm-7 storm-8 storm-9
        121s tick
        121s show
        ",
        expect![[r#"
            0s admit web-1 1 1 storm-1 storm-2 storm-3 storm-4
              Accepted { through: Sequence(4) }
              owe hook
              1 storm told hook
              owe hook
              2 storm told hook
              owe hook
              3 storm told hook
              4 storm folded
            60s tick
              owe hook
            61s admit web-1 1 5 storm-5 storm-6 storm-7 storm-8 storm-9
              Accepted { through: Sequence(9) }
              owe hook
              5 storm told hook
              owe hook
              6 storm told hook
              owe hook
              7 storm told hook
              8 storm folded
              9 storm folded
            121s tick
            cluster - at 121.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 9
            finding 73746f726d2d31 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 73746f726d2d32 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            finding 73746f726d2d33 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 300.000s
            finding 73746f726d2d34 first 7765622d310000000000000000000000/1/1/4 repeats 0 until 300.000s
            finding 73746f726d2d35 first 7765622d310000000000000000000000/1/1/5 repeats 0 until 361.000s
            finding 73746f726d2d36 first 7765622d310000000000000000000000/1/1/6 repeats 0 until 361.000s
            finding 73746f726d2d37 first 7765622d310000000000000000000000/1/1/7 repeats 0 until 361.000s
            finding 73746f726d2d38 first 7765622d310000000000000000000000/1/1/8 repeats 0 until 361.000s
            finding 73746f726d2d39 first 7765622d310000000000000000000000/1/1/9 repeats 0 until 361.000s
            bucket storm 0 micro-tokens
            owed 1 to hook: storm 7765622d310000000000000000000000/1/1/1 untold 0, waits until 0.000s, 0 attempts
            owed 2 to hook: storm 7765622d310000000000000000000000/1/1/2 untold 0, waits until 0.000s, 0 attempts
            owed 3 to hook: storm 7765622d310000000000000000000000/1/1/3 untold 0, waits until 0.000s, 0 attempts
            owed 4 to hook: storm of storm, 3 alerts, waits until 60.000s, 0 attempts
            owed 5 to hook: storm 7765622d310000000000000000000000/1/1/5 untold 0, waits until 61.000s, 0 attempts
            owed 6 to hook: storm 7765622d310000000000000000000000/1/1/6 untold 0, waits until 61.000s, 0 attempts
            owed 7 to hook: storm 7765622d310000000000000000000000/1/1/7 untold 0, waits until 61.000s, 0 attempts
            accepted 9
            told 6
            folded 3
            routed 9
            routed told 6
            routed folded 3
            routed summarised 3
            notifications 7
            coalesced 1
        "#]],
    );
}

#[test]
fn alert_that_no_receiver_wants_is_counted_as_such() {
    check(
        "
        0s admit web-1 1 1 a@nobody b@hook,mail
        0s show
        ",
        expect![[r#"
            0s admit web-1 1 1 a@nobody b@hook,mail
              Accepted { through: Sequence(2) }
              1 a unrouted
              owe hook
              owe mail
              2 b told hook mail
            cluster - at 0.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 2
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 62 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            bucket b 2000000 micro-tokens
            owed 1 to hook: b 7765622d310000000000000000000000/1/1/2 untold 0, waits until 0.000s, 0 attempts
            owed 2 to mail: b 7765622d310000000000000000000000/1/1/2 untold 0, waits until 0.000s, 0 attempts
            accepted 2
            unrouted 1
            told 1
            routed 2
            routed told 2
            notifications 2
        "#]],
    );
}

#[test]
fn alerts_without_numbers_get_one() {
    check(
        "
        0s direct a b
        1s direct a c
        1s show
        ",
        expect![[r#"
            0s direct a b
              Accepted { through: Sequence(2) }
              owe hook
              1 a told hook
              owe hook
              2 b told hook
            1s direct a c
              Accepted { through: Sequence(4) }
              3 a repeat of 1, seen 2
              owe hook
              4 c told hook
            cluster - at 1.000s
            direct through 4
            finding 61 first 00000000000000000000000000000000/0/1/1 repeats 1 until 300.000s
            finding 62 first 00000000000000000000000000000000/0/1/2 repeats 0 until 300.000s
            finding 63 first 00000000000000000000000000000000/0/1/4 repeats 0 until 301.000s
            bucket a 2000000 micro-tokens
            bucket b 2000000 micro-tokens
            bucket c 2000000 micro-tokens
            owed 1 to hook: a 00000000000000000000000000000000/0/1/1 untold 0, waits until 0.000s, 0 attempts
            owed 2 to hook: b 00000000000000000000000000000000/0/1/2 untold 0, waits until 0.000s, 0 attempts
            owed 3 to hook: c 00000000000000000000000000000000/0/1/4 untold 0, waits until 1.000s, 0 attempts
            accepted 4
            repeats 1
            told 3
            routed 3
            routed told 3
            notifications 3
        "#]],
    );
}

#[test]
fn notification_is_owed_until_its_delivery_is_recorded() {
    check(
        "
        0s admit web-1 1 1 a b c
        1s claim 1 2
        2s claim 1
        2s delivered 1/1
        2s failed 2/1
        3s show
        12s claim 2 3
        13s delivered 2/2
        13s dead 3/1
        13s show
        ",
        expect![[r#"
            0s admit web-1 1 1 a b c
              Accepted { through: Sequence(3) }
              owe hook
              1 a told hook
              owe hook
              2 b told hook
              owe hook
              3 c told hook
            1s claim 1 2
              granted [1/1 2/1]
            2s claim 1
              granted []
            2s delivered 1/1
            2s failed 2/1
            cluster - at 2.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 3
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 62 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            finding 63 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 300.000s
            bucket a 2000000 micro-tokens
            bucket b 2000000 micro-tokens
            bucket c 2000000 micro-tokens
            owed 2 to hook: b 7765622d310000000000000000000000/1/1/2 untold 0, waits until 12.000s after no route to host, 1 attempts
            owed 3 to hook: c 7765622d310000000000000000000000/1/1/3 untold 0, waits until 0.000s, 0 attempts
            accepted 3
            told 3
            routed 3
            routed told 3
            notifications 3
            delivered 1
            attempts 2
            retries 1
            stale 1
            12s claim 2 3
              granted [2/2 3/1]
            13s delivered 2/2
            13s dead 3/1
            cluster - at 13.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 3
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            finding 62 first 7765622d310000000000000000000000/1/1/2 repeats 0 until 300.000s
            finding 63 first 7765622d310000000000000000000000/1/1/3 repeats 0 until 300.000s
            bucket a 2000000 micro-tokens
            bucket b 2000000 micro-tokens
            bucket c 2000000 micro-tokens
            accepted 3
            told 3
            routed 3
            routed told 3
            notifications 3
            delivered 2
            attempts 4
            retries 1
            stale 1
            dead (refused) 1
        "#]],
    );
}

#[test]
fn attempt_of_a_lost_leader_is_repeated_and_marked() {
    check(
        "
        0s admit web-1 1 1 a
        1s claim 1
        10s revoke 1/1
        10s show
        11s claim 1
        11s revoke 1/1
        12s delivered 1/1
        12s delivered 1/2
        12s show
        ",
        expect![[r#"
            0s admit web-1 1 1 a
              Accepted { through: Sequence(1) }
              owe hook
              1 a told hook
            1s claim 1
              granted [1/1]
            10s revoke 1/1
              owe hook
            cluster - at 10.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 1
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            bucket a 2000000 micro-tokens
            owed 1 to hook: a 7765622d310000000000000000000000/1/1/1 untold 0, waits until 10.000s, 1 attempts, may be a repeat
            accepted 1
            told 1
            routed 1
            routed told 1
            notifications 1
            attempts 1
            ambiguous 1
            11s claim 1
              granted [1/2]
            11s revoke 1/1
            12s delivered 1/1
            12s delivered 1/2
            cluster - at 12.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 1
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            bucket a 2000000 micro-tokens
            accepted 1
            told 1
            routed 1
            routed told 1
            notifications 1
            delivered 1
            attempts 2
            ambiguous 1
            stale 2
        "#]],
    );
}

#[test]
fn attempt_that_may_have_arrived_marks_all_that_follow() {
    let mut state = State::default();
    state.apply(command(UnixMillis(0), "admit", &["web-1", "1", "1", "a"]));
    let mut marks = Vec::new();
    for (attempt, end) in [("1/1", "failed"), ("1/2", "unanswered"), ("1/3", "failed"), ("1/4", "delivered")] {
        let at = state.now().plus_ms(10_000);
        state.apply(command(at, "claim", &["1"]));
        marks.push(state.notification(NotificationId(1)).unwrap().unwrap().possible_repeat);
        state.apply(command(at, end, &[attempt]));
        assert_eq!(state.imbalance(), 0);
    }
    assert_eq!(marks, [false, false, true, true]);
    assert_eq!((state.counters().delivered, state.counters().retries), (1, 3));
}

#[test]
fn late_news_of_a_delivery_saves_the_repeat() {
    check(
        "
        0s admit web-1 1 1 a
        1s claim 1
        10s revoke 1/1
        11s delivered 1/1
        11s show
        ",
        expect![[r#"
            0s admit web-1 1 1 a
              Accepted { through: Sequence(1) }
              owe hook
              1 a told hook
            1s claim 1
              granted [1/1]
            10s revoke 1/1
              owe hook
            11s delivered 1/1
            cluster - at 11.000s
            producer 7765622d310000000000000000000000/1/1 web-1 through 1
            finding 61 first 7765622d310000000000000000000000/1/1/1 repeats 0 until 300.000s
            bucket a 2000000 micro-tokens
            accepted 1
            told 1
            routed 1
            routed told 1
            notifications 1
            delivered 1
            attempts 1
            ambiguous 1
        "#]],
    );
}

#[test]
fn most_severe_notification_is_due_first() {
    let mut state = State::default();
    state.apply(command(UnixMillis(0), "admit", &["web-1", "1", "1", "a", "b", "critical"]));
    let due = state.due(&"hook".into(), UnixMillis(0), 2);
    assert_eq!(due, [NotificationId(3), NotificationId(1)]);
}

#[test]
fn full_outbox_folds_what_it_cannot_hold() {
    let mut state = State::default();
    let policy = Policy { rule_burst: 1_000_000, ..POLICY };
    let total = outbox::ROWS_PER_RECEIVER_MAX as u64 + 10;
    let items = (0..total).map(|number| item(&format!("a-{number}"))).collect();
    let batch = Batch { items, ..batch(&["web-1", "1", "1"]) };
    state.apply(Command::Admit(Admission { received_at: UnixMillis(0), policy, batches: vec![batch] }));
    assert_eq!(state.counters().routed_overflowed, 10);
    assert_eq!(state.imbalance(), 0);
    state.apply(Command::Tick { at: UnixMillis(60_000) });
    assert_eq!(state.counters().routed_summarised, 10);
    assert_eq!(state.outbox_len() as u64, total - 10 + 1);
    assert_eq!(state.imbalance(), 0);
}

#[test]
fn notification_says_the_same_on_every_attempt_and_node() {
    let mut state = State::default();
    let cluster_id = "8d9c4b1e-44a2-4b5c-9f0e-0123456789ab".parse().unwrap();
    state.apply(Command::Found { cluster_id });
    state.apply(command(UnixMillis(0), "admit", &["web-1", "1", "1", "shell"]));
    state.apply(command(UnixMillis(1_000), "claim", &["1"]));
    let first = state.notification(NotificationId(1)).unwrap().unwrap();
    let mut copy = restored(&state);
    for state in [&mut state, &mut copy] {
        state.apply(command(UnixMillis(9_000), "revoke", &["1/1"]));
        state.apply(command(UnixMillis(9_000), "admit", &["web-2", "1", "1", "shell"]));
        state.apply(command(UnixMillis(9_000), "claim", &["1"]));
    }
    let again = copy.notification(NotificationId(1)).unwrap().unwrap();
    assert_eq!(state.notification(NotificationId(1)).unwrap().unwrap(), again);
    assert_eq!(first.key, again.key);
    assert_eq!((first.attempt, first.possible_repeat), (1, false));
    assert_eq!((again.attempt, again.possible_repeat), (2, true));
    let Content::Finding(finding) = again.content else { panic!("a finding") };
    assert_eq!((finding.repeats, &*finding.alert.rule), (1, "shell"));
}

#[test]
fn lanes_of_a_spool_are_bounded_and_the_longest_silent_goes_first() {
    let mut state = State::default();
    let mut output = String::new();
    let lanes = u64::try_from(producers::LANES_PER_SPOOL_MAX).unwrap();
    for generation in 1..=lanes {
        run(&mut state, &format!("{generation}s admit web-1 {generation} 1 bad"), &mut output);
    }
    assert_eq!(state.counters().producers_retired, 0);
    run(&mut state, &format!("{}s admit web-1 1 2 bad", lanes + 1), &mut output);
    run(&mut state, &format!("{}s admit web-1 {} 1 bad", lanes + 2, lanes + 1), &mut output);
    assert_eq!(state.counters().producers_retired, 1);
    assert_eq!(state.render().matches("\nproducer ").count(), producers::LANES_PER_SPOOL_MAX);
    output.clear();
    run(&mut state, &format!("{}s admit web-1 1 3 bad", lanes + 2), &mut output);
    run(&mut state, &format!("{}s admit web-1 2 2 bad", lanes + 2), &mut output);
    assert!(output.contains("Accepted { through: Sequence(3) }"), "{output}");
    assert!(output.contains("Gap { expected: Sequence(1) }"), "{output}");
}

#[test]
fn spools_of_a_node_are_bounded() {
    let mut state = State::default();
    let mut output = String::new();
    for spool in 1..=producers::SPOOLS_PER_NODE_MAX {
        run(&mut state, &format!("1s admit web-1=s{spool} 1 1 bad"), &mut output);
    }
    assert!(!output.contains("Full"), "{output}");
    run(&mut state, "2s admit web-1=more 1 1 bad", &mut output);
    assert!(output.ends_with("Full\n"), "{output}");
    assert_eq!(state.counters().producers_refused, 1);
    // Other nodes are not touched, and neither is what the node has; after a day of silence there is room again.
    let mut state = restored(&state);
    output.clear();
    run(&mut state, "3s admit web-2=more 1 1 bad", &mut output);
    run(&mut state, "86000s admit web-1=s1 1 2 bad", &mut output);
    run(&mut state, "90000s admit web-1=again 1 1 bad", &mut output);
    assert!(!output.contains("Full"), "{output}");
    assert_eq!(state.spools_len(), 3);
}

#[test]
fn summaries_beyond_the_bound_go_into_one_of_other_rules() {
    let mut state = State::default();
    let mut output = String::new();
    let bound = outbox::SUMMARIES_PER_RECEIVER_MAX;
    let rules = bound + 50;
    for rule in 0..rules {
        // Three are told, the fourth is folded.
        let words = format!("r{rule}-1 r{rule}-2 r{rule}-3 r{rule}-4");
        run(&mut state, &format!("1s direct {words}"), &mut output);
    }
    run(&mut state, "100s tick", &mut output);
    let summaries: Vec<_> = state
        .outbox
        .iter()
        .filter_map(|(_, row)| match &row.owed {
            outbox::Owed::Storm(summary) => Some((&*summary.rule, summary.alerts)),
            outbox::Owed::Finding { .. } => None,
        })
        .collect();
    assert_eq!(summaries.len(), bound + 1);
    assert_eq!(summaries.last(), Some(&("other rules", 50)));
    assert_eq!(state.counters().coalesced, 49);
    assert_eq!(state.imbalance(), 0);
}
