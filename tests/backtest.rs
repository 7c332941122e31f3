//! `tickhawk backtest` as its user meets it.

mod support;

use sonic_rs::{JsonContainerTrait, JsonValueTrait, Value};
use std::{fs, path::Path};
use support::tickhawk_ends;

/// Runs it on the bundled recording, with these flags besides; what it wrote, and its words.
fn judged(folder: &Path, name: &str, args: &[&str]) -> (String, String) {
    let path = folder.join(name);
    let mut all = vec!["backtest", "--json", path.to_str().unwrap()];
    all.extend(args);
    let (_, words) = tickhawk_ends(0, &all);
    (fs::read_to_string(&path).unwrap(), words)
}

/// All before the measured times, which come last.
fn without_latency(text: &str) -> &str {
    text.split_once("\"latency\":").expect("a report ends with its latency").0
}

#[test]
fn judges_the_signals_of_replay_the_same_way_twice() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("replay.json");
    let report = report.to_str().unwrap();
    tickhawk_ends(0, &["replay", "--report", report]);
    let args = ["--latency-from", report, "--horizons", "100ms,1s,64u", "--seed", "9"];
    let (one, words) = judged(folder.path(), "one", &args);
    let (two, _) = judged(folder.path(), "two", &args);
    assert_eq!(without_latency(&one), without_latency(&two));
    let (other, _) = judged(folder.path(), "other", &[&args[..5], &["10"]].concat());
    assert_ne!(without_latency(&one), without_latency(&other), "another seed draws others");

    let (found, replayed): (Value, Value) = (
        sonic_rs::from_str(&one).unwrap(),
        sonic_rs::from_str(&fs::read_to_string(report).unwrap()).unwrap(),
    );
    assert_eq!(found["run"]["counts"], replayed["counts"]);
    let judged = &found["judgement"]["instruments"][0];
    assert_eq!(judged["signals"], replayed["counts"]["signals"]);
    let names: Vec<_> =
        judged["series"].as_array().unwrap().iter().map(|of| of["signal"].as_str()).collect();
    assert_eq!(names, [Some("mlp/1"), Some("obi_5")]);
    for series in judged["series"].as_array().unwrap().iter() {
        for at in series["horizons"].as_array().unwrap().iter() {
            let delays = at["delays"].as_array().unwrap();
            assert_eq!(delays[0]["delay"].as_str(), Some("0s"));
            assert_eq!(delays[delays.len() - 1]["delay"].as_str(), Some("sampled"));
        }
    }
    for line in words.lines().filter(|line| !line.starts_with("binance-futures:")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// The figures of the bundled recording, to every digit that is told: kernels give the same bits on
/// every processor, and statistics are summed in one order. What differs here and is right is made
/// the golden anew from the command's words but for their first line, which names the processor's
/// vectors.
#[test]
fn the_bundled_recording_is_judged_as_ever() {
    let (_, words) = tickhawk_ends(0, &["backtest", "--policies", "taker,maker"]);
    let (_, words) = words.split_once('\n').unwrap();
    let golden = fs::read_to_string("tests/golden/backtest.txt").unwrap();
    for (number, (found, expected)) in (1..).zip(words.lines().zip(golden.lines())) {
        assert_eq!(found, expected, "line {number} of tests/golden/backtest.txt");
    }
    assert_eq!(words, golden);
}

#[test]
fn nothing_depends_on_what_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    for recording in ["binance-futures", "coinbase"] {
        let file = format!("replay-data/{recording}.jsonl.zst");
        let args = [&file, "--model", "models/linear/1/model.onnx", "--check-lookahead", "2"];
        let (text, _) = judged(folder.path(), recording, &args);
        let found: Value = sonic_rs::from_str(&text).unwrap();
        assert_eq!(found["lookahead"]["holds"].as_bool(), Some(true));
        let cuts = found["lookahead"]["cuts"].as_array().unwrap();
        assert_eq!(cuts.len(), 2);
        for cut in cuts.iter() {
            assert!(cut["decisions"].as_u64() > Some(100) && cut["moved"].as_u64() > Some(100));
        }
    }
}

#[test]
fn a_compiled_recording_is_judged_alike() {
    let folder = tempfile::tempdir().unwrap();
    let form = folder.path().join("form");
    let form = form.to_str().unwrap();
    tickhawk_ends(0, &["compile", "replay-data/binance-futures.jsonl.zst", "--out", form]);
    let (raw, _) = judged(folder.path(), "raw", &[]);
    let (compiled, _) = judged(folder.path(), "compiled", &[form]);
    let judgement = |text: &str| text.split_once("\"run\":").unwrap().0.to_owned();
    assert_eq!(judgement(&raw), judgement(&compiled));
    let (_, words) = tickhawk_ends(2, &["backtest", form, "--check-lookahead"]);
    assert!(words.contains("hint: name the recording it was made of"), "{words}");
}

