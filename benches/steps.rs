//! What each step costs, as criterion tells it: `cargo bench`. The steps, their inputs and whatever
//! stands beside them are those of `tickhawk bench`, which is what claims rest on: it times both
//! sides in turn, where criterion times one after the other.

use criterion::Criterion;
use std::{path::Path, time::Duration};
use tickhawk_harness::{
    Bench, Beside, Course, PipelineOptions, Recorded, Results, Stage, Subject, Timing,
};
use tickhawk_inference::ModelFile;
use tickhawk_latency::Clock;

/// Criterion's entries: each subject in its turn.
struct Entries;

impl Timing for Entries {
    fn beside(
        &mut self,
        course: Course<'_>,
        names: [&str; 2],
        first: &mut dyn Subject,
        second: &mut dyn Subject,
    ) -> Beside {
        entry(names[0], &course, first);
        entry(names[1], &course, second);
        // The report is criterion's.
        Beside { first_ns: vec![1.0], second_ns: vec![1.0], dropped: 0, is_disturbed: false }
    }
}

fn entry(name: &str, course: &Course<'_>, subject: &mut dyn Subject) {
    let mut at = course.items;
    let mut criterion = Criterion::default().sample_size(20).configure_from_args();
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|blocks| (0..blocks).map(|_| block(course, subject, &mut at)).sum());
    });
}

/// One block, and the way there if the items are at an end.
fn block(course: &Course<'_>, subject: &mut dyn Subject, at: &mut usize) -> Duration {
    if *at + course.block > course.items {
        subject.restart();
        subject.take(0..course.lead_in);
        *at = course.lead_in;
    }
    let items = *at..*at + course.block;
    *at = items.end;
    let clock = Clock::new();
    let began = clock.now();
    subject.take(items);
    Duration::from_nanos((clock.now() - began).nanos().unsigned_abs())
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join("replay-data/binance-futures.jsonl.zst");
    let recordings = [Recorded::read(&[file], None).expect("the bundled recording is whole")];
    let model = ModelFile::read(root.join("models/mlp/1/model.onnx"));
    let bench = Bench {
        recordings: &recordings,
        clock: Clock::new(),
        cores: None,
        pairs: 40,
        pipeline: PipelineOptions::default(),
        loopback: None,
        model: model.expect("the bundled model is a model"),
        prober: None,
    };
    let mut results = Results::timed_by(Box::new(Entries));
    for stage in [Stage::Decode, Stage::Book, Stage::Features, Stage::Inference, Stage::Replay] {
        stage.run(&bench, &mut results).expect("the bundled recording can be measured on");
    }
}
