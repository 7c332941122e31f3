//! A form, read step by step where it lies.

use crate::{
    about::About,
    error::FormError,
    item::Items,
    layout::{
        ABOUT_BYTES_MAX, BLOCK_WORDS, END, HEAD_WORDS, MAGIC, ORDER, STEP_HEAD_WORDS,
        TRAILER_WORDS, VERSION, WORD_BYTES,
    },
    map::Mapping,
    step::{Step, StepHead},
};
use std::{fs, io::Read as _, ops::Range, path::Path};
use tickhawk_market::UnixNanos;

/// A form, and where reading is.
#[derive(Debug)]
pub struct Reader {
    file: String,
    held: Held,
    about: About,
    /// The data, as words of the file.
    data: Range<usize>,
    /// The next step.
    at: usize,
    /// Words of the file up to here have the sums they had.
    summed: usize,
    /// Instruments named so far.
    named: usize,
}

/// Where the words are.
#[derive(Debug)]
enum Held {
    Mapped(Mapping),
    Memory(Vec<u64>),
}

impl Held {
    #[inline]
    fn words(&self) -> &[u64] {
        match self {
            Self::Mapped(map) => map.words(),
            Self::Memory(words) => words,
        }
    }
}

impl Reader {
    /// Whether the file begins as a form does. What cannot be read does not.
    pub fn recognises(path: &Path) -> bool {
        let mut first = [0; WORD_BYTES];
        // A pipe would lose what is read of it here.
        let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let mut read = |path| fs::File::open(path)?.read_exact(&mut first);
        is_file && read(path).is_ok() && u64::from_ne_bytes(first) == MAGIC
    }

    /// Maps a form into memory. Its data are summed as they are reached, the rest here.
    ///
    /// # Errors
    /// If it cannot be mapped, or is no whole form of this version and byte order.
    pub fn open(path: &Path) -> Result<Self, FormError> {
        let file = path.display().to_string();
        match Mapping::open(path) {
            Ok(map) => Self::new(file, Held::Mapped(map)),
            Err(source) => Err(FormError::Open { file, source }),
        }
    }

    /// Reads a form held in memory; `file` is what errors call it.
    ///
    /// # Errors
    /// If it is no whole form of this version and byte order.
    pub fn in_memory(file: &str, bytes: &[u8]) -> Result<Self, FormError> {
        let words = bytes.chunks_exact(WORD_BYTES).map(bytemuck::pod_read_unaligned);
        Self::new(file.to_owned(), Held::Memory(words.collect()))
    }

    fn new(file: String, held: Held) -> Result<Self, FormError> {
        let words = held.words();
        let bytes = match &held {
            Held::Mapped(map) => map.bytes(),
            Held::Memory(words) => (words.len() * WORD_BYTES) as u64,
        };
        match words {
            [MAGIC, order, ..] if *order == ORDER.swap_bytes() => {
                return Err(FormError::ByteOrder { file });
            }
            [MAGIC, ORDER, version, ..] if *version != VERSION => {
                return Err(FormError::Version { file, found: *version });
            }
            [MAGIC, ..] => {}
            _ => return Err(FormError::NotAForm { file }),
        }
        let Some(parts) = Parts::of(words).filter(|_| bytes.is_multiple_of(WORD_BYTES as u64))
        else {
            return Err(FormError::Cut { file, bytes });
        };
        let Parts { data, about, sum } = parts;
        let from = (data.end * WORD_BYTES) as u64;
        if sum != sum_around(words, &data) {
            return Err(FormError::Sum { file, from, to: bytes });
        }
        let text: &[u8] = bytemuck::cast_slice(&words[about.0..]);
        let Ok(about) = sonic_rs::from_slice(&text[..about.1]) else {
            let what = "what it says of itself cannot be read";
            return Err(FormError::Damaged { file, at: from, what });
        };
        let begin = data.start;
        Ok(Self { file, about, data, at: begin, summed: begin, named: 0, held })
    }

    /// What the form says of itself.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// The whole form's size.
    pub fn bytes_total(&self) -> u64 {
        (self.held.words().len() * WORD_BYTES) as u64
    }

    /// How much of it is read.
    pub fn bytes_read(&self) -> u64 {
        (self.at * WORD_BYTES) as u64
    }

