//! Models in worker processes: the same answers, whatever becomes of the process; and nothing left
//! behind.

mod chaos;
mod entries;
mod harness;
mod ladder;
mod parent;

use harness::{
    ANSWER_WITHIN, Deadline, allocations, bundled, model, one_at_a_time, patient, rows, tickhawk,
    wait_until,
};
use rustix::process::{Signal, kill_process};
use std::{fs, path::Path, time::Duration};
use tickhawk_handoff::RingError;
use tickhawk_inference::{Outcome, Worker, WorkerCommand, WorkerError, WorkerOptions, WorkerPool};

#[test]
fn a_worker_answers_as_the_model_in_this_process_does() {
    let _alone = one_at_a_time();
    for path in bundled() {
        let (file, mut own) = model(&path);
        let mut worker = Worker::start(tickhawk(&path), &file, patient()).unwrap();
        assert_eq!((worker.shape(), worker.kind()), (own.shape(), own.kind()));
        assert_eq!((worker.sha256(), worker.engine().as_str()), (own.sha256(), own.engine()));
        let inputs = rows(own.shape().values(), 200);
        let mut replies = Vec::with_capacity(inputs.len());
        let deadline = Deadline::after(ANSWER_WITHIN);
        let allocated = allocations();
        for (ticket, input) in (0u64..).zip(&inputs) {
            // As many in flight as there is room for.
            while !worker.try_send(ticket, input) {
                replies.extend(worker.try_receive());
                deadline.check();
            }
        }
        while replies.len() < inputs.len() {
            replies.extend(worker.try_receive());
            deadline.check();
        }
        assert_eq!(allocations(), allocated, "sending and receiving allocate nothing");
        for (ticket, (reply, input)) in (0u64..).zip(replies.iter().zip(&inputs)) {
            assert_eq!(reply.ticket, ticket);
            assert_eq!(reply.outcome, Outcome::Output(own.run(input).unwrap()), "{path:?}");
        }
        let counts = worker.counts();
        assert_eq!((counts.sent, counts.answered), (200, 200));
        assert_eq!((counts.starts, counts.exits, counts.lost), (1, 0, 0));
    }
}

#[test]
fn what_cannot_be_started_says_why() {
    let _alone = one_at_a_time();
    let mlp = "models/mlp/1/model.onnx";
    let (file, _) = model(mlp.as_ref());
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    fs::write(&broken, &file.bytes()[..file.bytes().len() - 10]).unwrap();
    let shell = |script: &str| WorkerCommand {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into(), "sh".into()],
    };
    let absent = WorkerCommand { program: "/nowhere/tickhawk".into(), args: vec![] };
    let options = WorkerOptions { start_timeout: Duration::from_millis(300), ..patient() };
    let error = Worker::start(shell("exec sleep 600"), &file, options).unwrap_err();
    assert!(matches!(error, WorkerError::NotReady { .. }), "{error:?}");
    let error = |command| Worker::start(command, &file, patient()).unwrap_err();
    assert!(matches!(error(absent), WorkerError::Spawn { .. }));
    assert!(matches!(error(shell("exit 3")), WorkerError::Exited { .. }));
    let refused = error(tickhawk(&broken));
    assert!(matches!(refused, WorkerError::Refused { .. }), "{refused:?}");
    for part in ["broken.onnx", "truncated"] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let other = error(tickhawk("models/linear/1/model.onnx".as_ref()));
    assert!(matches!(other, WorkerError::OtherModel { what: "the SHA-256", .. }), "{other:?}");
    let three = WorkerOptions { slot_count: 3, ..patient() };
    let three = Worker::start(tickhawk(mlp.as_ref()), &file, three).unwrap_err();
    assert!(matches!(three, WorkerError::Ring(RingError::SlotCount { .. })), "{three:?}");
    harness::nothing_left();
}

#[test]
fn a_model_changed_on_disk_does_not_serve_until_it_is_back() {
    let _alone = one_at_a_time();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::copy("models/mlp/1/model.onnx", &path).unwrap();
    let (file, mut own) = model(&path);
    let mut worker = Worker::start(tickhawk(&path), &file, patient()).unwrap();
    fs::copy("models/linear/1/model.onnx", &path).unwrap();
    harness::signal(&worker, Signal::KILL);
    wait_until(|| worker.counts().failed_starts > 0);
    let error = worker.take_error().unwrap();
    assert!(matches!(error, WorkerError::OtherModel { .. }), "{error:?}");
    assert!(!worker.try_send(0, &rows(own.shape().values(), 1)[0]));
    fs::copy("models/mlp/1/model.onnx", &path).unwrap();
    harness::answers_again(&mut worker, &mut own, 1);
}

#[test]
fn dropping_ends_a_worker_that_is_stopped() {
    let _alone = one_at_a_time();
    let path: &Path = "models/linear/1/model.onnx".as_ref();
    let (file, _) = model(path);
    let worker = Worker::start(tickhawk(path), &file, patient()).unwrap();
    harness::signal(&worker, Signal::STOP);
    drop(worker);
    harness::nothing_left();
}

#[test]
fn a_pool_shares_instruments_out_and_feels_a_crash_in_one_share() {
    let _alone = one_at_a_time();
    let path: &Path = "models/linear/1/model.onnx".as_ref();
    let (file, mut own) = model(path);
    // No restart within this test.
    let pause = Duration::from_secs(600);
    let options = WorkerOptions { restart_pause_min: pause, restart_pause_max: pause, ..patient() };
    let mut pool = WorkerPool::start(2, &tickhawk(path), &file, &options).unwrap();
    let input = &rows(own.shape().values(), 1)[0];
    let expected = Outcome::Output(own.run(input).unwrap());
    let ask_all = |pool: &mut WorkerPool| {
        let sent: Vec<u64> =
            (0..5).filter(|ticket| pool.try_send(*ticket as usize, *ticket, input)).collect();
        let mut answered = Vec::new();
        wait_until(|| {
            if let Some(reply) = pool.try_receive() {
                assert_eq!(reply.outcome, expected);
                answered.push(reply.ticket);
            }
            answered.len() == sent.len()
        });
        answered.sort_unstable();
        answered
    };
    assert_eq!(ask_all(&mut pool), [0, 1, 2, 3, 4]);
    let process = harness::process_of(&pool.workers()[0]);
    assert_ne!(Some(process), pool.workers()[1].process_id().map(harness::pid));
    kill_process(process, Signal::KILL).unwrap();
    wait_until(|| !pool.workers()[0].is_alive());
    assert_eq!(ask_all(&mut pool), [1, 3]);
    drop(pool);
    harness::nothing_left();
}
