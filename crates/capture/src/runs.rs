//! The runs in a folder: which files Tickhawk recorded together.

use crate::error::CaptureError;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How a run's recordings end, after its name and their sequence.
pub(crate) const RECORDING: &str = "jsonl.zst";
/// How a run's outcome logs end.
pub(crate) const OUTCOMES: &str = "outcomes";

/// What one run of Tickhawk recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What its files' names start with.
    pub name: String,
    /// Its recordings `{name}.{sequence:04}.jsonl.zst` in their sequence, for
    /// [`Session::open`](crate::Session::open).
    pub recordings: Vec<PathBuf>,
    /// Its outcome logs `{name}.{sequence:04}.outcomes` in their sequence, for
    /// [`OutcomeReader::open`](crate::OutcomeReader::open).
    pub outcomes: Vec<PathBuf>,
    /// The folder they are in.
    pub folder: PathBuf,
}

/// The runs in a folder, by name; none if it holds no file named as a run's. The files are not
/// opened. [`CaptureError::Open`] if the folder cannot be listed.
pub fn runs(folder: impl AsRef<Path>) -> Result<Vec<Run>, CaptureError> {
    let folder = folder.as_ref();
    let cannot = |source| CaptureError::Open { path: folder.to_owned(), source };
    let mut found: BTreeMap<String, [Numbered; 2]> = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some((run, sequence, kind)) = name.and_then(of_name).filter(|_| path.is_file()) {
            let kinds = found.entry(run.to_owned()).or_default();
            kinds[kind as usize].push((sequence, path));
        }
    }
    let in_order = |mut files: Numbered| {
        files.sort();
        files.into_iter().map(|(_, path)| path).collect()
    };
    let run = |(name, [recordings, outcomes]): (String, [Numbered; 2])| Run {
        name,
        recordings: in_order(recordings),
        outcomes: in_order(outcomes),
        folder: folder.to_owned(),
    };
    Ok(found.into_iter().map(run).collect())
}

/// Files with their sequence.
type Numbered = Vec<(u32, PathBuf)>;

/// Files as they are, and in the place of each folder the recordings of the runs in it, run by
/// run. [`CaptureError::NoFiles`] for no path, [`CaptureError::NoRuns`] for a folder without one.
pub fn expand<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<PathBuf>, CaptureError> {
    if paths.is_empty() {
        return Err(CaptureError::NoFiles);
    }
    let mut files = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if !path.is_dir() {
            files.push(path.to_owned());
            continue;
        }
        let before = files.len();
        files.extend(runs(path)?.into_iter().flat_map(|run| run.recordings));
        if files.len() == before {
            return Err(CaptureError::NoRuns { folder: path.to_owned() });
        }
    }
    Ok(files)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Recording,
    Outcomes,
}

fn of_name(name: &str) -> Option<(&str, u32, Kind)> {
    let kinds = [(RECORDING, Kind::Recording), (OUTCOMES, Kind::Outcomes)];
    kinds.into_iter().find_map(|(suffix, kind)| {
        let stem = name.strip_suffix(suffix)?.strip_suffix('.')?;
        split(stem).map(|(run, sequence)| (run, sequence, kind))
    })
}

/// The run and the sequence a name without its suffix tells.
pub(crate) fn split(stem: &str) -> Option<(&str, u32)> {
    let (run, digits) = stem.rsplit_once('.')?;
    let is_sequence = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let sequence = digits.parse().ok().filter(|_| is_sequence && !run.is_empty())?;
    Some((run, sequence))
}

#[cfg(test)]
mod tests {
    use super::{Kind, of_name};

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, u32, Kind)>) {
        assert_eq!(of_name(name), expected, "{name}");
    }

    #[test]
    fn names_tell_the_run() {
        check("a.0000.jsonl.zst", Some(("a", 0, Kind::Recording)));
        check("a.b.0000.12345.outcomes", Some(("a.b.0000", 12_345, Kind::Outcomes)));
        check("a.000.jsonl.zst", None);
        check("a.+001.jsonl.zst", None);
        check(".0001.jsonl.zst", None);
        check("a.99999999999.outcomes", None);
        check("a.0001.jsonl", None);
        check("a_20300101.zst", None);
        check("0001.outcomes", None);
    }
}
