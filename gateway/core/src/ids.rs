//! The names of what lives in memory: sessions and connections. Rows have a [`StoredId`](crate::store::StoredId).

use std::borrow::Borrow;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// The runtime id of a live session: eight hex digits, what clients pass as `session_id` (spec §1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Arc<str>);

/// An accepted connection: its number in the order of acceptance, and the name that its transport gave it.
///
/// Numbers begin anew in each process. The clones of one id share an allocation, by which [`is_same`](Self::is_same)
/// tells it from an equal id of another process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionId(Rc<Accepted>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Accepted {
    number: u64,
    name: Box<str>,
}

impl SessionId {
    /// The id with the lower 32 bits of `bits`.
    pub fn from_bits(bits: u64) -> Self {
        Self(format!("{:08x}", bits as u32).into())
    }

    /// The eight hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An id is ordered as its text is, so that a map can be asked with the text.
impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConnectionId {
    /// The id of the connection that was accepted as number `number`.
    pub fn new(number: u64, name: &str) -> Self {
        Self(Rc::new(Accepted { number, name: name.into() }))
    }

    /// Which connection it is, in the order of acceptance.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The connection's name, which tells clients apart in logs; a client that reconnects may have the same again.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether both ids are of one connection of one process.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of spec §1: eight hex digits.
    #[test]
    fn session_ids_have_eight_digits() {
        assert_eq!(SessionId::from_bits(0x1_0000_00ff).as_str(), "000000ff");
    }

    /// A number of a later process does not stand for a connection of an earlier one.
    #[test]
    fn only_clones_are_the_same_connection() {
        let id = ConnectionId::new(1, "desktop");
        assert!(id.is_same(&id.clone()));
        assert!(id == ConnectionId::new(1, "desktop") && !id.is_same(&ConnectionId::new(1, "desktop")));
    }
}
