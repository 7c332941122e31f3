//! From a graph to a plan: each node in turn, with all dimensions known, since the batch is one.
//!
//! A value is a constant, or a place in the arena that steps will fill. A node all of whose inputs
//! are constants becomes a constant: by moving or reckoning integers, else by running its own step
//! here. So whatever exporters leave of shape arithmetic is gone before the first run.

use super::conv::{Columns, ColumnsStep, Rings, Slide, Source, Turn, View};
use super::graph::{Graph, Node, ValueId};
use super::isa::Isa;
use super::moves::Copies;
use super::plan::{self, Plan, Run, Step};
use super::recurrent::Scan;
use super::simd::{self, LANES, Line};
use super::tensor::{ELEMENTS_MAX, Tensor, element_count};
use super::unsupported::Unsupported;
use super::{fold, lower};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// Lines the arena may have: 64 MiB.
const ARENA_LINES_MAX: usize = 4 * ELEMENTS_MAX / LANES;

/// Numbers that folding may make, in all.
const FOLDED_MAX: usize = 4 * ELEMENTS_MAX;

/// A plan in the making.
pub(crate) struct Compiler<'g> {
    pub(crate) graph: &'g Graph,
    known: HashMap<ValueId, Known>,
    /// Constants that stand in the arena already.
    placed: HashMap<ValueId, Place>,
    /// What constant begins at a place of the arena.
    written: HashMap<usize, Rc<Tensor>>,
    /// Nodes that an earlier one took in.
    taken: Vec<bool>,
    /// Whether a node may take in those after it: not where constants are folded, which is node by
    /// node.
    joins: bool,
    steps: Vec<Step>,
    arena: Vec<Line>,
    /// Numbers that were folded so far.
    folded: usize,
    /// Layers over columns, and each one's step.
    nets: Vec<(usize, ColumnsStep)>,
    reads_input: bool,
}

/// What is known of a value.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    Constant(Rc<Tensor>),
    Place(Place),
    /// In the layers of that number.
    Columns(usize, View),
}

/// A value in the arena.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Its first number; the beginning of a line.
    pub(crate) start: usize,
    pub(crate) dims: Vec<usize>,
}

impl Place {
    /// How many numbers.
    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Its numbers.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.len()
    }

    /// Its numbers, and those that fill its last line.
    pub(crate) fn lines(&self) -> Range<usize> {
        self.start..self.start + self.len().next_multiple_of(LANES)
    }
}

impl<'g> Compiler<'g> {
    fn new(graph: &'g Graph, joins: bool) -> Self {
        Self {
            graph,
            known: HashMap::new(),
            placed: HashMap::new(),
            written: HashMap::new(),
            taken: vec![false; if joins { graph.nodes.len() } else { 0 }],
            joins,
            steps: Vec::new(),
            arena: Vec::new(),
            folded: 0,
            nets: Vec::new(),
            reads_input: false,
        }
    }

