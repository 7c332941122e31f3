//! Workers killed, stopped, hung and aborted at random: each time another one answers, at most what
//! was in flight is lost, and nothing leaks.

use super::entries::{ABORT, EXIT, FAIL, HANG, MODEL, NAN, misbehaving};
use super::harness::{
    ANSWER_WITHIN, Deadline, answers_again, check_reply, descriptors, impatient, model,
    nothing_left, one_at_a_time, patient, row_of, signal, tickhawk, wait_until,
};
use rustix::process::Signal;
use std::{env, path::Path};
use tickhawk_inference::{Model, ModelFile, Outcome, Worker, WorkerCommand};

/// Tickets of requests that make a worker misbehave: no answer to them is held against a model.
const MISCHIEF: u64 = 1 << 62;

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    Kill,
    Stop,
    /// A request that this worker does not survive.
    Ask(f32),
}

/// Rounds of a test; `TICKHAWK_CHAOS_ROUNDS` asks for another number than is usual.
pub fn rounds(usual: u32) -> u32 {
    env::var("TICKHAWK_CHAOS_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

pub struct Chance(pub u64);

impl Chance {
    /// A number below `bound`, from splitmix64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Sends and receives for a few steps.
fn traffic(worker: &mut Worker, own: &mut Model, steps: u64, next: &mut u64) {
    for _ in 0..steps {
        if worker.try_send(*next, &row_of(*next, own.shape().values())) {
            *next += 1;
        }
        if let Some(reply) = worker.try_receive() {
            check_reply(own, reply.ticket, reply.outcome);
        }
    }
}

fn survives(command: WorkerCommand, file: &ModelFile, own: &mut Model, kinds: &[Disturbance]) {
    let mut worker = Worker::start(command, file, impatient()).unwrap();
    let mut chance = Chance(20_140_104);
    let mut next = answers_again(&mut worker, own, 0);
    let open = descriptors();
    let in_flight_max = worker.slot_count() as u64;
    for round in 0..rounds(30) {
        let kind = kinds[chance.below(kinds.len() as u64) as usize];
        let before = worker.counts();
        traffic(&mut worker, own, chance.below(200), &mut next);
        if worker.counts().exits == before.exits {
            match kind {
                Disturbance::Kill => signal(&worker, Signal::KILL),
                Disturbance::Stop => signal(&worker, Signal::STOP),
                Disturbance::Ask(mischief) => {
                    let input = vec![mischief; own.shape().values()];
                    let deadline = Deadline::after(ANSWER_WITHIN);
                    while !worker.try_send(MISCHIEF, &input) {
                        traffic(&mut worker, own, 1, &mut next);
                        deadline.check();
                    }
                }
            }
        }
        traffic(&mut worker, own, chance.below(200), &mut next);
        wait_until(|| worker.counts().exits > before.exits);
        next = answers_again(&mut worker, own, next);
        let counts = worker.counts();
        let ended = counts.exits - before.exits;
        assert!(counts.lost - before.lost <= ended * in_flight_max, "round {round} {kind:?}");
        assert_eq!(counts.sent, counts.answered + counts.lost + worker.in_flight());
    }
    // Rings given back by this thread are unmapped by the other one.
    wait_until(|| descriptors() == open);
    drop(worker);
    nothing_left();
}

#[test]
fn the_program_as_worker_is_killed_and_stopped_and_answers_again() {
    let _alone = one_at_a_time();
    let path = Path::new(MODEL);
    let (file, mut own) = model(path);
    survives(tickhawk(path), &file, &mut own, &[Disturbance::Kill, Disturbance::Stop]);
}

#[test]
fn a_worker_whose_model_hangs_or_ends_it_is_replaced() {
    let _alone = one_at_a_time();
    let (file, mut own) = model(Path::new(MODEL));
    let kinds = [HANG, ABORT, EXIT].map(Disturbance::Ask);
    survives(misbehaving(), &file, &mut own, &kinds);
}

#[test]
fn failures_and_nan_are_told_apart_and_end_nothing() {
    let _alone = one_at_a_time();
    let (file, mut own) = model(Path::new(MODEL));
    let mut worker = Worker::start(misbehaving(), &file, patient()).unwrap();
    for (ask, expected) in [(NAN, Outcome::NonFinite), (FAIL, Outcome::Failed)] {
        assert!(worker.try_send(MISCHIEF, &vec![ask; own.shape().values()]));
        let mut reply = None;
        wait_until(|| {
            reply = worker.try_receive();
            reply.is_some()
        });
        assert_eq!(reply.map(|reply| (reply.ticket, reply.outcome)), Some((MISCHIEF, expected)));
    }
    answers_again(&mut worker, &mut own, 0);
    assert_eq!(worker.counts().exits, 0);
}
