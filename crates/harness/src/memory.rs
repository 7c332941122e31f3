//! `memory`: how much of a core's caches an instrument takes while it is updated.

use crate::{Bench, Estimate, Goal, HarnessError, Results, callgrind::Counts, probe::UPDATES};

/// Bytes of a cache line.
const LINE_BYTES: f64 = 64.0;

/// Cache lines that book and features touch in a thousand updates, each line once. The message at hand
/// is not among them: it lies in a buffer that all instruments share.
pub(crate) fn run(bench: &Bench<'_>, results: &mut Results) -> Result<(), HarnessError> {
    let counted = bench.prober.as_ref().map_or(Ok(None), |prober| prober.count())?;
    let Some(counted) = counted else {
        let note = "bytes-per-instrument is counted by valgrind, which is not here";
        results.notes.push(note.to_owned());
        return Ok(());
    };
    let kib = |step: &str| {
        let of_step = counted.iter().filter(|counts| counts.step == step);
        of_step.map(|Counts { lines, .. }| *lines as f64 * LINE_BYTES / 1024.0).sum::<f64>()
    };
    let (book, features) = (kib("book"), kib("features"));
    let what = format!(
        "KiB of cache lines touched by {UPDATES} book messages of {} and the trades between them, \
         default set: book {book:.1}, features {features:.1}",
        bench.first().venue
    );
    let value = Estimate::exact(book + features);
    results.goals.push(Goal::at_most("bytes-per-instrument", value, 64.0, what));
    Ok(())
}
