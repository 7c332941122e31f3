//! SIGHUP: the config file is read again, and the instruments that its lanes name now are the ones
//! that `live` and `record` go on with.

use crate::{
    cli::{ConfigArgs, ScoringArgs, live::FeedArgs},
    config::Config,
    lanes::Lane,
    report, shutdown,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, channel},
};
use tickhawk_venue::Venue;
use toml::{Table, Value};

/// What the lists of instruments are called in the config.
const SYMBOLS: &str = "symbols";

/// Lists of instruments a lane is to have from then on, one after the other.
pub type Changes = Receiver<Vec<String>>;

/// What the config is resolved from.
#[derive(Clone)]
pub struct Told {
    /// The config file, and what stands over it.
    pub config: ConfigArgs,
    /// The model's flags.
    pub scoring: ScoringArgs,
    /// The lane's flags.
    pub feed: FeedArgs,
}

/// Where a lane's changes go, and what it has.
struct Served {
    venue: Venue,
    symbols: Vec<String>,
    changes: Sender<Vec<String>>,
}

/// A config file as it was when the run began, and its lanes as they are.
struct Reload {
    told: Told,
    path: PathBuf,
    started: Table,
    lanes: Vec<Served>,
}

/// Listens for SIGHUP where there is a config file: the changes of each lane, in their order.
/// Without one nothing ever changes, and SIGHUP ends the process as it would any other.
pub fn watch(told: Told, lanes: &[Lane]) -> Result<Vec<Changes>> {
    let (served, changes): (Vec<_>, Vec<_>) = lanes
        .iter()
        .map(|lane| {
            let (sender, receiver) = channel();
            let (venue, symbols) = (lane.venue, lane.symbols.clone());
            (Served { venue, symbols, changes: sender }, receiver)
        })
        .unzip();
    if let Some(path) = told.config.config.clone() {
        let mut reload = Reload { started: read(&path)?, told, path, lanes: served };
        shutdown::on_hangup(move || reload.say())?;
    }
    Ok(changes)
}

impl Reload {
    fn say(&mut self) {
        match self.run() {
            Ok(said) => eprintln!("config `{}` read again: {said}", self.path.display()),
            Err(error) => eprintln!(
                "error: config `{}` read again, nothing is changed: {}",
                self.path.display(),
                report::causes(&error)
            ),
        }
    }

    /// Changes every lane, or none.
    fn run(&mut self) -> Result<String> {
        let config = Config::resolve(&self.told.config, &self.told.scoring)?;
        let now = read(&self.path)?;
        if let Some(key) = difference(&self.started, &now) {
            bail!(
                "`{key}` is not what it was\nhint: only the symbols of lanes change while it runs; \
                 restart it for all else"
            );
        }
        let lanes = Lane::resolve(&config, &self.told.feed)?;
        let mut said = Vec::new();
        for (served, lane) in self.lanes.iter_mut().zip(lanes) {
            let list = |symbols: &[String], others: &[String]| {
                let only = symbols.iter().filter(|symbol| !others.contains(symbol));
                only.map(String::as_str).collect::<Vec<_>>().join(", ")
            };
            let added = list(&lane.symbols, &served.symbols);
            let removed = list(&served.symbols, &lane.symbols);
            for (word, names) in [("added", &added), ("removed", &removed)] {
                if !names.is_empty() {
                    said.push(format!("{}: {word} {names}", served.venue));
                }
            }
            if !added.is_empty() || !removed.is_empty() {
                served.symbols = lane.symbols.clone();
                // A lane that has ended takes nothing any more.
                let _ = served.changes.send(lane.symbols);
            }
        }
        Ok(match (said.is_empty(), &self.told.feed.venue.symbols) {
            (false, _) => said.join("; "),
            (true, None) => "no instrument is new or gone".to_owned(),
            (true, Some(_)) => "`--symbols` stands over it, so nothing is changed".to_owned(),
        })
    }
}

/// The file without the symbols of its lanes.
fn read(path: &Path) -> Result<Table> {
    let doing = || format!("reading config `{}`", path.display());
    let mut table: Table = fs::read_to_string(path).with_context(doing)?.parse()?;
    let lanes = table.get_mut("lanes").and_then(Value::as_array_mut);
    for lane in lanes.into_iter().flatten().filter_map(Value::as_table_mut) {
        lane.remove(SYMBOLS);
    }
    Ok(table)
}

/// The first key that two tables do not have the same value of.
fn difference(one: &Table, two: &Table) -> Option<String> {
    let key = one.keys().chain(two.keys()).find(|key| one.get(*key) != two.get(*key))?;
    let within = match (one.get(key), two.get(key)) {
        (Some(Value::Table(one)), Some(Value::Table(two))) => difference(one, two),
        (Some(Value::Array(one)), Some(Value::Array(two))) if one.len() == two.len() => {
            let mut pairs = one.iter().zip(two).enumerate();
            pairs.find_map(|(index, (one, two))| {
                let within = difference(one.as_table()?, two.as_table()?)?;
                Some(format!("number {}: {within}", index + 1))
            })
        }
        _ => None,
    };
    Some(within.map_or_else(|| key.clone(), |within| format!("{key}.{within}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, two: &str, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let table = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            read(&path).unwrap()
        };
        let found = difference(&table("one", one), &table("two", two));
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn symbols_may_differ_and_all_else_is_named() {
        let lane = "[[lanes]]\nvenue = \"okx\"\n";
        let one = format!("[policy]\nenter = 0.5\n{lane}symbols = [\"A\"]\n{lane}");
        check(&one, &one.replace("\"A\"", "\"B\", \"C\""), None);
        check(&one, &format!("# a word\n{one}"), None);
        check(&one, &one.replace("0.5", "0.6"), Some("policy.enter"));
        check(&one, &format!("{one}connections = 2"), Some("lanes.number 2: connections"));
        check(&one, &format!("{one}{lane}"), Some("lanes"));
        check(&one, &one.replace("[policy]\nenter = 0.5\n", ""), Some("policy"));
    }
}
