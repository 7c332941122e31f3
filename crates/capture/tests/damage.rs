//! Whatever is in a file, reading it ends and never panics; what is cut off is the end only.

mod support;

use proptest::prelude::*;
use std::io::Write;
use support::{Folder, gz, read_all, zst};
use tickhawk_capture::{CaptureError, Recovery, Session};

const TIMED: &str = concat!(
    r#"1893456000000000001 {"stream":"tickhawk","data":{"event":"header","version":1}}"#,
    "\n",
    r#"1893456000000000002 {"stream":"ab@depth","data":{"b":[["1.5","2"],["1.4","0"]],"a":[]}}"#,
    "\n",
    r#"1893456000000000003 {"stream":"tickhawk","data":{"event":"frame","connection":1,"text":"a\nb"}}"#,
    "\n",
    r#"1893456000000000004 {"stream":"tickhawk","data":{"event":"rest_reply","url":"https://v.invalid","body":"{}"}}"#,
    "\n",
    r#"1893456000000000005 {"stream":"tickhawk","data":{"event":"timer"}}"#,
    "\n",
    r#"1893456000000000005 [1,[2,"3"]]"#,
    "\n",
);

const TEXT: &str = concat!(
    "configuration: {'a': 1}\n",
    "wss://v.invalid/ws <-> 1893456000.5\n",
    "wss://v.invalid/ws <- 1893456000.75: {\"op\":\"subscribe\"}\n",
    "1893456001.1234567: {\"a\": [1, 2]}\n",
    "1893456001.25: b'\\x1f\\'\\n'\n",
    "https://v.invalid/d -> 1893456002.5: {\"r\": 1}\n",
    "1893456003.5: [17]\n\n",
);

const JSON: &str = concat!(
    r#"{"t":"header","format":2,"exchange":"V"}"#,
    "\n",
    r#"{"t":"connect","conn":"V.ws.1","ts":1893456000.5,"addr":"wss://v.invalid/ws"}"#,
    "\n",
    r#"{"t":"recv","conn":"V.ws.1","ts":1893456001.7654321,"data":"[\"\u00e9\",\"\\n\"]"}"#,
    "\n",
    r#"{"t":"recv","conn":"V.ws.2","ts":1893456002.5,"b64":"H4sA"}"#,
    "\n",
    r#"{"t":"http","conn":"V.http.0","ts":1893456003.0,"url":"https://v.invalid","data":"{}"}"#,
    "\n",
);

const BARE: &str = "{\"ts\":1893456000001,\"d\":[1]}\n[1,[2]]\n{\"E\":1893456000003}\n";

const ALL: [&str; 4] = [TIMED, TEXT, JSON, BARE];

/// Reads a file cut at every length. Packed, no cut is an error, and no record may come out that
/// the whole file does not have at that place.
#[track_caller]
fn check_cuts(name: &str, bytes: &[u8], is_packed: bool) {
    let folder = Folder::new();
    let whole = support::read(&[folder.file(name, bytes)]).unwrap();
    assert!(!whole.is_empty());
    let mut most = 0;
    for length in 0..bytes.len() {
        let path = folder.file(name, &bytes[..length]);
        let records = Session::open(&[path]).and_then(|mut session| {
            let records = read_all(&mut session)?;
            assert!(session.warnings().len() <= 1);
            assert!(!is_packed || session.warnings().len() == 1, "nothing said at {length}");
            assert_eq!(session.bytes_read(), session.bytes_total());
            Ok(records)
        });
        match records {
            Ok(records) => {
                assert!(whole.starts_with(&records), "{name} cut at {length}: {records:#?}");
                assert!(records.len() >= most, "{name} cut at {length}");
                most = records.len();
            }
            // A plain file cut inside its first line may be anything; so may one of a byte or
            // three that was packed.
            Err(CaptureError::UnknownFormat { .. }) if most == 0 && (!is_packed || length < 4) => {}
            Err(error) => panic!("{name} cut at {length}: {error}"),
        }
    }
    assert!(most + 1 >= whole.len() || is_packed, "{name}: {most} of {}", whole.len());
}

#[test]
fn cut_files_lose_their_end_only() {
    for text in ALL {
        check_cuts("V.ws.1.0", text.as_bytes(), false);
        check_cuts("V.ws.1.0.gz", &gz(text), true);
        check_cuts("V.ws.1.0.zst", &zst(text), true);
    }
}

