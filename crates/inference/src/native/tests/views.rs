//! Operators that move numbers, and the shape arithmetic that exporters leave.

use super::agrees;
use super::graphs::{Builder, inputs, int, ints};

#[track_caller]
fn check(opset: i64, count: usize, build: impl Fn(&mut Builder) -> String) {
    let mut builder = Builder::new(opset, &[4, 6]);
    let value = build(&mut builder);
    agrees(&builder.mixed(&value, count), &inputs(4, 24));
}

#[test]
fn other_dimensions() {
    check(17, 24, |b| b.node("Flatten", &["x"], vec![int("axis", 2)]));
    check(17, 24, |b| {
        let shape = b.integers(&[0, -1, 3]);
        let cut = b.node("Reshape", &["x", &shape], vec![]);
        let axes = b.integers(&[0, -1]);
        let wide = b.node("Unsqueeze", &[&cut, &axes], vec![]);
        let axes = b.integers(&[0]);
        b.node("Squeeze", &[&wide, &axes], vec![])
    });
    check(11, 24, |b| {
        let wide = b.node("Unsqueeze", &["x"], vec![ints("axes", &[1])]);
        b.node("Squeeze", &[&wide], vec![ints("axes", &[1])])
    });
}

#[test]
fn transposed() {
    for perm in [[0, 2, 1], [1, 0, 2], [2, 1, 0]] {
        check(17, 24, |b| b.node("Transpose", &["x"], vec![ints("perm", &perm)]));
    }
    check(17, 24, |b| b.node("Transpose", &["x"], vec![]));
}

#[test]
fn sliced() {
    // Starts, ends, axes, steps, and how many numbers are left.
    let cases: [([&[i64]; 4], usize); 5] = [
        ([&[1], &[3], &[1], &[1]], 12),
        ([&[-1], &[i64::MAX], &[1], &[1]], 6),
        ([&[0, 1], &[4, 6], &[1, 2], &[2, 3]], 4),
        ([&[-1], &[i64::MIN], &[2], &[-2]], 12),
        ([&[5], &[0], &[-1], &[-1]], 20),
    ];
    for (lists, count) in cases {
        check(17, count, |b| {
            let [starts, ends, axes, steps] = lists.map(|list| b.integers(list));
            b.node("Slice", &["x", &starts, &ends, &axes, &steps], vec![])
        });
    }
    let attributes = || vec![ints("starts", &[2]), ints("ends", &[100]), ints("axes", &[1])];
    check(9, 12, |b| b.node("Slice", &["x"], attributes()));
}

#[test]
fn gathered_expanded_tiled() {
    check(17, 18, |b| {
        let rows = b.integers(&[3, 0, -2]);
        b.node("Gather", &["x", &rows], vec![int("axis", 1)])
    });
    check(17, 6, |b| {
        let last = b.integer_tensor(&[], &[-1]);
        b.node("Gather", &["x", &last], vec![int("axis", 1)])
    });
    check(17, 72, |b| {
        let shape = b.integers(&[3, 1, 1]);
        b.node("Expand", &["x", &shape], vec![])
    });
    check(17, 96, |b| {
        let repeats = b.integers(&[1, 2, 2]);
        b.node("Tile", &["x", &repeats], vec![])
    });
}

#[test]
fn split_and_joined() {
    check(17, 24, |b| {
        let sizes = b.integers(&[1, 3, 2]);
        let parts = b.nodes("Split", &["x", &sizes], vec![int("axis", 2)], 3);
        let turned = b.node("Neg", &[&parts[1]], vec![]);
        b.node("Concat", &[&parts[2], &turned, &parts[0]], vec![int("axis", 2)])
    });
    check(17, 30, |b| {
        let parts = b.nodes("Split", &["x"], vec![int("axis", 1)], 2);
        let row = b.weights(&[1, 1, 6]);
        b.node("Concat", &[&parts[1], &row, &parts[0]], vec![int("axis", 1)])
    });
}

#[test]
fn the_arithmetic_of_shapes() {
    // As PyTorch leaves it: x.view(x.size(0), -1, x.size(2) // 2) + zeros of its shape.
    check(17, 24, |b| {
        let shape = b.node("Shape", &["x"], vec![]);
        let place = b.integer_tensor(&[], &[2]);
        let size = b.node("Gather", &[&shape, &place], vec![int("axis", 0)]);
        let two = b.integer_tensor(&[], &[2]);
        let half = b.node("Div", &[&size, &two], vec![]);
        let axes = b.integers(&[0]);
        let half = b.node("Unsqueeze", &[&half, &axes], vec![]);
        let (start, end) = (b.integers(&[0]), b.integers(&[1]));
        let batch = b.node("Slice", &[&shape, &start, &end], vec![]);
        let free = b.integers(&[-1]);
        let whole = b.node("Concat", &[&batch, &free, &half], vec![int("axis", 0)]);
        let cut = b.node("Reshape", &["x", &whole], vec![]);
        let shape = b.node("Shape", &[&cut], vec![]);
        let zeros = b.node("ConstantOfShape", &[&shape], vec![]);
        b.node("Add", &[&cut, &zeros], vec![])
    });
    // Positions: a range, spread, cast and added.
    check(17, 24, |b| {
        let [start, limit, step] = [0, 12, 2].map(|value| b.integer_tensor(&[], &[value]));
        let range = b.node("Range", &[&start, &limit, &step], vec![]);
        let axes = b.integers(&[0]);
        let row = b.node("Unsqueeze", &[&range, &axes], vec![]);
        let shape = b.integers(&[4, 6]);
        let minus = b.integers(&[-1, -1]);
        let same = b.node("Equal", &[&minus, &shape], vec![]);
        let shape = b.node("Where", &[&same, &minus, &shape], vec![]);
        let table = b.node("Expand", &[&row, &shape], vec![]);
        let table = b.node("Cast", &[&table], vec![int("to", 1)]);
        b.node("Add", &["x", &table], vec![])
    });
}

#[test]
fn float_constants_are_computed_once() {
    let mut builder = Builder::new(17, &[4, 6]);
    let weights = builder.weights(&[9, 6]);
    let weights = builder.node("Transpose", &[&weights], vec![]);
    let root = builder.node("Tanh", &[&weights], vec![]);
    let scale = builder.weights(&[9]);
    let scaled = builder.node("Mul", &[&root, &scale], vec![]);
    let value = builder.node("MatMul", &["x", &scaled], vec![]);
    let file = builder.mixed(&value, 36);
    agrees(&file, &inputs(4, 24));
    // Two layers, and nothing else.
    let native = crate::NativeModel::compile(&file).unwrap();
    assert_eq!(native.plan.steps.len(), 2, "{:?}", native.plan.steps);
}
