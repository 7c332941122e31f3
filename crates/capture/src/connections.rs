//! Which `ConnectionId` each connection of a session has.

use std::collections::HashMap;
use tickhawk_market::ConnectionId;

#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_key: HashMap<String, ConnectionId>,
    /// By id; `None` for ids passed over.
    names: Vec<Option<Connection>>,
    /// The first connection the present group of files named.
    first_of_group: Option<ConnectionId>,
}

#[derive(Debug)]
struct Connection {
    name: String,
    is_open: bool,
}

impl Connections {
    /// The connection of this key, if it is known.
    pub fn find(&mut self, key: &str) -> Option<ConnectionId> {
        let id = *self.by_key.get(key)?;
        self.first_of_group.get_or_insert(id);
        Some(id)
    }

    /// A new connection: with the wanted id if it is free, else the lowest free one. `None` when
    /// all 65,536 are taken.
    pub fn add(&mut self, key: String, name: String, wanted: usize) -> Option<ConnectionId> {
        let free = |index: &usize| self.names.get(*index).is_none_or(Option::is_none);
        let last = usize::from(u16::MAX);
        let index = Some(wanted)
            .filter(|wanted| *wanted <= last && free(wanted))
            .or_else(|| (0..=last).find(free))?;
        if self.names.len() <= index {
            self.names.resize_with(index + 1, || None);
        }
        self.names[index] = Some(Connection { name, is_open: false });
        let id = ConnectionId(u16::try_from(index).ok()?);
        self.by_key.insert(key, id);
        self.first_of_group.get_or_insert(id);
        Some(id)
    }

    /// The lowest id above all in use.
    pub fn next_index(&self) -> usize {
        self.names.len()
    }

    pub fn name(&self, id: ConnectionId) -> Option<&str> {
        self.names.get(usize::from(id.0))?.as_ref().map(|connection| connection.name.as_str())
    }

    pub fn is_open(&self, id: ConnectionId) -> bool {
        matches!(self.names.get(usize::from(id.0)), Some(Some(connection)) if connection.is_open)
    }

    pub fn set_open(&mut self, id: ConnectionId, is_open: bool) {
        if let Some(Some(connection)) = self.names.get_mut(usize::from(id.0)) {
            connection.is_open = is_open;
        }
    }

    /// What records that belong to no connection carry.
    pub fn of_nowhere(&self) -> ConnectionId {
        self.first_of_group.unwrap_or(ConnectionId(0))
    }

    pub fn begin_group(&mut self) {
        self.first_of_group = None;
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use tickhawk_market::ConnectionId;

    #[test]
    fn ids_are_wanted_or_free() {
        let mut connections = Connections::default();
        assert_eq!(connections.of_nowhere(), ConnectionId(0));
        let mut add = |key: &str, wanted| connections.add(key.into(), key.to_uppercase(), wanted);
        assert_eq!(add("b", 1), Some(ConnectionId(1)));
        assert_eq!(add("c", 1), Some(ConnectionId(0)));
        assert_eq!(add("d", 70_000), Some(ConnectionId(2)));
        assert_eq!(connections.find("c"), Some(ConnectionId(0)));
        assert_eq!(connections.find("e"), None);
        assert_eq!(connections.name(ConnectionId(1)), Some("B"));
        assert_eq!(connections.name(ConnectionId(3)), None);
        assert_eq!(connections.of_nowhere(), ConnectionId(1));
    }

    #[test]
    fn the_last_id_is_the_last() {
        let mut connections = Connections::default();
        for key in 0..=u16::MAX {
            let id = connections.add(key.to_string(), String::new(), usize::from(key));
            assert_eq!(id, Some(ConnectionId(key)));
        }
        assert_eq!(connections.add("more".into(), String::new(), 0), None);
    }
}
