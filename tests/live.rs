//! The program over real sockets: served, scored, recorded, verified; killed, stopped, starved.

mod support;

use serde::Deserialize;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};
use support::{
    Golden, captures,
    served::{Served, TICKHAWK, ends, verify},
};

/// A synthetic recording that ships with the program.
const BUNDLED: &str = "replay-data/binance-futures.jsonl.zst";

/// Runs `jobs` on a few threads: most of their time is waiting for a recording to pass.
fn side_by_side<J: Send>(jobs: Vec<J>, run: impl Fn(J) + Sync) {
    let jobs = Mutex::new(jobs);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(job) = jobs.lock().unwrap().pop() else { return };
                    run(job);
                }
            });
        }
    });
}

#[derive(Deserialize)]
struct Book {
    symbol: String,
    final_top: Top,
    state: String,
    stale_cause: Option<String>,
    applied_book_messages: u64,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Top {
    bids: Vec<Vec<String>>,
    asks: Vec<Vec<String>>,
}

#[test]
fn every_recording_comes_out_of_a_socket_as_golden() {
    let Some(captures) = captures() else { return };
    let goldens = Golden::all(&captures);
    let jobs = goldens.iter().flat_map(|golden| [(golden, "max"), (golden, "20")]);
    side_by_side(jobs.collect(), |(golden, pace)| {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> =
            golden.paths(&captures).iter().map(|path| path.display().to_string()).collect();
        let mut args: Vec<_> = paths.iter().map(String::as_str).collect();
        args.extend(["--venue", golden.slug(), "--pace", pace]);
        let served = Served::start(&args);
        let of = format!("{} at pace {pace}", golden.capture);
        let symbols: Vec<_> = golden.books().map(|book| book.symbol()).collect();
        let symbols = if symbols.is_empty() { "BTCUSDT".to_owned() } else { symbols.join(",") };
        let (record, books) = (folder.path().join("record"), folder.path().join("books.json"));
        let mut live = served.client("live", golden.slug(), &symbols);
        live.arg("--exit-on-close").arg("--record").arg(&record).arg("--books").arg(&books);
        if pace == "max" {
            // Which reads sockets in another way.
            live.arg("--busy-poll");
        }
        let err = ends(0, &live.output().unwrap());
        let text = fs::read_to_string(&books).unwrap();
        let rows: Vec<Book> = text.lines().map(|line| sonic_rs::from_str(line).unwrap()).collect();
        for book in golden.books() {
            let row = rows.iter().find(|row| row.symbol == book.symbol());
            let row = row.unwrap_or_else(|| panic!("{of}: {} in {text}", book.symbol()));
            assert_eq!(row.final_top.bids, book.last.top20.bids, "{of}: {}\n{err}", row.symbol);
            assert_eq!(row.final_top.asks, book.last.top20.asks, "{of}: {}\n{err}", row.symbol);
            assert_eq!(row.state, "live", "{of}: {}", row.symbol);
        }
        verify(&record);
    });
}

/// How often the recorder is killed.
fn kills() -> u64 {
    std::env::var("TICKHAWK_KILLS").map_or(50, |text| text.parse().expect("a number"))
}

#[test]
fn whatever_was_recorded_before_a_kill_can_be_replayed() {
    side_by_side((0..kills()).collect(), |kill| {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::start(&[BUNDLED, "--pace", "10"]);
        let mut live = served.client("live", "binance-futures", "BTCUSDT");
        live.stderr(Stdio::null()).arg("--record").arg(folder.path());
        let mut child = live.spawn().unwrap();
        thread::sleep(Duration::from_millis(50 + kill * 6_151 % 2_500));
        child.kill().unwrap();
        child.wait().unwrap();
        let files: Vec<PathBuf> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        if !files.iter().any(|path| path.extension().is_some_and(|end| end == "outcomes")) {
            // It was killed before it had begun to record.
            return;
        }
        let inspect = Command::new(TICKHAWK).arg("inspect").arg(folder.path()).output().unwrap();
        let err = String::from_utf8_lossy(&inspect.stderr).into_owned();
        assert_ne!(inspect.status.code(), Some(2), "kill {kill}: {err}");
        verify(folder.path());
    });
}

#[test]
fn a_tuned_run_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (config, report) = (folder.path().join("tuned.toml"), folder.path().join("report.json"));
    let options = "lock_memory = true\nprefault = true\nbusy_poll_us = 1\n";
    fs::write(&config, format!("[tuning]\n{options}")).unwrap();
    let served = Served::start(&[BUNDLED, "--pace", "20"]);
    let mut live = served.client("live", "binance-futures", "BTCUSDT");
    live.arg("--exit-on-close").arg("--config").arg(&config).arg("--report").arg(&report);
    // Neither thread sleeps, so both rehearse.
    live.arg("--busy-poll");
    let record = folder.path().join("record");
    let err = ends(0, &live.arg("--record").arg(&record).output().unwrap());
    assert!(err.contains("tuning: ") && err.contains("prefault on"), "{err}");
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("\"prefault\": \"on\""), "{report}");
    assert!(report.contains("\"keep_warm\": \"on\""), "{report}");
    assert!(!report.contains("\"busy_poll_us\": \"off\""), "{report}");
    verify(&record);
}

