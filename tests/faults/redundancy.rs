//! Two connections, either of which dies at random.

use crate::{
    heard::Left,
    playback,
    random::Random,
    table::TABLE,
    world::{MS, SECOND, World},
};
use std::collections::BTreeMap;
use tickhawk_simulator::WireFormat;

/// Updates that may become one step when a connection comes back: those of some 50 ms.
const MERGED_A_KILL: usize = 8;

/// How often a connection is killed, over all tapes of a venue.
const KILLS: u32 = 100;

/// Runs tapes of a venue over two connections and kills one of them now and then, never both.
fn run(format: WireFormat, levels: Option<usize>, mut judge: impl FnMut(&World, u64, usize)) {
    let (mut kills, mut seed) = (0, 500);
    while kills < KILLS {
        let before = kills;
        seed += 1;
        let mut random = Random::new(seed);
        let (playback, symbols) = playback(format, "", levels, seed);
        let venue: tickhawk_venue::Venue = format.slug().parse().unwrap();
        let mut world = World::new((playback, &symbols), venue, 2, 30 * MS, levels, seed);
        let (attempts, window_ms) = venue.terms().connects;
        let pause_ns = 2 * window_ms * MS / u64::from(attempts);
        let mut next_kill_ns = 2 * SECOND + random.below(SECOND);
        let mut victim = 0;
        while world.advance() {
            let survives = world.is_ready(victim ^ 1) && world.all_live(symbols.len());
            if world.now_ns() >= next_kill_ns && survives && kills < KILLS && world.kill(victim) {
                kills += 1;
                next_kill_ns = world.now_ns() + SECOND / 4 + random.below(SECOND) + pause_ns;
                victim = random.below(2) as u16;
            }
        }
        assert!(world.all_live(symbols.len()), "{format}, seed {seed}");
        let wrong = world.left.iter().find(|left| !left.is_true);
        assert_eq!(wrong, None, "{format}, seed {seed}: {:?}", world.stale);
        judge(&world, seed, (kills - before) as usize);
    }
}

/// The frames that left, by instrument, up to where the venue begins to count anew, as OKX does
/// after maintenance: what follows is another stream.
fn streams(left: &[Left]) -> BTreeMap<u32, Vec<Left>> {
    let mut by_instrument: BTreeMap<u32, Vec<Left>> = BTreeMap::new();
    for left in left {
        by_instrument.entry(left.instrument.0).or_default().push(*left);
    }
    for stream in by_instrument.values_mut() {
        let mut pairs = stream.windows(2);
        let restart = pairs.position(|pair| pair[1].sequence < pair[0].sequence);
        stream.truncate(restart.map_or(stream.len(), |index| index + 1));
    }
    by_instrument
}

#[test]
fn venues_with_ids_lose_nothing_and_need_nothing_afresh() {
    let with_ids = TABLE.iter().filter(|venue| {
        let venue: tickhawk_venue::Venue = venue.format.slug().parse().unwrap();
        venue.terms().shares_ids
    });
    for venues in with_ids {
        let format = venues.format;
        run(format, venues.levels, |world, seed, kills| {
            let of = format!("{format}, seed {seed}");
            assert_eq!(world.stale, [], "{of}");
            // The same tape over one connection that nothing happens to.
            let (playback, symbols) = playback(format, "", venues.levels, seed);
            let venue = format.slug().parse().unwrap();
            let calm = (playback, symbols.as_slice());
            let mut calm = World::new(calm, venue, 1, 0, venues.levels, seed);
            while calm.advance() {}
            let (calm, killed) = (streams(&calm.left), streams(&world.left));
            let sequences = |stream: &[Left]| -> Vec<u64> {
                stream.iter().map(|left| left.sequence.expect("updates are numbered")).collect()
            };
            for (instrument, killed) in killed {
                let later = killed.iter().find(|left| left.epoch > 1);
                assert_eq!(later, None, "{of}: one epoch");
                let (killed, calm) = (sequences(&killed), sequences(&calm[&instrument]));
                // From where both have begun, every update is there, or is in the next one: where a
                // connection comes back ahead of the other, what it had until then is one step.
                let from = killed[0];
                let is_there = |number: &u64| killed.binary_search(number).is_ok();
                let merged = calm.iter().filter(|number| **number > from && !is_there(number));
                let merged = merged.count();
                assert!(merged <= MERGED_A_KILL * kills, "{of}: {merged} merged by {kills} kills");
                let made_up = killed.iter().find(|number| calm.binary_search(number).is_err());
                assert_eq!(made_up.filter(|number| **number > from), None, "{of}");
                assert_eq!(killed.last(), calm.last(), "{of}");
            }
        });
    }
}

#[test]
fn venues_without_ids_begin_an_epoch_and_are_never_wrong() {
    let without_ids = TABLE.iter().filter(|venue| {
        let venue: tickhawk_venue::Venue = venue.format.slug().parse().unwrap();
        !venue.terms().shares_ids
    });
    for venues in without_ids {
        let mut epochs = 0;
        run(venues.format, venues.levels, |world, _, _| {
            let highest = world.left.iter().map(|left| left.epoch).max();
            epochs += highest.unwrap_or_default();
        });
        assert!(
            epochs > KILLS / 4,
            "{}: {epochs} epochs: the leader was killed too",
            venues.format
        );
    }
}
