//! Which numbers of its input every output position reads.

use std::ops::Range;

/// The most runs one layer may have: a window of 4096 frames whose every position reads another part
/// of a kernel of 256 taps.
const RUNS_MAX: usize = 1 << 20;

/// A window that slides over time and width: `[time, width]` each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Geometry {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    /// Positions before the first and behind the last that read as nothing.
    pub(crate) pad: [[usize; 2]; 2],
}

impl Geometry {
    /// How far the first and the last tap lie apart, plus one.
    fn span(&self, axis: usize) -> Option<usize> {
        self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)
    }

    /// Output positions over an input of that many, if there is any.
    pub(crate) fn outputs(&self, axis: usize, extent: usize) -> Option<usize> {
        let [before, after] = self.pad[axis];
        let room = extent.checked_add(before)?.checked_add(after)?.checked_sub(self.span(axis)?)?;
        Some(room.checked_div(self.stride[axis])? + 1)
    }

    /// The taps of that output position which fall on the input.
    fn valid(&self, axis: usize, extent: usize, position: usize) -> Range<usize> {
        let (start, before) = (position * self.stride[axis], self.pad[axis][0]);
        let dilation = self.dilation[axis];
        let first = before.saturating_sub(start).div_ceil(dilation);
        let end = (extent + before).saturating_sub(start).div_ceil(dilation).min(self.kernel[axis]);
        first.min(end)..end
    }

    /// Whether every output position reads some of the input.
    pub(super) fn always_reads(&self, axis: usize, extent: usize) -> bool {
        let outputs = self.outputs(axis, extent).unwrap_or(0);
        (0..outputs).all(|position| !self.valid(axis, extent, position).is_empty())
    }

    /// Neighbouring output positions of which the same taps fall on the input.
    fn zones(
        &self,
        axis: usize,
        extent: usize,
        outputs: usize,
    ) -> Vec<(Range<usize>, Range<usize>)> {
        let mut zones: Vec<(Range<usize>, Range<usize>)> = Vec::new();
        for position in 0..outputs {
            let taps = self.valid(axis, extent, position);
            match zones.last_mut() {
                Some((zone, same)) if *same == taps => zone.end += 1,
                _ => zones.push((position..position + 1, taps)),
            }
        }
        zones
    }
}

/// How a tensor of time, width and channels lies in memory: `[time, width, channel]` each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) extent: [usize; 3],
    /// Numbers from one to the next; that of an axis of one is of no account.
    pub(crate) stride: [usize; 3],
}

/// Numbers of the input next to each other that are taken one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Run {
    /// From the patch's origin.
    pub(super) offset: usize,
    pub(super) len: usize,
    /// Which tap and channel the first of them is, counted as `(time, width, channel)`.
    pub(super) tap: usize,
}

/// Output positions that read the same taps.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) columns: Range<usize>,
    pub(super) widths: Range<usize>,
    /// The place in the input from which the first position's runs count.
    pub(super) origin: usize,
    runs: Range<usize>,
}

/// All of a layer, in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Taps {
    patches: Vec<Patch>,
    runs: Vec<Run>,
    /// Numbers in the input from one output position to the next: in time, and in width.
    step: [usize; 2],
    /// Output positions of one column.
    pub(super) width: usize,
}

impl Taps {
    /// Those of the channels named, `None` if there are too many. Runs have length one if `single`:
    /// one per tap and channel.
    pub(super) fn new(
        input: &Layout,
        geometry: &Geometry,
        channels: Range<usize>,
        single: bool,
    ) -> Option<Self> {
        let [time, width, _] = input.extent;
        let [columns, widths] = [geometry.outputs(0, time)?, geometry.outputs(1, width)?];
        let step = [0, 1].map(|axis| geometry.stride[axis] * input.stride[axis]);
        let mut taps = Self { patches: Vec::new(), runs: Vec::new(), step, width: widths };
        for (columns, in_time) in geometry.zones(0, time, columns) {
            for (widths, in_width) in geometry.zones(1, width, widths) {
                let start = taps.runs.len();
                let first = [columns.start, widths.start];
                let place = |tap: [usize; 2]| -> usize {
                    let on = |axis: usize| {
                        let position = first[axis] * geometry.stride[axis];
                        let at = position + tap[axis] * geometry.dilation[axis];
                        (at - geometry.pad[axis][0]) * input.stride[axis]
                    };
                    on(0) + on(1) + channels.start * input.stride[2]
                };
                let origin = match in_time.is_empty() || in_width.is_empty() {
                    true => 0,
                    false => place([in_time.start, in_width.start]),
                };
                for t in in_time.clone() {
                    for w in in_width.clone() {
                        let offset = place([t, w]) - origin;
                        let tap = (t * geometry.kernel[1] + w) * channels.len();
                        for channel in 0..channels.len() {
                            let offset = offset + channel * input.stride[2];
                            taps.push(start, single, Run { offset, len: 1, tap: tap + channel })?;
                        }
                    }
                }
                let runs = start..taps.runs.len();
                taps.patches.push(Patch { columns: columns.clone(), widths, origin, runs });
            }
        }
        Some(taps)
    }

