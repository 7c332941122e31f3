//! Attributes and constant inputs of operators, read for values in columns.

use super::build::Pool;
use super::columns::Columns;
use super::taps::Geometry;
use super::view::View;
use crate::native::compile::Compiler;
use crate::native::elementwise::BinaryOp;
use crate::native::graph::Node;
use crate::native::lower::views::list;
use crate::native::tensor::Tensor;

/// The largest kernel, stride, dilation or pad: beyond the longest window.
const SIZE_MAX: usize = 1 << 13;

/// What slides over the last one or two axes.
pub(super) struct Window {
    pub(super) geometry: Geometry,
    pub(super) groups: usize,
}

impl Window {
    /// Of a convolution with those weights, `[output channel][input channel of its group]...`.
    pub(super) fn of_conv(node: &Node, view: &View, weights: &Tensor) -> Result<Self, String> {
        let rank = view.dims.len();
        if !matches!(rank, 3 | 4) || weights.dims.len() != rank || weights.dims.contains(&0) {
            let dims = &weights.dims;
            return Err(format!("has weights of dimensions {dims:?} over {:?}", view.dims));
        }
        let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
        let (outputs, channels) = (weights.dims[0], view.dims[1]);
        if groups == 0
            || outputs % groups != 0
            || weights.dims[1].checked_mul(groups) != Some(channels)
        {
            let dims = &weights.dims;
            return Err(format!(
                "has weights of {dims:?} in {groups} groups for {channels} channels"
            ));
        }
        let (geometry, _) = geometry(node, &view.dims[2..], &weights.dims[2..], false)?;
        Ok(Self { geometry, groups })
    }

    /// Of a pool.
    pub(super) fn of_pool(node: &Node, view: &View) -> Result<(Pool, Self), String> {
        if !matches!(view.dims.len(), 3 | 4) {
            return Err(format!("pools over dimensions {:?}", view.dims));
        }
        if node.outputs.iter().skip(1).any(Option::is_some) {
            return Err("tells indices".into());
        }
        let extents = &view.dims[2..];
        let global = node.operator.starts_with("Global");
        let kernel = match (global, node.ints("kernel_shape")) {
            (true, _) => extents.to_vec(),
            (false, Some(kernel)) if kernel.len() == extents.len() => sizes(kernel, 1)?,
            (false, _) => return Err("has no kernel_shape for its axes".into()),
        };
        let ceil = !global && node.int("ceil_mode", 0) != 0;
        let (geometry, grown) = geometry(node, extents, &kernel, ceil)?;
        let extent = |axis: usize| extents.get(axis).copied().unwrap_or(1);
        let empty = |axis| !geometry.always_reads(axis, extent(axis));
        if empty(0) || empty(1) {
            return Err("has positions that see nothing but padding".into());
        }
        let count_padding = !global && node.int("count_include_pad", 0) != 0;
        if node.operator.ends_with("MaxPool") {
            return Ok((Pool::Max, Self { geometry, groups: 1 }));
        }
        if grown && count_padding {
            return Err("counts padding beyond its own (ceil_mode)".into());
        }
        Ok((Pool::Mean { count_padding }, Self { geometry, groups: 1 }))
    }
}