    /// Begins anew, with the first step; what was summed is summed again.
    pub fn rewind(&mut self) {
        (self.at, self.summed, self.named) = (self.data.start, self.data.start, 0);
    }

    /// The next step; `None` at the end. It allocates nothing.
    ///
    /// # Errors
    /// If the step is not what was written, or the file was changed meanwhile. Where an error was,
    /// it is given again.
    #[inline]
    pub fn next_step(&mut self) -> Result<Option<Step<'_>>, FormError> {
        if self.at == self.data.end {
            return self.ended();
        }
        if self.at + STEP_HEAD_WORDS > self.summed {
            self.sum_up_to(self.at + STEP_HEAD_WORDS)?;
        }
        let words = &self.held.words()[self.at..self.data.end];
        let head = words.first_chunk().and_then(|[head, at]| Some((StepHead::of(*head)?, *at)));
        let Some((head, received_at)) = head else {
            return Err(self.damaged("a step begins with what begins none"));
        };
        let Some(items) = words.get(STEP_HEAD_WORDS..head.words as usize) else {
            return Err(self.damaged("a step is longer than what is left"));
        };
        let end = self.at + STEP_HEAD_WORDS + items.len();
        if end > self.summed {
            self.sum_up_to(end)?;
        }
        let words = &self.held.words()[self.at + STEP_HEAD_WORDS..end];
        let names = &self.about.instruments[..];
        let items = Items::new(words, names);
        match items.check(self.named) {
            Ok(named) => self.named = named,
            Err(what) => return Err(self.damaged(what)),
        }
        self.at = end;
        Ok(Some(Step { head, received_at: UnixNanos::new(received_at), items, names }))
    }

    #[cold]
    fn ended(&self) -> Result<Option<Step<'_>>, FormError> {
        match &self.held {
            Held::Mapped(map) if !map.is_unchanged() => {
                Err(FormError::Changed { file: self.file.clone() })
            }
            _ => Ok(None),
        }
    }

    /// Sums whole blocks until the word before `end` is in one.
    #[cold]
    #[inline(never)]
    fn sum_up_to(&mut self, end: usize) -> Result<(), FormError> {
        let words = self.held.words();
        let sums = &words[self.data.end..];
        while self.summed < end.min(self.data.end) {
            let to = (self.summed + BLOCK_WORDS).min(self.data.end);
            let block: &[u8] = bytemuck::cast_slice(&words[self.summed..to]);
            let expected = sums[(self.summed - self.data.start) / BLOCK_WORDS];
            if u64::from(crc32fast::hash(block)) != expected {
                let [from, to] = [self.summed, to].map(|word| (word * WORD_BYTES) as u64);
                return Err(FormError::Sum { file: self.file.clone(), from, to });
            }
            self.summed = to;
        }
        Ok(())
    }

    #[cold]
    fn damaged(&self, what: &'static str) -> FormError {
        FormError::Damaged { file: self.file.clone(), at: self.bytes_read(), what }
    }
}

/// Where the parts of a whole form are.
struct Parts {
    data: Range<usize>,
    /// Where the about begins, and how many bytes it has.
    about: (usize, usize),
    sum: u64,
}

impl Parts {
    /// `None` if the end is not where the last words say.
    fn of(words: &[u64]) -> Option<Self> {
        let (_, [data_words, about_bytes, sum, end]) = words.split_last_chunk()?;
        let data_words = usize::try_from(*data_words).ok()?;
        let about_bytes = usize::try_from(*about_bytes).ok()?;
        if *end != END || about_bytes > ABOUT_BYTES_MAX {
            return None;
        }
        let data = HEAD_WORDS..HEAD_WORDS.checked_add(data_words)?;
        let about = data.end.checked_add(data_words.div_ceil(BLOCK_WORDS))?;
        let trailer = about.checked_add(about_bytes.div_ceil(WORD_BYTES))?;
        let whole = trailer.checked_add(TRAILER_WORDS)? == words.len();
        whole.then_some(Self { data, about: (about, about_bytes), sum: *sum })
    }
}

/// The sum of all words but the data, the sum itself and the one behind it.
pub(crate) fn sum_around(words: &[u64], data: &Range<usize>) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytemuck::cast_slice(&words[..data.start]));
    hasher.update(bytemuck::cast_slice(&words[data.end..words.len() - 2]));
    hasher.finalize().into()
}
