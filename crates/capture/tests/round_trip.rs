//! What is written is what is read, to the bit.

mod support;

use proptest::prelude::*;
use support::{Folder, gz, read, read_all};
use tickhawk_capture::{
    CaptureError, Header, Session, Warning, Writer, convert_to_hftbacktest, convert_to_tickhawk,
};
use tickhawk_market::{ConnectionId, UnixNanos};

#[derive(Clone, Debug)]
enum Written {
    Opened(String),
    Closed(String),
    Sent(Vec<u8>),
    Frame(Vec<u8>),
    Reply(Option<String>, Option<u16>, Vec<u8>),
    Alive,
    Wanted(Vec<String>),
    Timer,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let text = any::<String>().prop_map(String::into_bytes);
    let odd = prop_oneof![
        Just(b"".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"{\"a\":\n1}".to_vec()),
        Just(b"ends in a return\r".to_vec()),
        Just(b"\xff\xfe\n".to_vec()),
        Just(br#"{"stream":"tickhawk","data":{"event":"header"}}"#.to_vec()),
        Just(br#"{"stream":"tickhawk","data":"#.to_vec()),
        Just(b"\x00\x01\x1f\x7f\"\\".to_vec()),
    ];
    prop_oneof![text, odd, prop::collection::vec(any::<u8>(), 0..80)]
}

fn written() -> impl Strategy<Value = (u16, u64, Written)> {
    let what = prop_oneof![
        any::<String>().prop_map(Written::Opened),
        any::<String>().prop_map(Written::Closed),
        payload().prop_map(Written::Sent),
        payload().prop_map(Written::Frame),
        payload().prop_map(Written::Frame),
        (any::<Option<String>>(), any::<Option<u16>>(), payload())
            .prop_map(|(url, status, body)| Written::Reply(url, status, body)),
        Just(Written::Alive),
        prop::collection::vec(any::<String>(), 0..4).prop_map(Written::Wanted),
        Just(Written::Timer),
    ];
    (0u16..4, any::<u64>(), what)
}

fn write(writer: &mut Writer<Vec<u8>>, connection: u16, at: u64, what: &Written) {
    let (connection, at) = (ConnectionId(connection), UnixNanos::new(at));
    match what {
        Written::Opened(url) => writer.opened(connection, at, url),
        Written::Closed(reason) => writer.closed(connection, at, reason),
        Written::Sent(message) => writer.sent(connection, at, message),
        Written::Frame(frame) => writer.frame(connection, at, frame),
        Written::Reply(url, status, body) => {
            writer.rest_reply(connection, at, url.as_deref(), *status, body)
        }
        Written::Alive => writer.alive(connection, at),
        Written::Wanted(symbols) => writer.wanted(at, symbols),
        Written::Timer => writer.timer(at),
    }
    .unwrap();
}

fn expected(all: &[(u16, u64, Written)]) -> Vec<String> {
    let mut open = [false; 4];
    let mut expected = Vec::new();
    for (connection, at, what) in all {
        let is_open = &mut open[usize::from(*connection)];
        let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let text = match what {
            Written::Opened(url) => {
                if std::mem::replace(is_open, true) {
                    expected.push(format!("{at} #{connection} closed"));
                }
                format!("opened {url}")
            }
            Written::Closed(_) => {
                *is_open = false;
                "closed".to_owned()
            }
            Written::Sent(message) => format!("sent {}", escaped(message)),
            Written::Frame(frame) => format!("frame {}", escaped(frame)),
            Written::Reply(url, status, body) => {
                let status = status.map_or("-".to_owned(), |status| status.to_string());
                format!("reply {} {status} {}", url.as_deref().unwrap_or("-"), escaped(body))
            }
            Written::Alive => "alive".to_owned(),
            Written::Wanted(symbols) => {
                expected.push(format!("{at} #0 wanted {symbols:?}"));
                continue;
            }
            Written::Timer => {
                expected.push(format!("{at} #0 timer"));
                continue;
            }
        };
        expected.push(format!("{at} #{connection} {text}"));
    }
    expected
}

proptest! {
    #[test]
    fn records_come_back(
        all in prop::collection::vec(written(), 0..40),
        flush_at in 0usize..40,
        links in prop::option::of(1u16..),
        sequence in any::<u32>(),
    ) {
        let header = Header { venue: Some("v".into()), links, sequence, ..Header::default() };
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        for (index, (connection, at, what)) in all.iter().enumerate() {
            write(&mut writer, *connection, *at, what);
            if index == flush_at {
                writer.flush().unwrap();
            }
        }
        let folder = Folder::new();
        let path = folder.file("own.zst", writer.finish().unwrap());
        let mut session = Session::open(&[path]).unwrap();
        prop_assert_eq!(session.header(), Some(&header));
        prop_assert_eq!(read_all(&mut session).unwrap(), expected(&all));
        prop_assert_eq!(session.unknown_events(), 0);
        prop_assert!(session.warnings().is_empty());
    }
}

#[test]
fn lines_stand_as_documented() {
    let header = Header {
        started_at: UnixNanos::new(7),
        venue: Some("binance-futures".into()),
        instruments: vec!["AB".into()],
        links: Some(2),
        sequence: 3,
    };
    let mut writer = Writer::with_level(Vec::new(), &header, 19).unwrap();
    let at = UnixNanos::new(1_893_456_000_000_000_001);
    writer.opened(ConnectionId(1), at, "wss://v.invalid").unwrap();
    writer.frame(ConnectionId(1), at, br#"{"stream":"ab@trade","data":{}}"#).unwrap();
    writer.frame(ConnectionId(0), at, b"a\nb").unwrap();
    writer
        .rest_reply(ConnectionId(1), at, Some("https://v.invalid"), Some(200), b"{\"a\":1}")
        .unwrap();
    writer.closed(ConnectionId(1), at, "bye").unwrap();
    writer.timer(at).unwrap();
    let text = zstd::decode_all(writer.finish().unwrap().as_slice()).unwrap();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        concat!(
            r#"0000000000000000007 {"stream":"tickhawk","data":{"event":"header","version":1,"venue":"binance-futures","instruments":["AB"],"links":2,"sequence":3}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"opened","connection":1,"url":"wss://v.invalid"}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"source","connection":1}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"ab@trade","data":{}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"frame","connection":0,"text":"a\nb"}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"rest_reply","connection":1,"url":"https://v.invalid","status":200,"body":"{\"a\":1}"}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"closed","connection":1,"reason":"bye"}}"#,
            "\n",
            r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"timer"}}"#,
            "\n",
        )
    );
}

