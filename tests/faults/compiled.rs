//! What reached the client while all went wrong, in the decoded form.

use crate::{
    playback,
    table::{TABLE, Venues},
    trace::agree,
    world::{MS, World},
};

#[test]
fn what_a_client_met_is_replayed_alike() {
    for (index, Venues { format, levels, .. }) in TABLE.iter().enumerate() {
        for connections in [1, 2] {
            let seed = (index as u64 + 1) * 30_000 + u64::from(connections);
            let plan = "drop=0.002,reset=0.001,corrupt=0.002,double=0.002";
            let (playback, symbols) = playback(*format, plan, *levels, seed);
            let venue = format.slug().parse().unwrap();
            let latency = 30 * MS;
            let mut world =
                World::new((playback, &symbols), venue, connections, latency, *levels, seed);
            while world.advance() {}
            let of = format!("{format}, seed {seed}");
            let (frames, lines) = agree(&of, world.options, &world.kept);
            assert!(frames > 100 && lines > frames, "{of}: {frames} frames, {lines} lines");
        }
    }
}
