//! A file's words in memory: the one place of this crate with unsafe code.

use memmap2::Mmap;
use std::{
    fs::{File, Metadata},
    io,
    path::Path,
    time::SystemTime,
};

/// A file mapped into memory, read only, of a size that is whole words.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: Mmap,
    file: File,
    found: (u64, Option<SystemTime>),
}

fn stamp(metadata: &Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

impl Mapping {
    /// Maps a file. One that is empty cannot be mapped.
    #[expect(unsafe_code, reason = "a mapped file may be changed by others")]
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        // SAFETY: what is read through the map may change under us only if somebody writes to the
        // file in place. The program never does: it writes a form under another name and renames
        // it, so a form that is replaced stays as it was for who has it mapped. Against others
        // there is no guard on any system. Who changes bytes in place gives numbers that were never
        // summed, each of which is bounded where it is used, and `is_unchanged` tells of it at the
        // end; who cuts the file short ends this process by SIGBUS.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { map, found: stamp(&metadata), file })
    }

    /// The words; bytes behind the last whole one are left out.
    #[inline]
    pub(crate) fn words(&self) -> &[u64] {
        let whole = self.map.len() & !(size_of::<u64>() - 1);
        // A map begins on a page.
        bytemuck::cast_slice(&self.map[..whole])
    }

    /// The file's size when it was mapped.
    pub(crate) fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Whether the file is still as long and as old as it was then.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| stamp(&metadata) == self.found)
    }
}
