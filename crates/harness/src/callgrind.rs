//! What a step does, counted by valgrind's callgrind: instructions, and cache lines.
//!
//! Counts do not depend on what else the host does, so that a gate can rest on them. Callgrind runs
//! the program of a [`Prober`] and keeps to itself what is outside the functions called `counted_…`
//! ([`probe`](crate::probe)). Its model of a cache is told to be large, and the probe empties it once,
//! so that from there on a miss is a line that was not touched before. Valgrind knows no AVX-512: what
//! it runs is the AVX2 kernels.

use crate::HarnessError;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

/// What the functions are called that are counted, before their step's name.
const COUNTED: &str = "counted_";

/// A cache of 8 MiB, which what the steps touch does not fill, and which is empty once the probe has
/// walked through twice as much. The second level must not be smaller.
const CACHES: [&str; 2] = ["--D1=8388608,16,64", "--LL=16777216,16,64"];

/// How to run the probe: [`probe::run`](crate::probe::run), its items printed as lines `step count`.
#[derive(Clone, Debug)]
pub struct Prober {
    /// The program.
    pub program: PathBuf,
    /// What it takes.
    pub arguments: Vec<OsString>,
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// `decode`, `book`, `features` or `model`.
    pub step: String,
    /// How many items it took.
    pub items: u64,
    /// Instructions over all of them.
    pub instructions: u64,
    /// Cache lines of data of which it was the first to touch any.
    pub lines: u64,
}

impl Prober {
    /// Runs the probe under callgrind; `None` where there is no valgrind.
    ///
    /// # Errors
    /// If it does not come to its end, or writes what cannot be read.
    pub fn count(&self) -> Result<Option<Vec<Counts>>, HarnessError> {
        let out = OutFile::new();
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--demangle=no", "--cache-sim=yes"]).args(CACHES);
        valgrind.arg(format!("--toggle-collect=*{COUNTED}*"));
        valgrind.arg(format!("--callgrind-out-file={}", out.0.display()));
        let output = match valgrind.arg(&self.program).args(&self.arguments).output() {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let profile = fs::read_to_string(&out.0).map_err(|error| failed(error.to_string()))?;
        let sums = sums(&profile)?;
        let items = String::from_utf8_lossy(&output.stdout).into_owned();
        items.lines().map(|line| counts(line, &sums)).collect::<Result<_, _>>().map(Some)
    }
}

/// Callgrind's profile; it is gone with this.
struct OutFile(PathBuf);

impl OutFile {
    fn new() -> Self {
        let name = format!("tickhawk-{}.callgrind", std::process::id());
        Self(Path::new(&std::env::temp_dir()).join(name))
    }
}

impl Drop for OutFile {
    fn drop(&mut self) {
        // It is not there if callgrind did not come so far.
        let _ = fs::remove_file(&self.0);
    }
}

fn failed(detail: String) -> HarnessError {
    HarnessError::Callgrind { detail }
}

/// One line of the probe beside the sums of its step.
fn counts(line: &str, sums: &BTreeMap<String, Sum>) -> Result<Counts, HarnessError> {
    let wanted = || failed(format!("the probe said `{line}`: wanted a step and a number"));
    let (step, items) = line.split_once(' ').ok_or_else(wanted)?;
    let items = items.parse().map_err(|_| wanted())?;
    let missing = || failed(format!("nothing was counted of `{step}`"));
    let Sum { instructions, lines } = *sums.get(step).ok_or_else(missing)?;
    Ok(Counts { step: step.to_owned(), items, instructions, lines })
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    instructions: u64,
    lines: u64,
}

/// What was done inside each counted function, calls included, by its step. In a profile a function's
/// block begins with `fn=(id) name`, the name only the first time its id is met; each line of numbers in
/// it is a position and costs, trailing zeros left out: of the function itself, or, behind a line
/// `calls=`, of what was called from there, all told.
fn sums(profile: &str) -> Result<BTreeMap<String, Sum>, HarnessError> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let mut columns = None;
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    let mut step = None;
    for line in profile.lines() {
        if let Some(events) = line.strip_prefix("events: ") {
            columns = Columns::of(events);
        } else if let Some(function) = line.strip_prefix("fn=") {
            step = step_of(named(function, &mut names));
        } else if let Some(function) = line.strip_prefix("cfn=") {
            named(function, &mut names);
        } else if let (Some(step), true) = (step, line.starts_with(is_position)) {
            let columns = columns.ok_or_else(|| failed("a profile without events".to_owned()))?;
            let sum = sums.entry(step.to_owned()).or_default();
            columns.add(line, sum);
        }
    }
    Ok(sums)
}

fn is_position(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '-' | '*')
}

/// The name behind `(id)`, from here or from where it was met first.
fn named<'a>(function: &'a str, names: &mut BTreeMap<&'a str, &'a str>) -> &'a str {
    match function.split_once(' ') {
        Some((id, name)) => {
            names.insert(id, name);
            name
        }
        None => names.get(function).copied().unwrap_or_default(),
    }
}

/// The step of a counted function, from its mangled name: the letters behind `counted_`.
fn step_of(name: &str) -> Option<&str> {
    let (_, step) = name.split_once(COUNTED)?;
    let end = step.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(step.len());
    Some(&step[..end])
}

/// Where a line's costs stand, behind its position.
#[derive(Clone, Copy)]
struct Columns {
    instructions: usize,
    read_misses: usize,
    write_misses: usize,
}

impl Columns {
    fn of(events: &str) -> Option<Self> {
        let at = |name| events.split(' ').position(|event| event == name);
        Some(Self { instructions: at("Ir")?, read_misses: at("D1mr")?, write_misses: at("D1mw")? })
    }

    fn add(self, line: &str, sum: &mut Sum) {
        for (index, cost) in line.split(' ').skip(1).enumerate() {
            let cost: u64 = cost.parse().unwrap_or(0);
            if index == self.instructions {
                sum.instructions += cost;
            } else if index == self.read_misses || index == self.write_misses {
                sum.lines += cost;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read() {
        let profile = "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n\
                       fn=(1) _ZN5probe12counted_book17h0E\n16 3 1 1 0 2 1\n\
                       cfn=(2) _ZN4book5apply17h1E\ncalls=2 9\n+3 100 20 10 0 5 6 0 1 1\n\
                       fn=(2)\n9 100 20 10 0 5 6 0 1 1\n\
                       fn=(3) _RNvNtC5probe16counted_features\n* 7\n\nfn=(1)\n-2 4\n";
        let sums = sums(profile).unwrap();
        let book = Sum { instructions: 107, lines: 14 };
        let features = Sum { instructions: 7, lines: 0 };
        let expected = [("book".to_owned(), book), ("features".to_owned(), features)];
        assert_eq!(sums, BTreeMap::from(expected));
        assert_eq!(counts("book 5", &sums).unwrap().items, 5);
        assert!(counts("book", &sums).unwrap_err().to_string().contains("wanted a step"));
        assert!(counts("decode 5", &sums).unwrap_err().to_string().contains("decode"));
    }

    #[test]
    fn where_there_is_no_profile_it_is_said() {
        let prober = Prober { program: "no-such-program".into(), arguments: Vec::new() };
        match prober.count() {
            Ok(None) => {}
            other => assert!(other.unwrap_err().to_string().starts_with("callgrind: ")),
        }
    }
}
