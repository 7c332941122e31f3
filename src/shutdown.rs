//! Ctrl-C and SIGTERM: the first ends the run in order, the second ends the process. And SIGHUP, for
//! whoever has something to do on it.

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::{
    io::Write,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long a run may take to drain once it was told to stop.
const DRAIN: Duration = Duration::from_millis(4_500);

/// How often the flag is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The flag that the first signal sets. A run that has not ended some seconds after it, because
/// whoever reads its output does not, is ended all the same.
pub fn install() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for (signal, status) in [(SIGINT, 130), (SIGTERM, 143)] {
        let doing = "installing the handlers of Ctrl-C and SIGTERM";
        flag::register_conditional_shutdown(signal, status, Arc::clone(&stop)).context(doing)?;
        flag::register(signal, Arc::clone(&stop)).context(doing)?;
    }
    let watched = Arc::clone(&stop);
    thread::Builder::new()
        .name("shutdown".to_owned())
        .spawn(move || watch(&watched))
        .context("starting the shutdown thread")?;
    Ok(stop)
}

/// Calls this on each SIGHUP, on a thread of its own; several in a row may be one.
pub fn on_hangup(mut call: impl FnMut() + Send + 'static) -> Result<()> {
    let told = Arc::new(AtomicBool::new(false));
    flag::register(SIGHUP, Arc::clone(&told)).context("installing the handler of SIGHUP")?;
    let listen = move || {
        loop {
            thread::sleep(LOOK);
            if told.swap(false, Ordering::Relaxed) {
                call();
            }
        }
    };
    let thread = thread::Builder::new().name("hangup".to_owned());
    thread.spawn(listen).context("starting the thread of SIGHUP")?;
    Ok(())
}

fn watch(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    let told = Instant::now();
    while told.elapsed() < DRAIN {
        thread::sleep(LOOK);
    }
    // stderr may be what is full.
    let words = b"error: could not drain in time: is an output not being read?\n";
    thread::spawn(|| {
        let _ = std::io::stderr().write_all(words);
    });
    thread::sleep(LOOK);
    process::exit(1);
}
