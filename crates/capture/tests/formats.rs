//! Each recorder's form, from hand-written files with made-up numbers.

mod support;

use support::{Folder, gz, read, read_all, zst};
use tickhawk_capture::{CaptureError, Format, Recovery, Session, Warning};
use tickhawk_market::{ConnectionId, UnixNanos};

#[test]
fn timed_lines_in_three_units() {
    let folder = Folder::new();
    let path = folder.file(
        "abc_20300101.gz",
        gz("1893456000000000001 {\"a\":1}\n1893456000000002 {\"a\":2}\n\n1893456000003 [3]\n"),
    );
    let mut session = Session::open(&[path]).unwrap();
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "1893456000000000001 #0 frame {\\\"a\\\":1}",
            "1893456000000002000 #0 frame {\\\"a\\\":2}",
            "1893456000003000000 #0 frame [3]",
        ]
    );
    assert_eq!(session.connection_name(ConnectionId(0)), Some("abc"));
    assert_eq!(session.connection_name(ConnectionId(1)), None);
    assert_eq!(
        session.files().map(|(_, format)| format).collect::<Vec<_>>(),
        [Some(Format::Timed)]
    );
    assert!(session.header().is_none());
    assert!(session.warnings().is_empty());
    assert_eq!(session.bytes_read(), session.bytes_total());
}

#[test]
fn days_of_a_symbol_are_one_connection() {
    let folder = Folder::new();
    let first = folder.file("abc_20300101.gz", gz("1893456000000000001 {}\n"));
    let other = folder.file("xyz_20300101.gz", gz("1893456000000000002 {}\n"));
    let second = folder.file("abc_20300102.zst", zst("1893456000000000003 {}\n"));
    let third = folder.file("abc_20300102.gz", "1893456000000000004 {}\n");
    let paths = [first, other, third, second];
    assert_eq!(
        read(&paths).unwrap(),
        [
            "1893456000000000001 #0 frame {}",
            "1893456000000000002 #1 frame {}",
            "1893456000000000004 #0 frame {}",
            "1893456000000000003 #2 frame {}",
        ]
    );
}

#[test]
fn merged_sessions_go_by_time() {
    let folder = Folder::new();
    let a1 = folder.file("a_20300101.gz", "1893456000000000001 1\n1893456000000000004 4\n");
    let a2 = folder.file("a_20300102.gz", "1893456000000000005 5\n");
    let b = folder.file("b_20300101.gz", "1893456000000000003 3\n1893456000000000004 44\n");
    let mut session = Session::open_merged(&[a1, a2, b]).unwrap();
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "1893456000000000001 #0 frame 1",
            "1893456000000000003 #1 frame 3",
            "1893456000000000004 #0 frame 4",
            "1893456000000000004 #1 frame 44",
            "1893456000000000005 #0 frame 5",
        ]
    );
}

#[test]
fn cryptofeed_text() {
    let folder = Folder::new();
    let path = folder.file(
        "V.ws.3.0",
        "configuration: {'x': 1}\n\
         wss://v.invalid/ws <-> 1893456000.5\n\
         wss://v.invalid/ws <- 1893456000.75: {\"op\":\"subscribe: x\"}\n\
         1893456001.1234567: {\"a\": 1}\n\
         1893456001.25: b'\\x1f\\'\\n'\n\
         1893456001.5: b\"it's\"\n\
         \n\
         wss://v.invalid/ws <-> 1893456002.0\n\
         1893456003: [1]\n\n\n",
    );
    let mut session = Session::open(&[path]).unwrap();
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "1893456000500000000 #0 opened wss://v.invalid/ws",
            "1893456000750000000 #0 sent {\\\"op\\\":\\\"subscribe: x\\\"}",
            "1893456001123456700 #0 frame {\\\"a\\\": 1}",
            "1893456001250000000 #0 frame \\x1f\\'\\n",
            "1893456001500000000 #0 frame it\\'s",
            "1893456002000000000 #0 closed",
            "1893456002000000000 #0 opened wss://v.invalid/ws",
            "1893456003000000000 #0 frame [1]",
        ]
    );
    assert_eq!(session.connection_name(ConnectionId(0)), Some("V.ws.3"));
}

