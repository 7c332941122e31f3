//! Real-time priority for a thread.
#![allow(unsafe_code)]

use std::io;

/// Has the calling thread run before every thread without real-time priority, until it sleeps. Threads
/// it spawns afterwards do not inherit that.
///
/// # Errors
/// If the host refuses, or the priority is not 1 to 99.
pub(crate) fn set_real_time(priority: u8) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: priority.into() };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: thread 0 is the calling one, and the parameters are only read during the call.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
