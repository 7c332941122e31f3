//! Where a ring's words live.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::layout::LINE_WORDS;

/// A handle on a fixed region of atomic 64-bit words. Clones are handles on the same words.
///
/// Word 0 should stand on a 128-byte boundary, so that what [`Geometry`](crate::Geometry) puts on
/// different cache lines is on different cache lines.
pub trait Storage: Clone {
    /// How many words there are; never changes.
    fn len_words(&self) -> usize;

    /// Reads the word at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len_words`](Self::len_words).
    fn load(&self, index: usize, order: Ordering) -> u64;

    /// Writes the word at `index`.
    ///
    /// # Panics
    /// If `index` is not below [`len_words`](Self::len_words).
    fn store(&self, index: usize, value: u64, order: Ordering);

    /// An atomic fence of the memory model these words belong to.
    fn fence(&self, order: Ordering);

    /// Reads consecutive words, each relaxed.
    ///
    /// # Panics
    /// If they do not all exist.
    #[inline]
    fn load_words(&self, first_index: usize, words: &mut [u64]) {
        for (offset, word) in words.iter_mut().enumerate() {
            *word = self.load(first_index + offset, Ordering::Relaxed);
        }
    }

    /// Writes consecutive words, each relaxed.
    ///
    /// # Panics
    /// If they do not all exist.
    #[inline]
    fn store_words(&self, first_index: usize, words: &[u64]) {
        for (offset, &word) in words.iter().enumerate() {
            self.store(first_index + offset, word, Ordering::Relaxed);
        }
    }
}

/// Words on the heap of this process, aligned to 128 bytes.
#[derive(Clone, Debug)]
pub struct HeapRegion {
    /// The words, and up to one line more to align the first.
    words: Arc<[AtomicU64]>,
    /// Where word 0 stands.
    first: usize,
}

impl HeapRegion {
    /// A region of `len_words` zeros. Making a ring of it writes every word, so that no later
    /// access meets a page the kernel has not supplied.
    pub fn new(len_words: usize) -> Self {
        let words: Arc<[AtomicU64]> =
            (0..len_words + LINE_WORDS - 1).map(|_| AtomicU64::new(0)).collect();
        // Allocations are aligned to a word at least, so at most a line less one word is skipped.
        // The compiler may decline to compute an alignment (`usize::MAX`); that costs speed only.
        let first = words.as_ptr().align_offset(LINE_WORDS * size_of::<u64>());
        Self { words, first: if first < LINE_WORDS { first } else { 0 } }
    }
}

impl Storage for HeapRegion {
    #[inline]
    fn len_words(&self) -> usize {
        self.words.len() - (LINE_WORDS - 1)
    }

    #[inline]
    fn load(&self, index: usize, order: Ordering) -> u64 {
        self.words[self.first + index].load(order)
    }

    #[inline]
    fn store(&self, index: usize, value: u64, order: Ordering) {
        self.words[self.first + index].store(value, order);
    }

    #[inline]
    fn fence(&self, order: Ordering) {
        fence(order);
    }

    #[inline]
    fn load_words(&self, first_index: usize, words: &mut [u64]) {
        // One bounds check for all of them.
        let source = &self.words[self.first + first_index..][..words.len()];
        for (word, atomic) in words.iter_mut().zip(source) {
            *word = atomic.load(Ordering::Relaxed);
        }
    }

    #[inline]
    fn store_words(&self, first_index: usize, words: &[u64]) {
        let target = &self.words[self.first + first_index..][..words.len()];
        for (&word, atomic) in words.iter().zip(target) {
            atomic.store(word, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_zero_starts_a_line_and_clones_share_words() {
        for len_words in [1, 16, 17, 96, 4_097] {
            let region = HeapRegion::new(len_words);
            assert_eq!(region.len_words(), len_words);
            let address = region.words[region.first..].as_ptr().addr();
            assert_eq!(address % 128, 0, "{len_words} words");
            region.clone().store(len_words - 1, 7, Ordering::Relaxed);
            assert_eq!(region.load(len_words - 1, Ordering::Relaxed), 7);
        }
    }

    #[test]
    fn word_runs_match_single_words() {
        let region = HeapRegion::new(32);
        region.store_words(5, &[1, 2, 3]);
        let singles = [4, 5, 6, 7, 8].map(|index| region.load(index, Ordering::Relaxed));
        assert_eq!(singles, [0, 1, 2, 3, 0]);
        let mut run = [9; 4];
        region.load_words(6, &mut run);
        assert_eq!(run, [2, 3, 0, 0]);
    }
}