#[test]
fn a_first_signal_drains_and_a_missing_network_is_told() {
    for signal in ["INT", "TERM"] {
        let served = Served::start(&[BUNDLED, "--pace", "1"]);
        let mut live = served.client("live", "binance-futures", "BTCUSDT").spawn().unwrap();
        thread::sleep(Duration::from_millis(1_500));
        let told = Instant::now();
        Command::new("kill")
            .args([&format!("-{signal}"), &live.id().to_string()])
            .status()
            .unwrap();
        let status = live.wait().unwrap();
        let mut err = String::new();
        live.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(status.code(), Some(0), "SIG{signal} after {:?}: {err}", told.elapsed());
        assert!(err.contains("connections opened") && err.contains("total"), "its report: {err}");
    }
    let nowhere = |endpoint: &str, words: &str| {
        let mut live = Command::new(TICKHAWK);
        live.args(["live", "--venue", "okx", "--symbols", "BTC-USDT", "--cores", "none"]);
        let err = ends(2, &live.args(["--endpoint", endpoint]).output().unwrap());
        assert!(err.contains(words) && err.contains("hint:"), "{err}");
    };
    nowhere("ws://127.0.0.1:9", "(TCP)");
    nowhere("ws://no-such-host.invalid:9", "(DNS)");
    nowhere("http://127.0.0.1:9", "no WebSocket address");
}

#[test]
fn a_full_disk_stops_the_recording_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(&[BUNDLED, "--pace", "8"]);
    let signals = folder.path().join("signals");
    let live = served.client("live", "binance-futures", "BTCUSDT");
    let args: Vec<_> = live.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect();
    // Files end at 64 KiB: a write beyond fails as on a full disk.
    let output = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", TICKHAWK])
        .args(&args)
        .args(["--exit-on-close", "--record"])
        .arg(folder.path().join("record"))
        .args(["--report"])
        .arg(&signals)
        .output()
        .unwrap();
    let err = ends(1, &output);
    assert!(err.contains("ALARM") && err.contains("signals go on"), "{err}");
    assert!(err.contains("recording stopped"), "{err}");
    let report = fs::read_to_string(&signals).unwrap();
    assert!(report.contains("\"lost_records\""), "the run went on to its end");
    assert!(!report.contains("\"lost_records\": 0"), "{report}");
    verify(&folder.path().join("record"));
}

#[test]
fn two_connections_are_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let served =
        Served::start(&[BUNDLED, "--pace", "10", "--seed", "3", "--faults", "reset=0.0002"]);
    let report = folder.path().join("report.json");
    let mut live = served.client("live", "binance-futures", "BTCUSDT");
    live.args(["--connections", "2", "--exit-on-close", "--report"]).arg(&report);
    live.arg("--record").arg(folder.path().join("record"));
    ends(0, &live.output().unwrap());
    let report = fs::read_to_string(&report).unwrap();
    assert!(report.contains("\"link\": 1"), "{report}");
    verify(&folder.path().join("record"));
}

