//! cryptofeed's second form, one JSON object a line, one file for all connections of an exchange:
//! `{"t":"recv","conn":"KRAKEN.ws.1","ts":1618678132.91,"data":"{..}"}`, with `t` one of `header`,
//! `connect` (`addr`), `send`, `recv`, `http` (`url`). Frames of bytes stand in `b64`.
//!
//! Fields may come in any order. A payload that is not a string is taken as the text it is.

use crate::json::{Field, Fields};
use crate::parsed::{Entry, Origin, Parsed, Place, Scratch, Shape};
use crate::receive_time;
use crate::timed::decode_base64;

#[derive(Default)]
struct Fieldset<'a> {
    kind: Option<Field<'a>>,
    connection: Option<Field<'a>>,
    time: Option<Field<'a>>,
    address: Option<Field<'a>>,
    url: Option<Field<'a>>,
    status: Option<Field<'a>>,
    data: Option<Field<'a>>,
    base64: Option<Field<'a>>,
}

impl<'a> Fieldset<'a> {
    fn of(line: &'a [u8]) -> Result<Self, &'static str> {
        let mut found = Self::default();
        let mut fields = Fields::new(line);
        while let Some(field) = fields.next_field()? {
            let slot = match field.key {
                b"t" => &mut found.kind,
                b"conn" => &mut found.connection,
                b"ts" => &mut found.time,
                b"addr" => &mut found.address,
                b"url" => &mut found.url,
                b"status" => &mut found.status,
                b"data" => &mut found.data,
                b"b64" => &mut found.base64,
                _ => continue,
            };
            *slot = Some(field).filter(|field| field.value != b"null");
        }
        Ok(found)
    }

    fn payload(&self, scratch: &mut Scratch) -> Result<Place, &'static str> {
        scratch.decoded.clear();
        match (self.data, self.base64) {
            (Some(data), None) => data.append_to(&mut scratch.decoded)?,
            (None, Some(packed)) => decode_base64(packed, &mut scratch.decoded)?,
            _ => return Err("expected either `data` or `b64`"),
        }
        Ok(Place::Decoded)
    }
}

/// Does this line have the form at all?
pub(crate) fn recognises(line: &[u8]) -> bool {
    Fieldset::of(line).is_ok_and(|line| {
        let known = |kind: Field| {
            matches!(kind.bare(), b"header" | b"connect" | b"send" | b"recv" | b"http")
        };
        let is_header = line.kind.is_some_and(|kind| kind.bare() == b"header");
        line.kind.is_some_and(known) && (is_header || line.connection.is_some())
    })
}

pub(crate) fn parse(line: &[u8], scratch: &mut Scratch) -> Result<Parsed, &'static str> {
    if line.trim_ascii().is_empty() {
        return Ok(Parsed::Nothing);
    }
    let fields = Fieldset::of(line)?;
    let kind = fields.kind.ok_or("expected the field `t`")?.bare();
    match kind {
        b"header" => return Ok(Parsed::Nothing),
        b"connect" | b"send" | b"recv" | b"http" => {}
        _ => return Ok(Parsed::Unknown),
    }
    let time = fields.time.and_then(|time| receive_time::from_seconds(time.bare()));
    let received_at = time.ok_or("expected seconds in `ts`")?;
    scratch.set_name(fields.connection.ok_or("expected the field `conn`")?.bare())?;
    let polled = kind == b"recv" && scratch.name.contains(".http.");
    let (origin, shape) = match kind {
        b"connect" => {
            scratch.set_url_field(fields.address.or(fields.url))?;
            (Origin::Name, Shape::Opened)
        }
        b"send" => (Origin::Name, Shape::Sent(fields.payload(scratch)?)),
        b"recv" if !polled => (Origin::Name, Shape::Frame(fields.payload(scratch)?)),
        _ => {
            let has_url = scratch.set_url_field(fields.url.or(fields.address))?;
            let status = fields.status.and_then(|status| status.number());
            let status = status.and_then(|status| u16::try_from(status).ok());
            let body = fields.payload(scratch)?;
            (Origin::Nowhere, Shape::RestReply { has_url, status, body })
        }
    };
    Ok(Parsed::Entry(Entry { received_at, origin, shape }))
}
