//! What the exchange says, and to whom.

/// A connected client, by the driver's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u32);

/// A REST request, by the driver's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RestId(pub u32);

/// Something the exchange says, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A WebSocket text message.
    Frame {
        /// To whom.
        client: ClientId,
        /// What.
        text: String,
    },
    /// The exchange closes the connection.
    Close {
        /// Whose.
        client: ClientId,
        /// The WebSocket close code.
        code: u16,
        /// Why.
        reason: String,
    },
    /// The answer to a REST request.
    Reply {
        /// To which.
        rest: RestId,
        /// The HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
}
