//! Opening a WebSocket, each step's failure told apart.

use crate::{ConnectError, FeedError, tcp::Tcp};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use socket2::{Domain, SockRef, Socket, Type};
use std::{path::Path, pin::Pin, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError,
        http::{HeaderMap, Uri},
        protocol::WebSocketConfig,
    },
};

/// Longest frame taken; a longer one closes the connection. A real Coinbase snapshot is 5 MB.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Read buffer of a WebSocket. tungstenite fills the whole of it with zeros before each read, so a
/// large one costs every small frame. Reading one frame of 150 bytes that lies ready on loopback, the
/// median of seven rounds of 2,000 in one run on two shared virtual cores: 3.7 µs with 4 KiB or 8 KiB,
/// 3.8 with 16, 4.0 with 32, 4.5 with 64, 5.6 with 128; of 20 frames of 3,000 bytes at once 1.3 µs each
/// with 4 KiB, 1.0 with 16, 0.9 from 32 up.
pub const READ_BUFFER_BYTES: usize = 16 << 10;

/// How long one attempt may take, from the name to the WebSocket.
const ATTEMPT_SECONDS: u64 = 10;

/// An open WebSocket.
pub(crate) type Stream = WebSocketStream<MaybeTlsStream<Tcp>>;

/// An attempt to open one.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

/// What a socket is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// Read buffer of the WebSocket.
    pub read_buffer_bytes: usize,
    /// `SO_BUSY_POLL`: how long, in microseconds, the kernel looks for packets in the network device
    /// itself before it waits to be told of them; `None` leaves that to the host.
    pub busy_poll_us: Option<u32>,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self { read_buffer_bytes: READ_BUFFER_BYTES, busy_poll_us: None }
    }
}

/// Whether this host lets a socket of ours look so many microseconds for packets.
///
/// # Errors
/// If it does not: it needs a kernel built with `CONFIG_NET_RX_BUSY_POLL`, and on older ones
/// `CAP_NET_ADMIN` for more than `net.core.busy_read` says.
pub fn try_busy_poll(busy_poll_us: u32) -> std::io::Result<()> {
    Socket::new(Domain::IPV4, Type::STREAM, None)?.set_busy_poll(busy_poll_us)
}

/// The limits of a WebSocket of ours.
pub(crate) fn config(options: SocketOptions) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(options.read_buffer_bytes)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
}

/// What TLS trusts: the certificate authorities of the web, and those of a file besides.
pub(crate) fn tls(
    ca: Option<&Path>,
) -> Result<(TlsConnector, Vec<CertificateDer<'static>>), FeedError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let mut own = Vec::new();
    if let Some(path) = ca {
        let doing = "reading the certificate authority";
        let host = |detail: String| FeedError::Host { doing, detail };
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| host(format!("`{}`: {error}", path.display())))?;
        for certificate in certificates {
            let certificate =
                certificate.map_err(|error| host(format!("`{}`: {error}", path.display())))?;
            roots.add(certificate.clone()).map_err(|error| host(error.to_string()))?;
            own.push(certificate);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| FeedError::Host { doing: "setting up TLS", detail: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), own))
}

/// Opens a WebSocket: name, TCP, TLS, handshake.
pub(crate) async fn open(
    url: String,
    tls: TlsConnector,
    options: SocketOptions,
    busy_poll: bool,
) -> Result<Stream, ConnectError> {
    let limit = Duration::from_secs(ATTEMPT_SECONDS);
    let attempt = attempt(&url, tls, options, busy_poll);
    match tokio::time::timeout(limit, attempt).await {
        Ok(opened) => opened,
        Err(_) => Err(ConnectError::TimedOut { url, seconds: ATTEMPT_SECONDS }),
    }
}

async fn attempt(
    url: &str,
    tls: TlsConnector,
    options: SocketOptions,
    busy_poll: bool,
) -> Result<Stream, ConnectError> {
    let address = Address::parse(url)?;
    let stream = tcp(&address).await?;
    if let Some(busy_poll_us) = options.busy_poll_us {
        // Whether it may be was tried before; a socket without it is as good, only later.
        let _ = SockRef::from(&stream).set_busy_poll(busy_poll_us);
    }
    let stream = match busy_poll {
        true => Tcp::looking(stream, options.read_buffer_bytes),
        false => Tcp::woken(stream),
    };
    let stream = match address.is_secure {
        false => MaybeTlsStream::Plain(stream),
        true => {
            let failed = |detail: String| ConnectError::Tls { host: address.host.clone(), detail };
            let name = ServerName::try_from(address.host.clone())
                .map_err(|error| failed(error.to_string()))?;
            let stream = tls.connect(name, stream).await;
            MaybeTlsStream::Rustls(stream.map_err(|error| failed(error.to_string()))?)
        }
    };
    let opened = client_async_with_config(url, stream, Some(config(options))).await;
    opened.map(|(stream, _)| stream).map_err(|error| handshake_error(url, error))
}

async fn tcp(address: &Address) -> Result<TcpStream, ConnectError> {
    let Address { host, port, .. } = address;
    let dns = |detail: String| ConnectError::Dns { host: host.clone(), detail };
    let found = tokio::net::lookup_host((host.as_str(), *port)).await;
    let mut last = None;
    for socket in found.map_err(|error| dns(error.to_string()))? {
        match TcpStream::connect(socket).await {
            Ok(stream) => {
                // Small messages of ours, such as subscriptions, must not wait for one another.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some((socket, error)),
        }
    }
    let Some((socket, error)) = last else { return Err(dns("no address".to_owned())) };
    Err(ConnectError::Tcp {
        address: format!("{host}:{port} ({socket})"),
        is_refused: error.kind() == std::io::ErrorKind::ConnectionRefused,
        detail: error.to_string(),
    })
}

fn handshake_error(url: &str, error: WsError) -> ConnectError {
    let (status, retry_after_s) = match &error {
        WsError::Http(response) => {
            (Some(response.status().as_u16()), retry_after_s(response.headers()))
        }
        _ => (None, None),
    };
    ConnectError::Handshake {
        url: url.to_owned(),
        status,
        retry_after_s,
        detail: error.to_string(),
    }
}

fn retry_after_s(headers: &HeaderMap) -> Option<u64> {
    headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()
}

/// The parts of a WebSocket's address.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    is_secure: bool,
}

impl Address {
    fn parse(url: &str) -> Result<Self, ConnectError> {
        let wrong =
            |detail: &str| ConnectError::Address { url: url.to_owned(), detail: detail.to_owned() };
        let uri: Uri = url.parse().map_err(|_| wrong("it cannot be read"))?;
        let is_secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(wrong("its scheme is neither ws nor wss")),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("it names no host"))?;
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port, is_secure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, host: &str, port: u16, is_secure: bool) {
        let expected = Address { host: host.to_owned(), port, is_secure };
        assert_eq!(Address::parse(url), Ok(expected));
    }

    #[test]
    fn addresses() {
        check("wss://fstream.binance.com/ws", "fstream.binance.com", 443, true);
        check("ws://127.0.0.1:9000", "127.0.0.1", 9000, false);
        check("ws://[::1]:9000/x?y", "::1", 9000, false);
        for wrong in ["http://a", "ws://", "127.0.0.1:80", "", "ws://a b"] {
            assert!(matches!(Address::parse(wrong), Err(ConnectError::Address { .. })), "{wrong}");
        }
    }
}