/// Everything written so far, although the writer is never finished.
#[derive(Clone, Default)]
struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let output = Shared::default();
    let mut writer = Writer::new(output.clone(), &Header::default()).unwrap();
    let frame = |writer: &mut Writer<Shared>, at| {
        writer.frame(ConnectionId(0), UnixNanos::new(at), b"{}").unwrap();
    };
    for at in 0..1000 {
        frame(&mut writer, at);
    }
    writer.flush().unwrap();
    frame(&mut writer, 1000);
    let folder = Folder::new();
    let path = folder.file("killed.zst", output.0.borrow().as_slice());
    let mut session = Session::open(std::slice::from_ref(&path)).unwrap();
    assert_eq!(read_all(&mut session).unwrap().len(), 1000);
    let lost = Warning::Truncated { path, lines: 1001, bytes_left_out: 0 };
    assert_eq!(session.warnings(), [lost]);
}

#[test]
fn frames_too_long_to_read_back_are_refused() {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    let at = UnixNanos::new(1);
    let longest = tickhawk_capture::MAX_LINE_BYTES - 20;
    writer.frame(ConnectionId(0), at, &vec![b'x'; longest]).unwrap();
    let error = writer.frame(ConnectionId(0), at, &vec![b'x'; longest + 1]).unwrap_err();
    assert!(matches!(error, CaptureError::FrameTooLong { .. }), "{error}");
    // Doubled by escaping: too long only as an event.
    let error = writer.sent(ConnectionId(0), at, &vec![b'"'; longest / 2]).unwrap_err();
    assert!(matches!(error, CaptureError::FrameTooLong { .. }), "{error}");
    writer.frame(ConnectionId(0), at, b"still usable").unwrap();
    let folder = Folder::new();
    let path = folder.file("own.zst", writer.finish().unwrap());
    assert_eq!(read(&[path]).unwrap().len(), 2);
}

#[test]
fn rotated_recordings_keep_their_connections() {
    let folder = Folder::new();
    let mut paths = Vec::new();
    for day in ["20300101", "20300102"] {
        let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
        writer.frame(ConnectionId(1), UnixNanos::new(5), b"1").unwrap();
        writer.frame(ConnectionId(0), UnixNanos::new(6), b"0").unwrap();
        paths.push(folder.file(&format!("own_{day}.zst"), writer.finish().unwrap()));
    }
    let once = ["5 #1 frame 1", "6 #0 frame 0"];
    assert_eq!(read(&paths).unwrap(), [once, once].concat());
}

