//! `[tuning]`: what a run may ask of its host, and what became of it.

use crate::config::Origin;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::{fmt, thread};
use tickhawk_engine::{
    CoreError, allowed_cores, lock_memory, may_use_huge_pages, prefault_blocks, take_precedence,
    use_small_pages,
};
use tickhawk_harness::host;

/// The longest the kernel may look for packets: beyond a millisecond it is a core for itself, which
/// `busy_poll` of a lane takes without going through the kernel.
const BUSY_POLL_US_MAX: u32 = 1_000;

/// The highest of the kernel's real-time priorities.
const PRIORITY_MAX: u8 = 99;

/// What is asked of the host, as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TuningSection {
    /// Keep every page in memory that was touched once.
    lock_memory: Option<bool>,
    /// Touch memory when it is allocated.
    prefault: Option<bool>,
    /// Let rings, books and windows lie on huge pages.
    huge_pages: Option<bool>,
    /// How long the kernel looks for packets in the device, in microseconds.
    busy_poll_us: Option<u32>,
    /// Real-time priority of the market and inference threads.
    realtime_priority: Option<u8>,
    /// Rehearse while waiting without sleeping.
    keep_warm: Option<bool>,
}

/// What is asked of the host, every number in its range.
#[derive(Clone, Debug, Default)]
pub struct Tuning(TuningSection);

/// The threads a run has, as far as the host must bear them.
#[derive(Clone, Copy, Debug)]
pub struct Threads {
    /// Market and inference threads that never sleep.
    pub spinning: usize,
    /// Whether the run has sockets.
    pub has_sockets: bool,
    /// Whether some of them wait for what they will score.
    pub waits_to_score: bool,
}

/// What became of one wish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Off,
    On,
    /// It is of no use to this run.
    Unused(&'static str),
    Refused(String),
}

/// What became of all of them.
#[derive(Clone, Debug, Default)]
pub struct Tuned {
    lock_memory: State,
    prefault: State,
    huge_pages: State,
    busy_poll: State,
    realtime: State,
    warm: State,
    /// What sockets are to be opened with, if the host lets them.
    pub busy_poll_us: Option<u32>,
    /// What market and inference threads are to have, if the host lets them.
    pub realtime_priority: Option<u8>,
    /// Whether threads that wait without sleeping are to rehearse.
    pub keep_warm: bool,
}

/// What reports tell of it. `docs/outputs.md` explains every key.
#[derive(Clone, Debug, Serialize)]
pub struct TuningRow {
    lock_memory: String,
    prefault: String,
    huge_pages: String,
    busy_poll_us: String,
    realtime_priority: String,
    keep_warm: String,
}

impl Tuning {
    /// Checks the numbers.
    pub fn resolve(section: &TuningSection) -> Result<Self> {
        if let Some(busy_poll_us) = section.busy_poll_us {
            ensure!(
                (1..=BUSY_POLL_US_MAX).contains(&busy_poll_us),
                "config `tuning.busy_poll_us` is {busy_poll_us}: wanted 1 to {BUSY_POLL_US_MAX}"
            );
        }
        if let Some(priority) = section.realtime_priority {
            ensure!(
                (1..=PRIORITY_MAX).contains(&priority),
                "config `tuning.realtime_priority` is {priority}: wanted 1 to {PRIORITY_MAX}"
            );
        }
        Ok(Self(section.clone()))
    }

