//! Same seed and configuration, same bytes; and the bytes are as many as we want to ship.

use sha2::{Digest, Sha256};
use tickhawk_simulator::{MarketConfig, Message, MessageKind, Recording, WireFormat};

fn bytes(message: &Message) -> Vec<u8> {
    let at = message.received_at.nanos();
    let text = match &message.kind {
        MessageKind::Opened { url } => format!("{at} opened {url}\n"),
        MessageKind::Sent(text) => format!("{at} sent {text}\n"),
        MessageKind::Frame(text) => format!("{at} {text}\n"),
        MessageKind::RestReply { url, status, body } => format!("{at} {status} {url} {body}\n"),
        MessageKind::Closed => format!("{at} closed\n"),
    };
    text.into_bytes()
}

fn digest(format: WireFormat, config: &MarketConfig) -> String {
    let mut hash = Sha256::new();
    for message in Recording::new(format, config).unwrap() {
        hash.update(bytes(&message));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn config(format: WireFormat, seed: u64) -> MarketConfig {
    let mut config = MarketConfig::new(format.symbols(), seed);
    config.duration_ns = 5_000_000_000;
    config
}

/// The digests of seed 1, five seconds, three symbols. They differ only if what is simulated
/// differs; a platform on which they do has broken the contract.
const DIGESTS: [(WireFormat, &str); 7] = [
    (WireFormat::Binance, "9af5f8a428260b45285d34d885a7117cd88c3414329a543315107fa6800d192b"),
    (
        WireFormat::BinanceFutures,
        "96a4ffedc053f834b49d314464662ed63f9435f158a70517f8fff047d0884ad7",
    ),
    (WireFormat::Kraken, "f76f7a5da48c44efb855b26ad930db8d4b3f3a92fa4dc4fcb720139d759182a6"),
    (WireFormat::Okx, "c6085e22ce763671e418f568d60b45f35ebf2dfbe95b380087d1bd0a722f81d8"),
    (WireFormat::Bybit, "38d7f466c191155211524444cc6fef8269dd1ec11f67366e6f54abe3d45e8cc1"),
    (WireFormat::Coinbase, "7223067fdd810dc711558347512a592bb4b8a96c6a53bad0ee3a3e6c61ca2a6f"),
    (WireFormat::Bitfinex, "14ced013bfc73717cd606393d293088dc26c27bc6991f14da8e4486314f7c77a"),
];

#[test]
fn same_seed_same_bytes() {
    let digests = DIGESTS.map(|(format, _)| (format, digest(format, &config(format, 1))));
    for ((format, got), (_, expected)) in digests.iter().zip(DIGESTS) {
        assert_eq!(&digest(*format, &config(*format, 1)), got, "{format} twice");
        assert_ne!(&digest(*format, &config(*format, 2)), got, "{format} with another seed");
        assert_eq!(got, expected, "{format}; all: {digests:#?}");
    }
}

#[test]
fn a_venue_does_not_disturb_the_market() {
    // The same instruments through two venues of very different chattiness.
    let tops = |format| {
        let mut config = config(WireFormat::Okx, 3);
        config.duration_ns = 10_000_000_000;
        let mut recording = Recording::new(format, &config).unwrap();
        while recording.next().is_some() {}
        (recording.market().book(0), recording.market().book(2))
    };
    assert!(tops(WireFormat::Okx) == tops(WireFormat::BinanceFutures));
}

#[test]
fn a_minute_of_futures_is_small_enough_to_ship() {
    let mut symbols = WireFormat::BinanceFutures.symbols();
    symbols.truncate(1);
    let config = MarketConfig::new(symbols, 20_240_718);
    let messages: Vec<Vec<u8>> = Recording::new(WireFormat::BinanceFutures, &config)
        .unwrap()
        .map(|message| bytes(&message))
        .collect();
    let all = messages.concat();
    let packed = zstd::bulk::compress(&all, 19).unwrap();
    println!("{} messages, {} bytes, {} packed", messages.len(), all.len(), packed.len());
    assert!((15_000..25_000).contains(&messages.len()), "{} messages", messages.len());
    assert!(packed.len() < 700_000, "{} bytes packed", packed.len());
}

#[test]
fn intensity_scales_the_message_count() {
    let count = |permille| {
        let mut config = config(WireFormat::Binance, 5);
        config.intensity_permille = permille;
        Recording::new(WireFormat::Binance, &config).unwrap().count()
    };
    let (half, double) = (count(500), count(2000));
    assert!(double > 3 * half && double < 5 * half, "{half} and {double}");
}
