//! The percentile distribution text that HdrHistogram's Java `outputPercentileDistribution` writes
//! and its plotters read.

use std::io::{self, Write};

use hdrhistogram::Histogram;

/// Steps from each percentile half-way to 100 %, as HdrHistogram's own log processor takes them.
pub(crate) const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// Writes the distribution with values divided by `value_unit`. An empty histogram is one row of
/// zeros, as from Java.
pub(crate) fn write(
    histogram: &Histogram<u64>,
    ticks_per_half_distance: u32,
    value_unit: f64,
    mut out: impl Write,
) -> io::Result<()> {
    let digits = usize::from(histogram.sigfig());
    writeln!(
        out,
        "{:>12} {:>14} {:>10} {:>14}\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    )?;
    if histogram.is_empty() {
        writeln!(out, "{:12.digits$} {:.12} {:10}", 0.0, 1.0, 0)?;
    } else {
        let mut total_count = 0;
        for step in histogram.iter_quantiles(ticks_per_half_distance) {
            total_count += step.count_since_last_iteration();
            let value = step.value_iterated_to() as f64 / value_unit;
            let quantile = step.quantile_iterated_to();
            write!(out, "{value:12.digits$} {quantile:.12} {total_count:10}")?;
            if quantile < 1.0 {
                write!(out, " {:14.2}", 1.0 / (1.0 - quantile))?;
            }
            writeln!(out)?;
        }
    }
    let mean = histogram.mean() / value_unit;
    let deviation = histogram.stdev() / value_unit;
    let max = histogram.max() as f64 / value_unit;
    let (total_count, buckets) = (histogram.len(), histogram.buckets());
    // What the precision needs in each bucket, rounded up to a power of two.
    let sub_buckets = (2 * 10u64.pow(u32::from(histogram.sigfig()))).next_power_of_two();
    writeln!(out, "#[Mean    = {mean:12.digits$}, StdDeviation   = {deviation:12.digits$}]")?;
    writeln!(out, "#[Max     = {max:12.digits$}, Total count    = {total_count:12}]")?;
    writeln!(out, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LatencyHistogram;
    use tickhawk_market::Nanos;

    fn written(values_ns: &[u64], ticks_per_half_distance: u32, value_unit: f64) -> String {
        let mut histogram = Histogram::new_with_bounds(1, crate::VALUE_MAX_NS, 3).unwrap();
        for &value_ns in values_ns {
            histogram.record(value_ns).unwrap();
        }
        let mut out = Vec::new();
        write(&histogram, ticks_per_half_distance, value_unit, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Four values, each step half-way to 100 %. The fourth value is met at 87.5 %, where it is the
    /// last, so the steps between there and 100 % are left out. Mean 265; squared distances 65,025 +
    /// 60,025 + 55,225 + 540,225 = 720,500, a quarter of which has the root 424.411. 2,048 x 2^25 is
    /// the first power past 60 s: 26 buckets.
    #[test]
    fn four_values_by_hand() {
        let expected = "       \
       Value     Percentile TotalCount 1/(1-Percentile)

      10.000 0.000000000000          1           1.00
      20.000 0.500000000000          2           2.00
      30.000 0.750000000000          3           4.00
    1000.000 0.875000000000          4           8.00
    1000.000 1.000000000000          4
#[Mean    =      265.000, StdDeviation   =      424.411]
#[Max     =     1000.000, Total count    =            4]
#[Buckets =           26, SubBuckets     =         2048]
";
        assert_eq!(written(&[30, 10, 1000, 20], 1, 1.0), expected);
    }

    /// In units of 1 µs, and past 2,048 ns, where the bucket of 5,000 ends at 5,003.
    #[test]
    fn values_are_scaled_and_rounded_up_to_their_bucket() {
        let text = written(&[5_000], 5, 1_000.0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "       5.003 0.000000000000          1           1.00");
        assert_eq!(lines[3], "       5.003 1.000000000000          1");
        assert_eq!(lines[5], "#[Max     =        5.003, Total count    =            1]");
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn nothing_is_a_row_of_zeros() {
        let expected = "       \
       Value     Percentile TotalCount 1/(1-Percentile)

       0.000 1.000000000000          0
#[Mean    =        0.000, StdDeviation   =        0.000]
#[Max     =        0.000, Total count    =            0]
#[Buckets =           26, SubBuckets     =         2048]
";
        assert_eq!(written(&[], 5, 1.0), expected);
        let mut out = Vec::new();
        LatencyHistogram::new().write_hgrm(&mut out, 1.0).unwrap();
        assert_eq!(out, expected.as_bytes());
    }

    /// Total counts rise to the sample count, percentiles rise to 1, values never fall.
    #[test]
    fn rows_rise() {
        let mut histogram = LatencyHistogram::new();
        for value_ns in 1..=100_000 {
            histogram.record(Nanos::new(value_ns % 997 * value_ns % 50_021));
        }
        let mut out = Vec::new();
        histogram.write_hgrm(&mut out, 1.0).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<Vec<f64>> = text
            .lines()
            .skip(2)
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|cell| cell.parse().unwrap()).collect())
            .collect();
        assert!(rows.len() > 50);
        for pair in rows.windows(2) {
            assert!(pair[0][0] <= pair[1][0]);
            assert!(pair[0][1] < pair[1][1]);
            assert!(pair[0][2] <= pair[1][2]);
        }
        assert_eq!(rows.last().unwrap()[1..], [1.0, 100_000.0]);
    }
}