#[test]
fn cryptofeed_files_of_a_prefix_are_merged_where_the_first_stands() {
    let folder = Folder::new();
    let before = folder.file("before_20300101.gz", "1893456009000000000 0\n");
    let http = folder.file(
        "V.http.0.0",
        "https://v.invalid/d?a=b -> 1893456001.5: {\"r\":1}\n1893456004.0: {\"polled\":1}\n",
    );
    let one = folder
        .file("V.ws.1.0", "wss://v.invalid/1 <-> 1893456000.0\n1893456001.0: 1\n1893456002.0: 2\n");
    let one_more = folder.file("V.ws.1.1", "1893456005.0: 5\n");
    let two = folder.file("V.ws.2.0", "1893456002.0: 22\n");
    let other = folder.file("W.ws.1.0", "1893456000.0: w\n");
    // Beside the others, but not named: not read.
    folder.file("V.ws.9.0", "1893456000.0: 9\n");
    let paths = [before, http, other, one, one_more, two];
    let mut session = Session::open(&paths).unwrap();
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "1893456009000000000 #0 frame 0",
            "1893456000000000000 #1 opened wss://v.invalid/1",
            "1893456001000000000 #1 frame 1",
            "1893456001500000000 #1 reply https://v.invalid/d?a=b - {\\\"r\\\":1}",
            "1893456002000000000 #1 frame 2",
            "1893456002000000000 #2 frame 22",
            "1893456004000000000 #1 reply - - {\\\"polled\\\":1}",
            "1893456005000000000 #1 frame 5",
            "1893456000000000000 #3 frame w",
        ]
    );
    assert_eq!(session.bytes_read(), session.bytes_total());
}

#[test]
fn cryptofeed_json() {
    let folder = Folder::new();
    let path = folder.file(
        "V.jsonl.zst",
        zst(concat!(
            r#"{"t":"header","format":2,"exchange":"V","config":{"a":["b"]},"recorded":1.5}"#, "\n",
            r#"{"t":"http","conn":"V.http.0","ts":1893456000.25,"url":"https:\/\/v.invalid\/d","data":"{\"r\":1}"}"#, "\n",
            r#"{"t":"connect","conn":"V.ws.1","ts":1893456000.5,"addr":"wss://v.invalid/ws"}"#, "\n",
            r#"{"conn":"V.ws.2","ts":1893456000.75,"t":"recv","b64":"H4sA"}"#, "\n",
            r#"{"t":"send","conn":"V.ws.1","ts":1893456001.5,"addr":"wss://v.invalid/ws","data":"{\"op\":\"é\"}"}"#, "\n",
            r#"{"t":"recv","conn":"V.ws.1","ts":1893456001.7654321,"data":"[\"\u00e9\",\"\\n\"]"}"#, "\n",
            r#"{"t":"recv","conn":"V.ws.1","ts":1893456002.0,"data":{"inline":[1]}}"#, "\n",
            r#"{"t":"pong","conn":"V.ws.1","ts":1893456002.5}"#, "\n",
            r#"{"t":"http","conn":"V.http.0","ts":1893456003.0,"url":null,"status":429,"data":"slow"}"#, "\n",
            r#"{"t":"connect","conn":"V.ws.1","ts":1893456004.5,"addr":"wss://v.invalid/ws"}"#, "\n",
        )),
    );
    let mut session = Session::open(&[path]).unwrap();
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "1893456000250000000 #0 reply https://v.invalid/d - {\\\"r\\\":1}",
            "1893456000500000000 #0 opened wss://v.invalid/ws",
            "1893456000750000000 #1 frame \\x1f\\x8b\\x00",
            "1893456001500000000 #0 sent {\\\"op\\\":\\\"\\xc3\\xa9\\\"}",
            "1893456001765432100 #0 frame [\\\"\\xc3\\xa9\\\",\\\"\\\\n\\\"]",
            "1893456002000000000 #0 frame {\\\"inline\\\":[1]}",
            "1893456003000000000 #0 reply - 429 slow",
            "1893456004500000000 #0 closed",
            "1893456004500000000 #0 opened wss://v.invalid/ws",
        ]
    );
    assert_eq!(session.unknown_events(), 1);
    assert_eq!(session.connection_name(ConnectionId(1)), Some("V.ws.2"));
}

