//! Damaged copies of every real recording: a message dropped, doubled, swapped, cut short, a digit
//! of it flipped. Nothing panics, and no frame leaves a book that the damage made wrong where the
//! venue's rules can tell; [`table::TABLE`] says where they can.
//!
//! Each frame of a damaged copy is held against the book that the undamaged recording had built by
//! the same record. `TICKHAWK_DAMAGE_CASES` sets how many copies are made of each kind and
//! recording. Damage is drawn from a fixed seed: case 7 of a kind is always case 7.

mod copy;
mod recording;
#[path = "../support/mod.rs"]
mod support;
mod table;

use copy::{Chance, Copy, SEED};
use recording::{Played, Recording, Seen};
use std::{
    collections::BTreeMap,
    env,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use support::{Golden, captures};
use table::{ALL, Damage, TABLE, Tells};
use tickhawk_market::{BookState, InstrumentId, StaleCause};

/// Copies of each kind made of a recording, unless `TICKHAWK_DAMAGE_CASES` says.
const CASES: usize = 16;

/// What came of all copies of one kind.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    /// Copies that let out a frame of a wrong book, or ended with one that was Live.
    wrong_cases: usize,
    wrong_frames: usize,
}

type Tallies = BTreeMap<(&'static str, Damage), Tally>;

#[test]
fn no_frame_leaves_a_book_known_to_be_wrong() {
    let Some(captures) = captures() else { return };
    let cases = env::var("TICKHAWK_DAMAGE_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let recordings = Golden::all(&captures);
    let (next, tallies) = (AtomicUsize::new(0), Mutex::new(Tallies::new()));
    let work = || {
        while let Some(golden) = recordings.get(next.fetch_add(1, Ordering::Relaxed)) {
            damage_recording(golden, &captures, cases, &tallies);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    for ((slug, damage), tally) in &tallies.into_inner().unwrap() {
        let tells = row(slug, *damage).expect("only what the table lists was done");
        println!("{slug} {damage:?}: {tells:?}: {tally:?}");
        assert!(tally.cases > 0, "{slug} {damage:?}: no copy could be made");
        if matches!(tells, Tells::NotTold(_)) && cases >= CASES {
            assert!(tally.wrong_cases > 0, "{slug} {damage:?}: the table could promise more");
        }
    }
}

/// What the venue makes of that damage; `None` if it cannot be done to its messages.
fn row(slug: &str, damage: Damage) -> Option<Tells> {
    rows(slug).iter().find(|(kind, _)| *kind == damage).map(|(_, tells)| *tells)
}

fn rows(slug: &str) -> &'static [(Damage, Tells)] {
    let found = TABLE.iter().find(|(slugs, _)| slugs.contains(&slug));
    found.unwrap_or_else(|| panic!("the table says nothing of {slug}")).1
}

fn damage_recording(golden: &Golden, captures: &Path, cases: usize, tallies: &Mutex<Tallies>) {
    let Some(recording) = Recording::read(golden, captures) else { return };
    for &(damage, tells) in rows(recording.slug) {
        let mut tally = Tally::default();
        for case in 0..cases {
            let mut chance = Chance::of((&recording.name, damage, case));
            // What cannot be damaged so is picked again.
            let copy = (0..200).find_map(|_| recording.damaged(damage, &mut chance));
            let Some(copy) = copy else { continue };
            let _named = NamedOnPanic(format!("{}, {damage:?}, case {case}", recording.name));
            tally.add(&Case { recording: &recording, tells, copy: &copy });
        }
        let mut tallies = tallies.lock().unwrap();
        let all = tallies.entry((recording.slug, damage)).or_default();
        all.cases += tally.cases;
        all.wrong_cases += tally.wrong_cases;
        all.wrong_frames += tally.wrong_frames;
    }
}

/// Says which case it was if the thread panics.
struct NamedOnPanic(String);

impl Drop for NamedOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("in {}, seed {SEED:#x}", self.0);
        }
    }
}

impl Tally {
    fn add(&mut self, case: &Case<'_>) {
        let Wrong { frames, ends } = case.check();
        self.cases += 1;
        self.wrong_cases += usize::from(frames + ends > 0);
        self.wrong_frames += frames;
    }
}

/// What was wrong of one copy.
struct Wrong {
    frames: usize,
    /// Books that ended Live.
    ends: usize,
}

/// One copy, to be played.
struct Case<'a> {
    recording: &'a Recording,
    tells: Tells,
    copy: &'a Copy,
}

