//! Instruments taken on and given up in the middle of a tape.

use crate::{
    TAPE_SECONDS,
    heard::Left,
    playback,
    table::{TABLE, Venues},
    world::{MS, SECOND, World},
};
use tickhawk_market::{InstrumentId, StaleCause};

/// The books of two instruments of one tape. The first is there from the start, given up after half
/// of it and taken back after three quarters; the second is taken on after a quarter.
fn check(venues: &Venues, connections: u16) {
    let format = venues.format;
    let of = format!("{format}, {connections} connections");
    let (playback, symbols) = playback(format, "", venues.levels, 11);
    let [first, second] = symbols.as_slice() else { panic!("{of}: two instruments") };
    let venue = format.slug().parse().unwrap();
    let begin = std::slice::from_ref(first);
    let mut world = World::new((playback, begin), venue, connections, 30 * MS, venues.levels, 11);
    let quarter = TAPE_SECONDS * SECOND / 4;
    let mut began_ns = None;
    let lists = [vec![first.clone(), second.clone()], vec![second.clone()], symbols.clone()];
    let mut lists = lists.iter();
    let mut turns = Vec::new();
    while world.advance() {
        if world.left.is_empty() {
            continue;
        }
        let began_ns = *began_ns.get_or_insert(world.now_ns());
        if world.now_ns() - began_ns >= quarter * (turns.len() as u64 + 1)
            && let Some(list) = lists.next()
        {
            turns.push(world.left.len());
            world.want(list);
        }
    }
    let &[added, removed, back] = turns.as_slice() else { panic!("{of}: {turns:?}") };
    let wrong = world.left.iter().find(|left| !left.is_true);
    assert_eq!(wrong, None, "{of}");
    assert_eq!(world.stale, [(InstrumentId(0), StaleCause::Removed)], "{of}");
    assert!(world.all_live(2), "{of}");

    let frames = |id: u32, from: usize, to: usize| -> Vec<&Left> {
        world.left[from..to].iter().filter(|left| left.instrument.0 == id).collect()
    };
    let end = world.left.len();
    // An epoch goes on unless the tape itself counts anew, as OKX and Bybit do now and then.
    let untouched = |frames: &[&Left]| {
        let mut pairs = frames.windows(2);
        pairs.all(|pair| pair[0].epoch == pair[1].epoch || pair[0].sequence > pair[1].sequence)
    };
    let (before, after) = (frames(0, 0, removed), frames(0, back, end));
    assert!(before.len() > 20 && untouched(&before), "{of}");
    assert!(frames(0, removed, back).is_empty(), "{of}: no frames while it is given up");
    assert!(after.len() > 10 && untouched(&after), "{of}: it came back");
    assert_eq!(after[0].epoch, before[before.len() - 1].epoch + 1, "{of}");
    assert!(frames(1, 0, added).is_empty(), "{of}: none before it was asked for");
    let later = frames(1, added, end);
    assert!(later.len() > 20 && untouched(&later), "{of}");

    let counts = world.counts();
    assert_eq!((counts.opened, counts.closed), (u64::from(connections), 0), "{of}");
    assert_eq!(counts.resubscribed, 0, "{of}: nothing was put right");
}

#[test]
fn instruments_come_and_go_and_nothing_else_notices() {
    for venues in TABLE {
        check(venues, 1);
        check(venues, 2);
    }
}
