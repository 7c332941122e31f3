//! Messages to signals, on one thread or with a channel to an inference thread.

use super::{
    book::Book,
    features::{COUNT, Features},
    message::{self, Event, Snapshot},
};
use crate::{ours::Scores, recording::Received};
use anyhow::{Context, Result, anyhow};
use ort::{environment::Environment, session::Session, value::Tensor};
use serde::Serialize;
use std::{
    io::Write,
    path::Path,
    sync::{OnceLock, mpsc},
    thread::{self, JoinHandle},
};

/// Messages to features: the first half.
pub struct Market {
    book: Book,
    features: Features,
    /// Which features have had a value.
    seen: [bool; COUNT],
    has_diffs: bool,
}

/// What goes to the model.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Receive time.
    pub at: u64,
    /// Mid.
    pub mid: f64,
    /// Features without a value are zero.
    pub values: Vec<f32>,
}

impl Market {
    /// Before the snapshot.
    pub fn new(tick_size: f64) -> Self {
        let features = Features::new(tick_size);
        Self { book: Book::default(), features, seen: [false; COUNT], has_diffs: false }
    }

    /// The snapshot came.
    pub fn on_snapshot(&mut self, at: u64, body: &[u8]) -> Result<Option<Frame>> {
        let snapshot: Snapshot = serde_json::from_slice(body)?;
        let waiting = self.book.snapshot(&snapshot)?;
        self.features.on_book(at, &self.book);
        for update in waiting {
            if self.book.update(update)? {
                self.features.on_book(at, &self.book);
            }
        }
        Ok(self.frame(at))
    }

    /// A frame came; what the model should see of it.
    pub fn on_message(&mut self, at: u64, frame: &[u8]) -> Result<Option<Frame>> {
        match message::parse(frame)? {
            Event::Depth(update) => {
                self.has_diffs = true;
                if self.book.update(update)? {
                    self.features.on_book(at, &self.book);
                    return Ok(self.frame(at));
                }
            }
            Event::Trade(trade) => self.features.on_trade(at, &trade)?,
            Event::Other => {}
        }
        Ok(None)
    }

    /// Whether diffs have come that wait for a snapshot.
    pub fn wants_snapshot(&self) -> bool {
        self.has_diffs && !self.book.is_live()
    }

    /// As the recording has it.
    pub fn on_received(&mut self, received: &Received) -> Result<Option<Frame>> {
        match received {
            Received::Frame { at, bytes } => self.on_message(*at, bytes),
            Received::Reply { at, url, body } if url.contains("/v1/depth") => {
                self.on_snapshot(*at, body)
            }
            Received::Reply { .. } => Ok(None),
        }
    }

    /// The features now, once each has had a value.
    fn frame(&mut self, at: u64) -> Option<Frame> {
        let (bid, ask) = (self.book.bids().next()?, self.book.asks().next()?);
        if bid.0 > ask.0 {
            return None;
        }
        let values = self.features.fill(at);
        for (seen, value) in self.seen.iter_mut().zip(&values) {
            *seen |= value.is_some();
        }
        self.seen.iter().all(|seen| *seen).then(|| Frame {
            at,
            mid: (bid.0 + ask.0) / 2.0,
            values: values.iter().map(|value| value.unwrap_or(0.0) as f32).collect(),
        })
    }
}

#[derive(Serialize)]
struct Signal {
    at: u64,
    mid: f64,
    score: f32,
    probabilities: Vec<f32>,
    decision: &'static str,
}

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// Loads the library, once, before any session.
pub fn start_onnx_runtime(library: &Path) -> Result<()> {
    let builder = ort::init_from(library).map_err(|error| anyhow!("{error}"))?;
    let environment = builder.build()?;
    ENVIRONMENT.set(environment).map_err(|_| anyhow!("it was started before"))
}

/// Features to signals: the second half.
pub struct Scorer<W> {
    session: Session,
    out: W,
    held: &'static str,
    scores: Scores,
}

impl<W: Write> Scorer<W> {
    /// A session with default options.
    pub fn new(model: &Path, out: W) -> Result<Self> {
        let environment = ENVIRONMENT.get().context("ONNX Runtime was not started")?;
        let session = Session::builder(environment)
            .and_then(|mut builder| builder.commit_from_file(model))
            .map_err(|error| anyhow!("{error}"))?;
        Ok(Self { session, out, held: "flat", scores: Scores::default() })
    }

