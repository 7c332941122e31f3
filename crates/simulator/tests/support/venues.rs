//! Each venue's own rules.

use super::{Reader, int, items, need, text};
use std::collections::BTreeSet;
use tickhawk_simulator::WireFormat;

impl Reader {
    pub(super) fn rest(&mut self, url: &str, body: &str) -> BTreeSet<usize> {
        let Some(query) = url.split("symbol=").nth(1) else {
            assert!(url.ends_with("/exchangeInfo") && body.contains("tickSize"), "{url}");
            self.count("exchangeInfo");
            return BTreeSet::new();
        };
        let name = query.split('&').next().unwrap();
        let symbol = self.index(name);
        self.clear(symbol);
        self.set_pairs(symbol, true, &need(body, &["bids"]));
        self.set_pairs(symbol, false, &need(body, &["asks"]));
        self.books[symbol].sequence = int(body, &["lastUpdateId"]);
        self.books[symbol].bridged = false;
        for diff in std::mem::take(&mut self.books[symbol].buffered) {
            self.binance_diff(symbol, &diff);
        }
        BTreeSet::from([symbol])
    }

    pub(super) fn binance(&mut self, frame: &str) -> BTreeSet<usize> {
        let Some(stream) = text(frame, &["stream"]) else {
            self.count("response");
            return BTreeSet::new();
        };
        let data = need(frame, &["data"]);
        let (_, kind) = stream.split_once('@').unwrap();
        self.count(kind);
        let symbol = self.index(&need(&data, &["s"]));
        match kind {
            "depth@0ms" | "depth@100ms" if !self.books[symbol].live => {
                self.books[symbol].buffered.push(data);
                BTreeSet::new()
            }
            "depth@0ms" | "depth@100ms" => {
                self.binance_diff(symbol, &data);
                BTreeSet::from([symbol])
            }
            "bookTicker" => {
                let top = ["b", "B", "a", "A"].map(|key| need(&data, &[key]));
                self.tops.insert((symbol, int(&data, &["u"])), top);
                BTreeSet::new()
            }
            "trade" => {
                // `m`: the buyer was the maker.
                self.trade(symbol, &data, ["p", "m"], "false");
                BTreeSet::new()
            }
            _ => BTreeSet::new(),
        }
    }

    fn binance_diff(&mut self, symbol: usize, data: &str) {
        let (first, last) = (int(data, &["U"]), int(data, &["u"]));
        let book = &mut self.books[symbol];
        let futures = self.format == WireFormat::BinanceFutures;
        if !book.bridged {
            let id = book.sequence;
            if if futures { last < id } else { last <= id } {
                self.tally.stale_diffs += 1;
                return;
            }
            let reaches = if futures { first <= id } else { first <= id + 1 };
            assert!(reaches, "gap between snapshot {id} and {first}..{last}");
            book.bridged = true;
        } else if futures {
            assert_eq!(int(data, &["pu"]), book.sequence);
        } else {
            assert_eq!(first, book.sequence + 1);
        }
        book.sequence = last;
        self.set_pairs(symbol, true, &need(data, &["b"]));
        self.set_pairs(symbol, false, &need(data, &["a"]));
        if let Some(top) = self.tops.remove(&(symbol, last)) {
            let book = &self.books[symbol];
            let (bid, ask) = (book.bids.last_key_value(), book.asks.first_key_value());
            let (bid, ask) = (bid.unwrap().1, ask.unwrap().1);
            let ours = [&bid.0, &bid.1, &ask.0, &ask.1];
            assert_eq!(ours, [&top[0], &top[1], &top[2], &top[3]]);
            self.tally.tops_compared += 1;
        }
    }

