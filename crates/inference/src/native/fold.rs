//! What is known at compile time: the shape arithmetic exporters leave, in integers.

use super::compile::Compiler;
use super::graph::Node;
use super::lower::views;
use super::tensor::{Numbers, Tensor, element_count};
use super::unsupported::Unsupported;
use std::rc::Rc;

/// The node's output, if it is a constant that is found without computing with floats.
pub(crate) fn constant(c: &Compiler<'_>, node: &Node) -> Result<Option<Tensor>, Unsupported> {
    match node.operator.as_str() {
        // Known even where the value itself is not.
        "Shape" => return shape(c, node).map(Some),
        "Size" => {
            let count = c.dims(node, 0)?.iter().product::<usize>();
            return Ok(Some(Tensor::i64(&[], vec![count as i64])));
        }
        _ => {}
    }
    let inputs: Vec<Option<Rc<Tensor>>> =
        (0..node.inputs.len()).map(|index| c.constant(node, index)).collect();
    let Some(first) = inputs.first().cloned().flatten() else { return Ok(None) };
    if let Some(view) = views::of(c, node)? {
        return Ok(Some(views::apply(view, &first)));
    }
    match node.operator.as_str() {
        "ConstantOfShape" => return filled(node, &first).map(Some),
        "Cast" => return cast(node, &first).map(Some),
        _ => {}
    }
    let inputs: Option<Vec<Rc<Tensor>>> = inputs.into_iter().collect();
    let Some(inputs) = inputs.filter(|all| all.iter().all(|one| one.integers().is_some())) else {
        return Ok(None);
    };
    Ok(match node.operator.as_str() {
        "Concat" => Some(concat(node, &inputs)?),
        "Range" => Some(range(node, &inputs)?),
        "Where" => Some(choose(node, &inputs)?),
        "Not" => Some(map(&first, |value| i64::from(value == 0))),
        "Neg" => Some(map(&first, i64::wrapping_neg)),
        operator => match (binary(operator), &inputs[..]) {
            (Some(function), [a, b]) => Some(pair(node, a, b, function)?),
            _ => None,
        },
    })
}

fn shape(c: &Compiler<'_>, node: &Node) -> Result<Tensor, Unsupported> {
    let dims = c.dims(node, 0)?;
    let rank = dims.len() as i64;
    let place = |value: i64| {
        let value = if value < 0 { value.saturating_add(rank) } else { value };
        value.clamp(0, rank) as usize
    };
    let (start, end) = (place(node.int("start", 0)), place(node.int("end", rank)));
    let sizes: Vec<i64> = dims[start..end.max(start)].iter().map(|dim| *dim as i64).collect();
    Ok(Tensor::i64(&[sizes.len()], sizes))
}

fn dims_of(node: &Node, tensor: &Tensor) -> Result<Vec<usize>, Unsupported> {
    let sizes = tensor.integers().unwrap_or_default();
    let dims: Option<Vec<usize>> = sizes.iter().map(|size| (*size).try_into().ok()).collect();
    let bounded = dims.filter(|dims| element_count(dims).is_some());
    bounded.ok_or_else(|| node.refuse(format!("asks for a value of dimensions {sizes:?}")))
}

fn filled(node: &Node, shape: &Tensor) -> Result<Tensor, Unsupported> {
    let dims = dims_of(node, shape)?;
    let count = element_count(&dims).unwrap_or(0);
    let value = node.tensor("value")?.map_or(Numbers::F32(vec![0.0]), |tensor| tensor.data);
    if value.len() != 1 {
        return Err(node.refuse("fills with what is not one number"));
    }
    Ok(Tensor { dims, data: value.pick(std::iter::repeat_n(0, count)) })
}

fn cast(node: &Node, tensor: &Tensor) -> Result<Tensor, Unsupported> {
    let data = match (node.int("to", 0), &tensor.data) {
        (1 | 11, Numbers::F32(values)) => Numbers::F32(values.clone()),
        (1 | 11, Numbers::I64(values)) => {
            Numbers::F32(values.iter().map(|value| *value as f32).collect())
        }
        (6 | 7, Numbers::F32(values)) => {
            Numbers::I64(values.iter().map(|value| *value as i64).collect())
        }
        (6 | 7, Numbers::I64(values)) => Numbers::I64(values.clone()),
        (9, Numbers::F32(values)) => {
            Numbers::I64(values.iter().map(|value| i64::from(*value != 0.0)).collect())
        }
        (9, Numbers::I64(values)) => {
            Numbers::I64(values.iter().map(|value| i64::from(*value != 0)).collect())
        }
        (other, _) => return Err(node.refuse(format!("casts to element type {other}"))),
    };
    Ok(Tensor { dims: tensor.dims.clone(), data })
}

