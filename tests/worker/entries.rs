//! This test program again, as a worker that misbehaves on command, or as a parent to be killed.
//! Without the arguments or the variable that ask for it, these tests do nothing.

use super::harness::{model, patient, tickhawk};
use std::{
    env, fs, hint,
    io::Write,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};
use tickhawk_inference::{
    InferenceError, Loaded, Model, Output, RuntimeOptions, Worker, WorkerCommand, serve_runs,
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

/// How long the worker of [`led_astray`] takes for an answer while it is to be slow.
pub const SLOW: Duration = Duration::from_millis(60);

/// This program, as the worker below. Behind `--` the arguments are names of tests, of which there
/// are none.
pub fn misbehaving() -> WorkerCommand {
    let args = ["entries::worker_entry", "--exact", "--nocapture", "--"];
    let args = args.iter().map(Into::into).collect();
    WorkerCommand { program: env::current_exe().unwrap(), args }
}

/// As [`misbehaving`], of the folder's `model.onnx`. What it does is said in the folder's file
/// `mischief`; it says who it is in `process`.
pub fn led_astray(folder: &Path) -> WorkerCommand {
    let mut command = misbehaving();
    command.args.extend(["--folder".into(), folder.into()]);
    command
}

#[test]
fn worker_entry() {
    let args: Vec<String> = env::args().collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    let Some((segment, parent)) = value("--segment").zip(value("--parent")) else { return };
    let parent = parent.parse().unwrap();
    match value("--folder").map(PathBuf::from) {
        None => serve(&segment, parent, Path::new(MODEL), |mut model| {
            move |input: &[f32]| match input[0] {
                HANG => hang(),
                ABORT => process::abort(),
                EXIT => process::exit(0),
                NAN => Ok(Output::Value(f32::NAN)),
                FAIL => model.run(&[]),
                _ => model.run(input),
            }
        }),
        Some(folder) => serve(&segment, parent, &folder.join("model.onnx"), |mut model| {
            fs::write(folder.join("process"), process::id().to_string()).unwrap();
            let mischief = folder.join("mischief");
            move |input: &[f32]| {
                match fs::read_to_string(&mischief).unwrap().as_str() {
                    "hang" => hang(),
                    "abort" => process::abort(),
                    "exit" => process::exit(0),
                    "nan" => return Ok(Output::Value(f32::NAN)),
                    "fail" => return model.run(&[]),
                    "slow" => thread::sleep(SLOW),
                    "meet" => meet(&folder),
                    _ => {}
                }
                model.run(input)
            }
        }),
    }
}

/// Serves the model at the path, as `astray` runs it.
fn serve<R: FnMut(&[f32]) -> Result<Output, InferenceError>>(
    segment: &str,
    parent: u32,
    path: &Path,
    astray: impl FnOnce(Model) -> R,
) {
    let load = || {
        let model = Model::load(path, &RuntimeOptions::default())?;
        Ok(Loaded {
            shape: model.shape(),
            kind: model.kind(),
            sha256: model.sha256().to_owned(),
            engine: model.engine().to_owned(),
            run: astray(model),
        })
    };
    serve_runs(segment, parent, load).unwrap();
}

/// Waits until another worker waits here too.
fn meet(folder: &Path) {
    fs::write(folder.join(format!("met-{}", process::id())), "").unwrap();
    let met = || {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("met-")).count()
    };
    while met() < 2 {
        thread::yield_now();
    }
}

fn hang() -> ! {
    loop {
        hint::spin_loop();
    }
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
