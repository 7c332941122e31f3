//! What the machine is, and what it did to us meanwhile.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

/// The text of one of the kernel's files, without the newline; `None` where there is none.
pub fn told(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The processor's name.
pub fn processor() -> Option<String> {
    let text = told("/proc/cpuinfo")?;
    let line = text.lines().find(|line| line.starts_with("model name"))?.to_owned();
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The cores the kernel keeps other work off, as it lists them.
pub fn isolated_cores() -> Option<String> {
    told("/sys/devices/system/cpu/isolated")
}

/// How the first core's frequency is governed.
pub fn governor() -> Option<String> {
    told("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// Where and by what a measurement was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Surroundings {
    /// The processor's name.
    pub processor: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// The core the measuring thread was pinned to; null if it could not be.
    pub pinned: Option<usize>,
    /// The cores the kernel keeps other work off.
    pub isolated: String,
    /// The frequency governor.
    pub governor: String,
    /// Whether a hypervisor is below.
    pub virtual_machine: bool,
    /// The kernel's version.
    pub kernel: String,
    /// The compiler.
    pub rustc: String,
    /// Its flags, beside the profile's.
    pub rustflags: String,
    /// What was built.
    pub commit: String,
    /// Huge pages, as the kernel gives them out on its own.
    pub transparent_huge_pages: String,
    /// What the host was asked for and gave: names of options of `[tuning]`, or `none`.
    #[serde(default = "none")]
    pub tuning: String,
}

fn none() -> String {
    "none".to_owned()
}

impl Surroundings {
    /// Of the calling thread.
    pub fn new(pinned: Option<usize>) -> Self {
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "not told".to_owned());
        let flags = told("/proc/cpuinfo").unwrap_or_default();
        let virtual_machine = flags
            .lines()
            .find(|line| line.starts_with("flags"))
            .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
        Self {
            processor: or_unknown(processor()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            pinned,
            isolated: isolated_cores().unwrap_or_else(none),
            governor: or_unknown(governor()),
            virtual_machine,
            kernel: or_unknown(told("/proc/sys/kernel/osrelease")),
            rustc: env!("TICKHAWK_RUSTC").to_owned(),
            rustflags: env!("TICKHAWK_RUSTFLAGS").to_owned(),
            commit: env!("TICKHAWK_COMMIT").to_owned(),
            transparent_huge_pages: or_unknown(told("/sys/kernel/mm/transparent_hugepage/enabled")),
            tuning: none(),
        }
    }
}

/// Tells whether the thread that made it was taken off its core between two looks.
#[derive(Debug)]
pub(crate) struct Interruptions {
    /// How long the thread ran, how long it waited to run, and how often it was put on a core.
    schedule: Option<File>,
}

impl Interruptions {
    /// Of the calling thread. Where the kernel keeps no such count, nothing is ever told.
    pub(crate) fn of_this_thread() -> Self {
        Self { schedule: File::open("/proc/thread-self/schedstat").ok() }
    }

    /// How long the thread has waited to run, and how often it was put on a core: a read of a
    /// microsecond.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let mut text = [0; 96];
        let read = self.schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok());
        let text = str::from_utf8(&text[..read.unwrap_or(0)]).unwrap_or_default();
        let mut numbers = text.split_whitespace().skip(1).map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// What the kernel counted for one thread, and for the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbance {
    /// Times the thread was taken off its core for another one.
    pub involuntary_switches: u64,
    /// Pages it touched that the kernel had first to supply.
    pub minor_faults: u64,
    /// Pages that came from a disk.
    pub major_faults: u64,
    /// Milliseconds in which the hypervisor ran something else, over all cores.
    pub steal_ms: u64,
}

impl Disturbance {
    /// All there was so far: of the calling thread, and steal of the machine.
    pub fn so_far() -> Self {
        let status = told("/proc/thread-self/status").unwrap_or_default();
        let switches = status
            .lines()
            .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"))
            .and_then(|count| count.trim().parse().ok());
        // Fields 10 and 12 of the thread's stat; its name, field 2, may hold anything.
        let stat = told("/proc/thread-self/stat").unwrap_or_default();
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let field = |number: usize| fields.split_whitespace().nth(number - 3)?.parse().ok();
        // Ticks of 10 ms: the eighth number of the first line.
        let machine = told("/proc/stat").unwrap_or_default();
        let steal = machine.split_whitespace().nth(8).and_then(|ticks| ticks.parse::<u64>().ok());
        Self {
            involuntary_switches: switches.unwrap_or(0),
            minor_faults: field(10).unwrap_or(0),
            major_faults: field(12).unwrap_or(0),
            steal_ms: steal.unwrap_or(0) * 10,
        }
    }

    /// The sum of two.
    pub fn plus(self, other: Self) -> Self {
        Self {
            involuntary_switches: self.involuntary_switches + other.involuntary_switches,
            minor_faults: self.minor_faults + other.minor_faults,
            major_faults: self.major_faults + other.major_faults,
            steal_ms: self.steal_ms + other.steal_ms,
        }
    }

    /// What came since an earlier reading.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            involuntary_switches: self.involuntary_switches - earlier.involuntary_switches,
            minor_faults: self.minor_faults - earlier.minor_faults,
            major_faults: self.major_faults - earlier.major_faults,
            steal_ms: self.steal_ms - earlier.steal_ms,
        }
    }
}
