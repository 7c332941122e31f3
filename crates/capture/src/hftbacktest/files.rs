//! One gzip file a symbol and a UTC day.

use super::HftbacktestFiles;
use crate::error::CaptureError;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use tickhawk_market::UnixNanos;

/// Each holds a file and some 300 KB of compressor; systems commonly allow 1,024 open files.
const MAX_SYMBOLS: usize = 512;

/// The files being written, one for each symbol.
pub(super) struct Outputs<'a> {
    folder: &'a Path,
    by_symbol: HashMap<String, Output>,
    pub done: HftbacktestFiles,
}

struct Output {
    date: u32,
    file: GzEncoder<BufWriter<File>>,
}

impl<'a> Outputs<'a> {
    pub fn new(folder: &'a Path) -> Self {
        Self { folder, by_symbol: HashMap::new(), done: HftbacktestFiles::default() }
    }

    pub fn write(
        &mut self,
        symbol: &str,
        at: UnixNanos,
        payload: &[u8],
    ) -> Result<(), CaptureError> {
        let date = date_of(at);
        // A clock that steps back over midnight stays in the later file, as lines stay in order.
        let is_open = self.by_symbol.get(symbol).is_some_and(|output| output.date >= date);
        if !is_open {
            let output = self.begin(symbol, date)?;
            if let Some(earlier) = self.by_symbol.insert(symbol.to_owned(), output) {
                earlier.finish()?;
            }
        }
        let output = self.by_symbol.get_mut(symbol).expect("it was open or has just been begun");
        output.line(at, payload).map_err(CaptureError::Write)?;
        self.done.lines += 1;
        Ok(())
    }

    fn begin(&mut self, symbol: &str, date: u32) -> Result<Output, CaptureError> {
        if self.by_symbol.len() >= MAX_SYMBOLS && !self.by_symbol.contains_key(symbol) {
            return Err(CaptureError::TooManySymbols { limit: MAX_SYMBOLS });
        }
        let path = self.folder.join(format!("{symbol}_{date:08}.gz"));
        let file = File::create_new(&path)
            .map_err(|source| CaptureError::Create { path: path.clone(), source })?;
        self.done.files.push(path);
        let file = GzEncoder::new(BufWriter::new(file), Compression::default());
        Ok(Output { date, file })
    }

    pub fn finish(self) -> Result<HftbacktestFiles, CaptureError> {
        for output in self.by_symbol.into_values() {
            output.finish()?;
        }
        if self.done.lines == 0 && self.done.left_out > 0 {
            return Err(CaptureError::NothingToConvert { frames: self.done.left_out });
        }
        Ok(self.done)
    }
}

impl Output {
    fn line(&mut self, at: UnixNanos, payload: &[u8]) -> std::io::Result<()> {
        write!(self.file, "{:019} ", at.nanos())?;
        // A raw newline in JSON can only be space between tokens.
        for (index, part) in payload.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                self.file.write_all(b" ")?;
            }
            self.file.write_all(part)?;
        }
        self.file.write_all(b"\n")
    }

    fn finish(self) -> Result<(), CaptureError> {
        let mut file = self.file.finish().map_err(CaptureError::Write)?;
        file.flush().map_err(CaptureError::Write)
    }
}

/// The UTC date as the decimal number YYYYMMDD.
fn date_of(at: UnixNanos) -> u32 {
    const DAY_NANOS: u64 = 86_400_000_000_000;
    // Days since 0000-03-01, so that leap days end years; 146,097 days are 400 years.
    let days = at.nanos() / DAY_NANOS + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    u32::try_from(year * 10_000 + month * 100 + day).expect("a u64 of nanoseconds ends in 2554")
}

#[cfg(test)]
mod tests {
    use super::date_of;
    use tickhawk_market::UnixNanos;

    #[test]
    fn dates() {
        for text in
            ["1970-01-01", "2000-02-29", "2024-07-18", "2024-12-31", "2100-03-01", "2554-07-21"]
        {
            let at = UnixNanos::parse_rfc3339(format!("{text}T23:00:00Z").as_bytes()).unwrap();
            assert_eq!(date_of(at).to_string(), text.replace('-', ""));
        }
    }
}
