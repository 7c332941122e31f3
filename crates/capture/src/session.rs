//! Several files read as one session.

use crate::error::{CaptureError, Warning};
use crate::format::{Format, detect};
use crate::lane::{Lane, Shared};
use crate::open_file::name_connections;
use crate::plan::{self, FilePlan, GroupPlan};
use crate::record::{Header, Record};
use crate::runs;
use std::fs;
use std::io;
use std::path::Path;
use tickhawk_market::ConnectionId;

/// A recording being read: its files, and where reading is.
pub struct Session {
    groups: std::vec::IntoIter<GroupPlan>,
    lanes: Vec<Lane>,
    shared: Shared,
    files: Vec<FilePlan>,
    header: Option<Header>,
    bytes_total: u64,
}

impl Session {
    /// Opens files that are one session, oldest first. Each is told by its first line; nothing
    /// else is read yet.
    ///
    /// Files follow one another as named, with two exceptions: the `.ws.` and `.http.` files of one
    /// cryptofeed prefix (`KRAKEN.ws.50.0`, `KRAKEN.http.0.0`) are merged by receive time, where
    /// the first of them stands; and the files of one run of Tickhawk's are read in their sequence.
    /// Of a folder the recordings of all [runs](crate::runs) in it are read, run by run. Otherwise
    /// only files named here are read, never a sibling.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        Self::with_order(paths, plan::in_order)
    }

    /// Opens files of one session whose connections were recorded side by side, each to files of
    /// its own, as hftbacktest's collector does for symbols. Connections are merged by receive
    /// time; files of one connection follow one another as named.
    pub fn open_merged<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        Self::with_order(paths, |files| vec![plan::lanes(files)])
    }

    fn with_order<P: AsRef<Path>>(
        paths: &[P],
        order: fn(Vec<FilePlan>) -> Vec<GroupPlan>,
    ) -> Result<Self, CaptureError> {
        if paths.is_empty() {
            return Err(CaptureError::NoFiles);
        }
        let mut files = Vec::new();
        for path in runs::expand(paths)? {
            let bytes = file_bytes(&path)
                .map_err(|source| CaptureError::Open { path: path.clone(), source })?;
            let (format, header) = detect(&path)?.unzip();
            files.push(FilePlan::new(&path, bytes, format).with_header(header.flatten()));
        }
        plan::in_sequence(&mut files);
        let header = files.iter().find_map(|file| file.header.clone());
        Ok(Self {
            groups: order(files.clone()).into_iter(),
            lanes: Vec::new(),
            shared: Shared::default(),
            bytes_total: files.iter().map(|file| file.bytes).sum(),
            files,
            header,
        })
    }

    /// The next record, or `None` at the end. It borrows the session's buffers.
    ///
    /// After [`CaptureError::MalformedLine`] the next call goes on with the next line, after any
    /// other error with the next file.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        loop {
            for lane in &mut self.lanes {
                lane.fill(&mut self.shared)?;
            }
            if let Some(earliest) = earliest(&self.lanes) {
                return Ok(self.lanes[earliest].take(&mut self.shared));
            }
            let Some(group) = self.groups.next() else { return Ok(None) };
            self.begin(group)?;
        }
    }

    fn begin(&mut self, group: GroupPlan) -> Result<(), CaptureError> {
        self.shared.connections.begin_group();
        let named = name_connections(&group, &mut self.shared);
        let first = group.first().and_then(|lane| lane.first()).map(|file| file.path.clone());
        self.lanes = group.into_iter().map(Lane::new).collect();
        named.ok_or_else(|| CaptureError::TooManyConnections {
            path: first.unwrap_or_default(),
            line: 1,
        })
    }

    /// What the first line of the first Tickhawk recording says; `None` for other recorders' files.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The files in the order named, but those of a run in their sequence, and what wrote them; `None` for a file without a line.
    pub fn files(&self) -> impl Iterator<Item = (&Path, Option<Format>)> {
        self.files.iter().map(|file| (file.path.as_path(), file.format))
    }

    /// What a connection is called in its recording: cryptofeed's connection, else the file's name
    /// without date and suffix (hftbacktest's symbol), with `#2` for connection 2 of a file.
    /// `None` until its first record.
    pub fn connection_name(&self, connection: ConnectionId) -> Option<&str> {
        self.shared.connections.name(connection)
    }

    /// What was lost so far, at most one warning a file. Complete after the last record.
    pub fn warnings(&self) -> &[Warning] {
        &self.shared.warnings
    }

    /// Events of a newer recorder that this build does not know and left out.
    pub fn unknown_events(&self) -> u64 {
        self.shared.unknown_events
    }

    /// Bytes of all files as they lie on disk, for a progress bar.
    pub fn bytes_total(&self) -> u64 {
        self.bytes_total
    }

    /// How many of [`Self::bytes_total`] are read. It runs ahead of the records by a read buffer.
    pub fn bytes_read(&self) -> u64 {
        let open: u64 = self.lanes.iter().map(Lane::bytes_read).sum();
        // A file that grew since it was opened must not push a progress bar past its end.
        (self.shared.bytes_finished + open).min(self.bytes_total)
    }

    /// Bytes the line buffers hold. They grow with the longest line, never with the file.
    pub fn buffer_bytes(&self) -> usize {
        self.lanes.iter().map(Lane::buffer_bytes).sum()
    }
}

/// The lane whose record was received first; the first named of those that tie.
fn earliest(lanes: &[Lane]) -> Option<usize> {
    let ready = lanes.iter().enumerate();
    let times = ready.filter_map(|(index, lane)| Some((lane.received_at()?, index)));
    times.min().map(|(_, index)| index)
}

fn file_bytes(path: &Path) -> io::Result<u64> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    Ok(metadata.len())
}