#[test]
fn what_cannot_be_is_refused_with_a_cure() {
    for (code, args, says) in [
        (2, &["--horizons", "1 fortnight"][..], "100ms or 10s"),
        (2, &["--yardstick", "obi_five"], "obi_five"),
        (2, &["--from", "yesterday"], "2024-07-19T00:02:36Z"),
        (2, &["--flat-bps=-1"], "0 or more"),
        (2, &["--latency", "2m"], "up to a minute"),
        (2, &["--volatility-window", "0s"], "above zero"),
        (2, &["--max-quotes", "10"], "--max-quotes"),
        (2, &["--latency-from", "README.md"], "is no report"),
        (1, &["--from", "2030-01-01T00:00:00Z"], "no signal"),
    ] {
        let (_, words) = tickhawk_ends(code, &[&["backtest"], args].concat());
        assert!(words.contains(says), "{args:?}: {words}");
    }
}

#[test]
fn trades_the_signals_the_same_way_twice_and_draws_them() {
    let folder = tempfile::tempdir().unwrap();
    let trade = |name: &str| {
        let page = folder.path().join(format!("{name}.html"));
        let html = ["--html", page.to_str().unwrap()];
        let flags = ["--policies", "taker,maker", "--order-latency", "5ms", "--queue", "power:3"];
        let (found, words) = judged(folder.path(), name, &[&flags[..], &html].concat());
        (found, fs::read_to_string(page).unwrap(), words)
    };
    let (one, page, words) = trade("one");
    let (two, page_two, _) = trade("two");
    assert_eq!(without_latency(&one), without_latency(&two));
    let before_latency = |page: &str| page.split_once("id=latency").unwrap().0.to_owned();
    assert_eq!(before_latency(&page), before_latency(&page_two));
    assert!(!page.contains("http://www.w3.org/1999/xlink") && !page.contains("src="), "no network");
    for title in ["Price and signals", "Decay", "Deciles", "Calibration", "Traded: maker"] {
        assert!(page.contains(title), "{title}");
    }
    assert!(words.contains("BTCUSDT, taker: profit"), "{words}");

    let found: Value = sonic_rs::from_str(&one).unwrap();
    let trading = found["trading"].as_array().unwrap();
    assert_eq!(trading.len(), 2);
    for traded in trading.iter() {
        let report = &traded["report"];
        let figure = |name: &str| report["summary"]["pnl"][name].as_f64().unwrap();
        let parts = figure("spread") + figure("inventory") - figure("fees");
        assert!((figure("total") - parts).abs() < 1e-9);
        let fills = report["fills"].as_array().unwrap();
        assert!(!fills.is_empty(), "{}", traded["policy"]);
        let fees: f64 = fills.iter().map(|fill| fill["fee"].as_f64().unwrap()).sum();
        assert!((fees - figure("fees")).abs() < 1e-9);
        let orders = report["orders"].as_array().unwrap();
        for fill in fills.iter() {
            let order = &orders[fill["order"].as_u64().unwrap() as usize];
            assert!(order["arrives_at_ns"].as_u64() <= fill["at_ns"].as_u64());
            let flight_ns =
                order["arrives_at_ns"].as_u64().unwrap() - order["sent_at_ns"].as_u64().unwrap();
            assert_eq!(flight_ns, 5_000_000);
        }
    }
}

#[test]
fn trading_that_cannot_be_is_refused() {
    for (args, says) in [
        (&["--policies", "scalper"][..], "scalper"),
        (&["--policies", "taker", "--queue", "fifo"], "risk-averse"),
        (&["--policies", "taker", "--queue", "power:-1"], "queue"),
        (&["--policies", "taker", "--maker-fee-bps", "1"], "together"),
        (&["--policies", "taker", "--order-lots", "0"], "order_lots"),
        (&["--policies", "maker", "--lot", "0.00000001"], "--lot"),
        (&["--policies", "maker", "--order-latency", "README.md"], "ends in .csv"),
        (&["--policies", "maker", "--feed-latency", "none.csv"], "reading `none.csv`"),
    ] {
        let (_, words) = tickhawk_ends(2, &[&["backtest"], args].concat());
        assert!(words.contains(says), "{args:?}: {words}");
    }
}
