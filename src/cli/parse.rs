//! Values of flags from their texts.

use super::live::Pins;
use std::time::Duration;
use tickhawk_inference::{Engine, State};
use tickhawk_market::{Decimal, UnixNanos};
use tickhawk_simulator::Pace;

pub fn parse_decimal(text: &str) -> Result<Decimal, String> {
    match Decimal::parse(text.as_bytes()) {
        Ok(size) if size.mantissa > 0 => Ok(size),
        Ok(_) => Err("wanted more than zero".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub fn parse_engine(text: &str) -> Result<Engine, String> {
    Engine::parse(text).ok_or_else(|| "wanted auto, native or onnxruntime".to_owned())
}

pub fn parse_state(text: &str) -> Result<State, String> {
    let (output, input) = text.split_once('=').ok_or("wanted two names, such as h_out=h_in")?;
    Ok(State { output: output.to_owned(), input: input.to_owned() })
}

pub fn parse_cores(text: &str) -> Result<tickhawk_engine::Cores, String> {
    let wanted = || "wanted two core numbers, such as 0,1".to_owned();
    let (market, inference) = text.split_once(',').ok_or_else(wanted)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wanted());
    let cores = tickhawk_engine::Cores { market: number(market)?, inference: number(inference)? };
    match cores.market == cores.inference {
        true => Err("the two threads need a core each".to_owned()),
        false => Ok(cores),
    }
}

pub fn parse_pins(text: &str) -> Result<Pins, String> {
    match text {
        "none" => Ok(Pins::None),
        cores => parse_cores(cores).map(Pins::Cores).map_err(|error| format!("{error}, or none")),
    }
}

pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}, wanted such as 90s or 1h"))
}

pub fn parse_instant(text: &str) -> Result<UnixNanos, String> {
    let instant = UnixNanos::parse_rfc3339(text.as_bytes());
    instant.ok_or_else(|| "wanted a time such as 2024-07-19T00:02:36Z".to_owned())
}

pub fn parse_pace(text: &str) -> Result<Pace, String> {
    let wanted = || "wanted `max`, or a number above zero".to_owned();
    if text == "max" {
        return Ok(Pace::Max);
    }
    let times: f64 = text.parse().map_err(|_| wanted())?;
    match times.is_finite() && times > 0.0 {
        true => Ok(Pace::Times(times)),
        false => Err(wanted()),
    }
}

pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above zero is needed".to_owned()),
    }
}
