//! A model that scores the frames of a run beside the one in use, and answers nobody.
//!
//! The challenger reads the same ring on a thread of its own, so the champion waits for it nowhere:
//! frames it is too slow for are overwritten, and the champion's answers come to it through a
//! bounded queue that drops what it has no room for. Both are counted. What both scored is compared
//! frame by frame.

mod pairing;

pub use pairing::Agreement;

use crate::{CoreError, DecisionStage, Observer, Scored, cores, pin_to_core};
use crossbeam_queue::ArrayQueue;
use pairing::{Answer, Pairing, Side};
use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tickhawk_feature::{FRAME_WORDS, FeatureFrame};
use tickhawk_handoff::{HeapRegion, Pop, Reader, Writer};

/// The champion's answers that may wait: several times what the ring of frames holds.
const ANSWERS_MAX: usize = 8_192;

/// How long a challenger without a core of its own sleeps when there is nothing to score.
const NAP: Duration = Duration::from_micros(200);

/// The frames of a run that is about to begin.
#[derive(Debug)]
pub struct Frames<'a> {
    writer: &'a Writer<HeapRegion>,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(writer: &'a Writer<HeapRegion>) -> Self {
        Self { writer }
    }

    /// A reader of all of them, which the writer does not wait for.
    fn reader(&self) -> FrameReader {
        FrameReader { reader: self.writer.reader() }
    }
}

/// Another look at the frames of a run.
#[derive(Debug)]
struct FrameReader {
    reader: Reader<HeapRegion>,
}

/// What a look at the frames found.
#[derive(Debug)]
enum Taken {
    Frame(Box<FeatureFrame>),
    Nothing,
    Closed,
}

impl FrameReader {
    fn take(&mut self, words: &mut [u64; FRAME_WORDS]) -> Taken {
        loop {
            match self.reader.pop(words) {
                Pop::Item { len } => {
                    let frame = FeatureFrame::from_words(&words[..len])
                        .expect("the market thread writes whole frames");
                    return Taken::Frame(Box::new(frame));
                }
                Pop::Missed { .. } => {}
                Pop::Empty => return Taken::Nothing,
                Pop::Closed => return Taken::Closed,
            }
        }
    }
}

/// Scores beside a run; give it to the run as its [`Observer`].
#[derive(Debug)]
pub struct Challenger {
    champion: Arc<ArrayQueue<Answer>>,
    dropped_answers: u64,
    ended: Arc<AtomicBool>,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Box<Duel>),
    Running(JoinHandle<Box<Duel>>),
    /// Only while one becomes the other.
    Between,
}

/// What came of it.
#[derive(Debug)]
pub struct Challenged {
    /// The challenger's own stage, with what it counted and how long its model took.
    pub stage: DecisionStage,
    /// Where both were compared.
    pub agreement: Agreement,
    /// Frames that were overwritten before the challenger read them.
    pub missed_frames: u64,
    /// Answers of the champion that the challenger had no room for.
    pub dropped_answers: u64,
    /// Answers that took longer than the challenger's budget. They count all the same.
    pub late: u64,
    /// Why it is not on the core it was to have.
    pub pin_failure: Option<CoreError>,
}

impl Challenger {
    /// A stage to be run beside another, on a core of its own if one is named. Without one it works
    /// when nobody else wants the processor. The stage should be patient: it is to answer always.
    pub fn new(stage: DecisionStage, core: Option<usize>, budget_ns: Option<u64>) -> Self {
        let duel = Duel {
            stage,
            core,
            budget_ns: budget_ns.unwrap_or(u64::MAX),
            pairing: Pairing::default(),
            missed_frames: 0,
            late: 0,
            pin_failure: None,
        };
        Self {
            champion: Arc::new(ArrayQueue::new(ANSWERS_MAX)),
            dropped_answers: 0,
            ended: Arc::new(AtomicBool::new(false)),
            state: State::Waiting(Box::new(duel)),
        }
    }

    /// Waits until the challenger has scored what is left, once the run is over.
    pub fn finish(self) -> Challenged {
        self.ended.store(true, Ordering::Release);
        let mut duel = match self.state {
            State::Waiting(duel) => duel,
            State::Running(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
            State::Between => unreachable!("no state is left between two others"),
        };
        duel.hear(&self.champion);
        let Duel { stage, pairing, missed_frames, late, pin_failure, .. } = *duel;
        let agreement = pairing.end();
        let dropped_answers = self.dropped_answers;
        Challenged { stage, agreement, missed_frames, dropped_answers, late, pin_failure }
    }
}

impl Observer for Challenger {
    fn begin(&mut self, frames: &Frames<'_>) {
        self.state = match std::mem::replace(&mut self.state, State::Between) {
            State::Waiting(duel) => {
                let frames = frames.reader();
                let (champion, ended) = (Arc::clone(&self.champion), Arc::clone(&self.ended));
                State::Running(thread::spawn(move || duel.run(frames, &champion, &ended)))
            }
            state => state,
        };
    }

    #[inline]
    fn scored(&mut self, _frame: &FeatureFrame, scored: &Scored) {
        if let Some(signal) = &scored.signal {
            let refused = self.champion.push(Answer::of(signal)).is_err();
            self.dropped_answers += u64::from(refused);
        }
    }
}

/// The challenger's side, on its thread.
#[derive(Debug)]
struct Duel {
    stage: DecisionStage,
    core: Option<usize>,
    budget_ns: u64,
    pairing: Pairing,
    missed_frames: u64,
    late: u64,
    pin_failure: Option<CoreError>,
}

impl Duel {
    fn run(
        mut self: Box<Self>,
        mut frames: FrameReader,
        champion: &ArrayQueue<Answer>,
        ended: &AtomicBool,
    ) -> Box<Self> {
        match self.core {
            Some(core) => self.pin_failure = pin_to_core(core).err(),
            None => cores::give_way(),
        }
        let is_alone = self.core.is_some() && self.pin_failure.is_none();
        let mut words = [0; FRAME_WORDS];
        loop {
            // Read before the frames are: what was said before the end is heard.
            let is_over = ended.load(Ordering::Acquire);
            match frames.take(&mut words) {
                Taken::Frame(frame) => self.score(&frame),
                Taken::Closed if is_over => break,
                Taken::Nothing if is_alone => hint::spin_loop(),
                Taken::Nothing | Taken::Closed => thread::sleep(NAP),
            }
            self.hear(champion);
        }
        self.missed_frames = frames.reader.missed_count();
        self
    }

    fn score(&mut self, frame: &FeatureFrame) {
        let popped_mono = self.stage.clock().now();
        let Some(signal) = self.stage.step(frame, popped_mono).signal else { return };
        let took = signal.stamps.scored_mono - signal.stamps.popped_mono;
        self.late += u64::from(u64::try_from(took.nanos()).is_ok_and(|ns| ns > self.budget_ns));
        self.pairing.hear(Side::Challenger, Answer::of(&signal));
    }

    /// Takes what the champion has answered since.
    fn hear(&mut self, champion: &ArrayQueue<Answer>) {
        while let Some(answer) = champion.pop() {
            self.pairing.hear(Side::Champion, answer);
        }
    }
}