/// A run whose words on stderr are waited for.
struct Told {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Told {
    fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|l| sender.send(l))
        });
        Self { child, lines }
    }

    #[track_caller]
    fn says(&self, words: &str) {
        let mut heard = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(60)) {
            if line.contains(words) {
                return;
            }
            heard.push(line);
        }
        panic!("`{words}` was not said: {heard:#?}");
    }

    /// Lets it read its config again, which is now this.
    #[track_caller]
    fn reads(&self, config: &Path, text: &str, words: &str) {
        fs::write(config, text).unwrap();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
        self.says(words);
    }
}

fn books(path: &Path) -> Vec<Book> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| sonic_rs::from_str(line).unwrap()).collect()
}

#[test]
fn instruments_are_taken_on_and_given_up_while_it_runs() {
    let venues = [
        ("binance-futures", "BTCUSDT", "ETHUSDT"),
        ("bitfinex", "tBTCUSD", "tETHUSD"),
        ("okx", "BTC-USDT", "ETH-USDT-SWAP"),
    ];
    side_by_side(venues.to_vec(), |(venue, first, second)| {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let served = Served::start(&["--venue", venue, "--seconds", "60", "--pace", "5"]);
        // What both books come to, by a run that has both from the start.
        let mut whole = served.client("record", venue, &format!("{first},{second}"));
        whole.arg("--exit-on-close").arg("--record").arg(path("whole"));
        let mut whole = whole.arg("--books").arg(path("whole.json")).spawn().unwrap();

        let (ws, rest) = served.addresses();
        let config = |symbols: &str| {
            format!(
                "[[lanes]]\nvenue = \"{venue}\"\nsymbols = [{symbols}]\nendpoint = \"{ws}\"\n\
                 rest = \"{rest}\"\ncores = []\n"
            )
        };
        let (file, record) = (path("config.toml"), path("record"));
        fs::write(&file, config(&format!("\"{first}\""))).unwrap();
        let mut live = Command::new(TICKHAWK);
        live.args(["live", "--exit-on-close", "--config"]).arg(&file).arg("--record").arg(&record);
        live.arg("--books").arg(path("books.json"));
        live.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut live = Told::start(live);
        live.says("model");
        thread::sleep(Duration::from_secs(3));

        let both = config(&format!("\"{first}\", \"{second}\""));
        live.reads(&file, &format!("{both}connections = 2\n"), "lanes.number 1: connections");
        live.reads(&file, "[[lanes]\n", "nothing is changed");
        live.reads(&file, &both, &format!("added {second}"));
        thread::sleep(Duration::from_secs(3));
        live.reads(&file, &config(&format!("\"{second}\"")), &format!("removed {first}"));

        let status = live.child.wait().unwrap();
        let rest: Vec<_> = live.lines.iter().collect();
        assert_eq!(status.code(), Some(0), "{venue}: {rest:#?}");
        assert!(whole.wait().unwrap().success());
        let (books, whole) = (books(&path("books.json")), books(&path("whole.json")));
        let of = |books: &[Book], symbol: &str| {
            books.iter().position(|book| book.symbol == symbol).expect("a book of every symbol")
        };
        let gone = &books[of(&books, first)];
        assert_eq!((gone.state.as_str(), gone.stale_cause.as_deref()), ("stale", Some("removed")));
        let (new, same) = (&books[of(&books, second)], &whole[of(&whole, second)]);
        assert_eq!((new.state.as_str(), &new.final_top), ("live", &same.final_top), "{venue}");
        let longest = whole[of(&whole, first)].applied_book_messages;
        for book in [gone, new] {
            let messages = book.applied_book_messages;
            assert!((10..longest.max(same.applied_book_messages)).contains(&messages), "{venue}");
        }
        verify(&record);
    });
}