    /// The graph's plan.
    pub(crate) fn compile(graph: &'g Graph) -> Result<Plan, Unsupported> {
        let mut compiler = Self::new(graph, true);
        let constants = graph.constants.iter();
        let constants = constants.map(|(id, tensor)| (*id, Known::Constant(tensor.clone())));
        compiler.known = constants.collect();
        let input = compiler.fresh(&graph.input_dims).map_err(Unsupported::graph)?;
        let mut state_inputs = Vec::with_capacity(graph.states.len());
        for state in &graph.states {
            let place = compiler.fresh(&state.dims).map_err(Unsupported::graph)?;
            state_inputs.push(place.range());
            compiler.known.insert(state.input, Known::Place(place));
        }
        let known = match graph.input_dims[..] {
            [1, rows, _] if rows > 1 => {
                let view = View::plain(Source::Input, &graph.input_dims, 1);
                Known::Columns(compiler.over(&input, rows), view)
            }
            _ => {
                compiler.reads_input = true;
                Known::Place(input.clone())
            }
        };
        compiler.known.insert(graph.input, known);
        for (index, node) in graph.nodes.iter().enumerate() {
            if !compiler.taken[index] {
                compiler.node(node)?;
            }
        }
        let output = compiler.output(graph.output)?;
        if output.len() != graph.output_values {
            let (found, wanted) = (&output.dims, graph.output_values);
            let reason = format!("its output has dimensions {found:?}, wanted {wanted} numbers");
            return Err(Unsupported::graph(reason));
        }
        let mut states = Vec::with_capacity(graph.states.len());
        for (state, input) in graph.states.iter().zip(state_inputs) {
            let output = compiler.output(state.output)?;
            if output.len() != input.len() {
                let (found, wanted) = (&output.dims, &state.dims);
                let reason = format!("a state of dimensions {wanted:?} comes out as {found:?}");
                return Err(Unsupported::graph(reason));
            }
            states.push((input, output.range()));
        }
        let rings = compiler.settle().map_err(Unsupported::graph)?;
        let (input, output) = (input.range(), output.range());
        let state_numbers = states.iter().map(|(input, _)| input.len()).sum();
        let Self { steps, arena, reads_input, .. } = compiler;
        Ok(Plan { steps, arena, input, output, states, state_numbers, rings, reads_input })
    }

    /// Where an output of the graph is.
    fn output(&mut self, id: ValueId) -> Result<Place, Unsupported> {
        let known = self.known.get(&id).cloned();
        let known = known.ok_or_else(|| Unsupported::graph("an output is made by nothing"))?;
        self.placed(id, &known).map_err(Unsupported::graph)
    }

    /// New layers over columns, over the place.
    pub(crate) fn over(&mut self, place: &Place, rows: usize) -> usize {
        let columns = Columns::over(rows);
        let step = ColumnsStep {
            columns,
            from: place.range(),
            rings: None,
            outputs: Vec::new(),
            scans: Vec::new(),
        };
        self.nets.push((self.steps.len(), step));
        self.nets.len() - 1
    }

    /// Those layers.
    pub(crate) fn columns(&mut self, net: usize) -> &mut Columns {
        &mut self.nets[net].1.columns
    }

    /// Scans what that layer of theirs projects.
    pub(crate) fn scan(&mut self, net: usize, layer: usize, scan: Scan) {
        self.nets[net].1.scans.push((layer, scan));
    }

    /// Gives all layers their rings, and puts them among the steps.
    fn settle(&mut self) -> Result<Rings, String> {
        let mut rings = Rings::default();
        for (at, mut step) in std::mem::take(&mut self.nets).into_iter().rev() {
            step.columns.settle();
            match step.columns.rows {
                0 => step.rings = Some(self.fresh(&[step.columns.numbers])?.range()),
                _ if step.columns.numbers == 0 => continue,
                rows => rings = Rings::new(step.columns.numbers, step.columns.turn, rows),
            }
            self.steps.insert(at, Step::Columns(Box::new(step)));
        }
        Ok(rings)
    }

    fn node(&mut self, node: &Node) -> Result<(), Unsupported> {
        let folded = fold::constant(self, node)?;
        if folded.is_some() || (self.joins && self.all_constant(node)) {
            let outputs = match folded {
                Some(output) => vec![output],
                None => self.by_running(node)?,
            };
            self.folded += outputs.iter().map(Tensor::len).sum::<usize>();
            if self.folded > FOLDED_MAX {
                return Err(node.refuse("unfolds to more constants than are kept"));
            }
            for (id, tensor) in node.outputs.iter().zip(outputs) {
                if let Some(id) = id {
                    self.known.insert(*id, Known::Constant(Rc::new(tensor)));
                }
            }
            return Ok(());
        }
        lower::node(self, node)
    }

    fn all_constant(&self, node: &Node) -> bool {
        let constant = |id: &ValueId| matches!(self.known.get(id), Some(Known::Constant(_)));
        node.inputs.iter().flatten().all(constant)
    }