    pub(super) fn kraken(&mut self, frame: &str) -> BTreeSet<usize> {
        let Some(channel) = text(frame, &["channel"]) else {
            self.count(&need(frame, &["method"]));
            return BTreeSet::new();
        };
        self.count(&channel);
        if channel == "trade" {
            for trade in items(&need(frame, &["data"])) {
                let symbol = self.index(&need(&trade, &["symbol"]));
                self.trade(symbol, &trade, ["price", "side"], "buy");
            }
        }
        if channel != "book" {
            return BTreeSet::new();
        }
        let data = items(&need(frame, &["data"])).remove(0);
        let symbol = self.index(&need(&data, &["symbol"]));
        match need(frame, &["type"]).as_str() {
            "snapshot" => self.clear(symbol),
            kind => assert!(kind == "update" && self.books[symbol].live),
        }
        for (bid, side) in [(true, "bids"), (false, "asks")] {
            for level in items(&need(&data, &[side])) {
                assert!(!level.contains("\"price\":\""), "numbers, not text");
                self.set(symbol, bid, need(&level, &["price"]), need(&level, &["qty"]));
            }
        }
        let book = &mut self.books[symbol];
        while book.bids.len() > 100 {
            book.bids.pop_first();
        }
        while book.asks.len() > 100 {
            book.asks.pop_last();
        }
        let mut digits = String::new();
        for (price, qty) in book.asks.values().take(10).chain(book.bids.values().rev().take(10)) {
            for number in [price, qty] {
                digits.push_str(number.replace('.', "").trim_start_matches('0'));
            }
        }
        assert_eq!(i64::from(crc32(digits.as_bytes())), int(&data, &["checksum"]));
        self.tally.checksums += 1;
        BTreeSet::from([symbol])
    }

    pub(super) fn okx(&mut self, frame: &str) -> BTreeSet<usize> {
        if let Some(event) = text(frame, &["event"]) {
            self.count(&event);
            return BTreeSet::new();
        }
        let channel = need(frame, &["arg", "channel"]);
        self.count(&channel);
        if !frame.contains(r#""data":"#) {
            return BTreeSet::new();
        }
        let symbol = self.index(&need(frame, &["arg", "instId"]));
        let data = items(&need(frame, &["data"])).remove(0);
        if channel == "trades" {
            self.trade(symbol, &data, ["px", "side"], "buy");
        }
        if channel != "books" {
            return BTreeSet::new();
        }
        let previous = int(&data, &["prevSeqId"]);
        match need(frame, &["action"]).as_str() {
            "snapshot" => {
                assert_eq!(previous, -1);
                self.clear(symbol);
            }
            action => {
                assert!(action == "update" && self.books[symbol].live);
                assert_eq!(previous, self.books[symbol].sequence);
            }
        }
        self.books[symbol].sequence = int(&data, &["seqId"]);
        self.set_pairs(symbol, true, &need(&data, &["bids"]));
        self.set_pairs(symbol, false, &need(&data, &["asks"]));
        let book = &self.books[symbol];
        let mut parts = Vec::new();
        let (mut bids, mut asks) = (book.bids.values().rev(), book.asks.values());
        for _ in 0..25 {
            for (price, qty) in [bids.next(), asks.next()].into_iter().flatten() {
                parts.push(price.as_str());
                parts.push(qty.as_str());
            }
        }
        let ours = crc32(parts.join(":").as_bytes()) as i32;
        assert_eq!(i64::from(ours), int(&data, &["checksum"]));
        self.tally.checksums += 1;
        BTreeSet::from([symbol])
    }

    pub(super) fn bybit(&mut self, frame: &str) -> BTreeSet<usize> {
        let Some(topic) = text(frame, &["topic"]) else {
            self.count(&need(frame, &["op"]));
            return BTreeSet::new();
        };
        let (kind, name) = topic.rsplit_once('.').unwrap();
        self.count(kind);
        let symbol = self.index(name);
        if kind == "publicTrade" {
            for trade in items(&need(frame, &["data"])) {
                self.trade(symbol, &trade, ["p", "S"], "Buy");
            }
        }
        if kind != "orderbook.200" {
            return BTreeSet::new();
        }
        let data = need(frame, &["data"]);
        let (update_id, cross) = (int(&data, &["u"]), int(&data, &["seq"]));
        match need(frame, &["type"]).as_str() {
            "snapshot" => self.clear(symbol),
            kind => {
                assert!(kind == "delta" && self.books[symbol].live);
                assert_eq!(update_id, self.books[symbol].sequence + 1);
            }
        }
        assert!(cross >= self.books[symbol].cross_sequence);
        self.books[symbol].sequence = update_id;
        self.books[symbol].cross_sequence = cross;
        self.set_pairs(symbol, true, &need(&data, &["b"]));
        self.set_pairs(symbol, false, &need(&data, &["a"]));
        BTreeSet::from([symbol])
    }

