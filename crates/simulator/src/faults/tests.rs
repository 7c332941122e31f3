//! Each kind does what it says, and nothing else.

use super::*;

const CLIENT: ClientId = ClientId(3);
const BOOK: &str = r#"{"ts":"1721347022504","checksum":-8254,"seqId":7,"bids":[["61837.6","2"]]}"#;

fn faults(plan: &str) -> Faults {
    Faults::new(plan.parse().unwrap(), 7)
}

fn deliver(text: &str) -> Effect {
    Effect::Deliver(text.to_owned())
}

/// What a plan does to three messages to one client.
fn three(plan: &str) -> Vec<Effect> {
    let mut faults = faults(plan);
    ["a", "b", "c"].into_iter().flat_map(|text| faults.frame(CLIENT, text.to_owned())).collect()
}

#[test]
fn each_kind_does_what_it_says() {
    assert_eq!(three("none"), ["a", "b", "c"].map(deliver));
    assert_eq!(three("drop=1"), []);
    assert_eq!(three("double=1"), ["a", "a", "b", "b", "c", "c"].map(deliver));
    assert_eq!(three("reorder=1"), ["b", "a"].map(deliver), "c is held");
    assert_eq!(three("reorder=1,until=1"), ["b", "a", "c"].map(deliver));
    assert_eq!(three("half-open=1"), [Effect::HalfOpen]);
    assert_eq!(three("reset=1,until=1"), [Effect::Reset, deliver("b"), deliver("c")]);
    assert_eq!(three("snapshot=1,until=1")[..2], [deliver("a"), Effect::Resnapshot]);
    assert_eq!(three("maintenance=1,until=1")[..2], [deliver("a"), Effect::Maintenance]);
    let stalled = three("stall=1,until=1");
    assert!(matches!(stalled[0], Effect::Stall(500_000_000..=15_000_000_000)), "{stalled:?}");
    assert_eq!(stalled[1..], ["a", "b", "c"].map(deliver));
    assert_eq!(three("truncate=1"), ["", "", ""].map(deliver));
}

#[test]
fn damage_is_damage() {
    for (plan, same_length) in [("corrupt=1", true), ("checksum=1", true), ("truncate=1", false)] {
        let effects = faults(plan).frame(CLIENT, BOOK.to_owned());
        let [Effect::Deliver(text)] = &effects[..] else { panic!("{plan}: {effects:?}") };
        assert_ne!(text, BOOK, "{plan}");
        assert_eq!(text.len() == BOOK.len(), same_length, "{plan}");
    }
    let mut faults = faults("checksum=1");
    assert_eq!(faults.frame(CLIENT, "a".to_owned()), [deliver("a")]);
    assert_eq!(faults.injected(), 0, "there was none to damage");
}

#[test]
fn a_clock_stays_off_until_the_end() {
    let mut faults = faults("clock=1,until=2");
    let mut times = Vec::new();
    for _ in 0..3 {
        let effects = faults.frame(CLIENT, BOOK.to_owned());
        let [Effect::Deliver(text)] = &effects[..] else { panic!("{effects:?}") };
        times.push(text[7..20].parse::<i64>().unwrap() - 1_721_347_022_504);
    }
    assert!(times[..2].iter().all(|time| *time != 0 && time.abs() <= 5_000), "{times:?}");
    assert_eq!(times[2], 0);
    let details: Vec<String> = faults.log().into_iter().map(|line| line.detail).collect();
    assert_eq!(details, [format!("{} ms", times[0]), format!("{} ms", times[1])]);
}

#[test]
fn connections_and_requests() {
    assert_eq!(faults("refuse=1").connect(), Welcome::Refuse);
    assert_eq!(faults("refuse=1,until=0").connect(), Welcome::Accept);
    assert_eq!(faults("drop=1").rest(), RestEffect::Answer);
    let slow = faults("rest-slow=1").rest();
    assert!(matches!(slow, RestEffect::Delay(100_000_000..=3_000_000_000)), "{slow:?}");
    let mut failing = faults("rest-fail=1,rest-slow=1");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let RestEffect::Fail { status, retry_after_s } = failing.rest() else { panic!("answered") };
        assert_eq!(retry_after_s.is_some(), status < 500);
        seen.insert(status);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [418, 429, 500, 503]);
}

#[test]
fn a_client_that_left_is_forgotten() {
    let mut faults = faults("reorder=1,until=1");
    assert_eq!(faults.frame(CLIENT, "a".to_owned()), []);
    faults.forget(CLIENT);
    assert_eq!(faults.frame(CLIENT, "b".to_owned()), [deliver("b")]);
    let mut dead = super::tests::faults("half-open=1,until=1");
    dead.frame(CLIENT, "a".to_owned());
    assert_eq!(dead.frame(CLIENT, "b".to_owned()), [], "also after the last fault");
    dead.forget(CLIENT);
    assert_eq!(dead.frame(CLIENT, "c".to_owned()), [deliver("c")]);
}

/// Faults, effects and lines of a long run.
fn run(plan: &str, seed: u64) -> (Vec<Effect>, Vec<FaultLine>) {
    let mut faults = Faults::new(plan.parse().unwrap(), seed);
    let mut effects = Vec::new();
    for at in 0..20_000 {
        effects.extend(faults.frame(ClientId(at % 3), BOOK.to_owned()));
        if matches!(effects.last(), Some(Effect::Reset | Effect::HalfOpen)) {
            faults.forget(ClientId(at % 3));
        }
    }
    assert_eq!(faults.injected(), faults.log.len() as u64);
    (effects, faults.log())
}

#[test]
fn a_seed_repeats_and_kinds_do_not_move_each_other() {
    let plan = "all=0.001,until=15000";
    let (effects, lines) = run(plan, 5);
    assert!((effects.clone(), lines.clone()) == run(plan, 5));
    assert!(lines != run(plan, 6).1);
    let of = |lines: &[FaultLine], kind| -> Vec<u64> {
        lines.iter().filter(|line| line.kind == kind).map(|line| line.message).collect()
    };
    for kind in FaultKind::ALL {
        let alone = run(&format!("{}=0.001,until=15000", kind.as_str()), 5).1;
        let count = of(&lines, kind).len();
        if matches!(kind, FaultKind::RestSlow | FaultKind::RestFail | FaultKind::Refuse) {
            assert_eq!(count, 0);
            continue;
        }
        assert!((5..30).contains(&count), "{kind:?}: {count} of 15");
        // A connection lost, a message dropped or held may swallow one of another kind.
        let alone = of(&alone, kind);
        assert!(of(&lines, kind).iter().all(|message| alone.contains(message)), "{kind:?}");
    }
    assert!(lines.iter().all(|line| line.message < 15_000));
    let line = lines.iter().find(|line| line.kind == FaultKind::Corrupt).unwrap();
    let value: sonic_rs::Value = sonic_rs::from_str(&line.to_string()).unwrap();
    assert_eq!(value["fault"], "corrupt");
    assert_eq!(value["message"], line.message);
}
