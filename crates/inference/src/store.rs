//! A folder of models: every version kept, one of them in use.
//!
//! ```text
//! DIR/<name>/<version>/model.onnx    a version; once placed it never changes
//! DIR/<name>/current                 the version in use, and on a second line the one before it
//! ```
//!
//! Whoever reads sees the state before a change or the one after it, whenever the changer dies: a
//! version is written into a folder with a hidden name, then renamed; so is the file `current`.
//! Both are on disk before they are renamed. Those who change a model wait for each other.

use crate::StoreError;
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The longest name of a model or version, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// More than two lines of names: what is longer is not a `current`.
const CURRENT_BYTES_MAX: u64 = 1_024;

/// The file of a version.
const MODEL_FILE: &str = "model.onnx";

/// The file that says which version is in use.
const CURRENT_FILE: &str = "current";

/// What is being written, before its rename. No version can have this name.
const INCOMING: &str = ".incoming";

/// Held by whoever changes a model.
const LOCK_FILE: &str = ".lock";

/// A models folder. Nothing is kept in memory: each call looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    folder: PathBuf,
}

/// Which version of a model is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InUse {
    /// This one.
    pub version: String,
    /// The one in use before it, which [`Store::roll_back`] goes back to.
    pub previous: Option<String>,
}

impl Store {
    /// The models folder at this path, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The store, model and version of `DIR/<name>/<version>/model.onnx`; `None` for another path.
    pub fn of(model_file: &Path) -> Option<(Self, String, String)> {
        let text = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        if text(model_file)? != MODEL_FILE {
            return None;
        }
        let version_folder = model_file.parent()?;
        let name_folder = version_folder.parent()?;
        let (version, name) = (text(version_folder)?, text(name_folder)?);
        check_name(&version).and_then(|()| check_name(&name)).ok()?;
        Some((Self::new(name_folder.parent()?), name, version))
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the file of this version is, or would be.
    pub fn model_path(&self, name: &str, version: &str) -> PathBuf {
        self.folder.join(name).join(version).join(MODEL_FILE)
    }

    /// The models it holds a version of, sorted; none if the folder is not there.
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = folders_in(&self.folder)?;
        names.retain(|name| self.versions(name).is_ok_and(|versions| !versions.is_empty()));
        names.sort_unstable();
        Ok(names)
    }

    /// The versions of a model, the highest last: runs of digits are compared as numbers.
    pub fn versions(&self, name: &str) -> Result<Vec<String>, StoreError> {
        check_name(name)?;
        let mut versions = folders_in(&self.folder.join(name))?;
        versions.retain(|version| self.model_path(name, version).is_file());
        versions.sort_unstable_by(|one, two| natural_order(one, two));
        Ok(versions)
    }

    /// One above the highest version that is a number; `1` if there is none.
    pub fn next_version(&self, name: &str) -> Result<String, StoreError> {
        let versions = self.versions(name)?;
        let highest = versions.iter().filter_map(|version| version.parse::<u64>().ok()).max();
        Ok((highest.unwrap_or(0).saturating_add(1)).to_string())
    }

    /// Which version is in use: what `current` says, else the highest; `None` without any version.
    pub fn in_use(&self, name: &str) -> Result<Option<InUse>, StoreError> {
        check_name(name)?;
        let path = self.folder.join(name).join(CURRENT_FILE);
        match read_current(&path) {
            Ok(text) => parse_current(&text)
                .map(Some)
                .map_err(|detail| StoreError::BadCurrent { path, detail }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let highest = self.versions(name)?.pop();
                Ok(highest.map(|version| InUse { version, previous: None }))
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(StoreError::BadCurrent { path, detail: "it is no text".to_owned() })
            }
            Err(error) => Err(failed("reading", &path)(error)),
        }
    }

