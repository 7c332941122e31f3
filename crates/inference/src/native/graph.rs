//! A graph with names resolved: what is computed from what.

use super::tensor::Tensor;
use super::unsupported::Unsupported;
use crate::proto::{AttributeProto, NodeProto};
use crate::signature::Signature;
use crate::{ModelFile, ValueInfo};
use std::collections::HashMap;
use std::rc::Rc;

/// A value of a graph: its place in [`Graph::values`].
pub(crate) type ValueId = usize;

/// What the output needs, in an order in which it can be computed; batch one.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    /// What is known of a value from the start: weights, and `Constant` nodes.
    pub(crate) constants: HashMap<ValueId, Rc<Tensor>>,
    /// How often each value is used by a node, and by which one last.
    pub(crate) uses: Vec<(usize, usize)>,
    pub(crate) input: ValueId,
    pub(crate) input_dims: Vec<usize>,
    pub(crate) output: ValueId,
    pub(crate) states: Vec<Carried>,
    /// Numbers the output must have.
    pub(crate) output_values: usize,
    /// Version of ONNX's own operators.
    pub(crate) opset: i64,
}

/// A value that is an input of the run after.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) output: ValueId,
    pub(crate) input: ValueId,
    pub(crate) dims: Vec<usize>,
}

/// An operator at work.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// As in `Gemm` or `ai.onnx.ml:Scaler`.
    pub(crate) operator: String,
    pub(crate) name: String,
    /// `None` for an optional input that is left out.
    pub(crate) inputs: Vec<Option<ValueId>>,
    /// `None` for an output nobody asked for.
    pub(crate) outputs: Vec<Option<ValueId>>,
    attributes: Vec<AttributeProto>,
}

impl Graph {
    /// The part of the file's graph that its output needs.
    pub(crate) fn of(file: &ModelFile, signature: &Signature) -> Result<Self, Unsupported> {
        if !file.proto.functions.is_empty() {
            return Err(Unsupported::graph("functions of the model's own are not supported"));
        }
        let graph = file.graph();
        let mut names = Names::default();
        let input = names.define(&signature.input.name)?;
        let states = signature.states.iter();
        let inputs: Vec<ValueId> =
            states.map(|(_, input)| names.define(&input.name)).collect::<Result<_, _>>()?;
        let mut constants = HashMap::new();
        for initializer in &graph.initializer {
            let id = names.define(initializer.name())?;
            // What cannot be read may be of no use to the output; else its absence is found.
            if let Ok(tensor) = Tensor::read(initializer) {
                constants.insert(id, Rc::new(tensor));
            }
        }
        let mut nodes = Vec::with_capacity(graph.node.len());
        for proto in &graph.node {
            let node = Node::of(proto, &mut names)?;
            match node.constant() {
                Some((output, tensor)) => drop(constants.insert(output, Rc::new(tensor))),
                None => nodes.push(node),
            }
        }
        let output = names.given(&signature.output.name)?;
        let dims = |value: &ValueInfo| -> Vec<usize> {
            value.batch_of_one().iter().map(|dim| (*dim).max(1) as usize).collect()
        };
        let states = signature.states.iter().zip(inputs).map(|((from, to), input)| {
            let (output, dims) = (names.given(&from.name)?, dims(to));
            Ok(Carried { output, input, dims })
        });
        let states: Vec<Carried> = states.collect::<Result<_, _>>()?;
        let outputs: Vec<ValueId> =
            states.iter().map(|state| state.output).chain([output]).collect();
        let (nodes, uses) = needed(nodes, &outputs, names.count());
        Ok(Self {
            nodes,
            constants,
            uses,
            input,
            input_dims: dims(&signature.input),
            output,
            states,
            output_values: signature.kind.values(),
            opset: opset(file),
        })
    }

    /// All that a run must give.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = ValueId> {
        self.states.iter().map(|state| state.output).chain([self.output])
    }

    /// The only node that uses the value, if there is one and the value is no output.
    pub(crate) fn only_user(&self, value: ValueId) -> Option<usize> {
        let (count, user) = self.uses[value];
        let is_output = self.outputs().any(|output| output == value);
        (count == 1 && !is_output).then_some(user)
    }
}

fn opset(file: &ModelFile) -> i64 {
    let own = file.opsets().find(|(domain, _)| matches!(*domain, "" | "ai.onnx"));
    own.map_or(1, |(_, version)| version)
}