    /// Asks the host for it, before anything else is allocated or started. What is refused stays off,
    /// and is told of on stderr with its cure.
    pub fn apply(&self, threads: Threads) -> Tuned {
        let TuningSection { busy_poll_us, realtime_priority, .. } = self.0;
        let huge_pages = self.huge_pages();
        let (prefault, lock_memory) = (self.prefault(), self.lock_memory());
        let busy_poll = match (busy_poll_us, threads.has_sockets) {
            (None, _) => State::Off,
            (Some(_), false) => State::Unused("there is no socket"),
            (Some(us), true) => settled("busy_poll_us", try_busy_poll(us)),
        };
        let realtime = realtime_priority.map_or(State::Off, |priority| {
            let leaves = leaves_a_core(threads.spinning, allowed_cores().len());
            settled("realtime_priority", leaves.and_then(|()| try_realtime(priority)))
        });
        let warm = match (self.0.keep_warm, threads.waits_to_score) {
            (Some(false), _) | (None, false) => State::Off,
            (_, true) => State::On,
            (Some(true), false) => State::Unused("nothing is scored as it comes"),
        };
        Tuned {
            keep_warm: warm == State::On,
            busy_poll_us: busy_poll_us.filter(|_| busy_poll == State::On),
            realtime_priority: realtime_priority.filter(|_| realtime == State::On),
            lock_memory,
            prefault,
            huge_pages,
            busy_poll,
            realtime,
            warm,
        }
    }

    fn huge_pages(&self) -> State {
        let asked = may_use_huge_pages();
        match (self.0.huge_pages, asked) {
            (Some(false), _) => {
                use_small_pages();
                State::Off
            }
            // Nobody asked for them, so nobody is warned.
            (None, Err(error)) => State::Refused(error.to_string()),
            (_, asked) => settled("huge_pages", asked.map_err(|e| (e.to_string(), e.cure()))),
        }
    }

    fn prefault(&self) -> State {
        if self.0.prefault != Some(true) {
            return State::Off;
        }
        prefault_blocks();
        State::On
    }

    fn lock_memory(&self) -> State {
        if self.0.lock_memory != Some(true) {
            return State::Off;
        }
        settled("lock_memory", lock_memory().map_err(|error| (error.to_string(), error.cure())))
    }

