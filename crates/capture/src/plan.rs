//! What file names say: which files continue one connection, and which belong side by side.

use crate::cryptofeed_text::Transport;
use crate::format::Format;
use crate::record::Header;
use crate::runs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePlan {
    pub path: PathBuf,
    pub bytes: u64,
    /// `None` for a file without a line.
    pub format: Option<Format>,
    pub transport: Transport,
    /// Files with equal keys continue the same connections.
    pub key: String,
    /// What to call the connection.
    pub name: String,
    /// Text captures with equal prefixes are merged by time.
    prefix: Option<String>,
    /// The header of a recording of ours.
    pub header: Option<Header>,
}

/// Files read one after another.
pub(crate) type LanePlan = Vec<FilePlan>;

/// Lanes merged by time.
pub(crate) type GroupPlan = Vec<LanePlan>;

impl FilePlan {
    pub fn new(path: &Path, bytes: u64, format: Option<Format>) -> Self {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = without_suffixes(&file_name);
        let folder = path.parent().unwrap_or(Path::new("")).to_string_lossy();
        let mut plan = Self {
            path: path.to_owned(),
            bytes,
            format,
            transport: Transport::WebSocket,
            key: without_dates(&path.to_string_lossy()),
            name: without_dates(stem).trim_matches(['_', '-', '.', '*']).to_owned(),
            prefix: None,
            header: None,
        };
        if format == Some(Format::CryptofeedText) {
            let (prefix, connection, transport) = cryptofeed_name(stem);
            plan.transport = transport;
            plan.key = format!("{folder}/{connection}");
            plan.name = connection.to_owned();
            plan.prefix = prefix.map(|prefix| format!("{folder}/{prefix}"));
        }
        if plan.name.is_empty() {
            plan.name = stem.to_owned();
        }
        plan
    }

    /// The same as a recording of ours, if it has a header. A date in a run's name tells it from
    /// other runs, where other files that differ in the date alone continue each other.
    pub fn with_header(mut self, header: Option<Header>) -> Self {
        let file_name = self.path.file_name().unwrap_or_default().to_string_lossy();
        if let (Some(_), Some((run, _))) = (&header, runs::split(without_suffixes(&file_name))) {
            let folder = self.path.parent().unwrap_or(Path::new("")).to_string_lossy();
            self.key = format!("{folder}/{run}");
            self.name = run.to_owned();
        }
        self.header = header;
        self
    }

    /// How many links the file's connections are spread over, at least 1.
    pub fn links(&self) -> usize {
        let links = self.header.as_ref().and_then(|header| header.links);
        links.map_or(1, |links| usize::from(links.max(1)))
    }

    /// The key and the name of one of the file's connections.
    pub fn connection(&self, number: u16) -> (String, String) {
        match number {
            0 => (self.key.clone(), self.name.clone()),
            _ => (format!("{}#{number}", self.key), format!("{}#{number}", self.name)),
        }
    }
}

/// Puts the files of each run of ours into their sequence, in the places they have among the
/// others. Files of equal sequence stay as named.
pub(crate) fn in_sequence(files: &mut [FilePlan]) {
    let mut runs: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, file) in files.iter().enumerate() {
        if file.header.is_some() {
            runs.entry(file.key.clone()).or_default().push(place);
        }
    }
    for places in runs.into_values() {
        let mut run: Vec<FilePlan> = places.iter().map(|place| files[*place].clone()).collect();
        run.sort_by_key(|file| file.header.as_ref().map(|header| header.sequence));
        for (place, file) in places.into_iter().zip(run) {
            files[place] = file;
        }
    }
}

/// One group for each file in order, but one for all text captures of a prefix, where the first
/// of them stands.
pub(crate) fn in_order(files: Vec<FilePlan>) -> Vec<GroupPlan> {
    let mut groups: Vec<(Option<String>, Vec<FilePlan>)> = Vec::new();
    for file in files {
        let mates =
            groups.iter_mut().find(|(prefix, _)| prefix.is_some() && *prefix == file.prefix);
        match mates {
            Some((_, group)) => group.push(file),
            None => groups.push((file.prefix.clone(), vec![file])),
        }
    }
    groups.into_iter().map(|(_, files)| lanes(files)).collect()
}

/// Files of equal keys after one another, the others side by side.
pub(crate) fn lanes(files: Vec<FilePlan>) -> GroupPlan {
    let mut lanes: GroupPlan = Vec::new();
    for file in files {
        match lanes.iter_mut().find(|lane| lane.iter().any(|mate| mate.key == file.key)) {
            Some(lane) => lane.push(file),
            None => lanes.push(vec![file]),
        }
    }
    lanes
}

