//! REST requests, on a thread of their own: neither their TLS nor their bodies hold up a frame.

use crate::{FeedError, FetchError, FetchId, websocket::FRAME_BYTES_MAX};
use bytes::Bytes;
use rustls_pki_types::CertificateDer;
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

/// How long a request may take, name and body included.
const REQUEST_SECONDS: u64 = 10;

/// An answer of any status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) body: Bytes,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) fetch: FetchId,
    pub(crate) url: String,
    pub(crate) answer: Result<Answer, FetchError>,
}

/// The thread that asks. It ends when this is dropped; there is never more than one request under
/// way, so its channels stay short.
#[derive(Debug)]
pub(crate) struct Rest {
    asked: Sender<(FetchId, String)>,
    pub(crate) fetched: UnboundedReceiver<Fetched>,
}

impl Rest {
    pub(crate) fn start(own: Vec<CertificateDer<'static>>) -> Result<Self, FeedError> {
        let (asked, to_ask) = channel();
        let (answered, fetched) = unbounded_channel();
        let agent = agent(own);
        let thread = thread::Builder::new().name("rest".to_owned());
        let spawned = thread.spawn(move || run(&agent, &to_ask, &answered));
        spawned.map_err(|error| FeedError::Host {
            doing: "starting the REST thread",
            detail: error.to_string(),
        })?;
        Ok(Self { asked, fetched })
    }

    /// Asks; the answer comes by [`Rest::fetched`].
    pub(crate) fn ask(&self, fetch: FetchId, url: String) {
        // The thread lives as long as the sender does.
        let _ = self.asked.send((fetch, url));
    }
}

fn agent(own: Vec<CertificateDer<'static>>) -> Agent {
    let mut tls = TlsConfig::builder();
    if !own.is_empty() {
        let own = own.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        tls = tls.root_certs(RootCerts::Specific(Arc::new(own.collect())));
    }
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(REQUEST_SECONDS)))
        .http_status_as_error(false)
        .user_agent(concat!("tickhawk/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build())
        .build()
        .into()
}

fn run(agent: &Agent, to_ask: &Receiver<(FetchId, String)>, answered: &UnboundedSender<Fetched>) {
    for (fetch, url) in to_ask {
        let answer = get(agent, &url).map_err(|error| FetchError(format!("`{url}`: {error}")));
        if answered.send(Fetched { fetch, url, answer }).is_err() {
            return;
        }
    }
}

fn get(agent: &Agent, url: &str) -> Result<Answer, ureq::Error> {
    let mut response = agent.get(url).call()?;
    let retry_after = response.headers().get("retry-after");
    let retry_after_s =
        retry_after.and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
    let limit = FRAME_BYTES_MAX as u64;
    let body = response.body_mut().with_config().limit(limit).read_to_vec()?;
    Ok(Answer { status: response.status().as_u16(), retry_after_s, body: body.into() })
}