#[test]
fn bare_json_takes_the_exchange_s_time() {
    let folder = Folder::new();
    let path = folder.file(
        "history.json",
        "{\"x\":1}\n{\"ts\":1893456000001,\"d\":{\"E\":5}}\n [1] \r\n\n{\"timestamp\":\"1893456000002\",\"ts\":\"soon\"}\n\
         {\"E\":1893456000003,\"timestamp\":1893456000009}\n{\"d\":0}\n",
    );
    assert_eq!(
        read(&[path]).unwrap(),
        [
            "0 #0 frame {\\\"x\\\":1}",
            "1893456000001000000 #0 frame {\\\"ts\\\":1893456000001,\\\"d\\\":{\\\"E\\\":5}}",
            "1893456000001000000 #0 frame [1]",
            "1893456000002000000 #0 frame {\\\"timestamp\\\":\\\"1893456000002\\\",\\\"ts\\\":\\\"soon\\\"}",
            "1893456000003000000 #0 frame {\\\"E\\\":1893456000003,\\\"timestamp\\\":1893456000009}",
            "1893456000003000000 #0 frame {\\\"d\\\":0}",
        ]
    );
}

const OWN: &str = concat!(
    r#"0000000000000000001 {"stream":"tickhawk","data":{"event":"header","version":1,"venue":"binance","instruments":["AB"]}}"#,
    "\n",
    r#"0000000000000000002 {"stream":"tickhawk","data":{"event":"opened","connection":0,"url":"wss://v.invalid"}}"#,
    "\n",
    r#"0000000000000000003 {"stream":"ab@trade","data":{}}"#,
    "\n",
    r#"0000000000000000004 {"stream":"tickhawk","data":{"event":"source","connection":2}}"#,
    "\n",
    r#"0000000000000000005 pong"#,
    "\n",
    r#"0000000000000000006 {"stream":"tickhawk","data":{"event":"frame","connection":0,"text":"a\nb"}}"#,
    "\n",
    r#"0000000000000000007 {"stream":"tickhawk","data":{"event":"frame","connection":1,"base64":"/wA="}}"#,
    "\n",
    r#"0000000000000000008 {"stream":"tickhawk","data":{"event":"weather","connection":"x"}}"#,
    "\n",
    r#"0000000000000000009 {"stream":"tickhawk","data":{"event":"rest_reply","url":"https://v.invalid/d","status":200,"body":"{\"a\":1}"}}"#,
    "\n",
    r#"0000000000000000010 {"stream":"tickhawk","data":{"event":"sent","connection":2,"text":"ping"}}"#,
    "\n",
    r#"0000000000000000011 {"stream":"tickhawk","data":{"event":"closed","connection":0,"reason":"eof"}}"#,
    "\n",
    r#"0000000000000000012 {"stream":"tickhawk","data":{"event":"opened","connection":0,"url":"wss://v.invalid"}}"#,
    "\n",
    r#"0000000000000000013 {"stream":"tickhawk","data":{"event":"opened","connection":0,"url":"wss://v.invalid"}}"#,
    "\n",
);