impl Case<'_> {
    /// Plays the copy and holds it against the table.
    fn check(&self) -> Wrong {
        let Self { recording, tells, copy } = *self;
        let played = Played::new(recording.slug, &recording.lines, copy);
        let levels = match tells {
            Tells::NeverWrong(levels) | Tells::Late(levels, _) => levels,
            _ => ALL,
        };
        let wrong: Vec<_> =
            played.frames().filter(|seen| !recording.is_right(seen, levels)).collect();
        let ends: Vec<_> =
            live(&played).filter(|id| !recording.ends_right(&played, *id, levels)).collect();
        let late = |seen: &Seen| Some(seen.id) == copy.book && seen.record <= copy.last;
        match tells {
            Tells::NotTold(_) => {}
            Tells::Late(..) => {
                let never = wrong.iter().find(|seen| !late(seen));
                assert!(never.is_none(), "{}: a wrong frame: {never:?}", self.place());
            }
            _ => assert!(wrong.is_empty(), "{}: wrong frames: {wrong:?}", self.place()),
        }
        if !matches!(tells, Tells::NotTold(_)) {
            assert!(ends.is_empty(), "{}: Live and wrong at the end: {ends:?}", self.place());
        }
        // A frame that is no book message need not stop anything.
        if let Some(book) = copy.book {
            self.check_stops(&played, book);
        }
        Wrong { frames: wrong.len(), ends: ends.len() }
    }

    fn place(&self) -> String {
        let Copy { from, last, book, changed, .. } = self.copy;
        let changed = changed.as_ref().map(|(_, bytes)| String::from_utf8_lossy(bytes));
        format!("{} from record {from} to {last}, {book:?}, {changed:?}", self.recording.name)
    }

    fn check_stops(&self, played: &Played, book: InstrumentId) {
        let cause = match self.tells {
            Tells::StopsItsBook(cause) | Tells::StopsAll(cause) => Some(cause),
            Tells::Harmless => None,
            _ => return,
        };
        for id in live(&self.recording.truth) {
            match cause {
                Some(cause) if id == book || matches!(self.tells, Tells::StopsAll(_)) => {
                    self.check_stopped(played, id, cause);
                }
                _ => self.check_goes_on(played, id),
            }
        }
    }

    /// No frame and no life until the next snapshot, and the reports say why.
    fn check_stopped(&self, played: &Played, id: InstrumentId, cause: StaleCause) {
        let from = self.copy.from;
        let truth = &self.recording.truth;
        let again = truth.seen.iter().find(|s| s.snapshot && s.id == id && s.record > from);
        let until = again.map_or(usize::MAX, |snapshot| snapshot.record);
        let framed = played.frames().find(|seen| seen.id == id && seen.record < until);
        assert!(framed.is_none(), "{}: {id:?} goes on: {framed:?}", self.place());
        let report = &played.stage.reports()[id.index()];
        assert_eq!(report.stale, 1, "{}: {id:?}", self.place());
        assert_eq!(report.gaps == 1, cause == StaleCause::Sequence, "{}: {id:?}", self.place());
        if again.is_none() {
            assert_eq!(report.state, BookState::Stale, "{}: {id:?}", self.place());
            assert_eq!(report.stale_cause, Some(cause), "{}: {id:?}", self.place());
        }
    }

    /// The same frames in the same order, and Live at the end.
    fn check_goes_on(&self, played: &Played, id: InstrumentId) {
        let from = self.copy.from;
        let (is, was) = (played.shown(id, from), self.recording.truth.shown(id, from));
        assert!(is == was, "{}: {id:?} does not go on as it did", self.place());
        let report = &played.stage.reports()[id.index()];
        assert_eq!(report.state, BookState::Live, "{}: {id:?}", self.place());
    }
}

/// The books that are Live at the end.
fn live(played: &Played) -> impl Iterator<Item = InstrumentId> {
    let books = played.stage.instruments().iter().map(|(id, _)| id);
    books.filter(|id| played.stage.book(*id).is_some_and(|book| book.state() == BookState::Live))
}

/// The comparison sees wrong frames: where nothing tells of a lost message, a lost change of the
/// best levels is followed by frames out of a wrong book.
#[test]
fn a_lost_change_that_nothing_tells_of_shows_in_the_comparison() {
    let Some(captures) = captures() else { return };
    let golden = Golden::named(&captures, "coinbase_legacy_2021-04-17");
    let recording = Recording::read(&golden, &captures).unwrap();
    let truth = &recording.truth;
    let changes = |seen: &&Seen| {
        let before = truth.at(seen.id, seen.record - 1);
        seen.record > recording.start && before.is_some_and(|before| before.best != seen.best)
    };
    let mut chance = Chance::of("unused");
    let mut lost = truth.seen.iter().filter(changes);
    let copy = lost.find_map(|seen| recording.copy_of_book(Damage::Dropped, seen, &mut chance));
    let case = Case {
        recording: &recording,
        tells: row(recording.slug, Damage::Dropped).unwrap(),
        copy: &copy.expect("some message changes the best levels"),
    };
    assert!(case.check().frames > 0, "{}: no frame is wrong", case.place());
}
