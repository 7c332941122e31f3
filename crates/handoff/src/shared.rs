//! Words that several processes see: a mapping of shared memory. All of this crate's unsafe code is
//! here.
#![expect(unsafe_code, reason = "a mapping is a bare address")]

use alloc::string::ToString;
use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use rustix::io::Errno;
use shared_memory::{Shmem, ShmemConf, ShmemError};

use crate::segment::is_segment_name;
use crate::{SegmentError, Storage};

/// Words in shared memory, aligned to a page. They stay mapped as long as any handle on them or on a
/// part of them, whatever becomes of the segment's name and of the other processes.
///
/// Other processes may write anything at any time; every word is atomic, so that is a value and
/// never a fault. What no reader of a mapping can be kept from is a peer that shortens the segment:
/// the system then ends whoever touches the missing part. Only processes of the same user can.
///
/// Invariant: `words` and `len_words` describe words inside of `mapping`, which is mapped for reading
/// and writing, and `words` is aligned to a word.
#[derive(Clone)]
pub struct SharedRegion {
    words: NonNull<AtomicU64>,
    len_words: usize,
    mapping: Arc<Mapping>,
}

/// Unmaps, and closes the descriptor, when it is dropped.
struct Mapping(Shmem);

// SAFETY: after it is made, a `Shmem` is only asked for its address, and dropped; unmapping and
// closing may be done on any thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; nothing changes it through a shared reference.
unsafe impl Sync for Mapping {}
// SAFETY: the words are atomic, and the mapping that holds them may be dropped on any thread.
unsafe impl Send for SharedRegion {}
// SAFETY: the words are atomic.
unsafe impl Sync for SharedRegion {}

impl SharedRegion {
    /// Maps the segment of this name, which must have `len_words_min` words at least.
    pub fn open(name: &str, len_words_min: usize) -> Result<Self, SegmentError> {
        if !is_segment_name(name) {
            return Err(SegmentError::Name { name: name.to_string() });
        }
        let opened = ShmemConf::new().os_id(name).open();
        let region = Self::new(opened.map_err(|error| SegmentError::System {
            doing: "open",
            name: name.to_string(),
            needed_bytes: 0,
            source: errno(&error),
        })?);
        if region.len_words < len_words_min {
            let (needed_words, found_words) = (len_words_min, region.len_words);
            let name = name.to_string();
            return Err(SegmentError::TooSmall { name, needed_words, found_words });
        }
        Ok(region)
    }

    /// As [`SharedRegion::open`], and removes the name at once: for a segment that two processes
    /// share and no third is to open. So nothing is left of it even if its maker is gone by now.
    pub fn take(name: &str, len_words_min: usize) -> Result<Self, SegmentError> {
        let region = Self::open(name, len_words_min)?;
        // It cannot fail but for a name that its maker has removed meanwhile.
        let _ = rustix::shm::unlink(name);
        Ok(region)
    }

    /// Creates the segment of this name, for the user alone (mode 0600), and maps it. Fails if there
    /// is one. Nothing may touch the words before room is reserved for them.
    pub(crate) fn create(name: &str, len_words: usize) -> Result<Self, Errno> {
        let len_bytes = len_words.checked_mul(size_of::<u64>()).ok_or(Errno::FBIG)?;
        let created = ShmemConf::new().os_id(name).size(len_bytes).create();
        let mut shmem = created.map_err(|error| errno(&error))?;
        // Its name is `Segment`'s to remove.
        shmem.set_owner(false);
        Ok(Self::new(shmem))
    }

    /// A handle on `len_words` of these words from `first_index` on; `None` if they do not all exist.
    /// It keeps a ring's promise of lines if `first_index` is a multiple of 16.
    pub fn part(&self, first_index: usize, len_words: usize) -> Option<Self> {
        let part = self.words().get(first_index..)?.get(..len_words)?;
        let words = NonNull::from(part).cast();
        Some(Self { words, len_words, mapping: Arc::clone(&self.mapping) })
    }

    fn new(shmem: Shmem) -> Self {
        let address = shmem.as_ptr().cast::<AtomicU64>();
        let words = NonNull::new(address).expect("the system maps nothing at address zero");
        assert!(words.is_aligned(), "mappings begin with a page");
        let len_words = shmem.len() / size_of::<u64>();
        Self { words, len_words, mapping: Arc::new(Mapping(shmem)) }
    }

    #[inline]
    fn words(&self) -> &[AtomicU64] {
        // SAFETY: the invariant of the struct; the mapping lives as long as this handle, and what
        // other threads and processes do to the words they do by atomic accesses.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), self.len_words) }
    }
}

impl Storage for SharedRegion {
    #[inline]
    fn len_words(&self) -> usize {
        self.len_words
    }

    #[inline]
    fn load(&self, index: usize, order: Ordering) -> u64 {
        self.words()[index].load(order)
    }

    #[inline]
    fn store(&self, index: usize, value: u64, order: Ordering) {
        self.words()[index].store(value, order);
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }

    #[inline]
    fn load_words(&self, first_index: usize, words: &mut [u64]) {
        // One bounds check for all of them.
        let source = &self.words()[first_index..][..words.len()];
        for (word, atomic) in words.iter_mut().zip(source) {
            *word = atomic.load(Ordering::Relaxed);
        }
    }

    #[inline]
    fn store_words(&self, first_index: usize, words: &[u64]) {
        let target = &self.words()[first_index..][..words.len()];
        for (&word, atomic) in words.iter().zip(target) {
            atomic.store(word, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for SharedRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.mapping.0.get_os_id();
        f.debug_struct("SharedRegion").field("segment", &id).field("len", &self.len_words).finish()
    }
}

/// The system's error code in the crate's error; it keeps the code in several variants.
fn errno(error: &ShmemError) -> Errno {
    match error {
        ShmemError::MapCreateFailed(code)
        | ShmemError::MapOpenFailed(code)
        | ShmemError::UnknownOsError(code) => {
            Errno::from_raw_os_error(i32::try_from(*code).unwrap_or(0))
        }
        ShmemError::MappingIdExists => Errno::EXIST,
        _ => Errno::INVAL,
    }
}
