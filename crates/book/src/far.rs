//! The far book: what the window does not hold, in sorted chunks.
//!
//! Two levels of a B-tree, laid flat: `lows[i]` is the lowest key of the chunk `order[i]`, both
//! ascending, and a chunk holds up to 64 keys, ascending. Finding costs two binary searches;
//! inserting moves at most half a kilobyte twice, and now and then a tail of the two flat lists.
//!
//! The far book is deep but its traffic is not: a few round prices take most of it (1000.00 below
//! a BTCUSDT at 64,000 changes with every second message). So where a key was last found is kept
//! in a small table and tried first; that is only a guess, which the chunk itself confirms.
//!
//! Invariant: two neighbouring chunks hold more than [`MERGE`] levels together, so the chunks that
//! `capacity` levels can need are known at the start, reserved then, and never grown.

use alloc::boxed::Box;
use alloc::vec::Vec;

const CHUNK: usize = 64;
const MERGE: usize = CHUNK / 2;

/// Places remembered: 4 KiB, which leaves the first-level cache to the near book.
const RECENT: usize = 1 << RECENT_BITS;
const RECENT_BITS: u32 = 10;

#[derive(Clone, Copy)]
struct Chunk {
    len: usize,
    keys: [i64; CHUNK],
    qtys: [i64; CHUNK],
}

impl Chunk {
    const EMPTY: Self = Self { len: 0, keys: [0; CHUNK], qtys: [0; CHUNK] };

    #[inline]
    fn find(&self, key: i64) -> Result<usize, usize> {
        self.keys[..self.len].binary_search(&key)
    }

    fn insert(&mut self, index: usize, key: i64, qty: i64) {
        self.keys.copy_within(index..self.len, index + 1);
        self.qtys.copy_within(index..self.len, index + 1);
        (self.keys[index], self.qtys[index]) = (key, qty);
        self.len += 1;
    }

    fn remove(&mut self, index: usize) {
        self.keys.copy_within(index + 1..self.len, index);
        self.qtys.copy_within(index + 1..self.len, index);
        self.len -= 1;
    }

    /// Appends `count` levels of `other` from `first` on.
    fn extend(&mut self, other: &Self, first: usize, count: usize) {
        let (to, from) = (self.len..self.len + count, first..first + count);
        self.keys[to.clone()].copy_from_slice(&other.keys[from.clone()]);
        self.qtys[to].copy_from_slice(&other.qtys[from]);
        self.len += count;
    }
}

/// A sorted map of keys to quantities, bounded, allocation-free after `new`.
pub(crate) struct Far {
    chunks: Vec<Chunk>,
    free: Vec<u32>,
    order: Vec<u32>,
    lows: Vec<i64>,
    count: usize,
    highest: Option<i64>,
    /// Chunk times 64 plus index of a key whose hash is the slot, if it is still there.
    recent: Box<[u32; RECENT]>,
}

impl Far {
    /// Room for `capacity` levels. The pages are the kernel's until touched.
    pub(crate) fn new(capacity: usize) -> Self {
        let chunks = 2 * (capacity / (MERGE + 1)) + 3;
        Self {
            chunks: Vec::with_capacity(chunks),
            free: Vec::with_capacity(chunks),
            order: Vec::with_capacity(chunks),
            lows: Vec::with_capacity(chunks),
            count: 0,
            highest: None,
            recent: Box::new([0; RECENT]),
        }
    }

    /// Levels held.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The highest key.
    #[inline]
    pub(crate) fn highest(&self) -> Option<i64> {
        self.highest
    }

    /// The lowest key.
    pub(crate) fn lowest(&self) -> Option<i64> {
        self.lows.first().copied()
    }

    /// The quantity at a key.
    pub(crate) fn get(&self, key: i64) -> Option<i64> {
        let chunk = self.chunks.get(*self.order.get(self.place_of(key))? as usize)?;
        chunk.find(key).ok().map(|index| chunk.qtys[index])
    }

    /// Puts `qty` at a key, or removes the key where `qty` is zero.
    #[inline]
    pub(crate) fn set(&mut self, key: i64, qty: i64) {
        let guess = self.recent[recent_slot(key)] as usize;
        let (id, index) = (guess / CHUNK, guess % CHUNK);
        match self.chunks.get_mut(id) {
            // A chunk in use holds each of its keys once; one out of use has no length.
            Some(chunk) if qty != 0 && index < chunk.len && chunk.keys[index] == key => {
                chunk.qtys[index] = qty;
            }
            _ => self.set_searched(key, qty),
        }
    }

    #[inline(never)]
    fn set_searched(&mut self, key: i64, qty: i64) {
        let place = self.place_of(key);
        let Some(&id) = self.order.get(place) else {
            if qty != 0 {
                self.insert_chunk(0, key, qty);
            }
            return;
        };
        let chunk = &mut self.chunks[id as usize];
        match chunk.find(key) {
            Ok(index) if qty != 0 => {
                chunk.qtys[index] = qty;
                self.recent[recent_slot(key)] = id * CHUNK as u32 + index as u32;
            }
            Ok(index) => self.remove(place, index),
            Err(index) if qty != 0 => self.insert(place, index, key, qty),
            Err(_) => {}
        }
    }

