//! What one line says, before it is known whose session it belongs to.

use crate::json::Field;
use tickhawk_market::UnixNanos;

/// What the parsers of all forms answer. A problem is `&'static str`: what was expected.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// Nothing for the reader: a blank line, a configuration, a header.
    Nothing,
    /// An event this build does not know.
    Unknown,
    /// Tickhawk's own header: what follows comes from connection 0.
    Header,
    /// Frames after this come from another connection of the file.
    Source(u16),
    /// A record to be.
    Entry(Entry),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub received_at: UnixNanos,
    pub origin: Origin,
    pub shape: Shape,
}

/// Which connection, in the file's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The one the last `Source` named, else the file's only one.
    Current,
    /// By number.
    Number(u16),
    /// By the name in [`Scratch::name`].
    Name,
    /// None: a REST reply.
    Nowhere,
    /// None, the recorder's own clock.
    Clock,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The address is in [`Scratch::url`].
    Opened,
    Closed,
    Sent(Place),
    Frame(Place),
    RestReply {
        /// The address is in [`Scratch::url`].
        has_url: bool,
        status: Option<u16>,
        body: Place,
    },
    Alive,
    /// The symbols are in [`Scratch::symbols`].
    Wanted,
    Timer,
}

/// Where a payload's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// This part of the line.
    Line { from: usize, to: usize },
    /// The whole of [`Scratch::decoded`].
    Decoded,
}

/// Buffers a parser fills, reused from line to line.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub decoded: Vec<u8>,
    pub url: String,
    pub name: String,
    pub symbols: Vec<String>,
}

impl Scratch {
    pub fn set_url(&mut self, url: &[u8]) -> Result<(), &'static str> {
        set(&mut self.url, url, "expected an address in UTF-8")
    }

    /// The same from JSON; empty, and `false`, when the field is missing.
    pub fn set_url_field(&mut self, url: Option<Field<'_>>) -> Result<bool, &'static str> {
        self.url.clear();
        let Some(url) = url else { return Ok(false) };
        self.decoded.clear();
        url.append_to(&mut self.decoded)?;
        set(&mut self.url, &self.decoded, "expected an address in UTF-8")?;
        Ok(true)
    }

    pub fn set_name(&mut self, name: &[u8]) -> Result<(), &'static str> {
        set(&mut self.name, name, "expected a connection name in UTF-8")
    }
}

fn set(target: &mut String, text: &[u8], problem: &'static str) -> Result<(), &'static str> {
    target.clear();
    target.push_str(std::str::from_utf8(text).map_err(|_| problem)?);
    Ok(())
}
