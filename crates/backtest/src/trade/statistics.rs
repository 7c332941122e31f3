//! Plain statistics of a series of profits.

/// The mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.iter().sum::<f64>() / count as f64)
}

/// The Sharpe ratio of one interval: the mean over the standard deviation (of n - 1), against a rate of
/// zero; `None` for fewer than two values, or if they do not vary. The values are profits in money: the
/// capital they are earned on cancels out. (Sharpe, "The Sharpe Ratio", 1994.)
pub fn sharpe(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    ratio(mean, (squares / (values.len() - 1) as f64).sqrt())
}

/// The Sortino ratio of one interval: the mean over the root of the mean square of the losses, gains
/// counted as zero, against a target of zero; `None` for fewer than two values, or without a loss.
/// (Sortino and Price, "Performance Measurement in a Downside Risk Framework", 1994.)
pub fn sortino(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| value.min(0.0) * value.min(0.0)).sum();
    ratio(mean, (squares / values.len() as f64).sqrt())
}

fn ratio(mean: f64, deviation: f64) -> Option<f64> {
    let ratio = mean / deviation;
    ratio.is_finite().then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let values = [1.0, -2.0, 3.0, 2.0];
        assert_eq!(mean(&values), Some(1.0));
        // Deviations 0, -3, 2, 1: 14 / 3.
        assert_eq!(sharpe(&values), Some(1.0 / (14.0f64 / 3.0).sqrt()));
        // One loss of 2: 4 / 4.
        assert_eq!(sortino(&values), Some(1.0));
    }

    #[test]
    fn what_has_no_value_has_none() {
        for values in [&[][..], &[1.0], &[0.0, 0.0]] {
            assert_eq!((sharpe(values), sortino(values)), (None, None), "{values:?}");
        }
        assert_eq!((mean(&[]), sortino(&[1.0, 2.0])), (None, None));
    }
}
