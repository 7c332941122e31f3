//! Bare JSON lines: every line is a frame, and no recorder's clock is in the file.
//!
//! The receive time is then the exchange's: the first of the top-level fields `ts`, `E` and
//! `timestamp` that is a whole number of 11 to 20 digits (milliseconds to nanoseconds, by length),
//! bare or as a string. A line without one is given the time of the line before, and 0 before any.

use crate::json::Fields;
use crate::parsed::{Entry, Origin, Parsed, Place, Shape};
use crate::receive_time;
use tickhawk_market::UnixNanos;

pub(crate) fn parse(line: &[u8], previous: UnixNanos) -> Result<Parsed, &'static str> {
    let text = line.trim_ascii();
    let received_at = match text.first() {
        None => return Ok(Parsed::Nothing),
        Some(b'{') => time(text)?.unwrap_or(previous),
        Some(b'[') => previous,
        Some(_) => return Err("expected a JSON object or array"),
    };
    let from = line.len() - line.trim_ascii_start().len();
    let shape = Shape::Frame(Place::Line { from, to: from + text.len() });
    Ok(Parsed::Entry(Entry { received_at, origin: Origin::Current, shape }))
}

fn time(object: &[u8]) -> Result<Option<UnixNanos>, &'static str> {
    let mut times = [None; 3];
    let mut fields = Fields::new(object);
    while let Some(field) = fields.next_field()? {
        let rank = match field.key {
            b"ts" => 0,
            b"E" => 1,
            b"timestamp" => 2,
            _ => continue,
        };
        times[rank] = receive_time::from_digits(field.bare());
    }
    Ok(times.into_iter().flatten().next())
}