#[test]
fn tickhawk_s_own_events() {
    let folder = Folder::new();
    let path = folder.file("own.zst", zst(OWN));
    let mut session = Session::open(&[path]).unwrap();
    let header = session.header().unwrap();
    assert_eq!(header.venue.as_deref(), Some("binance"));
    assert_eq!(header.instruments, ["AB"]);
    assert_eq!(header.started_at, UnixNanos::new(1));
    assert_eq!(
        read_all(&mut session).unwrap(),
        [
            "2 #0 opened wss://v.invalid",
            "3 #0 frame {\\\"stream\\\":\\\"ab@trade\\\",\\\"data\\\":{}}",
            "5 #2 frame pong",
            "6 #0 frame a\\nb",
            "7 #1 frame \\xff\\x00",
            "9 #2 reply https://v.invalid/d 200 {\\\"a\\\":1}",
            "10 #2 sent ping",
            "11 #0 closed",
            "12 #0 opened wss://v.invalid",
            "13 #0 closed",
            "13 #0 opened wss://v.invalid",
        ]
    );
    assert_eq!(session.unknown_events(), 1);
    assert_eq!(session.connection_name(ConnectionId(2)), Some("own#2"));
}

#[test]
fn newer_recordings_are_refused() {
    let folder = Folder::new();
    let newer = OWN.replace("\"version\":1", "\"version\":2");
    let error = Session::open(&[folder.file("own", newer)]).err().unwrap();
    assert!(matches!(error, CaptureError::UnsupportedVersion { version: 2, .. }), "{error}");
}

#[test]
fn packed_streams_may_follow_one_another() {
    let folder = Folder::new();
    let (first, second) = ("1893456000000000001 1\n1893456000", "000000002 2\n");
    let expected = ["1893456000000000001 #0 frame 1", "1893456000000000002 #0 frame 2"];
    let two_gz = folder.file("two.gz", [gz(first), gz(second)].concat());
    assert_eq!(read(&[two_gz]).unwrap(), expected);
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 7, 7];
    let two_zst = folder.file("two.zst", [&skippable[..], &zst(first), &zst(second)].concat());
    assert_eq!(read(&[two_zst]).unwrap(), expected);
}

#[test]
fn what_follows_a_gzip_stream_is_a_warning() {
    let folder = Folder::new();
    let path = folder.file("a.gz", [gz("1893456000000000001 1\n"), vec![9; 40]].concat());
    let mut session = Session::open(std::slice::from_ref(&path)).unwrap();
    assert_eq!(read_all(&mut session).unwrap().len(), 1);
    assert_eq!(session.warnings(), [Warning::TrailingBytes { path, lines: 1 }]);
    assert_eq!(session.bytes_read(), session.bytes_total());
}

#[test]
fn a_damaged_stream_is_an_error_with_its_line() {
    let folder = Folder::new();
    let lines: String =
        (0..5000).map(|i| format!("{} {}\n", 1_893_456_000_000_000_000u64 + i, i * i)).collect();
    let mut bytes = gz(lines);
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..middle + 64] {
        *byte ^= 0x55;
    }
    let mut session = Session::open(&[folder.file("a.gz", bytes)]).unwrap();
    let error = read_all(&mut session).unwrap_err();
    match &error {
        CaptureError::Read { line, .. } => assert!((1..5000).contains(line), "{error}"),
        // The damage may also unpack to bytes that are no line.
        CaptureError::MalformedLine { .. } => {}
        _ => panic!("{error}"),
    }
}

