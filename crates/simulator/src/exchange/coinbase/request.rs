//! What clients ask.

use super::{HEARTBEATS, channel_of};
use crate::exchange::desk::Topic;
use crate::exchange::floor::Floor;
use crate::exchange::json::{Raw, quoted};
use serde::Deserialize;

/// How products end whose book is that of the product in USD.
pub(super) const ALIAS: &str = "-USDC";

#[derive(Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Raw<'a>>,
    #[serde(borrow)]
    channel: Option<Raw<'a>>,
    #[serde(borrow)]
    product_ids: Option<Raw<'a>>,
}

impl Request<'_> {
    /// The products named.
    pub(super) fn products(&self) -> Vec<String> {
        let products = self.product_ids.map(Raw::items).unwrap_or_default();
        products.into_iter().filter_map(|product| Some(product.string()?.into_owned())).collect()
    }

    /// The topics a request names, or why it is refused.
    pub(super) fn wanted(&self, floor: &Floor) -> Result<(Vec<Topic>, String), String> {
        let name = self.channel.and_then(Raw::string).unwrap_or_default().into_owned();
        let channel = channel_of(&name).filter(|_| name != "l2_data");
        let channel = channel.ok_or_else(|| error(&format!("channel {name} is not supported")))?;
        if channel == HEARTBEATS {
            return Ok((vec![Topic::new(HEARTBEATS, "")], name));
        }
        let products = self.products();
        if products.is_empty() {
            return Err(error("product_ids are required"));
        }
        let topic = |product: &String| match resolved(floor, product) {
            Some(product) => Ok(Topic::new(channel, &product)),
            None => Err(error(&format!("failed to subscribe: {product} is not a valid product"))),
        };
        Ok((products.iter().map(topic).collect::<Result<_, _>>()?, name))
    }
}

/// The tape's name of a product: its own, or of what it is an alias of.
pub(super) fn resolved(floor: &Floor, product: &str) -> Option<String> {
    if floor.is_known(product) {
        return Some(product.to_owned());
    }
    let original = format!("{}-USD", product.strip_suffix(ALIAS)?);
    floor.is_known(&original).then_some(original)
}

/// A refusal in the venue's form, which carries no number.
pub(super) fn error(message: &str) -> String {
    format!(r#"{{"type":"error","message":{}}}"#, quoted(message))
}
