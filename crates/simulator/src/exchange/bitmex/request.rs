//! What clients ask, and how it is answered.

use crate::exchange::floor::{query_value, split_url};
use crate::exchange::json::{self, Raw, quoted};
use serde::Deserialize;

/// What is to be done with the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Subscribe,
    Unsubscribe,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    op: Raw<'a>,
    #[serde(borrow)]
    args: Raw<'a>,
}

/// `{"op":"subscribe","args":["table:symbol"]}`, or with one text for `args`.
pub(super) fn read(text: &str) -> Option<(Op, Vec<String>)> {
    let Request { op, args } = json::read(text)?;
    let op = match op.plain() {
        "subscribe" => Op::Subscribe,
        "unsubscribe" => Op::Unsubscribe,
        _ => return None,
    };
    let topics = match args.string() {
        Some(one) => vec![one.into_owned()],
        None => args.items().into_iter().filter_map(|arg| Some(arg.string()?.into())).collect(),
    };
    Some((op, topics))
}

/// The topics of `?subscribe=a,b`.
pub(super) fn named_in(path: &str) -> Vec<String> {
    let named = query_value(split_url(path).1, "subscribe").unwrap_or("");
    let named = named.replace("%3A", ":").replace("%3a", ":").replace("%2C", ",");
    let named = named.replace("%2c", ",");
    named.split(',').filter(|topic| !topic.is_empty()).map(str::to_owned).collect()
}

/// `text` is the request, whole.
pub(super) fn done(what: &str, topic: &str, text: &str) -> String {
    format!(r#"{{"success":true,"{what}":{},"request":{text}}}"#, quoted(topic))
}

pub(super) fn refused(why: &str, text: &str) -> String {
    format!(r#"{{"status":400,"error":{},"meta":{{}},"request":{text}}}"#, quoted(why))
}