/// How many of `whole` a cut file gives, which must be the first of them, with one warning.
#[track_caller]
fn survivors(folder: &Folder, bytes: &[u8], whole: &[String]) -> usize {
    let mut session = Session::open(&[folder.file("a", bytes)]).unwrap();
    let records = read_all(&mut session).unwrap();
    assert!(whole.starts_with(&records));
    assert_eq!(session.warnings().len(), 1);
    records.len()
}

#[test]
fn cut_blocks_lose_their_end_only() {
    const LINES: usize = 3000;
    const BLOCK: usize = 100;
    let lines: Vec<String> = (0..LINES)
        .map(|i| format!("{} {{\"n\":{}}}\n", 1_893_456_000_000_000_000 + i, i * 7_919 % 10_007))
        .collect();
    let folder = Folder::new();
    let whole = support::read(&[folder.file("a", lines.concat())]).unwrap();

    let packed = gz(lines.concat());
    for length in (11..packed.len()).step_by(100) {
        // A deflate stream's bits stand for lines evenly enough.
        let least = (LINES * length / packed.len()).saturating_sub(LINES / 5);
        assert!(survivors(&folder, &packed[..length], &whole) >= least, "cut at {length}");
    }
    assert_eq!(survivors(&folder, &packed[..packed.len() - 1], &whole), LINES);

    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    let mut flushed = vec![(0, 0)];
    for (index, block) in lines.chunks(BLOCK).enumerate() {
        encoder.write_all(block.concat().as_bytes()).unwrap();
        encoder.flush().unwrap();
        flushed.push((encoder.get_ref().len(), (index + 1) * BLOCK));
    }
    let packed = encoder.finish().unwrap();
    for length in (11..packed.len()).step_by(100) {
        let before = flushed.iter().rev().find(|(bytes, _)| *bytes <= length).unwrap().1;
        assert!(survivors(&folder, &packed[..length], &whole) >= before, "cut at {length}");
    }
    assert_eq!(survivors(&folder, &packed[..packed.len() - 1], &whole), LINES);
}

/// Reads to the end, whatever it meets, and counts the steps.
fn exhaust(name: &str, bytes: &[u8]) {
    let folder = Folder::new();
    let Ok(mut session) = Session::open(&[folder.file(name, bytes)]) else { return };
    // An error consumes a line or the file, so each byte can cause one step at most.
    for _ in 0..bytes.len() * 2 + 1_000_000 {
        match session.next_record() {
            Ok(Some(record)) => {
                support::text_of(&record);
            }
            Ok(None) => {
                assert!(session.next_record().is_ok_and(|record| record.is_none()));
                assert_eq!(session.bytes_read(), session.bytes_total());
                return;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                assert!(matches!(error.recovery(), Recovery::SkipLine | Recovery::Stop));
            }
        }
    }
    panic!("reading does not end");
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(ALL.concat().lines().map(str::to_owned).collect::<Vec<_>>())
            .prop_map(String::into_bytes),
        "[0-9]{0,22} [ -~]{0,20}".prop_map(String::into_bytes),
        "[0-9]{9,11}\\.[0-9]{0,10}: (b')?[ -~]{0,20}'?".prop_map(String::into_bytes),
        "\\{(\"[a-z\\\\u0-9]{0,3}\":[\\[\\]{}0-9a-z\",\\\\]{0,9},?){0,4}\\}?"
            .prop_map(String::into_bytes),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        exhaust("V.http.1.0", &bytes);
        exhaust("V.ws.1.0", &[&[0x1f, 0x8b][..], &bytes].concat());
        exhaust("V.ws.1.0", &[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &bytes].concat());
        exhaust("V.ws.1.0", &[&[0x28, 0xb5, 0x2f, 0xfd][..], &bytes].concat());
    }

    #[test]
    fn random_lines(bytes in pieces(), first in prop::sample::select(ALL.to_vec())) {
        exhaust("V.ws.1.0", &bytes);
        exhaust("V.ws.1.0", &gz(&bytes));
        exhaust("V.http.1.0", &[first.as_bytes(), &bytes].concat());
    }

    #[test]
    fn random_damage(
        text in prop::sample::select(ALL.to_vec()),
        packing in 0..3,
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = match packing {
            0 => text.as_bytes().to_vec(),
            1 => gz(text),
            _ => zst(text),
        };
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        exhaust("V.ws.1.0", &bytes);
    }
}
