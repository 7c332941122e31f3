//! Memory that is there before it is used, and stays.
//!
//! What a page costs is paid when it is first touched: the kernel is entered, finds one and fills it
//! with zeros, a microsecond or more in the middle of a message. So an allocator can do the touching
//! as it hands blocks out, which for rings, books and windows is before the message that needs them.
#![allow(unsafe_code)]

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{Resource, getrlimit},
    thread::{CapabilitySet, capabilities, disable_transparent_huge_pages},
};
use std::{
    alloc::{GlobalAlloc, Layout},
    fs,
    hint::black_box,
    io,
    sync::atomic::{AtomicBool, Ordering},
};

/// The smallest page of the hosts this runs on: a larger one is touched more than once.
const PAGE_BYTES: usize = 4_096;

/// Stack that is touched in advance: several times what either step was seen to use.
const STACK_BYTES: usize = 256 << 10;

const HUGE_PAGES_FILE: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// Whether blocks are touched as they are allocated.
static PREFAULTS: AtomicBool = AtomicBool::new(false);

/// Why the host does not do with memory what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// No more than a part may be locked; once that is used up, allocations would fail. Raise the
    /// limit (`ulimit -l unlimited`, systemd's `LimitMEMLOCK=infinity`) or give `CAP_IPC_LOCK`.
    #[error("only {limit_kib} KiB may be locked: allocations beyond them would fail")]
    LockLimit {
        /// The limit, in KiB.
        limit_kib: u64,
    },
    /// The kernel refused. It needs Linux 4.4 and memory for all that is mapped.
    #[error("mlockall: {0}")]
    Lock(#[source] io::Error),
    /// The kernel gives out no huge pages. Write `madvise` into that file.
    #[error("`{HUGE_PAGES_FILE}` says `{found}`")]
    NoHugePages {
        /// What it says.
        found: String,
    },
}

impl MemoryError {
    /// What to do about it.
    pub fn cure(&self) -> &'static str {
        match self {
            Self::LockLimit { .. } => {
                "`ulimit -l unlimited`, systemd's LimitMEMLOCK=infinity, or CAP_IPC_LOCK"
            }
            Self::Lock(_) => "free memory, or Linux 4.4 and later",
            Self::NoHugePages { .. } => {
                "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
            }
        }
    }
}

/// Has every block of a page or more touched as it is allocated from here on, where the program's
/// allocator is a [`ReadyAllocator`].
pub fn prefault_blocks() {
    PREFAULTS.store(true, Ordering::Relaxed);
}

/// Keeps to small pages from here on. Without this the allocator asks for huge ones wherever the kernel
/// gives them to those who ask; what it has by now it keeps.
pub fn use_small_pages() {
    // Kernels that know no such wish give out no huge pages either.
    let _ = disable_transparent_huge_pages(true);
}

/// Whether the kernel gives huge pages to those who ask.
///
/// # Errors
/// If it does not.
pub fn may_use_huge_pages() -> Result<(), MemoryError> {
    let found = fs::read_to_string(HUGE_PAGES_FILE).unwrap_or_else(|error| error.to_string());
    match ["[always]", "[madvise]"].iter().any(|word| found.contains(word)) {
        true => Ok(()),
        false => Err(MemoryError::NoHugePages { found: found.trim().to_owned() }),
    }
}

/// Keeps every page of this process in memory once it was touched, those mapped later too. Pages that
/// nobody touched stay where they are: allocators reserve far more than they use.
///
/// # Errors
/// If the host does not let this process lock all it may come to use; then nothing is locked.
pub fn lock_memory() -> Result<(), MemoryError> {
    may_lock_memory()?;
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .map_err(|errno| MemoryError::Lock(errno.into()))
}

/// Whether this process may lock all it may come to use.
///
/// # Errors
/// If it may not.
pub fn may_lock_memory() -> Result<(), MemoryError> {
    let limit = getrlimit(Resource::Memlock).current;
    let is_capable =
        capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    match limit {
        Some(bytes) if !is_capable => Err(MemoryError::LockLimit { limit_kib: bytes / 1_024 }),
        _ => Ok(()),
    }
}

/// Touches the part of the calling thread's stack that it is going to use.
#[inline(never)]
pub(crate) fn touch_stack() {
    black_box(&mut [0u8; STACK_BYTES]);
}

/// An allocator that touches blocks as it hands them out, if [`prefault_blocks`] says so, and leaves all
/// else to the one it holds.
#[derive(Debug)]
pub struct ReadyAllocator<A>(pub A);

// SAFETY: every call goes to the allocator within unchanged. What is done to its blocks besides
// (`touch`) writes zeros only where the block's contents are either zeros or not yet the caller's,
// calls no allocator and does not unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ReadyAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { self.0.alloc(layout) };
        ready(block, 0, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { self.0.alloc_zeroed(layout) };
        ready(block, 0, layout.size())
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { self.0.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        let block = unsafe { self.0.realloc(block, layout, size) };
        ready(block, layout.size(), size)
    }
}

/// Hands the block on, touched beyond the `held` bytes that have contents.
#[inline]
fn ready(block: *mut u8, held: usize, size: usize) -> *mut u8 {
    if size.saturating_sub(held) >= PAGE_BYTES && PREFAULTS.load(Ordering::Relaxed) {
        touch(block, held, size);
    }
    block
}

#[cold]
fn touch(block: *mut u8, held: usize, size: usize) {
    if block.is_null() {
        return;
    }
    for offset in (held..size).step_by(PAGE_BYTES).chain([size - 1]) {
        // SAFETY: `offset` is below `size`, so it stays within the block.
        let byte = unsafe { block.add(offset) };
        // SAFETY: the byte is the block's, and beyond `held`: it holds nothing yet, or a zero.
        unsafe { byte.write_volatile(0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::alloc::System;

    /// What is in the blocks is the caller's, whatever is asked for.
    #[test]
    fn contents_are_left_alone() {
        prefault_blocks();
        touch_stack();
        let allocator = ReadyAllocator(System);
        for size in [1, 4_095, 4_096, 4_097, 70_001, 600_000, 5 << 20] {
            let layout = Layout::from_size_align(size, 64).unwrap();
            let grown = size * 2 + 5_000;
            // SAFETY: each block is used within its size, and freed once with its last layout.
            unsafe {
                let block = allocator.alloc_zeroed(layout);
                let bytes = std::slice::from_raw_parts_mut(block, size);
                assert!(bytes.iter().all(|byte| *byte == 0), "{size}");
                bytes.fill(7);
                let block = allocator.realloc(block, layout, grown);
                let bytes = std::slice::from_raw_parts(block, size);
                assert!(bytes.iter().all(|byte| *byte == 7), "{size}");
                let layout = Layout::from_size_align(grown, 64).unwrap();
                let block = allocator.realloc(block, layout, 1);
                assert_eq!(*block, 7, "{size}");
                allocator.dealloc(block, Layout::from_size_align(1, 64).unwrap());
                let block = allocator.alloc(layout);
                block.write_bytes(9, grown);
                allocator.dealloc(block, layout);
            }
        }
    }
}
