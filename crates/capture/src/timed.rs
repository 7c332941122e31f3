//! Lines `<receive time> <payload>`: hftbacktest's collector, and Tickhawk's own recordings.
//!
//! Tickhawk's events are lines of the same form whose payload starts with [`EVENT_PREFIX`], so a
//! reader that knows only frames can drop them by their `"stream"`.

use crate::json::{Field, Fields};
use crate::parsed::{Entry, Origin, Parsed, Place, Scratch, Shape};
use crate::receive_time;
use crate::record::Header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tickhawk_market::UnixNanos;

/// How the payload of every event starts. A frame that starts so is written as an event too.
pub(crate) const EVENT_PREFIX: &[u8] = br#"{"stream":"tickhawk","data":"#;

pub(crate) fn parse(line: &[u8], scratch: &mut Scratch) -> Result<Parsed, &'static str> {
    if line.trim_ascii().is_empty() {
        return Ok(Parsed::Nothing);
    }
    let (received_at, at) = split(line)?;
    if line[at..].starts_with(EVENT_PREFIX) {
        return event(received_at, &line[at..], scratch);
    }
    let shape = Shape::Frame(Place::Line { from: at, to: line.len() });
    Ok(Parsed::Entry(Entry { received_at, origin: Origin::Current, shape }))
}

/// The receive time, and where the payload starts.
pub(crate) fn split(line: &[u8]) -> Result<(UnixNanos, usize), &'static str> {
    /// Twenty digits and the space.
    const LONGEST: usize = 21;
    let head = &line[..line.len().min(LONGEST)];
    let space = head.iter().position(|byte| *byte == b' ');
    let time = space.and_then(|space| receive_time::from_digits(&line[..space]));
    match (space, time) {
        (Some(space), Some(time)) => Ok((time, space + 1)),
        _ => Err("expected `<receive time> <json>` with a time of 13, 16 or 19 digits"),
    }
}

/// The fields any event may have.
#[derive(Default)]
struct Event<'a> {
    name: &'a [u8],
    connection: Option<Field<'a>>,
    url: Option<Field<'a>>,
    status: Option<Field<'a>>,
    body: Option<Field<'a>>,
    text: Option<Field<'a>>,
    base64: Option<Field<'a>>,
    instruments: Option<Field<'a>>,
}

impl<'a> Event<'a> {
    fn of(payload: &'a [u8]) -> Result<Self, &'static str> {
        let mut event = Self::default();
        let mut fields = Fields::new(data_of(payload)?);
        while let Some(field) = fields.next_field()? {
            match field.key {
                b"event" => event.name = field.bare(),
                b"connection" => event.connection = Some(field),
                b"url" => event.url = Some(field),
                b"status" => event.status = Some(field),
                b"body" => event.body = Some(field),
                b"text" => event.text = Some(field),
                b"base64" => event.base64 = Some(field),
                b"instruments" => event.instruments = Some(field),
                _ => {}
            }
        }
        Ok(event)
    }

    fn number(&self) -> Result<u16, &'static str> {
        number16(self.connection)?.ok_or("expected the event's `connection`")
    }

    fn origin(&self) -> Result<Origin, &'static str> {
        Ok(number16(self.connection)?.map_or(Origin::Current, Origin::Number))
    }

    /// The payload, decoded from `text` or `base64`.
    fn decode(
        &self,
        text: Option<Field<'a>>,
        scratch: &mut Scratch,
    ) -> Result<Place, &'static str> {
        scratch.decoded.clear();
        match (text, self.base64) {
            (Some(text), None) => text.append_to(&mut scratch.decoded)?,
            (None, Some(packed)) => decode_base64(packed, &mut scratch.decoded)?,
            _ => return Err("expected either the event's text or its `base64`"),
        }
        Ok(Place::Decoded)
    }
}

fn event(at: UnixNanos, payload: &[u8], scratch: &mut Scratch) -> Result<Parsed, &'static str> {
    let event = Event::of(payload)?;
    let entry = |origin, shape| Ok(Parsed::Entry(Entry { received_at: at, origin, shape }));
    match event.name {
        b"header" => Ok(Parsed::Header),
        b"source" => Ok(Parsed::Source(event.number()?)),
        b"opened" => {
            scratch.set_url_field(event.url)?;
            entry(event.origin()?, Shape::Opened)
        }
        b"closed" => entry(event.origin()?, Shape::Closed),
        b"sent" => {
            let place = event.decode(event.text, scratch)?;
            entry(event.origin()?, Shape::Sent(place))
        }
        b"frame" => {
            let place = event.decode(event.text, scratch)?;
            entry(event.origin()?, Shape::Frame(place))
        }
        b"rest_reply" => {
            let has_url = scratch.set_url_field(event.url)?;
            let body = event.decode(event.body, scratch)?;
            let status = number16(event.status)?;
            entry(event.origin()?, Shape::RestReply { has_url, status, body })
        }
        b"alive" => entry(event.origin()?, Shape::Alive),
        b"wanted" => {
            let symbols = event.instruments.map(|field| sonic_rs::from_slice(field.value));
            scratch.symbols = symbols
                .and_then(Result::ok)
                .ok_or("expected the event's `instruments`, a list of names")?;
            entry(Origin::Clock, Shape::Wanted)
        }
        b"timer" => entry(Origin::Clock, Shape::Timer),
        _ => Ok(Parsed::Unknown),
    }
}

pub(crate) fn decode_base64(packed: Field<'_>, out: &mut Vec<u8>) -> Result<(), &'static str> {
    STANDARD.decode_vec(packed.bare(), out).map_err(|_| "expected base64")
}

fn number16(field: Option<Field<'_>>) -> Result<Option<u16>, &'static str> {
    let Some(field) = field.filter(|field| field.value != b"null") else { return Ok(None) };
    let number = field.number().and_then(|number| u16::try_from(number).ok());
    number.map(Some).ok_or("expected a number below 65,536")
}

fn data_of(payload: &[u8]) -> Result<&[u8], &'static str> {
    let mut fields = Fields::new(payload);
    let mut data = None;
    while let Some(field) = fields.next_field()? {
        if field.key == b"data" {
            data = Some(field.value);
        }
    }
    data.ok_or("expected the event's `data`")
}

/// A number that fits; what does not fit says nothing.
fn small<T: TryFrom<u64>>(field: Field<'_>) -> Option<T> {
    field.number().and_then(|number| T::try_from(number).ok())
}

/// The header and its version, if this line is one.
pub(crate) fn header(line: &[u8]) -> Option<(Header, u64)> {
    let (started_at, at) = split(line).ok()?;
    let payload = line[at..].starts_with(EVENT_PREFIX).then_some(&line[at..])?;
    let mut header = Header { started_at, ..Header::default() };
    let (mut is_header, mut version) = (false, 0);
    let mut fields = Fields::new(data_of(payload).ok()?);
    while let Some(field) = fields.next_field().ok()? {
        match field.key {
            b"event" => is_header = field.bare() == b"header",
            b"version" => version = field.number()?,
            b"venue" => header.venue = sonic_rs::from_slice(field.value).ok(),
            b"links" => header.links = small(field).filter(|links: &u16| *links > 0),
            b"sequence" => header.sequence = small(field).unwrap_or(0),
            b"instruments" => header.instruments = sonic_rs::from_slice(field.value).ok()?,
            _ => {}
        }
    }
    is_header.then_some((header, version))
}