    /// Runs the model and writes the signal.
    pub fn score(&mut self, frame: Frame) -> Result<()> {
        let input = Tensor::from_array(([1, frame.values.len()], frame.values))?;
        let outputs = self.session.run(ort::inputs![input])?;
        let (_, probabilities) = outputs[0].try_extract_tensor::<f32>()?;
        let score = probabilities[2] - probabilities[0];
        self.held = match self.held {
            _ if score >= crate::ENTER => "long",
            _ if score <= -crate::ENTER => "short",
            "long" if score >= crate::EXIT => "long",
            "short" if score <= -crate::EXIT => "short",
            _ => "flat",
        };
        self.scores.signals += 1;
        self.scores.score_sum += f64::from(score);
        self.scores.not_flat += u64::from(self.held != "flat");
        let signal = Signal {
            at: frame.at,
            mid: frame.mid,
            score,
            probabilities: probabilities.to_vec(),
            decision: self.held,
        };
        writeln!(self.out, "{}", serde_json::to_string(&signal)?)?;
        Ok(())
    }

    /// The model alone.
    pub fn probabilities(&mut self, row: &[f32]) -> Result<Vec<f32>> {
        let input = Tensor::from_array(([1, row.len()], row.to_vec()))?;
        let outputs = self.session.run(ort::inputs![input])?;
        Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
    }

    /// What the signals came to.
    pub fn scores(&self) -> Scores {
        self.scores
    }
}

/// Both halves on one thread.
pub struct Inline<W> {
    market: Market,
    scorer: Scorer<W>,
}

impl<W: Write> Inline<W> {
    /// Before the first message.
    pub fn new(tick_size: f64, model: &Path, out: W) -> Result<Self> {
        Ok(Self { market: Market::new(tick_size), scorer: Scorer::new(model, out)? })
    }

    /// One thing received.
    pub fn on_received(&mut self, received: &Received) -> Result<()> {
        let frame = self.market.on_received(received)?;
        self.score(frame).map(drop)
    }

    /// One frame received; whether it made a signal.
    pub fn on_message(&mut self, at: u64, bytes: &[u8]) -> Result<bool> {
        let frame = self.market.on_message(at, bytes)?;
        self.score(frame)
    }

    /// The snapshot received.
    pub fn on_snapshot(&mut self, at: u64, body: &[u8]) -> Result<()> {
        let frame = self.market.on_snapshot(at, body)?;
        self.score(frame).map(drop)
    }

    /// Whether diffs have come that wait for a snapshot.
    pub fn wants_snapshot(&self) -> bool {
        self.market.wants_snapshot()
    }

    fn score(&mut self, frame: Option<Frame>) -> Result<bool> {
        match frame {
            Some(frame) => self.scorer.score(frame).map(|()| true),
            None => Ok(false),
        }
    }

    /// What the signals came to.
    pub fn scores(&self) -> Scores {
        self.scorer.scores()
    }
}

/// The first half here, the second behind `std::sync::mpsc`.
pub struct Threaded {
    market: Market,
    frames: mpsc::Sender<Frame>,
    thread: JoinHandle<Result<Scores>>,
}

impl Threaded {
    /// Starts the inference thread; `scored` hears each frame's receive time once its signal is out.
    pub fn new(
        tick_size: f64,
        model: &Path,
        out: impl Write + Send + 'static,
        mut scored: impl FnMut(u64) + Send + 'static,
    ) -> Result<Self> {
        let mut scorer = Scorer::new(model, out)?;
        let (frames, receiver) = mpsc::channel::<Frame>();
        let thread = thread::spawn(move || {
            for frame in receiver {
                let at = frame.at;
                scorer.score(frame)?;
                scored(at);
            }
            Ok(scorer.scores())
        });
        Ok(Self { market: Market::new(tick_size), frames, thread })
    }

    /// One thing received.
    pub fn on_received(&mut self, received: &Received) -> Result<()> {
        let frame = self.market.on_received(received)?;
        self.send(frame)
    }

    /// One frame received.
    pub fn on_message(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let frame = self.market.on_message(at, bytes)?;
        self.send(frame)
    }

    /// The snapshot received.
    pub fn on_snapshot(&mut self, at: u64, body: &[u8]) -> Result<()> {
        let frame = self.market.on_snapshot(at, body)?;
        self.send(frame)
    }

    /// Whether diffs have come that wait for a snapshot.
    pub fn wants_snapshot(&self) -> bool {
        self.market.wants_snapshot()
    }

    fn send(&self, frame: Option<Frame>) -> Result<()> {
        match frame {
            Some(frame) => self.frames.send(frame).map_err(|_| anyhow!("inference has ended")),
            None => Ok(()),
        }
    }

    /// Waits for the last signal; what they came to.
    pub fn finish(self) -> Result<Scores> {
        drop(self.frames);
        self.thread.join().map_err(|_| anyhow!("inference panicked"))?
    }
}