#[test]
fn the_last_line_counts_if_it_is_whole() {
    let folder = Folder::new();
    let whole = folder.file("whole", "1893456000000000001 {}\n1893456000000000002 {\"a\":[1]}");
    let mut session = Session::open(&[whole]).unwrap();
    assert_eq!(read_all(&mut session).unwrap().len(), 2);
    assert!(session.warnings().is_empty());

    for (name, text) in [
        ("cut", "1893456000000000001 {}\n1893456000000000002 {\"a\":[1]"),
        ("time", "1893456000000000001 {}\n189345600000000"),
        ("number", "1893456000000000001 {}\n1893456000000000002 12345"),
    ] {
        let path = folder.file(name, text);
        let mut session = Session::open(std::slice::from_ref(&path)).unwrap();
        assert_eq!(read_all(&mut session).unwrap(), ["1893456000000000001 #0 frame {}"]);
        let bytes_left_out = text.len() - 23;
        assert_eq!(
            session.warnings(),
            [Warning::UnfinishedLine { path, lines: 1, bytes_left_out }]
        );
    }

    // Seconds may have lost digits.
    let path = folder.file("V.ws.1.0", "1893456000.5: {}\nwss://v.invalid <-> 1893456001.");
    assert_eq!(read(&[path]).unwrap().len(), 1);
    let path = folder.file("V.ws.2.0", "1893456000.5: {}\nwss://v.invalid <-> 1893456001.5");
    assert_eq!(read(&[path]).unwrap().len(), 1);
}

#[test]
fn empty_files_are_a_warning() {
    let folder = Folder::new();
    let paths = [
        folder.file("empty", ""),
        folder.file("blank.gz", gz("\n\n")),
        folder.file("a.gz", gz("1893456000000000001 1\n")),
    ];
    let mut session = Session::open(&paths).unwrap();
    assert_eq!(read_all(&mut session).unwrap(), ["1893456000000000001 #0 frame 1"]);
    let [empty, blank, _] = paths;
    assert_eq!(
        session.warnings(),
        [Warning::Empty { path: empty }, Warning::Empty { path: blank }]
    );
    assert_eq!(session.bytes_read(), session.bytes_total());
}

#[test]
fn errors_name_file_and_line_and_reading_goes_on() {
    let folder = Folder::new();
    let first = folder.file("a.gz", "1893456000000000001 1\n\nnonsense\n1893456000000000002 2\n");
    let second = folder.file("b.gz", "1893456000000000003 3\n");
    let mut session = Session::open(&[first, second]).unwrap();
    assert!(session.next_record().unwrap().is_some());
    let error = session.next_record().unwrap_err();
    assert_eq!(error.recovery(), Recovery::SkipLine);
    let text = error.to_string();
    assert!(text.contains("a.gz` line 3"), "{text}");
    assert!(text.contains("nonsense"), "{text}");
    assert_eq!(read_all(&mut session).unwrap().len(), 2);
}

#[test]
fn long_lines_are_an_error() {
    let folder = Folder::new();
    let mut text = b"1893456000000000001 1\n1893456000000000002 ".to_vec();
    text.resize(text.len() + tickhawk_capture::MAX_LINE_BYTES, b'x');
    let long = folder.file("a.zst", zst(text));
    let after = folder.file("b.zst", zst("1893456000000000003 3\n"));
    let mut session = Session::open(&[long, after]).unwrap();
    assert!(session.next_record().unwrap().is_some());
    let error = session.next_record().unwrap_err();
    assert!(matches!(error, CaptureError::LineTooLong { line: 2, .. }), "{error}");
    assert_eq!(error.recovery(), Recovery::Stop);
    assert_eq!(read_all(&mut session).unwrap().len(), 1);
    assert_eq!(session.bytes_read(), session.bytes_total());
}

#[test]
fn what_cannot_be_a_recording_is_refused_at_once() {
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let error = Session::open(&[missing]).err().unwrap();
    assert!(matches!(error, CaptureError::Open { .. }), "{error}");
    let error = Session::open(&[folder.path()]).err().unwrap();
    assert!(error.to_string().contains("not their folder"), "{error}");
    let error = Session::open(&[folder.file("a.csv", "time,price\n1,2\n")]).err().unwrap();
    assert!(error.to_string().contains("time,price"), "{error}");
    assert!(matches!(Session::open::<&str>(&[]).err().unwrap(), CaptureError::NoFiles));
}
