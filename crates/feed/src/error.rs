//! What can go wrong with a connection, told apart by who acts next.

/// How long a venue that refuses for too many attempts (429) is left alone; twice as long after a
/// ban (418).
const TOO_MANY_PAUSE_NS: u64 = 60 * 1_000_000_000;

/// Why a connection could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The address is none. Correct `--endpoint` or the config.
    #[error(
        "`{url}` is no WebSocket address: {detail}\nhint: wanted ws:// or wss://, a host, and perhaps a port and a path"
    )]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The name has no address: no network, no name server, or a misspelt host.
    #[error(
        "cannot find the host `{host}` (DNS): {detail}\nhint: check the network and the name; `--retry` keeps trying"
    )]
    Dns {
        /// Whose address was asked for.
        host: String,
        /// By the resolver's account.
        detail: String,
    },
    /// Nobody listens there, or the way there is barred.
    #[error(
        "cannot reach `{address}` (TCP): {detail}\nhint: check that it listens, and firewalls; `--retry` keeps trying"
    )]
    Tcp {
        /// Host and port.
        address: String,
        /// By the kernel's account.
        detail: String,
        /// Whether the host answered that nobody listens.
        is_refused: bool,
    },
    /// The host is not who it should be, or speaks no TLS we accept.
    #[error(
        "cannot trust `{host}` (TLS): {detail}\nhint: check the host and this machine's clock; `--ca FILE` trusts another authority"
    )]
    Tls {
        /// Whose certificate it is to be.
        host: String,
        /// By the TLS library's account.
        detail: String,
    },
    /// The host answers, but opens no WebSocket.
    #[error("`{url}` opens no WebSocket{}: {detail}", status.map_or(String::new(), |status| format!(" (HTTP {status})")))]
    Handshake {
        /// What was asked for.
        url: String,
        /// The HTTP status, where there was one.
        status: Option<u16>,
        /// Seconds it asks us to wait.
        retry_after_s: Option<u64>,
        /// By the library's account.
        detail: String,
    },
    /// It took too long.
    #[error(
        "`{url}` did not answer within {seconds} s\nhint: check the network; `--retry` keeps trying"
    )]
    TimedOut {
        /// What was asked for.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl ConnectError {
    /// How long the venue wants to be left alone.
    pub(crate) fn pause_ns(&self) -> u64 {
        match self {
            Self::Handshake { retry_after_s: Some(seconds), .. } => {
                (*seconds).min(3_600) * 1_000_000_000
            }
            Self::Handshake { status: Some(429), .. } => TOO_MANY_PAUSE_NS,
            Self::Handshake { status: Some(418), .. } => 2 * TOO_MANY_PAUSE_NS,
            _ => 0,
        }
    }

    /// Whether whoever listened there no longer does.
    pub(crate) fn nobody_listens(&self) -> bool {
        matches!(self, Self::Tcp { is_refused: true, .. })
    }
}

/// Why a feed cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// The first connection could not be made, and nobody said to go on trying.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Threads, sockets or certificates of this host.
    #[error("{doing}: {detail}")]
    Host {
        /// What was being done.
        doing: &'static str,
        /// By the host's account.
        detail: String,
    },
}