fn concat(node: &Node, parts: &[Rc<Tensor>]) -> Result<Tensor, Unsupported> {
    let all: Vec<&[usize]> = parts.iter().map(|part| part.dims.as_slice()).collect();
    let (axis, dims) = views::concat_dims(node, &all)?;
    if element_count(&dims).is_none() {
        return Err(node.refuse(format!("asks for a value of dimensions {dims:?}")));
    }
    let outer: usize = dims[..axis].iter().product();
    let mut values = Vec::new();
    for row in 0..outer {
        for part in parts {
            let width: usize = part.dims[axis..].iter().product();
            let numbers = part.integers().unwrap_or_default();
            values.extend_from_slice(&numbers[row * width..][..width]);
        }
    }
    Ok(Tensor::i64(&dims, values))
}

fn range(node: &Node, inputs: &[Rc<Tensor>]) -> Result<Tensor, Unsupported> {
    let one = |index: usize| match inputs.get(index).and_then(|tensor| tensor.integers()) {
        Some(&[value]) => Ok(i128::from(value)),
        _ => Err(node.refuse("wants three integers")),
    };
    let (start, limit, step) = (one(0)?, one(1)?, one(2)?);
    let distance = if step < 0 { start - limit } else { limit - start };
    let size = step.unsigned_abs();
    if size == 0 {
        return Err(node.refuse("steps by zero"));
    }
    let count = u128::try_from(distance).unwrap_or(0).div_ceil(size);
    let count = usize::try_from(count).ok().and_then(|count| element_count(&[count]));
    let count = count.ok_or_else(|| node.refuse("asks for too many numbers"))?;
    let values = (0..count as i128).map(|index| (start + index * step) as i64).collect();
    Ok(Tensor::i64(&[count], values))
}

fn choose(node: &Node, inputs: &[Rc<Tensor>]) -> Result<Tensor, Unsupported> {
    let [truth, yes, no] = inputs else { return Err(node.refuse("wants three inputs")) };
    let yes = pair(node, truth, yes, |truth, yes| if truth != 0 { yes } else { 0 })?;
    let no = pair(node, truth, no, |truth, no| if truth != 0 { 0 } else { no })?;
    pair(node, &yes, &no, |yes, no| yes | no)
}

fn map(tensor: &Tensor, function: impl Fn(i64) -> i64) -> Tensor {
    let values = tensor.integers().unwrap_or_default();
    Tensor::i64(&tensor.dims, values.iter().map(|value| function(*value)).collect())
}

fn binary(operator: &str) -> Option<fn(i64, i64) -> i64> {
    Some(match operator {
        "Add" => i64::wrapping_add,
        "Sub" => i64::wrapping_sub,
        "Mul" => i64::wrapping_mul,
        "Div" => |a, b| a.checked_div(b).unwrap_or(0),
        "Mod" => |a, b| a.checked_rem_euclid(b).unwrap_or(0),
        "Min" => |a, b| a.min(b),
        "Max" => |a, b| a.max(b),
        "Equal" => |a, b| i64::from(a == b),
        "Less" => |a, b| i64::from(a < b),
        "Greater" => |a, b| i64::from(a > b),
        "LessOrEqual" => |a, b| i64::from(a <= b),
        "GreaterOrEqual" => |a, b| i64::from(a >= b),
        "And" => |a, b| i64::from(a != 0 && b != 0),
        "Or" => |a, b| i64::from(a != 0 || b != 0),
        _ => return None,
    })
}

fn pair(
    node: &Node,
    a: &Tensor,
    b: &Tensor,
    function: impl Fn(i64, i64) -> i64,
) -> Result<Tensor, Unsupported> {
    let dims = views::common_dims(&a.dims, &b.dims)
        .ok_or_else(|| node.refuse(format!("joins dimensions {:?} and {:?}", a.dims, b.dims)))?;
    let a = views::apply(views::spread(node, &a.dims, &dims)?, a);
    let b = views::apply(views::spread(node, &b.dims, &dims)?, b);
    let pairs = a.integers().unwrap_or_default().iter().zip(b.integers().unwrap_or_default());
    Ok(Tensor::i64(&dims, pairs.map(|(a, b)| function(*a, *b)).collect()))
}
