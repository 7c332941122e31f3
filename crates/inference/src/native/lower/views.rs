//! Operators that give an input's numbers in another order or under other dimensions, for values in
//! the arena and for constants of any type alike.

use super::super::compile::{Compiler, Known, Place};
use super::super::graph::Node;
use super::super::moves::Copies;
use super::super::plan::Step;
use super::super::tensor::{Numbers, Tensor, element_count};
use super::super::unsupported::Unsupported;
use super::{axis, give};

/// What of an input an operator gives.
pub(crate) struct View {
    pub(crate) dims: Vec<usize>,
    /// Which number of the input each is; `None` if all stay where they are.
    pub(crate) places: Option<Vec<usize>>,
}

/// The view of its first input that the node gives, if it is an operator that gives one.
pub(crate) fn of(c: &Compiler<'_>, node: &Node) -> Result<Option<View>, Unsupported> {
    let from = match node.operator.as_str() {
        "Dropout" if node.input(2).is_some() => {
            return Err(node.refuse("may be told at run time to drop"));
        }
        "Identity" | "Dropout" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose"
        | "Slice" | "Gather" | "Expand" | "Tile" => c.dims(node, 0)?.to_vec(),
        _ => return Ok(None),
    };
    let same = |dims: Vec<usize>| View { dims, places: None };
    Ok(Some(match node.operator.as_str() {
        "Reshape" => same(reshape(c, node, &from)?),
        "Flatten" => {
            let at = node.int("axis", 1);
            let rank = from.len();
            let at = if at == rank as i64 { rank } else { axis(node, at, rank)? };
            same(vec![from[..at].iter().product(), from[at..].iter().product()])
        }
        "Squeeze" => same(squeeze(c, node, &from)?),
        "Unsqueeze" => same(unsqueeze(c, node, &from)?),
        "Transpose" => transpose(node, &from)?,
        "Slice" => slice(c, node, &from)?,
        "Gather" => gather(c, node, &from)?,
        "Expand" => expand(c, node, &from)?,
        "Tile" => tile(c, node, &from)?,
        _ => same(from),
    }))
}

/// The view of a value in the arena: a copy, or the value itself.
pub(super) fn give_view(c: &mut Compiler<'_>, node: &Node, view: View) -> Result<(), Unsupported> {
    let place = c.place(node, 0)?;
    let place = match view.places {
        None => Place { dims: view.dims, ..place },
        Some(places) => c.copy(node, &place, &view.dims, places)?,
    };
    give(c, node, place)
}

/// The numbers of a list: an input since some operator set, an attribute before.
pub(crate) fn list(
    c: &Compiler<'_>,
    node: &Node,
    index: usize,
    name: &str,
) -> Result<Option<Vec<i64>>, Unsupported> {
    if node.input(index).is_none() {
        return Ok(node.ints(name).map(<[i64]>::to_vec));
    }
    let constant = c.constant(node, index);
    let numbers = constant.as_ref().and_then(|tensor| tensor.integers());
    let refused = || node.refuse(format!("takes `{name}` from what is no constant"));
    numbers.map(|numbers| Some(numbers.to_vec())).ok_or_else(refused)
}

/// The places in the order of the axes, each given as the offsets along it.
pub(super) fn view_of(node: &Node, axes: &[Vec<usize>]) -> Result<View, Unsupported> {
    let dims: Vec<usize> = axes.iter().map(Vec::len).collect();
    if element_count(&dims).is_none() {
        return Err(node.refuse(format!("asks for a value of dimensions {dims:?}")));
    }
    if dims.contains(&0) {
        return Ok(View { dims, places: Some(Vec::new()) });
    }
    let mut places = vec![0];
    for offsets in axes.iter().rev() {
        let along = |offset: &usize| places.iter().map(|place| place + offset).collect::<Vec<_>>();
        places = offsets.iter().flat_map(along).collect();
    }
    Ok(View { dims, places: Some(places) })
}

