//! `tickhawk features`: the exact frames a model would see, as Parquet.

use crate::{
    Outcome,
    cli::{FeaturesArgs, ScoringArgs},
    config::Config,
    report::{self, notices_summary},
    session::Recording,
};
use anyhow::{Context, Result};
use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as PhysicalType},
    data_type::{
        ByteArray, ByteArrayType, DataType as ParquetType, DoubleType, FloatType, Int32Type,
        Int64Type,
    },
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::Type,
};
use std::{fs::File, path::Path, sync::Arc};
use tickhawk_engine::{MarketSink, MarketStage, Record, Source};
use tickhawk_feature::{FeatureFrame, FeaturePlan, default_features};
use tickhawk_inference::{Contract, ModelFile};
use tickhawk_latency::Clock;
use tickhawk_market::{ConnectionId, InstrumentId, UnixNanos};
use tickhawk_venue::DecodeError;

/// Frames that are held before they are written.
const BATCH_FRAMES: usize = 65_536;

/// Features that fit one column of validity bits.
const BITS: usize = 64;

/// Runs the command.
pub fn run(args: FeaturesArgs) -> Result<Outcome> {
    let scoring = ScoringArgs { model: args.model.clone(), ..ScoringArgs::default() };
    let config = Config::resolve(&args.config, &scoring)?;
    let contract = match &config.model {
        Some(path) => Some(Contract::parse(&ModelFile::read(path)?)?),
        None => None,
    };
    let names = match (&contract, &config.features) {
        (Some(contract), _) => contract.features().to_vec(),
        (None, Some(names)) => names.clone(),
        (None, None) => default_features().iter().map(|name| (*name).to_owned()).collect(),
    };
    let plan = FeaturePlan::compile(&names, config.plan.clone())?;
    let contract_tick_size = contract.as_ref().and_then(Contract::tick_size);
    let (mut recording, venue) =
        Recording::open(&args.recording.files, args.recording.venue.venue)?;
    let symbols = args.recording.venue.symbols;
    let options = recording.options(config.market_options(venue, symbols, contract_tick_size))?;
    let clock = Clock::new();
    let mut sink = FrameTable::create(&args.out, &plan)?;
    let mut market = MarketStage::new(options, plan, clock.clone());
    while let Some(Record { connection, received_at, input }) =
        recording.next_record().context("reading the recording")?
    {
        market.step(connection, received_at, clock.now(), input, &mut sink);
        if sink.rows >= BATCH_FRAMES {
            sink.write_batch()?;
        }
    }
    recording.close();
    sink.finish().with_context(|| format!("writing `{}`", args.out.display()))?;
    notices_summary(&market.decoder_counts());
    report::feature_warnings(&market, contract_tick_size);
    eprintln!("{} frames in `{}`", market.counts().frames, args.out.display());
    if market.counts().frames > 0 {
        return Ok(Outcome::Done);
    }
    report::explain_no_frames(&market);
    Ok(Outcome::CheckFailed)
}

/// The columns being filled, and the file behind them.
struct FrameTable {
    writer: SerializedFileWriter<File>,
    symbols: Vec<ByteArray>,
    rows: usize,
    symbol: Vec<ByteArray>,
    received_at: Vec<i64>,
    exchange_at: Nullable,
    sequence: Nullable,
    epoch: Vec<i32>,
    mid: Vec<f64>,
    valid: Vec<Vec<i64>>,
    features: Vec<Vec<f32>>,
    complaints: report::Complaints,
}

/// A column that may have no value: the values there are, and a 1 or 0 a row.
#[derive(Default)]
struct Nullable {
    values: Vec<i64>,
    present: Vec<i16>,
}

impl Nullable {
    fn push(&mut self, value: Option<u64>) {
        self.present.push(i16::from(value.is_some()));
        self.values.extend(value.map(u64::cast_signed));
    }

    fn clear(&mut self) {
        self.values.clear();
        self.present.clear();
    }
}

