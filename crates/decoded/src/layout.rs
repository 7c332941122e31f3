//! Where everything stands in a form: words of eight bytes, in the order of the machine that wrote it.
//!
//! ```text
//! head     magic, byte order, version, 0
//! data     steps end to end, each of a head of two words and its items; inputs that did nothing but
//!          count have none
//! sums     a word a block of data: its CRC-32
//! about    JSON, filled up with zeros to whole words
//! trailer  words of data, bytes of about, CRC-32 of all that is neither data nor the two words
//!          that follow, magic
//! ```
//!
//! All of it is found from the end, so a file that was cut short is known as such.

/// The first eight bytes. The first of them begins no text, no gzip and no zstd.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"\x89THAWK\r\n");

/// The last eight bytes.
pub(crate) const END: u64 = u64::from_ne_bytes(*b"THAWKEND");

/// Reads the same only in the order of bytes that it was written in.
pub(crate) const ORDER: u64 = 0x0102_0304_0506_0708;

/// The version of the form that this build writes and reads. It is raised when the layout changes,
/// and when decoders come to other conclusions.
pub const VERSION: u64 = 1;

/// Words before the data.
pub(crate) const HEAD_WORDS: usize = 4;

/// Words behind the about.
pub(crate) const TRAILER_WORDS: usize = 4;

/// Bytes of a word.
pub(crate) const WORD_BYTES: usize = size_of::<u64>();

/// Words of a block, each with a sum of its own: 256 KiB, so that what was just summed is still in
/// a core's second-level cache when it is read.
pub(crate) const BLOCK_WORDS: usize = 1 << 15;

/// Bytes the about may have. 16 MiB: 4,096 instruments with names of 4 KiB.
pub(crate) const ABOUT_BYTES_MAX: usize = 16 << 20;

/// The first word of a step: what it was, its connection, and how many words it has, itself
/// included. The second one is its receive time.
pub(crate) const STEP_HEAD_WORDS: usize = 2;

/// What an item is: the lowest byte of its first word. Above it are a byte of flags, 16 bits of one
/// number and 32 of another, which is the instrument in all items of one.
pub(crate) mod tag {
    pub(crate) const NAMED: u8 = 1;
    pub(crate) const MALFORMED: u8 = 2;
    pub(crate) const SOURCE: u8 = 3;
    pub(crate) const SCALE: u8 = 4;
    pub(crate) const TICK: u8 = 5;
    pub(crate) const BOOK: u8 = 6;
    pub(crate) const TRADE: u8 = 7;
    pub(crate) const TICKERS: u8 = 8;
    pub(crate) const SYNCING: u8 = 9;
    pub(crate) const STALE: u8 = 10;
    pub(crate) const WANT: u8 = 11;
    pub(crate) const COUNTS: u8 = 12;
    pub(crate) const CLAMPED: u8 = 13;
}

/// Flags of a step.
pub(crate) const HAS_BOOK: u8 = 1;

/// Flags of a book message.
pub(crate) mod book {
    pub(crate) const SNAPSHOT: u8 = 1;
    pub(crate) const EXCHANGE_AT: u8 = 1 << 1;
    pub(crate) const SEQUENCE: u8 = 1 << 2;
    pub(crate) const CHECKED: u8 = 1 << 3;
    pub(crate) const MATCHES: u8 = 1 << 4;
    pub(crate) const DEPTH: u8 = 1 << 5;
    pub(crate) const WIDE: u8 = 1 << 6;
}

/// Flags of a trade.
pub(crate) mod trade {
    pub(crate) const SOLD: u8 = 1;
    pub(crate) const EXCHANGE_AT: u8 = 1 << 1;
    pub(crate) const ID: u8 = 1 << 2;
}

/// Flags of a want: what is wanted, and whether a channel's number follows.
pub(crate) mod want {
    pub(crate) const KIND: u8 = 0b11;
    pub(crate) const SNAPSHOT: u8 = 0;
    pub(crate) const RESUBSCRIBE: u8 = 1;
    pub(crate) const RECONNECT: u8 = 2;
    pub(crate) const GIVE_UP: u8 = 3;
    pub(crate) const CHANNEL: u8 = 1 << 2;
}

/// The parts of an item's first word.
#[derive(Clone, Copy)]
pub(crate) struct ItemHead {
    pub(crate) tag: u8,
    pub(crate) flags: u8,
    pub(crate) low: u16,
    pub(crate) high: u32,
}

impl ItemHead {
    pub(crate) fn word(self) -> u64 {
        u64::from(self.tag)
            | u64::from(self.flags) << 8
            | u64::from(self.low) << 16
            | u64::from(self.high) << 32
    }

    #[inline]
    pub(crate) fn of(word: u64) -> Self {
        Self {
            tag: word as u8,
            flags: (word >> 8) as u8,
            low: (word >> 16) as u16,
            high: (word >> 32) as u32,
        }
    }
}
