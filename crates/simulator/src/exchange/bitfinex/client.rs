//! What belongs to a client's connection: its flags, its channel ids, its numbers.

use crate::exchange::desk::Topic;
use std::collections::BTreeMap;

/// Every array carries the time, in milliseconds since the Unix epoch.
const FLAG_TIME: u64 = 32_768;
/// Every array carries one number more than the one before.
const FLAG_SEQUENCE: u64 = 65_536;
/// Books are followed by checksums.
pub(super) const FLAG_CHECKSUM: u64 = 131_072;

/// The first channel id; any will do.
const FIRST_CHANNEL: u64 = 100_001;

/// One client's connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// As configured last.
    pub(super) flags: u64,
    last_number: u64,
    channels_given: u64,
    channels: BTreeMap<Topic, u64>,
}

impl Client {
    /// A new channel id for the topic.
    pub(super) fn channel(&mut self, topic: &Topic) -> u64 {
        let id = FIRST_CHANNEL + self.channels_given;
        self.channels_given += 1;
        self.channels.insert(topic.clone(), id);
        id
    }

    /// Takes a channel out; gives what it stood for.
    pub(super) fn forget(&mut self, id: u64) -> Option<Topic> {
        let topic = self.channels.iter().find(|(_, of)| **of == id)?.0.clone();
        self.channels.remove(&topic);
        Some(topic)
    }

    /// What the client has channels of.
    pub(super) fn topics(&self) -> Vec<Topic> {
        self.channels.keys().cloned().collect()
    }

    /// `[channel id, payload, number, time]`, as far as the client wants them; `None` where it has
    /// no such channel.
    pub(super) fn data(&mut self, topic: &Topic, payload: &str, now_ms: u64) -> Option<String> {
        let id = self.channels.get(topic)?;
        let mut text = format!("[{id},{payload}");
        if self.flags & FLAG_SEQUENCE != 0 {
            self.last_number += 1;
            text += &format!(",{}", self.last_number);
        }
        if self.flags & FLAG_TIME != 0 {
            text += &format!(",{now_ms}");
        }
        text.push(']');
        Some(text)
    }
}