    /// The outputs of a node of constants, from its own steps.
    fn by_running(&self, node: &Node) -> Result<Vec<Tensor>, Unsupported> {
        let mut alone = Self::new(self.graph, false);
        for id in node.inputs.iter().flatten() {
            alone.known.insert(*id, self.known[id].clone());
        }
        lower::node(&mut alone, node)?;
        for id in node.outputs.iter().flatten() {
            if let Some(known @ Known::Columns(..)) = alone.known.get(id).cloned() {
                let place = alone.placed(*id, &known).map_err(|reason| node.refuse(reason))?;
                alone.known.insert(*id, Known::Place(place));
            }
        }
        alone.settle().map_err(|reason| node.refuse(reason))?;
        let (steps, arena) = (&alone.steps, &mut alone.arena);
        let slide = Slide { window: None, rings: &mut [], turn: Turn::WHOLE };
        plan::execute(Isa::Scalar, &mut Run { steps, arena, slide });
        let numbers = simd::flat(&alone.arena);
        let outputs = node.outputs.iter().map(|id| match id.and_then(|id| alone.known.get(&id)) {
            Some(Known::Constant(tensor)) => (**tensor).clone(),
            Some(Known::Place(place)) => Tensor::f32(&place.dims, numbers[place.range()].to_vec()),
            Some(Known::Columns(..)) | None => Tensor::f32(&[0], Vec::new()),
        });
        Ok(outputs.collect())
    }

    /// What is known of the node's input at `index`.
    pub(crate) fn known(&self, node: &Node, index: usize) -> Result<&Known, Unsupported> {
        let id = node.input(index);
        id.and_then(|id| self.known.get(&id))
            .ok_or_else(|| node.refuse(format!("has no input {index} that can be read")))
    }

    /// The input's dimensions.
    pub(crate) fn dims(&self, node: &Node, index: usize) -> Result<&[usize], Unsupported> {
        Ok(match self.known(node, index)? {
            Known::Constant(tensor) => &tensor.dims,
            Known::Place(place) => &place.dims,
            Known::Columns(_, view) => &view.dims,
        })
    }

    /// The input if it is a constant.
    pub(crate) fn constant(&self, node: &Node, index: usize) -> Option<Rc<Tensor>> {
        match self.known(node, index) {
            Ok(Known::Constant(tensor)) => Some(tensor.clone()),
            _ => None,
        }
    }

    /// The input, which must be constant float32.
    pub(crate) fn floats(&self, node: &Node, index: usize) -> Result<Rc<Tensor>, Unsupported> {
        let constant = self.constant(node, index).filter(|tensor| tensor.floats().is_some());
        constant
            .ok_or_else(|| node.refuse(format!("has an input {index} that is no constant float32")))
    }

    /// The input in the arena; a constant is put there.
    pub(crate) fn place(&mut self, node: &Node, index: usize) -> Result<Place, Unsupported> {
        let id = node.input(index);
        let known = self.known(node, index)?.clone();
        self.placed(id.unwrap_or(ValueId::MAX), &known).map_err(|reason| node.refuse(reason))
    }

    /// A value in the arena, put there if it is not yet.
    fn placed(&mut self, id: ValueId, known: &Known) -> Result<Place, String> {
        if let Some(place) = self.placed.get(&id) {
            return Ok(place.clone());
        }
        let place = match known {
            Known::Place(place) => return Ok(place.clone()),
            Known::Constant(tensor) => self.write(tensor)?,
            Known::Columns(net, view) => self.taken_out(*net, view)?,
        };
        self.placed.insert(id, place.clone());
        Ok(place)
    }