#[test]
fn another_run_has_other_connections_on_the_same_links() {
    let folder = Folder::new();
    let file = |name: &str, numbers: &[u16]| {
        let header = Header { links: Some(2), ..Header::default() };
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        for number in numbers {
            writer.frame(ConnectionId(*number), UnixNanos::new(5), b"1").unwrap();
        }
        folder.file(name, writer.finish().unwrap())
    };
    let paths = [
        file("btc_20300101.0000.jsonl.zst", &[4, 1]),
        file("btc_20300102.0000.jsonl.zst", &[1, 0, 3]),
    ];
    let ids = |records: Vec<String>| -> Vec<String> {
        records.iter().map(|record| record.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    // The second run's begin at 6, the first number of link 0 above those in use.
    assert_eq!(ids(read(&paths).unwrap()), ["#4", "#1", "#7", "#6", "#9"]);
    assert_eq!(ids(read(&paths[1..]).unwrap()), ["#1", "#0", "#3"]);
    let mut session = Session::open(&paths[..1]).unwrap();
    read_all(&mut session).unwrap();
    assert_eq!(session.connection_name(ConnectionId(4)), Some("btc_20300101#4"));
}

#[test]
fn converting_keeps_every_record() {
    let folder = Folder::new();
    let text = "wss://v.invalid <-> 1893456000.5\nwss://v.invalid <- 1893456000.75: {}\n1893456001.5: b'\\x00\\n'\n\
                https://v.invalid -> 1893456002.5: {}\nwss://v.invalid <-> 1893456003.0\n1893456004.0: {}\n";
    let source = folder.file("V.ws.1.0", text);
    let mut session = Session::open(std::slice::from_ref(&source)).unwrap();
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    assert_eq!(convert_to_tickhawk(&mut session, &mut writer, |_| {}).unwrap(), 7);
    let converted = folder.file("own.zst", writer.finish().unwrap());
    assert_eq!(read(&[converted]).unwrap(), read(&[source]).unwrap());
}

fn unpacked(path: &std::path::Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    text
}

#[test]
fn hftbacktest_gets_a_file_for_each_symbol_and_day() {
    let folder = Folder::new();
    let day = 86_400_000_000_000u64;
    let at = |days: u64, more: u64| format!("{}", 1_893_456_000_000_000_000 + days * day + more);
    let trade = r#"{"stream":"ab@trade","data":{"e":"trade","s":"AB"}}"#;
    let other = r#"{"stream":"cd@trade","data":{"e":"trade","s":"CD"}}"#;
    let reply = r#"{"stream":"tickhawk","data":{"event":"rest_reply","url":"https://v.invalid/depth?symbol=CD","body":"{\"lastUpdateId\":1,\n\"bids\":[],\"asks\":[]}"}}"#;
    let source = [
        format!("{} {trade}\n", at(0, 1)),
        format!("{} {{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}}\n", at(0, 2)),
        format!("{} {{\"result\":null,\"id\":1}}\n", at(0, 3)),
        format!("{} {other}\n", at(0, 4)),
        format!("{} {{\"lastUpdateId\":2,\"bids\":[],\"asks\":[]}}\n", at(0, 5)),
        format!("{} {reply}\n", at(0, 6)),
        format!("{} {trade}\n", at(1, 0)),
        // A clock that steps back over midnight.
        format!("{} {trade}\n", at(0, 9)),
    ];
    // What is no message leaves no trace.
    let timer =
        format!("{} {{\"stream\":\"tickhawk\",\"data\":{{\"event\":\"timer\"}}}}\n", at(0, 0));
    let path = folder.file("abcd_20300101.gz", gz([timer, source.concat()].concat()));
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let convert = || convert_to_hftbacktest(&mut Session::open(&[&path]).unwrap(), &out, |_| {});
    let done = convert().unwrap();
    let names = ["ab_20300101.gz", "cd_20300101.gz", "ab_20300102.gz"].map(|name| out.join(name));
    assert_eq!(done.files, names);
    assert_eq!((done.lines, done.left_out), (6, 2));
    assert_eq!(unpacked(&names[0]), source[..2].concat());
    let snapshot = format!("{} {{\"lastUpdateId\":1, \"bids\":[],\"asks\":[]}}\n", at(0, 6));
    assert_eq!(unpacked(&names[1]), [source[3].clone(), snapshot].concat());
    assert_eq!(unpacked(&names[2]), source[6..].concat());

    // Nothing is ever overwritten.
    let error = convert().unwrap_err();
    assert!(matches!(error, CaptureError::Create { .. }), "{error}");
}

#[test]
fn venues_hftbacktest_does_not_know_are_refused() {
    let folder = Folder::new();
    let path = folder.file("V.ws.1.0", "1893456001.5: {\"feed\":\"book\"}\n");
    let mut session = Session::open(&[path]).unwrap();
    let error = convert_to_hftbacktest(&mut session, folder.path(), |_| {}).unwrap_err();
    assert!(matches!(error, CaptureError::NothingToConvert { frames: 1 }), "{error}");
}