    fn push(&mut self, start: usize, single: bool, run: Run) -> Option<()> {
        match self.runs[start..].last_mut() {
            Some(last)
                if !single
                    && last.offset + last.len == run.offset
                    && last.tap + last.len == run.tap =>
            {
                last.len += 1;
            }
            _ => self.runs.push(run),
        }
        (self.runs.len() + self.patches.len() <= RUNS_MAX).then_some(())
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.patches[..]) + size_of_val(&self.runs[..])
    }

    /// How far apart the inputs of neighbouring positions lie, if the runs are made of that many
    /// numbers, once or several times.
    #[inline(always)]
    pub(super) fn even(&self, runs: &[Run]) -> Option<usize> {
        let step = if self.width == 1 { self.step[0] } else { self.step[1] };
        (step > 0 && runs.iter().all(|run| run.len % step == 0)).then_some(step)
    }

    /// How many patches there are.
    pub(super) fn patches(&self) -> usize {
        self.patches.len()
    }

    /// A patch's runs, and its positions of those columns if it has any.
    #[inline(always)]
    pub(super) fn patch(
        &self,
        index: usize,
        columns: &Range<usize>,
    ) -> Option<(&[Run], Positions)> {
        let patch = &self.patches[index];
        let start = patch.columns.start.max(columns.start);
        let end = patch.columns.end.min(columns.end);
        if start >= end {
            return None;
        }
        let wide = patch.widths.len();
        let positions = Positions {
            left: (end - start) * wide,
            input: patch.origin + (start - patch.columns.start) * self.step[0],
            output: start * self.width + patch.widths.start,
            in_row: wide,
            wide,
            step: self.step[1],
            // From the last of one column to the first of the next.
            wrap: self.step[0].wrapping_sub((wide - 1) * self.step[1]),
            output_wrap: self.width - wide + 1,
        };
        Some((&self.runs[patch.runs.clone()], positions))
    }
}

/// Output positions one after the other: where each one's input begins, and which it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Positions {
    pub(super) left: usize,
    input: usize,
    output: usize,
    /// Of the present column, this one included.
    in_row: usize,
    wide: usize,
    step: usize,
    wrap: usize,
    output_wrap: usize,
}

impl Positions {
    /// How many stand side by side from the next one on: those left in its column, or all if
    /// columns are one position wide.
    #[inline(always)]
    pub(super) fn abreast(&self) -> usize {
        if self.output_wrap == 1 && self.wide == 1 { self.left } else { self.in_row.min(self.left) }
    }

    /// Steps over so many that stand side by side; where the first of them is, as for
    /// [`Positions::next`].
    #[inline(always)]
    pub(super) fn skip(&mut self, count: usize) -> (usize, usize) {
        let at = (self.input, self.output);
        self.left -= count;
        if self.wide == 1 {
            self.input = self.input.wrapping_add(count.wrapping_mul(self.wrap));
            self.output += count * self.output_wrap;
        } else if count == self.in_row {
            self.in_row = self.wide;
            self.input = (self.input + (count - 1) * self.step).wrapping_add(self.wrap);
            self.output += count - 1 + self.output_wrap;
        } else {
            self.in_row -= count;
            self.input += count * self.step;
            self.output += count;
        }
        at
    }

    /// The next: its place in the input, and its number in the output. There must be one left.
    #[inline(always)]
    pub(super) fn next(&mut self) -> (usize, usize) {
        let at = (self.input, self.output);
        self.left -= 1;
        self.in_row -= 1;
        if self.in_row == 0 {
            self.in_row = self.wide;
            self.input = self.input.wrapping_add(self.wrap);
            self.output += self.output_wrap;
        } else {
            self.input += self.step;
            self.output += 1;
        }
        at
    }
}
