//! The files of one run, one after another.

use crate::error::CaptureError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What a file is written to: a file, and in tests a disk that fails.
pub(crate) trait Output: Write + Send {
    /// Waits until what was written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
}

impl Output for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Makes a new file.
pub(crate) type Create = Box<dyn FnMut(&Path) -> io::Result<Box<dyn Output>> + Send>;

/// Makes files that did not exist. Their name in the folder is made to last too, where the system
/// can do that.
pub(crate) fn on_disk() -> Create {
    Box::new(|path| {
        let file = File::create_new(path)?;
        // Not every system opens folders; the file itself is synced in any case.
        let _ = path.parent().map(|folder| File::open(folder).and_then(|open| open.sync_all()));
        Ok(Box::new(file))
    })
}

/// Counts what reaches the file.
pub(crate) struct Counted {
    output: Box<dyn Output>,
    pub bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.output.write(bytes)?;
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// What a form of file is written with.
pub(crate) trait Pen<Item>: Sized {
    fn write(&mut self, item: &Item) -> Result<(), CaptureError>;
    /// Ends a block and hands it to the system.
    fn flush(&mut self) -> Result<(), CaptureError>;
    /// Bytes that reached the file.
    fn bytes(&self) -> u64;
    fn finish(self) -> Result<Counted, CaptureError>;
}

/// A form of file: recordings, outcome logs.
pub(crate) trait Form: Send + 'static {
    type Item;
    type Pen: Pen<Self::Item> + Send;
    const SUFFIX: &'static str;
    /// Begins the file of that sequence. The first one is begun before there is an item.
    fn begin(
        &self,
        output: Counted,
        sequence: u32,
        first: Option<&Self::Item>,
    ) -> Result<Self::Pen, CaptureError>;
    /// The UTC day an item belongs to, if a new day begins a new file.
    fn day(item: &Self::Item) -> Option<u64>;
}

/// Where a run's files lie and how large they grow.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub folder: PathBuf,
    pub run: String,
    pub file_bytes_max: u64,
}

/// The files of one form.
pub(crate) struct RunFiles<F: Form> {
    place: Place,
    form: F,
    create: Create,
    open: Option<Open<F>>,
    pub done: Done,
}

struct Open<F: Form> {
    path: PathBuf,
    pen: F::Pen,
    /// The latest day in it.
    day: Option<u64>,
    is_flushed: bool,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub files: Vec<PathBuf>,
    pub records: u64,
    pub bytes: u64,
}

impl<F: Form> RunFiles<F> {
    /// Creates the folder and the first file, and writes that file's beginning.
    pub fn start(place: Place, form: F, create: Create) -> Result<Self, CaptureError> {
        if place.run.is_empty() || place.run.contains(['/', '\\', '\0']) {
            return Err(CaptureError::RunName { run: place.run });
        }
        fs::create_dir_all(&place.folder)
            .map_err(|source| CaptureError::Create { path: place.folder.clone(), source })?;
        let mut files = Self { place, form, create, open: None, done: Done::default() };
        files.begin(None)?;
        Ok(files)
    }

    fn begin(&mut self, first: Option<&F::Item>) -> Result<(), CaptureError> {
        let sequence = self.done.files.len();
        let name = format!("{}.{sequence:04}.{}", self.place.run, F::SUFFIX);
        let path = self.place.folder.join(name);
        let output = (self.create)(&path)
            .map_err(|source| CaptureError::Create { path: path.clone(), source })?;
        self.done.files.push(path.clone());
        let output = Counted { output, bytes: 0 };
        let sequence = u32::try_from(sequence).unwrap_or(u32::MAX);
        let named = |error: CaptureError| error.in_file(&path);
        let mut pen = self.form.begin(output, sequence, first).map_err(named)?;
        pen.flush().map_err(named)?;
        self.open = Some(Open { path, pen, day: first.and_then(F::day), is_flushed: true });
        Ok(())
    }

    /// Writes an item, in a new file if the present one is large enough or of an earlier day.
    pub fn write(&mut self, item: &F::Item) -> Result<(), CaptureError> {
        let day = F::day(item);
        let is_full = self.open.as_ref().is_none_or(|open| {
            // A clock that steps back over midnight stays in the later file.
            let is_next_day = open.day.is_some_and(|latest| day.is_some_and(|day| day > latest));
            is_next_day || open.pen.bytes() >= self.place.file_bytes_max
        });
        if is_full {
            self.finish()?;
            self.begin(Some(item))?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.day = open.day.or(day);
        open.is_flushed = false;
        open.pen.write(item).map_err(|error| error.in_file(&open.path))?;
        self.done.records += 1;
        Ok(())
    }

    /// Makes what was written so far readable after a kill.
    pub fn flush(&mut self) -> Result<(), CaptureError> {
        match &mut self.open {
            Some(open) if !open.is_flushed => {
                open.is_flushed = true;
                open.pen.flush().map_err(|error| error.in_file(&open.path))
            }
            _ => Ok(()),
        }
    }

    /// Ends the open file, if one is, and waits until it is on the disk.
    pub fn finish(&mut self) -> Result<(), CaptureError> {
        let Some(Open { path, pen, .. }) = self.open.take() else { return Ok(()) };
        let bytes = pen.bytes();
        let ended = pen.finish();
        self.done.bytes += ended.as_ref().map_or(bytes, |output| output.bytes);
        let synced = ended.and_then(|mut output| output.output.sync().map_err(CaptureError::Write));
        synced.map_err(|error| error.in_file(&path))
    }
}
