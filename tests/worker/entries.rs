//! This test program again, as a worker that misbehaves on command, or as a parent to be killed.
//! Without the arguments or the variable that ask for it, these tests do nothing.

use super::harness::{model, patient, tickhawk};
use std::{env, io::Write, os::unix::process::parent_id, path::Path, process, thread};
use tickhawk_inference::{
    Loaded, Model, Output, RuntimeOptions, Worker, WorkerCommand, serve_runs,
};

/// What a request's first value makes the misbehaving worker do.
pub const HANG: f32 = 9_001.0;
pub const ABORT: f32 = 9_002.0;
pub const EXIT: f32 = 9_003.0;
pub const NAN: f32 = 9_004.0;
pub const FAIL: f32 = 9_005.0;

/// The model the misbehaving worker runs.
pub const MODEL: &str = "models/mlp/1/model.onnx";

/// Asks a process of this program to be a parent.
const PARENT: &str = "TICKHAWK_TEST_PARENT";

/// This program, as the worker below. Behind `--` the arguments are names of tests, of which there
/// are none.
pub fn misbehaving() -> WorkerCommand {
    let args = ["entries::worker_entry", "--exact", "--nocapture", "--"];
    let args = args.iter().map(Into::into).collect();
    WorkerCommand { program: env::current_exe().unwrap(), args }
}

#[test]
fn worker_entry() {
    let args: Vec<String> = env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    let Some((segment, parent)) = value("--segment").zip(value("--parent")) else { return };
    let served = serve_runs(&segment, parent.parse().unwrap(), || {
        let mut model = Model::load(MODEL, &RuntimeOptions::default())?;
        Ok(Loaded {
            shape: model.shape(),
            kind: model.kind(),
            sha256: model.sha256().to_owned(),
            engine: model.engine().to_owned(),
            run: move |input: &[f32]| match input[0] {
                HANG => loop {
                    std::hint::spin_loop();
                },
                ABORT => process::abort(),
                EXIT => process::exit(0),
                NAN => Ok(Output::Value(f32::NAN)),
                FAIL => model.run(&[]),
                _ => model.run(input),
            },
        })
    });
    served.unwrap();
}

/// This program, as the parent below.
pub fn parent() -> process::Command {
    let mut command = process::Command::new(env::current_exe().unwrap());
    command.args(["entries::parent_entry", "--exact", "--nocapture"]).env(PARENT, "1");
    command
}

#[test]
fn parent_entry() {
    if env::var_os(PARENT).is_none() {
        return;
    }
    println!("\nstarting");
    std::io::stdout().flush().unwrap();
    let (file, own) = model(Path::new(MODEL));
    let mut worker = Worker::start(tickhawk(Path::new(MODEL)), &file, patient()).unwrap();
    println!("worker {}", worker.process_id().unwrap());
    std::io::stdout().flush().unwrap();
    let input = vec![0.5; own.shape().values()];
    // Until it is killed, or until the test that should do so is gone.
    let owner = parent_id();
    while parent_id() == owner {
        let _ = worker.try_send(1, &input);
        let _ = worker.try_receive();
        thread::yield_now();
    }
}
