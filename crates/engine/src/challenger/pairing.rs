//! Two models' answers to the same frames, brought together.

use std::{cmp::Ordering, collections::VecDeque};
use tickhawk_signal::{Decision, Signal};

/// Answers of one instrument that may wait for the other's to the same frame.
const UNPAIRED_MAX: usize = 8_192;

/// How two models' answers to the same frames compare.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Frames that both answered.
    pub compared: u64,
    /// Those with the same decision.
    pub same_decisions: u64,
    /// The sum of the absolute differences of their scores.
    pub difference_sum: f64,
    /// The largest of them.
    pub difference_max: f32,
    /// Answers of the champion that the challenger has none to.
    pub champion_alone: u64,
    /// Answers of the challenger that the champion has none to, or whose answer was dropped.
    pub challenger_alone: u64,
}

/// One model's answer to a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Answer {
    instrument: usize,
    number: u64,
    score: f32,
    decision: Decision,
}

impl Answer {
    pub(super) fn of(signal: &Signal) -> Self {
        Self {
            instrument: signal.instrument.index(),
            number: signal.number,
            score: signal.score,
            decision: signal.decision,
        }
    }
}

/// Whose answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Champion,
    Challenger,
}

/// Brings the answers to one frame together.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    instruments: Vec<Unpaired>,
    agreement: Agreement,
}

/// Answers of one instrument whose other half has not come. Numbers rise in both.
#[derive(Debug, Default)]
struct Unpaired {
    champion: VecDeque<Answer>,
    challenger: VecDeque<Answer>,
}

impl Pairing {
    /// Compares what both have answered, and lets go of what one of them never will.
    pub(super) fn hear(&mut self, side: Side, answer: Answer) {
        if self.instruments.len() <= answer.instrument {
            self.instruments.resize_with(answer.instrument + 1, Unpaired::default);
        }
        let Unpaired { champion, challenger } = &mut self.instruments[answer.instrument];
        match side {
            Side::Champion => champion.push_back(answer),
            Side::Challenger => challenger.push_back(answer),
        }
        while let (Some(one), Some(two)) = (champion.front(), challenger.front()) {
            let order = one.number.cmp(&two.number);
            match order {
                Ordering::Equal => self.agreement.compare(one, two),
                Ordering::Less => self.agreement.champion_alone += 1,
                Ordering::Greater => self.agreement.challenger_alone += 1,
            }
            if order.is_le() {
                champion.pop_front();
            }
            if order.is_ge() {
                challenger.pop_front();
            }
        }
        if champion.len() > UNPAIRED_MAX {
            champion.pop_front();
            self.agreement.champion_alone += 1;
        }
        if challenger.len() > UNPAIRED_MAX {
            challenger.pop_front();
            self.agreement.challenger_alone += 1;
        }
    }

    /// The run is over: what has no other half now gets none.
    pub(super) fn end(self) -> Agreement {
        let mut agreement = self.agreement;
        for Unpaired { champion, challenger } in self.instruments {
            agreement.champion_alone += champion.len() as u64;
            agreement.challenger_alone += challenger.len() as u64;
        }
        agreement
    }
}

impl Agreement {
    fn compare(&mut self, champion: &Answer, challenger: &Answer) {
        let difference = (champion.score - challenger.score).abs();
        self.compared += 1;
        self.same_decisions += u64::from(champion.decision == challenger.decision);
        self.difference_sum += f64::from(difference);
        self.difference_max = self.difference_max.max(difference);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whoever answers what and in whatever order it is heard: each frame that both answered is
        /// compared, once, and every other answer is counted on its side.
        #[test]
        fn every_answer_is_paired_or_counted(
            frames in proptest::collection::vec((0..3usize, 0u8..4, -1f32..1.0, -1f32..1.0), 0..200),
            order in proptest::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut numbers = [0; 3];
            let (mut champion, mut challenger) = (VecDeque::new(), VecDeque::new());
            let mut expected = Agreement::default();
            for (instrument, who, one, two) in frames {
                numbers[instrument] += 1;
                let decide = |score| if score > 0.0 { Decision::Long } else { Decision::Short };
                let number = numbers[instrument];
                let answer = |score| Answer { instrument, number, score, decision: decide(score) };
                champion.extend((who & 1 == 1).then(|| answer(one)));
                challenger.extend((who & 2 == 2).then(|| answer(two)));
                match who {
                    0 => {}
                    1 => expected.champion_alone += 1,
                    2 => expected.challenger_alone += 1,
                    _ => {
                        expected.compared += 1;
                        expected.same_decisions += u64::from(decide(one) == decide(two));
                        expected.difference_max = expected.difference_max.max((one - two).abs());
                    }
                }
            }
            let mut pairing = Pairing::default();
            let mut order = order.into_iter();
            while !champion.is_empty() || !challenger.is_empty() {
                let first = order.next().unwrap_or(true) && !champion.is_empty();
                match first || challenger.is_empty() {
                    true => pairing.hear(Side::Champion, champion.pop_front().unwrap()),
                    false => pairing.hear(Side::Challenger, challenger.pop_front().unwrap()),
                }
            }
            let found = pairing.end();
            prop_assert_eq!(Agreement { difference_sum: 0.0, ..found }, expected);
            let bound = f64::from(found.difference_max) * found.compared as f64;
            prop_assert!(found.difference_sum <= bound + 1e-9);
        }
    }

    #[test]
    fn an_answer_that_is_never_paired_takes_no_room() {
        let mut pairing = Pairing::default();
        let answer =
            |number| Answer { instrument: 0, number, score: 0.0, decision: Decision::Flat };
        for number in 0..2 * UNPAIRED_MAX as u64 {
            pairing.hear(Side::Challenger, answer(number));
        }
        assert_eq!(pairing.instruments[0].challenger.len(), UNPAIRED_MAX);
        assert_eq!(pairing.end().challenger_alone, 2 * UNPAIRED_MAX as u64);
    }
}
