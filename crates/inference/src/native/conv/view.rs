//! A value of the graph as it lies in columns: its dimensions are ONNX's, its order in memory is not.

use super::columns::Source;

/// A tensor of the graph. All that its source holds of a column is in it, once.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(super) source: Source,
    pub(crate) dims: Vec<usize>,
    /// Numbers from one to the next along each axis; that of an axis of one is of no account.
    pub(super) strides: Vec<usize>,
    /// The axis along which columns follow each other.
    pub(super) time: usize,
    /// Whether no other value is of the same source.
    pub(super) sole: bool,
}

impl View {
    /// A source that lies as ONNX has it.
    pub(crate) fn plain(source: Source, dims: &[usize], time: usize) -> Self {
        let mut strides = vec![0; dims.len()];
        let mut stride = 1;
        for axis in (0..dims.len()).rev() {
            strides[axis] = if dims[axis] > 1 || axis == time { stride } else { 0 };
            stride *= dims[axis];
        }
        Self { source, dims: dims.to_vec(), strides, time, sole: true }
    }

    /// Columns.
    pub(super) fn columns(&self) -> usize {
        self.dims[self.time]
    }

    /// Numbers in a column.
    pub(super) fn column(&self) -> usize {
        self.inner().map(|axis| self.dims[axis]).product()
    }

    /// Whether columns follow each other without anything between them.
    pub(super) fn is_in_time(&self) -> bool {
        self.columns() == 1 || self.strides[self.time] == self.column()
    }

    /// Axes other than time.
    fn inner(&self) -> impl Iterator<Item = usize> {
        let time = self.time;
        (0..self.dims.len()).filter(move |axis| *axis != time)
    }

    /// Axes of more than one, time left out, the outermost in memory first.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut axes: Vec<usize> = self.inner().filter(|axis| self.dims[*axis] > 1).collect();
        axes.sort_by_key(|axis| std::cmp::Reverse(self.strides[*axis]));
        axes
    }

    /// Where in a column the numbers stand, in ONNX's order.
    pub(super) fn places(&self) -> Vec<usize> {
        places(self.inner().map(|axis| (self.dims[axis], self.strides[axis])))
    }

    /// Where in a whole window the numbers stand, in ONNX's order.
    pub(crate) fn window_places(&self) -> Vec<usize> {
        places(self.dims.iter().copied().zip(self.strides.iter().copied()))
    }

    /// For each number of a column, in ONNX's order, nothing is between it and its neighbour in time
    /// but so many numbers of ONNX's order.
    pub(super) fn apart(&self) -> usize {
        self.dims[self.time + 1..].iter().product()
    }

    /// The layer it is of, if it is not the source itself.
    pub(crate) fn layer(&self) -> Option<usize> {
        if let Source::Layer(index) = self.source { Some(index) } else { None }
    }
}

/// Strides of a tensor of its own, with those axes of more than one in a column in that order, the
/// outermost first.
pub(super) fn arranged(dims: &[usize], time: usize, order: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; dims.len()];
    let mut stride = 1;
    for axis in order.iter().rev() {
        strides[*axis] = stride;
        stride *= dims[*axis];
    }
    strides[time] = stride;
    strides
}

/// Sums of indices times strides, for axes of so many each, the last axis the fastest.
fn places(axes: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
    let mut places = vec![0];
    for (dim, stride) in axes {
        places = places.iter().flat_map(|p| (0..dim).map(move |i| p + i * stride)).collect();
    }
    places
}
