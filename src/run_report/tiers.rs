//! What each tier of a run did, and its workers.

use crate::ladder::ModelNames;
use serde::Serialize;
use std::fmt;
use tickhawk_engine::{DecisionStage, Scorer, TierCounts};
use tickhawk_inference::WorkerCounts;
use tickhawk_signal::{ModelId, Tier};

/// What one tier did.
#[derive(Serialize)]
pub struct TierRow {
    tier: Tier,
    model: String,
    version: String,
    engine: Option<String>,
    runs: u64,
    answered: u64,
    late: u64,
    failed: u64,
    skipped: u64,
    repeated: u64,
    opened: u64,
    /// Empty unless it runs in processes of its own.
    workers: Vec<WorkerRow>,
}

#[derive(Serialize)]
struct WorkerRow {
    starts: u64,
    failed_starts: u64,
    exits: u64,
    kills: u64,
    sent: u64,
    refused: u64,
    answered: u64,
    lost: u64,
}

impl TierRow {
    /// Every tier's, in the order they are tried.
    pub fn all(decision: &DecisionStage, names: &ModelNames) -> Vec<Self> {
        let names = names.lock();
        let row = |(tier, id, scorer, counts): (Tier, ModelId, &Scorer, TierCounts)| Self {
            tier,
            model: names[&id].name.clone(),
            version: names[&id].version.clone(),
            engine: scorer.model().map(|model| model.engine().to_owned()),
            runs: counts.runs,
            answered: counts.answered,
            late: counts.late,
            failed: counts.failed,
            skipped: counts.skipped,
            repeated: counts.repeated,
            opened: counts.opened,
            workers: match scorer {
                Scorer::Isolated(isolated) => isolated.counts().map(WorkerRow::new).collect(),
                Scorer::Model(_) | Scorer::Rule(_) => Vec::new(),
            },
        };
        decision.tiers().map(row).collect()
    }

    /// Whether it runs in processes of its own.
    pub fn is_isolated(&self) -> bool {
        !self.workers.is_empty()
    }
}

impl WorkerRow {
    fn new(counts: WorkerCounts) -> Self {
        Self {
            starts: counts.starts,
            failed_starts: counts.failed_starts,
            exits: counts.exits,
            kills: counts.kills,
            sent: counts.sent,
            refused: counts.refused,
            answered: counts.answered,
            lost: counts.lost,
        }
    }
}

impl fmt::Display for TierRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<8} {} {}: {} answers in {} runs; {} late, {} failed, {} skipped",
            self.tier.as_str(),
            self.model,
            self.version,
            self.answered,
            self.runs,
            self.late,
            self.failed,
            self.skipped
        )?;
        for (index, worker) in self.workers.iter().enumerate() {
            writeln!(
                f,
                "  process {index}: started {} times, ended {} times by itself or by others, {} of \
                 these hung; {} requests lost",
                worker.starts, worker.exits, worker.kills, worker.lost
            )?;
        }
        Ok(())
    }
}