/// `BINANCE_20211012.ws.1.0` is the first file of connection `BINANCE_20211012.ws.1`, prefix
/// `BINANCE_20211012`. cryptofeed counts files on as they reach their size.
fn cryptofeed_name(stem: &str) -> (Option<&str>, &str, Transport) {
    let marks = [(".ws.", Transport::WebSocket), (".http.", Transport::Http)];
    for (mark, transport) in marks {
        let Some((prefix, rest)) = stem.split_once(mark) else { continue };
        let connection = match rest.rsplit_once('.') {
            Some((_, count)) if is_number(count) => &stem[..stem.len() - count.len() - 1],
            _ => stem,
        };
        return (Some(prefix), connection, transport);
    }
    (None, stem, Transport::WebSocket)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn without_suffixes(mut name: &str) -> &str {
    for suffixes in [[".gz", ".zst"], [".dat", ".jsonl"]] {
        for suffix in suffixes {
            name = name.strip_suffix(suffix).unwrap_or(name);
        }
    }
    name
}

/// Every `20240718` and `2024-07-18` becomes `*`.
fn without_dates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let after_digit = out.ends_with(|last: char| last.is_ascii_digit());
        let date = [8, 10].into_iter().find(|length| {
            let followed = rest.as_bytes().get(*length).is_some_and(u8::is_ascii_digit);
            !after_digit && !followed && rest.get(..*length).is_some_and(is_date)
        });
        match date {
            Some(length) => {
                out.push('*');
                rest = &rest[length..];
            }
            None => {
                out.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
    }
    out
}

fn is_date(text: &str) -> bool {
    let digits: String = match text.len() {
        8 => text.to_owned(),
        _ if text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-' => text.replace('-', ""),
        _ => return false,
    };
    let in_range = |from: usize, low: u8, high: u8| {
        digits
            .get(from..from + 2)
            .and_then(|part| part.parse().ok())
            .is_some_and(|part: u8| (low..=high).contains(&part))
    };
    digits.len() == 8
        && is_number(&digits)
        && in_range(0, 19, 20)
        && in_range(4, 1, 12)
        && in_range(6, 1, 31)
}

#[cfg(test)]
mod tests {
    use super::{FilePlan, GroupPlan, in_order, in_sequence, lanes, without_dates};
    use crate::format::Format;
    use crate::record::Header;
    use std::path::Path;

    #[track_caller]
    fn check_dates(text: &str, expected: &str) {
        assert_eq!(without_dates(text), expected);
    }

    #[test]
    fn dates_are_found() {
        check_dates("btcusdt_20240718.gz", "btcusdt_*.gz");
        check_dates("2024-07-18/btc-2024-07-18.zst", "*/btc-*.zst");
        check_dates("btc_20241301.gz", "btc_20241301.gz");
        check_dates("btc_120240718.gz", "btc_120240718.gz");
        check_dates("btc_202407181.gz", "btc_202407181.gz");
        check_dates("\u{e9}20240718", "\u{e9}*");
        check_dates("2024-07-1", "2024-07-1");
    }

    fn names(groups: &[GroupPlan]) -> Vec<Vec<Vec<String>>> {
        let name = |file: &FilePlan| file.path.file_name().unwrap().to_str().unwrap().to_owned();
        let lane = |lane: &Vec<FilePlan>| lane.iter().map(name).collect();
        groups.iter().map(|group| group.iter().map(lane).collect()).collect()
    }

    fn files(format: Format, names: &[&str]) -> Vec<FilePlan> {
        names.iter().map(|name| FilePlan::new(Path::new(name), 0, Some(format))).collect()
    }

    #[test]
    fn captures_of_a_prefix_stand_side_by_side() {
        let files = files(
            Format::CryptofeedText,
            &[
                "a/K.ws.1.0",
                "L.ws.1.0",
                "a/K.http.0.0",
                "a/K.ws.2.0.gz",
                "b/K.ws.1.0",
                "a/K.ws.1.1",
            ],
        );
        let names = names(&in_order(files));
        assert_eq!(
            names,
            [
                vec![vec!["K.ws.1.0", "K.ws.1.1"], vec!["K.http.0.0"], vec!["K.ws.2.0.gz"]],
                vec![vec!["L.ws.1.0"]],
                vec![vec!["K.ws.1.0"]],
            ]
        );
    }

    #[test]
    fn runs_are_read_in_their_sequence() {
        let file = |name: &str, sequence| {
            let header = Header { sequence, links: Some(0), ..Header::default() };
            FilePlan::new(Path::new(name), 0, Some(Format::Timed)).with_header(Some(header))
        };
        let mut files = vec![
            file("a.0002.jsonl.zst", 2),
            file("b_20300101.0000.jsonl.zst", 0),
            file("a.0000.jsonl.zst", 0),
            file("b_20300102.0000.jsonl.zst", 0),
            file("a.10000.jsonl.zst", 10_000),
            file("own_20300102.zst", 0),
            file("own_20300101.zst", 0),
        ];
        in_sequence(&mut files);
        let read: Vec<_> = files.iter().map(|file| file.path.to_str().unwrap()).collect();
        assert_eq!(
            read,
            [
                "a.0000.jsonl.zst",
                "b_20300101.0000.jsonl.zst",
                "a.0002.jsonl.zst",
                "b_20300102.0000.jsonl.zst",
                "a.10000.jsonl.zst",
                "own_20300102.zst",
                "own_20300101.zst",
            ]
        );
        assert_eq!(files[0].links(), 1);
        assert_eq!(lanes(files).len(), 4, "a, two of b, own");
    }

    #[test]
    fn other_files_follow_one_another() {
        let files = files(Format::Timed, &["a_20240718.gz", "b_20240718.gz", "a_20240719.gz"]);
        assert_eq!(names(&in_order(files.clone())).len(), 3);
        assert_eq!(files[0].key, files[2].key);
        assert_eq!(files[0].name, "a");
        let merged = names(&[lanes(files)]);
        assert_eq!(merged, [vec![vec!["a_20240718.gz", "a_20240719.gz"], vec!["b_20240718.gz"]]]);
    }
}