    pub(super) fn coinbase(&mut self, frame: &str) -> BTreeSet<usize> {
        assert_eq!(int(frame, &["sequence_num"]), self.next_sequence_num);
        self.next_sequence_num += 1;
        let channel = need(frame, &["channel"]);
        self.count(&channel);
        let mut changed = BTreeSet::new();
        for event in items(&need(frame, &["events"])) {
            if channel == "market_trades" {
                for trade in items(&need(&event, &["trades"])) {
                    // The side is the maker's.
                    let symbol = self.index(&need(&trade, &["product_id"]));
                    self.trade(symbol, &trade, ["price", "side"], "SELL");
                }
            }
            if channel != "l2_data" {
                continue;
            }
            let symbol = self.index(&need(&event, &["product_id"]));
            match need(&event, &["type"]).as_str() {
                "snapshot" => self.clear(symbol),
                kind => assert!(kind == "update" && self.books[symbol].live),
            }
            for update in items(&need(&event, &["updates"])) {
                let side = need(&update, &["side"]);
                assert!(side == "bid" || side == "offer");
                let (price, qty) =
                    (need(&update, &["price_level"]), need(&update, &["new_quantity"]));
                self.set(symbol, side == "bid", price, qty);
            }
            changed.insert(symbol);
        }
        if changed.len() > 1 {
            self.count("l2_data of several products");
        }
        changed
    }

    pub(super) fn bitfinex(&mut self, frame: &str) -> BTreeSet<usize> {
        if let Some(event) = text(frame, &["event"]) {
            match event.as_str() {
                "subscribed" => {
                    let symbol = self.index(&need(frame, &["symbol"]));
                    let channel = need(frame, &["channel"]);
                    self.channels.insert(int(frame, &["chanId"]), (channel, symbol));
                }
                "unsubscribed" => {
                    let channel = self.channels.remove(&int(frame, &["chanId"]));
                    assert_eq!(channel.expect("a channel").0, "book");
                }
                "conf" => assert_eq!(int(frame, &["flags"]), 65_536),
                _ => {}
            }
            self.count(&event);
            return BTreeSet::new();
        }
        let mut parts = items(frame);
        self.next_sequence_num += 1;
        assert_eq!(parts.pop().unwrap(), self.next_sequence_num.to_string());
        let (channel, symbol) = self.channels[&parts[0].parse().unwrap()].clone();
        match (channel.as_str(), parts[1].trim_matches('"')) {
            (_, "hb") => self.count("hb"),
            ("book", _) => {
                self.bitfinex_book(symbol, &parts[1]);
                return BTreeSet::from([symbol]);
            }
            ("trades", "te") => {
                let trade = items(&parts[2]);
                self.traded(symbol, &trade[3], !trade[2].starts_with('-'));
            }
            ("trades", "tu") => self.count("tu"),
            (channel, payload) => {
                assert!(payload.starts_with('['), "{frame:.200}");
                self.count(channel);
            }
        }
        BTreeSet::new()
    }

    fn bitfinex_book(&mut self, symbol: usize, payload: &str) {
        let mut levels = items(payload);
        if levels[0].starts_with('[') {
            self.clear(symbol);
        } else {
            assert!(self.books[symbol].live);
            levels = vec![payload.to_owned()];
        }
        for level in levels {
            let [price, count, amount] = items(&level).try_into().unwrap();
            let bid = !amount.starts_with('-');
            let qty = if count == "0" { "0" } else { amount.trim_start_matches('-') };
            self.set(symbol, bid, price, qty.to_owned());
        }
        let book = &self.books[symbol];
        assert!(book.bids.len() <= 100 && book.asks.len() <= 100, "wider than the window");
    }
}

/// CRC-32 (IEEE), bit by bit, so that no library is shared with what is tested.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
        }
    }
    !crc
}