    /// What `tickhawk check` prints of it: key, value, who said so.
    pub fn values(&self) -> [(&'static str, String, Origin); 6] {
        let TuningSection {
            lock_memory,
            prefault,
            huge_pages,
            busy_poll_us,
            realtime_priority,
            keep_warm,
        } = &self.0;
        let origin = |said: bool| if said { Origin::File } else { Origin::Default };
        let yes = |key, said: &Option<bool>, default: bool| {
            (key, said.unwrap_or(default).to_string(), origin(said.is_some()))
        };
        let number = |key, said: Option<String>| {
            let from = origin(said.is_some());
            (key, said.unwrap_or_else(|| "none".to_owned()), from)
        };
        [
            yes("tuning.lock_memory", lock_memory, false),
            yes("tuning.prefault", prefault, false),
            yes("tuning.huge_pages", huge_pages, true),
            number("tuning.busy_poll_us", busy_poll_us.map(|us| us.to_string())),
            number("tuning.realtime_priority", realtime_priority.map(|p| p.to_string())),
            yes("tuning.keep_warm", keep_warm, true),
        ]
    }
}

/// A wish that was granted, or refused for a reason with a cure.
fn settled(option: &str, asked: Result<(), (String, &'static str)>) -> State {
    match asked {
        Ok(()) => State::On,
        Err((why, cure)) => {
            eprintln!("warning: `tuning.{option}` is off: {why}\nhint: {cure}");
            State::Refused(why)
        }
    }
}

/// Whether sockets may look for packets so long; else why not, and the cure.
pub fn try_busy_poll(busy_poll_us: u32) -> Result<(), (String, &'static str)> {
    let cure = "a kernel with CONFIG_NET_RX_BUSY_POLL; on older ones CAP_NET_ADMIN as well";
    tickhawk_feed::try_busy_poll(busy_poll_us)
        .map_err(|error| (format!("SO_BUSY_POLL: {error}"), cure))
}

/// Whether a thread may have the priority, tried on one that is there for nothing else.
pub fn try_realtime(priority: u8) -> Result<(), (String, &'static str)> {
    let tried = thread::spawn(move || take_precedence(priority)).join();
    let tried = tried.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    tried.map_err(|error: CoreError| {
        (error.to_string(), "CAP_SYS_NICE, `ulimit -r 99`, or systemd's LimitRTPRIO=99")
    })
}

/// Threads that never sleep and before which nobody else runs must leave the host something to run on.
fn leaves_a_core(spinning: usize, cores: usize) -> Result<(), (String, &'static str)> {
    match spinning < cores {
        true => Ok(()),
        false => Err((
            format!(
                "{spinning} threads that never sleep would leave the host nothing of {cores} cores"
            ),
            "a core more than such threads: more cores, fewer lanes, or no `busy_poll`",
        )),
    }
}

impl Tuned {
    /// For a report, made when the run is over.
    pub fn row(&self) -> TuningRow {
        TuningRow {
            lock_memory: self.lock_memory.to_string(),
            prefault: self.prefault.to_string(),
            huge_pages: self.huge_pages.to_string(),
            busy_poll_us: self.busy_poll.to_string(),
            realtime_priority: self.realtime.to_string(),
            keep_warm: self.warm.to_string(),
        }
    }

    /// Those that are on, in one line; `none` without any.
    pub fn summary(&self) -> String {
        let row = self.row();
        let on = row.states().into_iter().filter(|(_, state)| *state == "on");
        let names: Vec<_> = on.map(|(name, _)| name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

impl TuningRow {
    fn states(&self) -> [(&'static str, &str); 6] {
        [
            ("lock_memory", &self.lock_memory),
            ("prefault", &self.prefault),
            ("huge_pages", &self.huge_pages),
            ("busy_poll_us", &self.busy_poll_us),
            ("realtime_priority", &self.realtime_priority),
            ("keep_warm", &self.keep_warm),
        ]
    }
}

impl fmt::Display for TuningRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.states().into_iter().filter(|(_, state)| *state != "off");
        let asked: Vec<_> = asked.map(|(name, state)| format!("{name} {state}")).collect();
        if asked.is_empty() {
            return Ok(());
        }
        write!(f, "tuning: {}", asked.join("; "))?;
        // In words only: keys of a report are the same from run to run.
        if let Some(huge_page_kib) = huge_page_kib() {
            write!(f, "; {huge_page_kib} KiB on huge pages")?;
        }
        writeln!(f, "\n")
    }
}

/// How much of this process lies on huge pages.
fn huge_page_kib() -> Option<u64> {
    let rollup = host::told("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("AnonHugePages:"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On => f.write_str("on"),
            Self::Unused(why) => write!(f, "unused: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_their_range() {
        let check = |busy_poll_us, realtime_priority| {
            let section = TuningSection { busy_poll_us, realtime_priority, ..Default::default() };
            Tuning::resolve(&section).map(|_| ()).map_err(|error| error.to_string())
        };
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some(1), Some(99)), Ok(()));
        assert!(check(Some(0), None).unwrap_err().contains("busy_poll_us` is 0"));
        assert!(check(Some(1_001), None).unwrap_err().contains("1 to 1000"));
        assert!(check(None, Some(0)).unwrap_err().contains("realtime_priority` is 0"));
        assert!(check(None, Some(100)).unwrap_err().contains("1 to 99"));
    }

    #[test]
    fn spinning_threads_leave_the_host_a_core() {
        assert!(leaves_a_core(0, 1).is_ok());
        assert!(leaves_a_core(1, 2).is_ok());
        for (spinning, cores) in [(1, 1), (2, 2), (4, 2)] {
            let (why, _) = leaves_a_core(spinning, cores).unwrap_err();
            assert!(why.contains(&format!("{cores} cores")), "{why}");
        }
    }

    #[test]
    fn what_is_not_asked_for_is_off_and_what_is_of_no_use_is_said() {
        let tuning = Tuning(TuningSection { busy_poll_us: Some(50), ..Default::default() });
        let tuned =
            tuning.apply(Threads { spinning: 0, has_sockets: false, waits_to_score: false });
        assert!(["none", "huge_pages"].contains(&&*tuned.summary()), "{}", tuned.summary());
        let row = tuned.row();
        assert_eq!(row.busy_poll_us, "unused: there is no socket");
        assert_eq!([row.lock_memory, row.prefault, row.realtime_priority], ["off"; 3]);
        assert_eq!((tuned.busy_poll_us, tuned.realtime_priority), (None, None));
    }
}