/// For each axis the offsets of its indices.
pub(super) fn offsets(dims: &[usize]) -> Vec<Vec<usize>> {
    let mut stride = 1;
    let mut axes: Vec<Vec<usize>> = Vec::with_capacity(dims.len());
    for dim in dims.iter().rev() {
        axes.push((0..*dim).map(|index| index * stride).collect());
        stride *= dim;
    }
    axes.reverse();
    axes
}

fn reshape(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<Vec<usize>, Unsupported> {
    let wanted = list(c, node, 1, "shape")?.ok_or_else(|| node.refuse("has no shape"))?;
    let refused = || node.refuse(format!("reshapes {from:?} to {wanted:?}"));
    let keeps_zero = node.int("allowzero", 0) != 0;
    let count = element_count(from).ok_or_else(refused)?;
    let mut dims = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (index, dim) in wanted.iter().enumerate() {
        dims.push(match *dim {
            -1 if free.is_none() => {
                free = Some(index);
                1
            }
            0 if !keeps_zero => *from.get(index).ok_or_else(refused)?,
            dim => usize::try_from(dim).map_err(|_| refused())?,
        });
    }
    let rest = element_count(&dims).ok_or_else(refused)?;
    if let Some(index) = free {
        dims[index] = count.checked_div(rest).ok_or_else(refused)?;
    }
    if element_count(&dims) == Some(count) { Ok(dims) } else { Err(refused()) }
}

fn squeeze(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<Vec<usize>, Unsupported> {
    let Some(axes) = list(c, node, 1, "axes")? else {
        // The batch is one here, but the file may mean it to stay.
        return Err(node.refuse("squeezes without saying what"));
    };
    let axes: Result<Vec<usize>, _> =
        axes.iter().map(|value| axis(node, *value, from.len())).collect();
    let axes = axes?;
    if axes.iter().any(|axis| from[*axis] != 1) {
        return Err(node.refuse(format!("squeezes axes {axes:?} of {from:?}")));
    }
    let kept = from.iter().enumerate().filter(|(index, _)| !axes.contains(index));
    Ok(kept.map(|(_, dim)| *dim).collect())
}

fn unsqueeze(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<Vec<usize>, Unsupported> {
    let axes = list(c, node, 1, "axes")?.ok_or_else(|| node.refuse("has no axes"))?;
    let rank = from.len() + axes.len();
    let mut fresh = vec![false; rank];
    for value in axes {
        fresh[axis(node, value, rank)?] = true;
    }
    let mut old = from.iter();
    let dim = |fresh: bool| if fresh { Some(1) } else { old.next().copied() };
    let dims: Option<Vec<usize>> = fresh.into_iter().map(dim).collect();
    dims.ok_or_else(|| node.refuse("names an axis twice"))
}

fn transpose(node: &Node, from: &[usize]) -> Result<View, Unsupported> {
    let reversed: Vec<i64> = (0..from.len() as i64).rev().collect();
    let order = node.ints("perm").unwrap_or(&reversed);
    let mut axes: Vec<Option<Vec<usize>>> = offsets(from).into_iter().map(Some).collect();
    let mut taken = Vec::with_capacity(axes.len());
    for value in order {
        let offsets = axes.get_mut(axis(node, *value, from.len())?).and_then(Option::take);
        taken.push(offsets.ok_or_else(|| node.refuse("names an axis twice"))?);
    }
    if taken.len() != from.len() {
        return Err(node.refuse(format!("orders {} of {} axes", taken.len(), from.len())));
    }
    view_of(node, &taken)
}

fn slice(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<View, Unsupported> {
    let given = |index, name| list(c, node, index, name);
    let wanted = |list: Option<Vec<i64>>| list.ok_or_else(|| node.refuse("has no bounds"));
    let (starts, ends) = (wanted(given(1, "starts")?)?, wanted(given(2, "ends")?)?);
    let all: Vec<i64> = (0..starts.len() as i64).collect();
    let along = given(3, "axes")?.unwrap_or(all);
    let steps = given(4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), along.len(), steps.len()] != [starts.len(); 3] {
        return Err(node.refuse("has lists of different lengths"));
    }
    let mut axes = offsets(from);
    for (((start, end), value), step) in starts.into_iter().zip(ends).zip(along).zip(steps) {
        let axis = axis(node, value, from.len())?;
        let size = axes[axis].len() as i64;
        let place = |value: i64, low: i64, high: i64| {
            let value = if value < 0 { value.saturating_add(size) } else { value };
            value.clamp(low, high)
        };
        let offsets = &axes[axis];
        let picked = if step > 0 {
            let range = place(start, 0, size)..place(end, 0, size);
            let step = usize::try_from(step).unwrap_or(usize::MAX);
            range.step_by(step).map(|index| offsets[index as usize]).collect()
        } else if step < 0 {
            let (start, end) = (place(start, -1, size - 1), place(end, -1, size - 1));
            let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            (end + 1..=start).rev().step_by(step).map(|index| offsets[index as usize]).collect()
        } else {
            return Err(node.refuse("steps by zero"));
        };
        axes[axis] = picked;
    }
    view_of(node, &axes)
}

fn gather(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<View, Unsupported> {
    let axis = axis(node, node.int("axis", 0), from.len())?;
    let constant = c.constant(node, 1);
    let indices = constant.as_ref().and_then(|tensor| Some((tensor, tensor.integers()?)));
    let (tensor, indices) = indices.ok_or_else(|| node.refuse("gathers by what is no constant"))?;
    let mut axes = offsets(from);
    let place = |index: &i64| {
        let index = if *index < 0 { index.saturating_add(from[axis] as i64) } else { *index };
        axes[axis].get(usize::try_from(index).ok()?).copied()
    };
    let picked: Option<Vec<usize>> = indices.iter().map(place).collect();
    axes[axis] = picked.ok_or_else(|| node.refuse("gathers beyond the end"))?;
    let mut view = view_of(node, &axes)?;
    view.dims.splice(axis..=axis, tensor.dims.iter().copied());
    Ok(view)
}

fn expand(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<View, Unsupported> {
    let wanted = list(c, node, 1, "shape")?.ok_or_else(|| node.refuse("has no shape"))?;
    let wanted: Option<Vec<usize>> = wanted.iter().map(|dim| (*dim).try_into().ok()).collect();
    let dims = wanted.and_then(|wanted| common_dims(from, &wanted));
    let dims = dims.ok_or_else(|| node.refuse(format!("expands {from:?} to what it cannot be")))?;
    spread(node, from, &dims)
}

/// What two shapes are spread to: equal dimensions, or one of them 1, from the last on.
pub(crate) fn common_dims(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis])
    };
    let both = (0..rank).map(|axis| match (dim(a, axis), dim(b, axis)) {
        (1, other) | (other, 1) => Some(other),
        (one, other) => Some(one).filter(|_| one == other),
    });
    both.collect()
}

/// The numbers repeated to fill `to`, which they can: see [`common_dims`].
pub(crate) fn spread(node: &Node, from: &[usize], to: &[usize]) -> Result<View, Unsupported> {
    if element_count(to).is_none() {
        return Err(node.refuse(format!("asks for a value of dimensions {to:?}")));
    }
    let mut axes = vec![vec![0]; to.len() - from.len()];
    axes.extend(offsets(from));
    for (offsets, size) in axes.iter_mut().zip(to) {
        if offsets.len() == 1 {
            *offsets = vec![0; *size];
        }
    }
    view_of(node, &axes)
}

fn tile(c: &Compiler<'_>, node: &Node, from: &[usize]) -> Result<View, Unsupported> {
    let repeats = list(c, node, 1, "repeats")?.ok_or_else(|| node.refuse("has no repeats"))?;
    let mut axes = offsets(from);
    if repeats.len() != axes.len() {
        return Err(node.refuse("has as many repeats as no axes"));
    }
    for (offsets, repeat) in axes.iter_mut().zip(repeats) {
        let count =
            usize::try_from(repeat).ok().and_then(|repeat| element_count(&[repeat, offsets.len()]));
        let count = count.ok_or_else(|| node.refuse(format!("repeats {repeat} times")))?;
        *offsets = offsets.iter().copied().cycle().take(count).collect();
    }
    view_of(node, &axes)
}

/// Split's outputs, one view each.
pub(super) fn split(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let from = c.place(node, 0)?;
    let axis = axis(node, node.int("axis", 0), from.dims.len())?;
    let (size, count) = (from.dims[axis], node.outputs.len().max(1));
    let sizes = match list(c, node, 1, "split")? {
        Some(sizes) => {
            sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect()
        }
        // The last one is the smaller where they cannot be equal.
        None => {
            let part = size.div_ceil(count);
            (0..count).map(|index| part.min(size.saturating_sub(index * part))).collect::<Vec<_>>()
        }
    };
    let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
    if total != Some(size) || sizes.len() != count {
        return Err(node.refuse(format!("splits {size} into {sizes:?}")));
    }
    let mut start = 0;
    for (index, size) in sizes.into_iter().enumerate() {
        let mut axes = offsets(&from.dims);
        axes[axis] = axes[axis][start..start + size].to_vec();
        start += size;
        let view = view_of(node, &axes)?;
        let to = c.copy(node, &from, &view.dims, view.places.unwrap_or_default())?;
        c.bind(node, index, Known::Place(to));
    }
    Ok(())
}

/// Inputs one after the other along an axis.
pub(super) fn concat(c: &mut Compiler<'_>, node: &Node) -> Result<(), Unsupported> {
    let parts: Result<Vec<_>, _> =
        (0..node.inputs.len()).map(|index| c.place(node, index)).collect();
    let parts = parts?;
    let all: Vec<&[usize]> = parts.iter().map(|part| part.dims.as_slice()).collect();
    let (axis, dims) = concat_dims(node, &all)?;
    let to = c.allot(node, &dims)?;
    let axes = offsets(&dims);
    let mut start = 0;
    for part in parts {
        let mut axes = axes.clone();
        let end = start + part.dims[axis];
        axes[axis] = axes[axis][start..end].to_vec();
        start = end;
        let targets = view_of(node, &axes)?.places.unwrap_or_default();
        let moves = targets.into_iter().enumerate();
        c.push(Step::Copies(Copies::new(part.range(), to.range(), moves)));
    }
    give(c, node, to)
}

/// The axis, and the dimensions of all parts together.
pub(crate) fn concat_dims(
    node: &Node,
    parts: &[&[usize]],
) -> Result<(usize, Vec<usize>), Unsupported> {
    let first = *parts.first().ok_or_else(|| node.refuse("joins nothing"))?;
    let axis = axis(node, node.int("axis", 0), first.len())?;
    let mut dims = first.to_vec();
    dims[axis] = 0;
    for part in parts {
        let fits = part.len() == dims.len()
            && (0..dims.len()).all(|index| index == axis || part[index] == dims[index]);
        if !fits {
            return Err(node.refuse(format!("joins {first:?} with {part:?}")));
        }
        dims[axis] = dims[axis].saturating_add(part[axis]);
    }
    Ok((axis, dims))
}

/// A constant of any type, seen so.
pub(crate) fn apply(view: View, tensor: &Tensor) -> Tensor {
    let data: Numbers = match view.places {
        None => tensor.data.clone(),
        Some(places) => tensor.data.pick(places.into_iter()),
    };
    Tensor { dims: view.dims, data }
}
