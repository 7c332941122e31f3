//! Which `ConnectionId` each connection of a session has.

use crate::plan::FilePlan;
use std::collections::HashMap;
use tickhawk_market::ConnectionId;

#[derive(Debug, Default)]
pub(crate) struct Connections {
    by_key: HashMap<String, ConnectionId>,
    /// By id; `None` for ids passed over.
    names: Vec<Option<Connection>>,
    /// By run: the id its connection 0 would like.
    runs: HashMap<String, usize>,
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

    /// The id connection 0 of a file would like: above all in use, and the same for all files of
    /// one run, so that a run read alone has its ids as written. It is a multiple of the links,
    /// so that every connection stays on its link.
    pub fn first_of(&mut self, plan: &FilePlan) -> usize {
        let first = self.next_index().next_multiple_of(plan.links());
        match plan.header {
            Some(_) => *self.runs.entry(plan.key.clone()).or_insert(first),
            None => first,
        }
    }

    /// A new connection: with the wanted id if it is free, else the lowest free one on the same of
    /// `links`. `None` when all of those are taken.
    pub fn add(
        &mut self,
        key: String,
        name: String,
        wanted: usize,
        links: usize,
    ) -> Option<ConnectionId> {
        let free = |index: &usize| self.names.get(*index).is_none_or(Option::is_none);
        let last = usize::from(u16::MAX);
        let index = Some(wanted)
            .filter(|wanted| *wanted <= last && free(wanted))
            .or_else(|| (wanted % links..=last).step_by(links).find(free))?;
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
        let mut add =
            |key: &str, wanted| connections.add(key.into(), key.to_uppercase(), wanted, 1);
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
            let id = connections.add(key.to_string(), String::new(), usize::from(key), 1);
            assert_eq!(id, Some(ConnectionId(key)));
        }
        assert_eq!(connections.add("more".into(), String::new(), 0, 1), None);
    }

    #[test]
    fn a_taken_id_is_replaced_by_one_of_its_link() {
        let mut connections = Connections::default();
        let mut add =
            |key: &str, wanted| connections.add(key.into(), String::new(), wanted, 2).unwrap().0;
        assert_eq!([add("a", 0), add("b", 1), add("c", 1), add("d", 0)], [0, 1, 3, 2]);
    }
}
