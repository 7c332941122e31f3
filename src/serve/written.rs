//! When each frame went to the kernel, as a file.

use anyhow::{Context, Result};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Writes that are held in memory before they must go out: 24 MB, some minute at 20,000 a second.
const HELD_MAX: usize = 1 << 20;

/// Writes of frames, and the file that they go to when nobody is served.
pub struct Written {
    path: PathBuf,
    out: BufWriter<File>,
    held: Vec<(u32, u64, u64)>,
    failure: Option<io::Error>,
}

impl Written {
    /// Creates the file, with the names of its columns.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating `{}`", path.display()))?;
        let mut out = BufWriter::new(file);
        writeln!(out, "client,frame,written_ns").with_context(|| named(path))?;
        Ok(Self { path: path.to_owned(), out, held: Vec::with_capacity(HELD_MAX), failure: None })
    }

    /// A frame went to the kernel.
    pub fn note(&mut self, client: u32, frame: u64, at_ns: u64) {
        self.held.push((client, frame, at_ns));
        if self.held.len() == HELD_MAX {
            self.write_out();
        }
    }

    /// Writes out what is held: when that disturbs nobody.
    pub fn write_out(&mut self) {
        for (client, frame, at_ns) in self.held.drain(..) {
            if self.failure.is_none() {
                self.failure = writeln!(self.out, "{client},{frame},{at_ns}").err();
            }
        }
    }

    /// Writes out the rest.
    ///
    /// # Errors
    /// If something could not be written, now or before.
    pub fn finish(mut self) -> Result<()> {
        self.write_out();
        match self.failure {
            Some(failure) => Err(failure),
            None => self.out.flush(),
        }
        .with_context(|| named(&self.path))
    }
}

fn named(path: &Path) -> String {
    format!("writing `{}`", path.display())
}
