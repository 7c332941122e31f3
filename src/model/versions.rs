//! Models in a folder: promoted, rolled back, listed.

use super::{
    prove::{Proven, Terms, TookRow, micros, prove},
    refused, say,
};
use crate::{
    Outcome,
    cli::model::{ListArgs, PromoteArgs, RollbackArgs},
    report,
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{fs, io::Write, path::Path};
use tickhawk_inference::{InUse, Incumbent, ModelFile, RuntimeOptions, Store, StoreError};

/// What was put to use.
#[derive(Serialize)]
struct Promoted {
    name: String,
    version: String,
    previous: Option<String>,
    file: String,
    sha256: String,
    engine: String,
    budget_ns: Option<u64>,
    latency: TookRow,
}

/// `tickhawk model promote`
pub fn promote(args: &PromoteArgs) -> Result<Outcome> {
    match try_promote(args) {
        Ok(row) => say(&row, args.json, |out| {
            writeln!(out, "{}", in_use_line(&row.name, &row.version, row.previous.as_deref()))?;
            writeln!(out, "file       {}", row.file)
        }),
        Err(error) => refused(error),
    }
}

/// Nothing in the folder changes until the model has shown all it must.
fn try_promote(args: &PromoteArgs) -> Result<Promoted> {
    let store = Store::new(&args.models);
    let file = ModelFile::read(&args.model)?;
    let (name, version) = place_of(args, &store)?;
    let incumbent = incumbent(&store, &name)?;
    let budget_ns = args.budget_us.map(|micros| u64::from(micros) * 1_000);
    let engine = args.engine.engine.unwrap_or_default();
    let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
    let terms = Terms { incumbent: incumbent.as_ref(), budget_ns, options };
    let Proven { model, took } = prove(&file, &terms)?;
    store.place(&name, &version, file.bytes())?;
    let InUse { version, previous } = store.promote(&name, &version)?;
    eprintln!(
        "{} at the 50th and {} at the 99th percentile of its runs on this machine",
        micros(took.p50_ns),
        micros(took.p99_ns)
    );
    Ok(Promoted {
        file: store.model_path(&name, &version).display().to_string(),
        sha256: file.sha256(),
        engine: model.engine().to_owned(),
        latency: took.into(),
        name,
        version,
        previous,
        budget_ns,
    })
}

/// Which version of which model the file is to be: what the flags say, else where it lies in the
/// models folder, else its name outside and the next number.
fn place_of(args: &PromoteArgs, store: &Store) -> Result<(String, String)> {
    let lies_in = Store::of(&args.model);
    let within = lies_in.as_ref().filter(|(other, ..)| is_same(other.folder(), store.folder()));
    let version_there = within.map(|(_, name, version)| (name.clone(), version.clone()));
    let named = lies_in.filter(|(other, ..)| within_models(other)).map(|(_, name, _)| name);
    let stem = || args.model.file_stem()?.to_str().map(str::to_owned);
    let name = args.name.clone().or(version_there.as_ref().map(|(name, _)| name.clone()));
    let name = name.or(named).or_else(stem).unwrap_or_default();
    let version = match (&args.version, version_there) {
        (Some(version), _) => version.clone(),
        (None, Some((same, version))) if same == name => version,
        (None, _) => store.next_version(&name).context("hint: name the model with `--name`")?,
    };
    Ok((name, version))
}

fn within_models(store: &Store) -> bool {
    store.folder().file_name().is_some_and(|name| name == "models")
}

fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| fs::canonicalize(path).ok();
    whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// The version in use, if there is one, and if it is a model.
fn incumbent(store: &Store, name: &str) -> Result<Option<Incumbent>> {
    let in_use = match store.in_use(name) {
        Ok(Some(InUse { version, .. })) => version,
        Ok(None) => return Ok(None),
        Err(error @ StoreError::BadCurrent { .. }) => {
            eprintln!("warning: {error}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let called = format!("version `{in_use}` of `{name}`");
    let read = ModelFile::read(store.model_path(name, &in_use));
    match read.and_then(|file| Incumbent::of_file(&called, &file)) {
        Ok(incumbent) => Ok(Some(incumbent)),
        Err(error) => {
            eprintln!("warning: {called} is in use and cannot be compared with: {error}");
            Ok(None)
        }
    }
}

/// What is in use now.
#[derive(Serialize)]
struct RolledBack {
    name: String,
    version: String,
    previous: Option<String>,
}

/// `tickhawk model rollback`
pub fn roll_back(args: &RollbackArgs) -> Result<Outcome> {
    let InUse { version, previous } = Store::new(&args.models).roll_back(&args.name)?;
    let row = RolledBack { name: args.name.clone(), version, previous };
    say(&row, args.json, |out| {
        writeln!(out, "{}", in_use_line(&row.name, &row.version, row.previous.as_deref()))
    })
}

fn in_use_line(name: &str, version: &str, previous: Option<&str>) -> String {
    let before = previous.map_or(String::new(), |previous| format!(", before it {previous}"));
    format!("{name:<10} {version} is in use{before}")
}

/// A model of the folder.
#[derive(Serialize)]
struct Listed {
    name: String,
    in_use: Option<String>,
    previous: Option<String>,
    versions: Vec<String>,
    problem: Option<String>,
}

/// `tickhawk model list`
pub fn list(args: &ListArgs) -> Result<Outcome> {
    let store = Store::new(&args.models);
    let mut out = report::stdout();
    let names = store.names()?;
    for name in &names {
        let row = Listed::new(&store, name)?;
        if args.json {
            writeln!(out, "{}", sonic_rs::to_string(&row)?)?;
        } else {
            let in_use = row.in_use.as_deref();
            writeln!(out, "{}", in_use_line(name, in_use.unwrap_or("?"), row.previous.as_deref()))?;
            writeln!(out, "           of {}", row.versions.join(" "))?;
        }
        if let Some(problem) = row.problem {
            eprintln!("problem: {problem}");
        }
    }
    out.flush()?;
    if names.is_empty() {
        eprintln!(
            "no model in `{}`\nhint: `tickhawk model promote F.onnx --models DIR` puts one there",
            args.models.display()
        );
    }
    Ok(Outcome::Done)
}

impl Listed {
    fn new(store: &Store, name: &str) -> Result<Self> {
        let versions = store.versions(name)?;
        let (in_use, problem) = match store.in_use(name) {
            Ok(in_use) => (in_use, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let (in_use, previous) =
            in_use.map_or((None, None), |in_use| (Some(in_use.version), in_use.previous));
        Ok(Self { name: name.to_owned(), in_use, previous, versions, problem })
    }
}