    /// The value's numbers in ONNX's order.
    fn taken_out(&mut self, net: usize, view: &View) -> Result<Place, String> {
        let places = view.window_places();
        let from = self.nets[net].1.from.clone();
        let Some(layer) = view.layer() else {
            self.reads_input |= self.nets[net].1.columns.rows > 0;
            if places.iter().copied().eq(0..places.len()) {
                return Ok(Place { start: from.start, dims: view.dims.clone() });
            }
            let to = self.fresh(&view.dims)?;
            let moves = places.into_iter().enumerate().map(|(target, source)| (source, target));
            self.push(Step::Copies(Copies::new(from, to.range(), moves)));
            return Ok(to);
        };
        let to = self.fresh(&view.dims)?;
        let count = places.len();
        let moves = places.into_iter().enumerate().map(|(target, source)| (source, target));
        let copies = Copies::new(0..count, to.range(), moves);
        self.nets[net].1.outputs.push((layer, copies));
        Ok(to)
    }

    /// The input in the arena, where integers and truths that are constants stand as floats too.
    pub(crate) fn number(&mut self, node: &Node, index: usize) -> Result<Place, Unsupported> {
        let constant = self.constant(node, index);
        let Some(integers) = constant.as_ref().and_then(|tensor| tensor.integers()) else {
            return self.place(node, index);
        };
        let floats = integers.iter().map(|value| *value as f32).collect();
        let dims = constant.as_ref().map_or(&[][..], |tensor| &tensor.dims);
        self.write(&Tensor::f32(dims, floats)).map_err(|reason| node.refuse(reason))
    }

    /// A constant of the compiler's own making, in the arena.
    pub(crate) fn write(&mut self, tensor: &Tensor) -> Result<Place, String> {
        let Some(values) = tensor.floats() else {
            return Err("computes with integers at run time".into());
        };
        let place = self.fresh(&tensor.dims)?;
        simd::flat_mut(&mut self.arena)[place.range()].copy_from_slice(values);
        self.written.insert(place.start, Rc::new(tensor.clone()));
        Ok(place)
    }

    /// The constant that stands at that place, if it is one.
    pub(crate) fn written(&self, place: &Place) -> Option<Rc<Tensor>> {
        self.written.get(&place.start).cloned()
    }

    fn fresh(&mut self, dims: &[usize]) -> Result<Place, String> {
        let count = element_count(dims).filter(|count| *count > 0);
        let lines = count.map_or(usize::MAX, |count| self.arena.len() + count.div_ceil(LANES));
        if lines > ARENA_LINES_MAX {
            return Err(format!("asks for a value of dimensions {dims:?}"));
        }
        let start = self.arena.len() * LANES;
        self.arena.resize(lines, Line::default());
        Ok(Place { start, dims: dims.to_vec() })
    }

    /// Room for a value: behind all places there are, as [`super::plan::apart`] wants it.
    pub(crate) fn allot(&mut self, node: &Node, dims: &[usize]) -> Result<Place, Unsupported> {
        self.fresh(dims).map_err(|reason| node.refuse(reason))
    }

    /// Says where the node's output `index` is.
    pub(crate) fn bind(&mut self, node: &Node, index: usize, known: Known) {
        if let Some(id) = node.outputs.get(index).copied().flatten() {
            self.known.insert(id, known);
        }
    }

    /// A value whose numbers are those of `from` at these places, in this order.
    pub(crate) fn copy(
        &mut self,
        node: &Node,
        from: &Place,
        dims: &[usize],
        places: Vec<usize>,
    ) -> Result<Place, Unsupported> {
        let to = self.allot(node, dims)?;
        let moves = places.into_iter().enumerate().map(|(target, source)| (source, target));
        self.push(Step::Copies(Copies::new(from.range(), to.range(), moves)));
        Ok(to)
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The only user of the node's only output, for the node to take in: see [`Compiler::take`].
    pub(crate) fn next(&self, node: &Node) -> Option<(usize, &'g Node)> {
        let [Some(output)] = node.outputs[..] else { return None };
        let index = self.graph.only_user(output).filter(|_| self.joins)?;
        Some((index, &self.graph.nodes[index]))
    }

    /// Marks a node as done by the one before it, which binds its output.
    pub(crate) fn take(&mut self, index: usize) {
        self.taken[index] = true;
    }
}