    /// Offers every level of `low..=high`, ascending, to `take`, and drops those it takes.
    pub(crate) fn extract(&mut self, low: i64, high: i64, mut take: impl FnMut(i64, i64) -> bool) {
        let first = self.place_of(low);
        let mut place = first;
        while place < self.order.len() && self.lows[place] <= high {
            let chunk = &mut self.chunks[self.order[place] as usize];
            let mut kept = 0;
            for index in 0..chunk.len {
                let (key, qty) = (chunk.keys[index], chunk.qtys[index]);
                if key < low || key > high || !take(key, qty) {
                    (chunk.keys[kept], chunk.qtys[kept]) = (key, qty);
                    kept += 1;
                }
            }
            self.count -= chunk.len - kept;
            chunk.len = kept;
            if kept == 0 {
                self.drop_chunk(place);
            } else {
                self.lows[place] = chunk.keys[0];
                place += 1;
            }
        }
        self.merge_all(first.saturating_sub(1), place);
        self.note_highest();
    }

    /// Forgets every level.
    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
        self.free.clear();
        self.order.clear();
        self.lows.clear();
        (self.count, self.highest) = (0, None);
    }

    /// Every level from the highest down.
    #[inline]
    pub(crate) fn descending(&self) -> Descending<'_> {
        Descending { far: self, place: self.order.len(), chunk: &Chunk::EMPTY, len: 0 }
    }

    /// Where in `order` a key belongs: the last chunk that starts at or below it, else the first.
    #[inline]
    fn place_of(&self, key: i64) -> usize {
        self.lows.partition_point(|&low| low <= key).saturating_sub(1)
    }

    fn insert(&mut self, place: usize, index: usize, key: i64, qty: i64) {
        let chunk = &mut self.chunks[self.order[place] as usize];
        if chunk.len < CHUNK {
            chunk.insert(index, key, qty);
            self.lows[place] = chunk.keys[0];
            self.count += 1;
            self.highest = self.highest.max(Some(key));
        } else if index == CHUNK && place + 1 == self.order.len() {
            // Levels arriving in order fill chunks instead of halving them.
            self.insert_chunk(place + 1, key, qty);
        } else if index == 0 && place == 0 {
            self.insert_chunk(0, key, qty);
        } else {
            self.split(place);
            let upper = usize::from(index > CHUNK / 2);
            self.insert(place + upper, index - upper * (CHUNK / 2), key, qty);
        }
    }

    fn remove(&mut self, place: usize, index: usize) {
        let chunk = &mut self.chunks[self.order[place] as usize];
        chunk.remove(index);
        let len = chunk.len;
        self.lows[place] = chunk.keys[0];
        self.count -= 1;
        if len == 0 {
            self.drop_chunk(place);
        } else if len < MERGE {
            self.merge_all(place.saturating_sub(1), place + 1);
        }
        self.note_highest();
    }

    /// Gives a level a chunk of its own. Only for the first and last place, beside a full chunk,
    /// or the invariant would not hold.
    fn insert_chunk(&mut self, place: usize, key: i64, qty: i64) {
        let mut chunk = Chunk::EMPTY;
        chunk.insert(0, key, qty);
        self.add_chunk(place, chunk);
        self.count += 1;
        self.highest = self.highest.max(Some(key));
    }

    fn split(&mut self, place: usize) {
        let lower = &mut self.chunks[self.order[place] as usize];
        let mut upper = Chunk::EMPTY;
        upper.extend(lower, CHUNK / 2, CHUNK / 2);
        lower.len = CHUNK / 2;
        self.add_chunk(place + 1, upper);
    }

    fn add_chunk(&mut self, place: usize, chunk: Chunk) {
        let id = match self.free.pop() {
            Some(id) => {
                self.chunks[id as usize] = chunk;
                id
            }
            None => {
                assert!(self.chunks.len() < self.chunks.capacity(), "the invariant bounds chunks");
                self.chunks.push(chunk);
                (self.chunks.len() - 1) as u32
            }
        };
        self.order.insert(place, id);
        self.lows.insert(place, chunk.keys[0]);
    }

    fn drop_chunk(&mut self, place: usize) {
        let id = self.order.remove(place);
        self.chunks[id as usize].len = 0;
        self.free.push(id);
        self.lows.remove(place);
    }

    /// Restores the invariant among the chunks at `first..=last`.
    fn merge_all(&mut self, first: usize, last: usize) {
        let (mut place, mut last) = (first, last);
        while place < last && place + 1 < self.order.len() {
            let (low, high) = (self.order[place] as usize, self.order[place + 1] as usize);
            if self.chunks[low].len + self.chunks[high].len > MERGE {
                place += 1;
                continue;
            }
            let upper = self.chunks[high];
            self.chunks[low].extend(&upper, 0, upper.len);
            self.drop_chunk(place + 1);
            last -= 1;
        }
    }

    fn note_highest(&mut self) {
        self.highest = self.order.last().map(|&id| {
            let chunk = &self.chunks[id as usize];
            chunk.keys[chunk.len - 1]
        });
    }
}

/// Fibonacci hashing: prices differ in their low digits, the product's high bits in all of them.
#[inline]
fn recent_slot(key: i64) -> usize {
    ((key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - RECENT_BITS)) as usize
}

/// The levels of a [`Far`], highest first.
#[derive(Clone)]
pub(crate) struct Descending<'a> {
    far: &'a Far,
    place: usize,
    chunk: &'a Chunk,
    len: usize,
}

impl Iterator for Descending<'_> {
    type Item = (i64, i64);

    #[inline]
    fn next(&mut self) -> Option<(i64, i64)> {
        if self.len == 0 {
            self.place = self.place.checked_sub(1)?;
            self.chunk = &self.far.chunks[self.far.order[self.place] as usize];
            self.len = self.chunk.len;
        }
        self.len -= 1;
        Some((self.chunk.keys[self.len], self.chunk.qtys[self.len]))
    }
}

#[cfg(test)]
mod tests;
