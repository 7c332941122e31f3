//! Where a thread runs and before whom: pinning it to a core, and making sure of it; priorities.

use crate::priority::set_real_time;
use core_affinity::CoreId;

/// Why a thread is not where, or not before whom, it was asked to be.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The host does not have that core, or this process may not use it. See `tickhawk doctor`.
    #[error("core {core} is not among the cores this process may use ({available})")]
    NoSuchCore {
        /// The core asked for.
        core: usize,
        /// Those there are.
        available: String,
    },
    /// The host refused, or accepted and did something else.
    #[error("the thread could not be pinned to core {core}: it may run on {found}")]
    NotPinned {
        /// The core asked for.
        core: usize,
        /// Where the thread may run now.
        found: String,
    },
    /// The host refused. It needs `CAP_SYS_NICE` or a limit (`ulimit -r 99`, systemd's
    /// `LimitRTPRIO=99`).
    #[error("the thread could not take real-time priority {priority}: {error}")]
    NotRealTime {
        /// The priority asked for.
        priority: u8,
        /// By the kernel's account.
        error: std::io::Error,
    },
}

/// Pins the calling thread to `core`. Threads it spawns afterwards inherit that: spawn first.
///
/// # Errors
/// If the thread is not on that core alone afterwards; `core_affinity` itself fails silently.
pub fn pin_to_core(core: usize) -> Result<(), CoreError> {
    let available = core_affinity::get_core_ids().unwrap_or_default();
    if !available.iter().any(|id| id.id == core) {
        let list: Vec<_> = available.iter().map(|id| id.id.to_string()).collect();
        return Err(CoreError::NoSuchCore { core, available: list.join(", ") });
    }
    core_affinity::set_for_current(CoreId { id: core });
    let found = allowed_cores();
    if found == [core] {
        return Ok(());
    }
    let list: Vec<_> = found.iter().map(usize::to_string).collect();
    Err(CoreError::NotPinned { core, found: list.join(", ") })
}

/// Has the calling thread stand back behind all others of the host, for work that may take longer.
/// Threads it spawns afterwards inherit that.
pub fn give_way() {
    // The lowest priority there is. To ask for less of the host is never refused; where the kernel
    // knows no priorities of threads, there is nothing to give.
    let _ = rustix::process::setpriority_process(None, 19);
}

/// Has the calling thread run before all others of the host but the kernel's own, until it sleeps, if
/// `priority` is 1 to 99, the highest. Threads it spawns afterwards do not inherit that. One that never
/// sleeps leaves its core to nobody.
///
/// # Errors
/// If the host refuses.
pub fn take_precedence(priority: u8) -> Result<(), CoreError> {
    set_real_time(priority).map_err(|error| CoreError::NotRealTime { priority, error })
}

/// The cores the calling thread may run on, by the kernel's word.
pub fn allowed_cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_and_says_when_it_cannot() {
        let thread = std::thread::spawn(|| {
            let core = allowed_cores()[0];
            pin_to_core(core).unwrap();
            assert_eq!(allowed_cores(), [core]);
            assert!(matches!(pin_to_core(999_999), Err(CoreError::NoSuchCore { .. })));
        });
        thread.join().unwrap();
    }
}
