//! Models made in memory, wrong in any way a test wants: `softmax(x W)` as protobuf fields.

use tickhawk_inference::{Contract, Golden, ModelFile, OrtModel, Output, RuntimeOptions, stamp};

/// A model to be written.
#[derive(Clone)]
pub struct Onnx {
    features: Vec<String>,
    scale: f32,
    input: (u64, Vec<u64>),
    output: (u64, Vec<u64>),
    external: Option<String>,
    claim: Option<Vec<u64>>,
}

impl Onnx {
    /// Probabilities from these features, float32 `[N, F]` to `[N, 3]`.
    pub fn new(features: &[&str]) -> Self {
        Self {
            features: features.iter().map(|name| (*name).to_owned()).collect(),
            scale: 1.0,
            input: (1, vec![0, features.len() as u64]),
            output: (1, vec![0, 3]),
            external: None,
            claim: None,
        }
    }

    /// With weights so many times as large.
    pub fn scaled(mut self, scale: f32) -> Self {
        self.scale = scale;
        self
    }

    /// With an input declared so: ONNX's element type, and dimensions, 0 for a free one.
    pub fn input(mut self, element: u64, dims: &[u64]) -> Self {
        self.input = (element, dims.to_vec());
        self
    }

    /// With an output declared so.
    pub fn output(mut self, element: u64, dims: &[u64]) -> Self {
        self.output = (element, dims.to_vec());
        self
    }

    /// With the weights in another file.
    pub fn external(mut self, path: &str) -> Self {
        self.external = Some(path.to_owned());
        self
    }

    /// With a further tensor of these dimensions that holds one number.
    pub fn claim(mut self, dims: &[u64]) -> Self {
        self.claim = Some(dims.to_vec());
        self
    }

    /// The file without a contract.
    pub fn graph(&self) -> Vec<u8> {
        let rows = self.features.len();
        let weights: Vec<u8> = (0..rows * 3)
            .map(|at| self.scale * (at % 3) as f32 * (at + 1) as f32 / 10.0)
            .flat_map(f32::to_le_bytes)
            .collect();
        let name = field(8, b"weights");
        let dims = [varint_field(1, rows as u64), varint_field(1, 3)].concat();
        let data = match &self.external {
            None => field(9, &weights),
            Some(path) => {
                let entry = [field(1, b"location"), field(2, path.as_bytes())].concat();
                [field(13, &entry), varint_field(14, 1)].concat()
            }
        };
        let weights = [dims, varint_field(2, 1), name, data].concat();
        let claim = self.claim.as_ref().map_or(Vec::new(), |dims| {
            let dims = dims.iter().flat_map(|dim| varint_field(1, *dim)).collect();
            let tensor = [dims, varint_field(2, 1), field(8, b"vast"), field(9, &[0; 4])].concat();
            let uses = node("Add", &["vast", "vast"], "unused");
            [field(1, &uses), field(5, &tensor)].concat()
        });
        let graph = [
            field(1, &node("MatMul", &["features", "weights"], "logits")),
            field(1, &node("Softmax", &["logits"], "probabilities")),
            field(2, b"test"),
            field(5, &weights),
            claim,
            field(11, &value("features", &self.input)),
            field(12, &value("probabilities", &self.output)),
        ];
        let opset = varint_field(2, 13);
        [varint_field(1, 8), field(7, &graph.concat()), field(8, &opset)].concat()
    }

    /// The file with a contract whose golden table is its own.
    pub fn stamped(&self) -> Vec<u8> {
        let file = ModelFile::from_bytes("test.onnx", self.graph()).unwrap();
        stamp(&file, &self.contract()).unwrap()
    }

    /// This model under the contract of another, true or not.
    pub fn with_contract_of(&self, other: &Self) -> Vec<u8> {
        let whole = other.stamped();
        let without = other.graph().len();
        // Stamping appends.
        [self.graph(), whole[without..].to_vec()].concat()
    }

    fn contract(&self) -> Contract {
        let file = ModelFile::from_bytes("test.onnx", self.graph()).unwrap();
        let mut model = OrtModel::load(&file, &RuntimeOptions::default()).unwrap();
        let row = |seed: usize| (0..self.features.len()).map(move |at| ((at + seed) % 3) as f32);
        let inputs: Vec<Vec<f32>> = (0..4).map(|seed| row(seed).collect()).collect();
        let mut run = |input: &Vec<f32>| match model.run(input).unwrap() {
            Output::Classes { down, flat, up } => vec![down, flat, up],
            Output::Value(value) => vec![value],
        };
        let outputs = inputs.iter().map(&mut run).collect();
        let golden = Golden { inputs, outputs };
        Contract::new(self.features.clone(), "mid_sign".into(), 1_000, None, golden).unwrap()
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    [inputs, field(2, output.as_bytes()), field(4, operator.as_bytes())].concat()
}

fn value(name: &str, (element, dims): &(u64, Vec<u64>)) -> Vec<u8> {
    let dim = |dim: &u64| match dim {
        0 => field(1, &field(2, b"N")),
        dim => field(1, &varint_field(1, *dim)),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    let tensor = [varint_field(1, *element), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

fn field(tag: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint_field(tag: u64, value: u64) -> Vec<u8> {
    [varint(tag << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