/// The nodes the outputs need, and how often each value is used by them.
fn needed(nodes: Vec<Node>, outputs: &[ValueId], count: usize) -> (Vec<Node>, Vec<(usize, usize)>) {
    let mut used = vec![false; count];
    outputs.iter().for_each(|output| used[*output] = true);
    let mut kept: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes.into_iter().rev() {
        if node.outputs.iter().flatten().any(|id| used[*id]) {
            node.inputs.iter().flatten().for_each(|id| used[*id] = true);
            kept.push(node);
        }
    }
    kept.reverse();
    let mut uses = vec![(0, 0); count];
    for (index, node) in kept.iter().enumerate() {
        node.inputs.iter().flatten().for_each(|id| uses[*id] = (uses[*id].0 + 1, index));
    }
    (kept, uses)
}

/// Values by name, each made once and before it is used.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, ValueId>);

impl<'a> Names<'a> {
    fn define(&mut self, name: &'a str) -> Result<ValueId, Unsupported> {
        let id = self.0.len();
        match self.0.insert(name, id) {
            None => Ok(id),
            Some(_) => Err(Unsupported::graph(format!("the value `{name}` is made twice"))),
        }
    }

    fn find(&self, name: &str) -> Option<ValueId> {
        self.0.get(name).copied()
    }

    /// An output of the graph.
    fn given(&self, name: &str) -> Result<ValueId, Unsupported> {
        self.find(name)
            .ok_or_else(|| Unsupported::graph(format!("nothing gives the output `{name}`")))
    }

    fn count(&self) -> usize {
        self.0.len()
    }
}

impl Node {
    fn of<'a>(proto: &'a NodeProto, names: &mut Names<'a>) -> Result<Self, Unsupported> {
        let operator = match proto.domain() {
            "" | "ai.onnx" => proto.op_type().to_owned(),
            domain => format!("{domain}:{}", proto.op_type()),
        };
        let name = [proto.name(), proto.output.first().map_or("", String::as_str)];
        let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let mut node = Self {
            operator,
            name: name.to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            attributes: proto.attribute.clone(),
        };
        for input in &proto.input {
            let id = match input.as_str() {
                "" => None,
                name => Some(names.find(name).ok_or_else(|| {
                    node.refuse(format!("uses `{name}`, which nothing before it makes"))
                })?),
            };
            node.inputs.push(id);
        }
        for output in &proto.output {
            let id = if output.is_empty() { None } else { Some(names.define(output)?) };
            node.outputs.push(id);
        }
        Ok(node)
    }

    /// Why this node cannot be compiled.
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Unsupported {
        let (operator, node) = (self.operator.clone(), self.name.clone());
        Unsupported { operator, node, reason: reason.into() }
    }

    /// The node as the file holds it, without its inputs and outputs.
    pub(crate) fn proto(&self) -> NodeProto {
        let (domain, operator) = self.operator.split_once(':').unwrap_or(("", &self.operator));
        NodeProto {
            domain: Some(domain.to_owned()),
            op_type: Some(operator.to_owned()),
            name: Some(self.name.clone()),
            attribute: self.attributes.clone(),
            ..NodeProto::default()
        }
    }

    /// The input at that place, if it is given.
    pub(crate) fn input(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name() == name)
    }

    /// An integer attribute, or its default.
    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.i).unwrap_or(default)
    }

    /// A float attribute, or its default.
    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default)
    }

    /// A list of integers, if the attribute is there.
    pub(crate) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A list of floats, if the attribute is there.
    pub(crate) fn floats(&self, name: &str) -> Option<&[f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    /// A string attribute, if it is there and is text.
    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        let bytes = self.attribute(name)?.s.as_deref()?;
        std::str::from_utf8(bytes).ok()
    }

    /// A list of strings, if the attribute is there; what is no text is empty.
    pub(crate) fn strings(&self, name: &str) -> Option<Vec<&str>> {
        let strings = &self.attribute(name)?.strings;
        Some(strings.iter().map(|bytes| std::str::from_utf8(bytes).unwrap_or("")).collect())
    }

    /// A tensor attribute, if it is there.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, Unsupported> {
        let proto = self.attribute(name).and_then(|attribute| attribute.t.as_ref());
        proto.map(Tensor::read).transpose().map_err(|reason| self.refuse(reason))
    }

    /// What a `Constant` node gives, and where, if it is one that can be read.
    fn constant(&self) -> Option<(ValueId, Tensor)> {
        let [Some(output)] = self.outputs[..] else { return None };
        if self.operator != "Constant" {
            return None;
        }
        let tensor = if let Ok(Some(tensor)) = self.tensor("value") {
            tensor
        } else if let Some(attribute) = self.attribute("value_float") {
            Tensor::f32(&[], vec![attribute.f()])
        } else if let Some(attribute) = self.attribute("value_int") {
            Tensor::i64(&[], vec![attribute.i()])
        } else if let Some(values) = self.floats("value_floats") {
            Tensor::f32(&[values.len()], values.to_vec())
        } else {
            let values = self.ints("value_ints")?;
            Tensor::i64(&[values.len()], values.to_vec())
        };
        Some((output, tensor))
    }
}
