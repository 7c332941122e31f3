//! What the hot thread and the supervisor share: a few atomics, and queues for the rings' ends.

use super::WorkerError;
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tickhawk_handoff::{GatedWriter, Reader, SharedRegion};

/// The parent's ends of one process's rings.
#[derive(Debug)]
pub(super) struct Link {
    /// Which process, counted from 1.
    pub(super) generation: u64,
    pub(super) requests: GatedWriter<SharedRegion>,
    pub(super) replies: Reader<SharedRegion>,
    /// Requests sent and not answered.
    pub(super) in_flight: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    /// The generation that serves, 0 while none does.
    pub(super) alive: AtomicU64,
    /// Its process, 0 while there is none.
    pub(super) pid: AtomicU32,
    pub(super) starts: AtomicU64,
    pub(super) failed_starts: AtomicU64,
    pub(super) exits: AtomicU64,
    pub(super) kills: AtomicU64,
    closing: AtomicBool,
    /// From the supervisor to the hot thread.
    offered: ArrayQueue<Box<Link>>,
    /// Back, so that the hot thread does not unmap.
    retired: ArrayQueue<Box<Link>>,
    told: Mutex<Told>,
}

/// What the supervisor has to say; cold on both sides.
#[derive(Debug, Default)]
struct Told {
    engine: String,
    error: Option<WorkerError>,
}

impl Shared {
    pub(super) fn new(offered: ArrayQueue<Box<Link>>, retired: ArrayQueue<Box<Link>>) -> Self {
        Self {
            alive: AtomicU64::new(0),
            pid: AtomicU32::new(0),
            starts: AtomicU64::new(0),
            failed_starts: AtomicU64::new(0),
            exits: AtomicU64::new(0),
            kills: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            offered,
            retired,
            told: Mutex::default(),
        }
    }

    /// Hot: the rings on offer.
    pub(super) fn take_offer(&self) -> Option<Box<Link>> {
        self.offered.pop()
    }

    /// Hot: gives back rings that serve no more, for the supervisor to unmap. There is room, since
    /// it makes it before each offer.
    pub(super) fn retire(&self, link: Box<Link>) {
        let _ = self.retired.push(link);
    }

    /// Cold: an offer takes the place of one that no one took.
    pub(super) fn offer(&self, link: Box<Link>) {
        self.drop_offered();
        let _ = self.offered.push(link);
    }

    pub(super) fn drop_offered(&self) {
        while self.offered.pop().is_some() {}
    }

    pub(super) fn drop_retired(&self) {
        while self.retired.pop().is_some() {}
    }

    pub(super) fn close(&self) {
        // Release: pairs with the Acquire load in `is_closing`; the owner's ring is closed.
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn is_closing(&self) -> bool {
        // Acquire: pairs with the Release store in `close`.
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn say(&self, error: WorkerError) {
        self.told().error = Some(error);
    }

    pub(super) fn take_error(&self) -> Option<WorkerError> {
        self.told().error.take()
    }

    pub(super) fn set_engine(&self, engine: String) {
        self.told().engine = engine;
    }

    pub(super) fn engine(&self) -> String {
        self.told().engine.clone()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
