//! `tickhawk check`: what a run would use, without running.

use crate::{
    Outcome,
    cli::{CheckArgs, live::FeedArgs},
    config::{Config, Origin},
    lanes::Lane,
    model::ModelCard,
    replay,
    report::{self, tick_text},
};
use anyhow::Result;
use serde::Serialize;
use std::{io::Write, thread};
use tickhawk_engine::{Cores, pin_to_core};
use tickhawk_feature::FeaturePlan;

/// What `--json` prints.
#[derive(Serialize)]
struct Resolved {
    values: Vec<Value>,
    model: ModelCard,
    problems: Vec<String>,
}

/// One resolved value and who said so.
#[derive(Serialize)]
struct Value {
    key: String,
    value: String,
    from: Origin,
}

/// Runs the command.
pub fn run(args: CheckArgs) -> Result<Outcome> {
    let config = Config::resolve(&args.config, &args.scoring)?;
    let mut problems = Vec::new();
    let model = replay::load_model(&config)?;
    if let Some(names) = &config.features
        && let Err(mismatch) = model.check_features(names)
    {
        problems.push(mismatch.to_string());
    }
    if let Err(error) = FeaturePlan::compile(model.contract().features(), config.plan.clone()) {
        problems.push(error.to_string());
    }
    problems.extend(args.cores.map(check_cores).unwrap_or_default());
    let mut values = values(&config);
    if !config.lanes.is_empty() {
        match Lane::resolve(&config, &FeedArgs::default()) {
            Ok(lanes) => {
                for (index, lane) in lanes.iter().enumerate() {
                    problems.extend(lane.cores.map(check_cores).unwrap_or_default());
                    values.extend(lane_values(index, lane));
                }
            }
            Err(error) => problems.push(report::causes(&error)),
        }
    }
    let resolved = Resolved { values, model: ModelCard::new(&model), problems };
    let mut out = report::stdout();
    if args.json {
        writeln!(out, "{}", sonic_rs::to_string(&resolved)?)?;
    } else {
        for Value { key, value, from } in &resolved.values {
            writeln!(out, "{key:<34} {value:<24} ({})", from.as_str())?;
        }
        resolved.model.print(&mut out)?;
    }
    out.flush()?;
    for problem in &resolved.problems {
        eprintln!("problem: {problem}");
    }
    Ok(if resolved.problems.is_empty() { Outcome::Done } else { Outcome::CheckFailed })
}

fn values(config: &Config) -> Vec<Value> {
    let value = |key: &str, value: String, from| Value { key: key.to_owned(), value, from };
    let model = config
        .model
        .as_ref()
        .map_or(replay::BUNDLED_MODEL.to_owned(), |path| path.display().to_string());
    let model = match &config.watch {
        None => value("model.path", model, config.model_origin),
        Some(followed) => {
            value("model.watch", followed.path().display().to_string(), config.model_origin)
        }
    };
    let mut values = vec![
        model,
        value("model.engine", config.engine.to_string(), config.engine_origin),
        value("policy.enter", config.thresholds.0.to_string(), config.policy_origins.0),
        value("policy.exit", config.thresholds.1.to_string(), config.policy_origins.1),
        value(
            "book.levels_per_side",
            config.book_limits.levels_per_side.to_string(),
            config.book_origin,
        ),
        value(
            "book.crossed_messages",
            config.crossed_messages.map_or("the venue's".to_owned(), |count| count.to_string()),
            config.crossed_origin,
        ),
        value(
            "features.window_capacity_events",
            config.plan.window_capacity.to_string(),
            config.window_origin,
        ),
    ];
    let names = config.features.as_ref();
    values.push(value(
        "features.names",
        names.map_or("the model's".to_owned(), |names| format!("{} names", names.len())),
        if names.is_some() { Origin::File } else { Origin::Default },
    ));
    if config.plan.microprice.is_some() {
        values.push(value("features.microprice_ticks", "a table".to_owned(), Origin::File));
    }
    if let Some(vpin) = &config.plan.vpin {
        let bucket = tick_text(vpin.bucket);
        values.push(value("features.vpin_bucket_qty", bucket, Origin::File));
        values.push(value("features.vpin_buckets", vpin.buckets.to_string(), Origin::File));
    }
    for (symbol, tick) in &config.tick_sizes {
        values.push(value(
            &format!("instruments.{symbol}.tick_size"),
            tick_text(*tick),
            Origin::File,
        ));
    }
    let tuning = config.tuning.values().into_iter();
    values.extend(tuning.map(|(key, said, from)| value(key, said, from)));
    if let Some(tick) = &config.tick_size {
        values.push(value("tick_size", tick_text(*tick), Origin::Flag));
    }
    values
}

/// What a lane would do. Its defaults are the venue's.
fn lane_values(index: usize, lane: &Lane) -> impl Iterator<Item = Value> {
    let values = lane.values().into_iter();
    values.map(move |(key, value)| Value {
        key: format!("lanes.{index}.{key}"),
        value,
        from: Origin::File,
    })
}

/// Pins a thread to each, which is the one way to know.
fn check_cores(cores: Cores) -> Vec<String> {
    let try_core = |core| thread::spawn(move || pin_to_core(core)).join();
    let results = [cores.market, cores.inference].map(try_core);
    let failures = results.into_iter().filter_map(|result| result.ok()?.err());
    failures.map(|error| error.to_string()).collect()
}