    /// Adds a version whose file is `bytes`, which may be there already, and puts it to no use.
    pub fn place(&self, name: &str, version: &str, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(version)?;
        let (folder, _lock) = self.lock(name)?;
        let (place, incoming) = (folder.join(version), folder.join(INCOMING));
        match fs::read(place.join(MODEL_FILE)) {
            Ok(there) if there == bytes => return Ok(()),
            Ok(_) => {
                let (name, version) = (name.to_owned(), version.to_owned());
                return Err(StoreError::Taken { name, version });
            }
            Err(_) => {}
        }
        // What a changer left that died.
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(failed("clearing", &incoming)(error));
            }
            _ => {}
        }
        fs::create_dir(&incoming).map_err(failed("creating", &incoming))?;
        write_synced(&incoming.join(MODEL_FILE), bytes)?;
        sync_folder(&incoming)?;
        fs::rename(&incoming, &place).map_err(failed("naming", &place))?;
        sync_folder(&folder)
    }

    /// Puts a version to use that is there.
    pub fn promote(&self, name: &str, version: &str) -> Result<InUse, StoreError> {
        check_name(version)?;
        let (folder, _lock) = self.lock(name)?;
        let path = self.model_path(name, version);
        if !path.is_file() {
            let (name, version) = (name.to_owned(), version.to_owned());
            return Err(StoreError::UnknownVersion { name, version, path });
        }
        let before = match self.in_use(name) {
            // It said nothing: it is written anew, and there is nothing to go back to.
            Err(StoreError::BadCurrent { .. }) => None,
            before => before?,
        };
        let previous = match before {
            Some(before) if before.version == version => before.previous,
            before => before.map(|before| before.version),
        };
        let in_use = InUse { version: version.to_owned(), previous };
        write_current(&folder, &in_use)?;
        Ok(in_use)
    }

    /// Puts the version to use that was before the one in use. Doing it twice changes nothing.
    pub fn roll_back(&self, name: &str) -> Result<InUse, StoreError> {
        let unknown =
            || StoreError::UnknownModel { folder: self.folder.clone(), name: name.to_owned() };
        let InUse { version, previous } = self.in_use(name)?.ok_or_else(unknown)?;
        match previous {
            Some(previous) => self.promote(name, &previous),
            None => Err(StoreError::NoPrevious { name: name.to_owned(), version }),
        }
    }

    /// The model's folder, made where it is missing, and the right to change it.
    fn lock(&self, name: &str) -> Result<(PathBuf, File), StoreError> {
        check_name(name)?;
        let folder = self.folder.join(name);
        fs::create_dir_all(&folder).map_err(failed("creating", &folder))?;
        let path = folder.join(LOCK_FILE);
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.and_then(|file| file.lock().map(|()| file));
        Ok((folder, lock.map_err(failed("locking", &path))?))
    }
}

/// Whether the text may be a folder's name here: then no path made of it leads anywhere else.
fn check_name(text: &str) -> Result<(), StoreError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let fits = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
    if fits && !text.starts_with('.') && text != CURRENT_FILE {
        return Ok(());
    }
    Err(StoreError::BadName { text: text.to_owned() })
}

/// Numbers in the texts count as numbers, all else byte by byte: `v9` is before `v10`.
fn natural_order(one: &str, two: &str) -> Ordering {
    let (mut left, mut right) = (one.as_bytes(), two.as_bytes());
    while let ([a, rest_a @ ..], [b, rest_b @ ..]) = (left, right) {
        let order = if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number_a, after_a) = split_number(left);
            let (number_b, after_b) = split_number(right);
            (left, right) = (after_a, after_b);
            number_a.len().cmp(&number_b.len()).then(number_a.cmp(number_b))
        } else {
            (left, right) = (rest_a, rest_b);
            a.cmp(b)
        };
        if order.is_ne() {
            return order;
        }
    }
    // Equal but for zeros in front: any order will do that is always the same.
    left.len().cmp(&right.len()).then(one.cmp(two))
}

/// The digits in front, without their leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let zeros = text.iter().take_while(|byte| **byte == b'0').count();
    (&text[zeros..digits], &text[digits..])
}

/// Folders in the folder whose names may be a model's or a version's.
fn folders_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("listing", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("listing", folder))?;
        let name = entry.file_name().into_string().ok().filter(|name| check_name(name).is_ok());
        names.extend(name.filter(|_| entry.path().is_dir()));
    }
    Ok(names)
}

fn read_current(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(CURRENT_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn parse_current(text: &str) -> Result<InUse, String> {
    let mut lines = text.lines().map(str::trim);
    let version = lines.next().unwrap_or_default().to_owned();
    let previous = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    for name in previous.iter().chain([&version]) {
        check_name(name).map_err(|error| error.to_string())?;
    }
    match lines.next() {
        None => Ok(InUse { version, previous }),
        Some(_) => Err("it has more than two lines".to_owned()),
    }
}

fn write_current(folder: &Path, in_use: &InUse) -> Result<(), StoreError> {
    let previous = in_use.previous.as_ref().map_or(String::new(), |text| format!("{text}\n"));
    let text = format!("{}\n{previous}", in_use.version);
    let (path, incoming) = (folder.join(CURRENT_FILE), folder.join(".current"));
    write_synced(&incoming, text.as_bytes())?;
    fs::rename(&incoming, &path).map_err(failed("naming", &path))?;
    sync_folder(folder)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(failed("writing", path))
}

/// Makes renames within the folder last.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(failed("writing", folder))
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { doing, path: path.to_owned(), source }
}