impl FrameTable {
    fn create(path: &Path, plan: &FeaturePlan) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("creating `{}`", path.display()))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(Default::default()))
            .build();
        let writer =
            SerializedFileWriter::new(file, Arc::new(schema(plan)?), Arc::new(properties))?;
        Ok(Self {
            writer,
            symbols: Vec::new(),
            rows: 0,
            symbol: Vec::new(),
            received_at: Vec::new(),
            exchange_at: Nullable::default(),
            sequence: Nullable::default(),
            epoch: Vec::new(),
            mid: Vec::new(),
            valid: vec![Vec::new(); plan.count().div_ceil(BITS)],
            features: vec![Vec::new(); plan.count()],
            complaints: report::Complaints::default(),
        })
    }

    /// Writes what is held as a row group, column by column in the order of the schema.
    fn write_batch(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        write_column::<ByteArrayType>(&mut group, &self.symbol, None)?;
        write_column::<Int64Type>(&mut group, &self.received_at, None)?;
        for column in [&self.exchange_at, &self.sequence] {
            write_column::<Int64Type>(&mut group, &column.values, Some(&column.present))?;
        }
        write_column::<Int32Type>(&mut group, &self.epoch, None)?;
        write_column::<DoubleType>(&mut group, &self.mid, None)?;
        for column in &self.valid {
            write_column::<Int64Type>(&mut group, column, None)?;
        }
        for column in &self.features {
            write_column::<FloatType>(&mut group, column, None)?;
        }
        group.close()?;
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.rows = 0;
        self.symbol.clear();
        self.received_at.clear();
        self.exchange_at.clear();
        self.sequence.clear();
        self.epoch.clear();
        self.mid.clear();
        self.valid.iter_mut().for_each(Vec::clear);
        self.features.iter_mut().for_each(Vec::clear);
    }

    fn finish(mut self) -> Result<()> {
        if self.rows > 0 {
            self.write_batch()?;
        }
        self.writer.close()?;
        Ok(())
    }
}

fn write_column<T: ParquetType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<()> {
    let mut column = group.next_column()?.context("the schema has a column for each written")?;
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()?;
    Ok(())
}

/// The columns: where the frame comes from, then one per feature under its name.
fn schema(plan: &FeaturePlan) -> Result<Type> {
    let unsigned = |bit_width| Some(LogicalType::integer(bit_width, false));
    let (required, optional) = (Repetition::REQUIRED, Repetition::OPTIONAL);
    let mut columns = vec![
        column("symbol", PhysicalType::BYTE_ARRAY, Some(LogicalType::String), required)?,
        column("received_at", PhysicalType::INT64, unsigned(64), required)?,
        column("exchange_at", PhysicalType::INT64, unsigned(64), optional)?,
        column("sequence", PhysicalType::INT64, unsigned(64), optional)?,
        column("epoch", PhysicalType::INT32, unsigned(32), required)?,
        column("mid", PhysicalType::DOUBLE, None, required)?,
        column("valid", PhysicalType::INT64, unsigned(64), required)?,
    ];
    if plan.count() > BITS {
        columns.push(column("valid_high", PhysicalType::INT64, unsigned(64), required)?);
    }
    for name in plan.names() {
        columns.push(column(name, PhysicalType::FLOAT, None, required)?);
    }
    Ok(Type::group_type_builder("frames").with_fields(columns).build()?)
}

fn column(
    name: &str,
    physical: PhysicalType,
    logical: Option<LogicalType>,
    repetition: Repetition,
) -> Result<Arc<Type>> {
    let builder = Type::primitive_type_builder(name, physical);
    Ok(Arc::new(builder.with_logical_type(logical).with_repetition(repetition).build()?))
}

impl MarketSink for FrameTable {
    fn frame(&mut self, frame: &FeatureFrame) {
        self.symbol.push(self.symbols[frame.instrument().index()].clone());
        self.received_at.push(frame.received_at().nanos().cast_signed());
        self.exchange_at.push(frame.exchange_at().map(UnixNanos::nanos));
        self.sequence.push(frame.sequence());
        self.epoch.push(frame.epoch().cast_signed());
        self.mid.push(frame.mid());
        for (column, bits) in self.valid.iter_mut().zip(frame.valid()) {
            column.push(bits.cast_signed());
        }
        for (column, value) in self.features.iter_mut().zip(frame.features()) {
            column.push(*value);
        }
        self.rows += 1;
    }

    fn instrument(&mut self, _id: InstrumentId, symbol: &str) {
        self.symbols.push(symbol.into());
    }

    fn malformed(&mut self, connection: ConnectionId, error: DecodeError) {
        self.complaints.malformed(connection, &error);
    }
}