/// Of an operator over axes of these extents, and whether rounding up made its padding grow. A single
/// axis has a second one of one beside it.
fn geometry(
    node: &Node,
    extents: &[usize],
    kernel: &[usize],
    ceil: bool,
) -> Result<(Geometry, bool), String> {
    let count = extents.len();
    let list = |name: &str, default: usize, least: usize, count: usize| match node.ints(name) {
        Some(values) if values.len() == count => sizes(values, least),
        Some(values) => Err(format!("has {} {name} for {count}", values.len())),
        None => Ok(vec![default; count]),
    };
    let global = node.operator.starts_with("Global");
    let count_of = |name, default, least, count| match global {
        true => Ok(vec![default; count]),
        false => list(name, default, least, count),
    };
    let strides = count_of("strides", 1, 1, count)?;
    let dilations = count_of("dilations", 1, 1, count)?;
    let pads = count_of("pads", 0, 0, 2 * count)?;
    if node.operator == "Conv"
        && let Some(shape) = node.ints("kernel_shape")
        && !shape
            .iter()
            .map(|size| usize::try_from(*size).ok())
            .eq(kernel.iter().copied().map(Some))
    {
        return Err("has a kernel_shape other than its weights'".into());
    }
    let automatic = node.string("auto_pad").filter(|_| !global).unwrap_or("NOTSET");
    let mut geometry =
        Geometry { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pad: [[0, 0], [0, 0]] };
    let mut grown = false;
    for axis in 0..count {
        if kernel[axis] > SIZE_MAX {
            return Err(format!("has a kernel of {} positions", kernel[axis]));
        }
        let (stride, span) = (strides[axis], (kernel[axis] - 1) * dilations[axis] + 1);
        let extent = extents[axis];
        let missing = ((extent.div_ceil(stride) - 1) * stride + span).saturating_sub(extent);
        let mut pad = match automatic {
            "NOTSET" | "" => [pads[axis], pads[axis + count]],
            "VALID" => [0, 0],
            "SAME_UPPER" => [missing / 2, missing - missing / 2],
            "SAME_LOWER" => [missing - missing / 2, missing / 2],
            other => return Err(format!("has auto_pad `{other}`")),
        };
        if ceil {
            let room =
                (extent + pad[0] + pad[1]).checked_sub(span).ok_or("has a kernel too large")?;
            let mut last = room.div_ceil(stride);
            // A position that would begin behind the input is left out.
            if last * stride >= extent + pad[0] {
                last -= 1;
            }
            let more = (last * stride).saturating_sub(room);
            pad[1] += more;
            grown |= more > 0;
        }
        geometry.kernel[axis] = kernel[axis];
        geometry.stride[axis] = stride;
        geometry.dilation[axis] = dilations[axis];
        geometry.pad[axis] = pad;
    }
    Ok((geometry, grown))
}

fn sizes(values: &[i64], least: usize) -> Result<Vec<usize>, String> {
    let size = |value: &i64| {
        let size = usize::try_from(*value).ok().filter(|size| (least..=SIZE_MAX).contains(size));
        size.ok_or_else(|| format!("has a size of {value}"))
    };
    values.iter().map(size).collect()
}

/// Each channel's factor, and what is added to it, of a normalisation by constants.
pub(super) fn normalisation(c: &Compiler<'_>, node: &Node) -> Option<(Vec<f32>, Vec<f32>)> {
    if node.int("training_mode", 0) != 0 {
        return None;
    }
    let list = |index| c.constant(node, index).and_then(|tensor| Some(tensor.floats()?.to_vec()));
    let (scale, bias, mean, variance) = (list(1)?, list(2)?, list(3)?, list(4)?);
    let same = [bias.len(), mean.len(), variance.len()] == [scale.len(); 3];
    let epsilon = node.float("epsilon", 1e-5);
    let factor = |(scale, variance): (&f32, &f32)| {
        (f64::from(*scale) / f64::from(variance + epsilon).sqrt()) as f32
    };
    let factors: Vec<f32> = scale.iter().zip(&variance).map(factor).collect();
    let shift = bias.iter().zip(&mean).zip(&factors).map(|((bias, mean), f)| bias - mean * f);
    let shift = shift.collect();
    same.then_some((factors, shift))
}

/// The value times a factor and plus a summand for each channel, which axis 1 is.
pub(super) fn normalise(
    columns: &mut Columns,
    view: &View,
    scale: Vec<f32>,
    shift: Vec<f32>,
) -> Result<View, String> {
    let mut dims = vec![1; view.dims.len().max(2) - 1];
    dims[0] = scale.len();
    let scaled = columns.with(BinaryOp::Mul, view, &Tensor::f32(&dims, scale), false)?;
    columns.with(BinaryOp::Add, &scaled, &Tensor::f32(&dims, shift), false)
}

/// Numbers before and behind along each axis, and what they are.
pub(super) fn pads(c: &Compiler<'_>, node: &Node, view: &View) -> Option<(Vec<[usize; 2]>, f32)> {
    let rank = view.dims.len();
    if node.string("mode").is_some_and(|mode| mode != "constant") || node.input(3).is_some() {
        return None;
    }
    let pads = list(c, node, 1, "pads").ok()??;
    let fill = match node.input(2) {
        Some(_) => *c.constant(node, 2)?.floats()?.first()?,
        None => node.float("value", 0.0),
    };
    let size = |value: i64| usize::try_from(value).ok().filter(|size| *size <= SIZE_MAX);
    if pads.len() != 2 * rank {
        return None;
    }
    let both = (0..rank).map(|axis| Some([size(pads[axis])?, size(pads[axis + rank])?]));
    Some((both.collect::<Option<_>>()?, fill))
}
