//! A compiled graph: steps over one arena, in a straight line.

use super::conv::{ColumnsStep, Rings, Slide};
use super::dense::{self, Dense};
use super::elementwise::{self, Binary, Choice, Unary};
use super::isa::Isa;
use super::matmul::{self, MatMul};
use super::moves::{self, Copies};
use super::rows::{self, Rows};
use super::simd::{self, Kernel, Lanes, Line};
use super::trees::TreeEnsemble;
use std::ops::Range;

/// What a model's runs do, and where. Every value has a place in the arena that starts on a line;
/// a step reads places that lie before the one it writes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// Constants that steps take as values stand in it from the start; zeros elsewhere.
    pub(crate) arena: Vec<Line>,
    pub(crate) input: Range<usize>,
    pub(crate) output: Range<usize>,
    /// Inputs and outputs of what is carried from run to run.
    pub(crate) states: Vec<(Range<usize>, Range<usize>)>,
    /// How many numbers these are in all.
    pub(crate) state_numbers: usize,
    /// What it keeps of a window, unless it is given another's.
    pub(crate) rings: Rings,
    /// Whether steps other than those that slide read the input.
    pub(crate) reads_input: bool,
}

impl Plan {
    /// What it keeps.
    pub(crate) fn bytes(&self) -> usize {
        let own: usize = self.steps.iter().map(Step::bytes).sum();
        own + size_of_val(&self.steps[..]) + size_of_val(&self.arena[..])
    }
}

/// One kernel with its places, which are counted in numbers from the arena's beginning.
#[derive(Debug)]
pub(crate) enum Step {
    Dense(Dense),
    Columns(Box<ColumnsStep>),
    Unary(Unary),
    Binary(Binary),
    Choice(Choice),
    Copies(Copies),
    MatMul(MatMul),
    Rows(Rows),
    Forest(Box<Forest>),
}

/// Trees over one row, which have kernels of their own.
#[derive(Debug)]
pub(crate) struct Forest {
    pub(crate) trees: TreeEnsemble,
    pub(crate) from: Range<usize>,
    pub(crate) to: Range<usize>,
}

impl Step {
    #[inline(always)]
    fn run<L: Lanes>(&self, l: L, arena: &mut [f32], slide: &mut Slide<'_>) {
        match self {
            Self::Columns(step) => step.run(l, arena, slide),
            Self::Dense(step) => dense::run(l, step, arena),
            Self::Unary(step) => l.call(On { step, arena }),
            Self::Binary(step) => l.call(On { step, arena }),
            Self::Choice(step) => l.call(On { step, arena }),
            Self::Copies(step) => moves::run(step, arena),
            Self::MatMul(step) => l.call(On { step, arena }),
            Self::Rows(step) => l.call(On { step, arena }),
            Self::Forest(step) => {
                let (input, output) = apart(arena, step.from.clone(), step.to.clone());
                step.trees.run(input, output);
            }
        }
    }
}

/// A step as a kernel of its own.
struct On<'a, S> {
    step: &'a S,
    arena: &'a mut [f32],
}

macro_rules! kernels {
    ($($step:ty = $run:path;)+) => {
        $(
            impl Kernel for On<'_, $step> {
                type Output = ();

                #[inline(always)]
                fn run<L: Lanes>(self, lanes: L) {
                    $run(lanes, self.step, self.arena);
                }
            }
        )+
    };
}

kernels! {
    Unary = elementwise::unary;
    Binary = elementwise::binary;
    Choice = elementwise::choice;
    MatMul = matmul::run;
    Rows = rows::run;
}

impl Step {
    /// What it keeps beside itself.
    fn bytes(&self) -> usize {
        match self {
            Self::Dense(step) => step.layer.bytes(),
            Self::Columns(step) => step.bytes(),
            Self::Copies(step) => step.bytes(),
            Self::MatMul(step) => size_of_val(&step.batches[..]),
            Self::Forest(step) => step.trees.bytes(),
            Self::Unary(_) | Self::Binary(_) | Self::Choice(_) | Self::Rows(_) => 0,
        }
    }
}

/// All steps over the arena, for [`simd::dispatch`].
pub(crate) struct Run<'a> {
    pub(crate) steps: &'a [Step],
    pub(crate) arena: &'a mut [Line],
    pub(crate) slide: Slide<'a>,
}

/// By reference: a copy would wait until what was just written of it has left the store buffer.
impl Kernel for &mut Run<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let arena = simd::flat_mut(self.arena);
        for step in self.steps {
            step.run(lanes, arena, &mut self.slide);
        }
    }
}

/// Runs all steps with these instructions. Never inlined: whoever scores would have the kernels again.
#[inline(never)]
pub(crate) fn execute(isa: Isa, run: &mut Run<'_>) {
    simd::dispatch(isa, run);
}

/// What stands in `from`, and `to` to write to: it begins where `from` ends or later.
#[inline(always)]
pub(crate) fn apart(
    arena: &mut [f32],
    from: Range<usize>,
    to: Range<usize>,
) -> (&[f32], &mut [f32]) {
    let (before, after) = arena.split_at_mut(to.start);
    (&before[from], &mut after[..to.end - to.start])
}
