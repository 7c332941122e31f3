//! The calls into ONNX Runtime's C interface that `ort` has no safe form for: the probe of a
//! library, and runs over buffers bound once.
#![expect(unsafe_code, reason = "ONNX Runtime is a C library")]

use crate::LibraryError;
use crate::library::Candidate;
use libloading::{Library, Symbol};
use ort::AsPointer;
use ort::session::Session;
use ort::sys::{
    ONNXTensorElementDataType, ORT_API_VERSION, OrtAllocatorType, OrtApi, OrtApiBase, OrtMemType,
    OrtMemoryInfo, OrtStatusPtr, OrtValue,
};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::slice;

/// Loads the library, never to be unloaded, and returns its version if it is an ONNX Runtime that
/// offers the interface `ort` was built for. May hang or crash if the file is hostile: it runs the
/// library's code.
pub(crate) fn probe(candidate: &Candidate) -> Result<String, LibraryError> {
    let Candidate { path, origin } = candidate.clone();
    let other = |message: &str| LibraryError::NotOnnxRuntime {
        path: path.clone(),
        origin,
        message: message.to_owned(),
    };
    // SAFETY: the user names this file as code to run in this process; its constructors are as
    // trusted as the rest of it.
    let library = unsafe { Library::new(&path) };
    let library = library.map_err(|error| LibraryError::NotLoadable {
        path: path.clone(),
        origin,
        message: error.to_string(),
    })?;
    // Kept for the life of the process, so that what is read below stays mapped.
    let library: &'static Library = Box::leak(Box::new(library));
    type Getter = unsafe extern "C" fn() -> *const OrtApiBase;
    // SAFETY: ONNX Runtime exports this symbol with this type, and nothing else uses its name.
    let getter: Result<Symbol<'static, Getter>, _> = unsafe { library.get(b"OrtGetApiBase\0") };
    let getter = getter.map_err(|_| other("it has no `OrtGetApiBase`"))?;
    // SAFETY: as above; the function takes nothing and may be called at any time.
    let base = unsafe { getter() };
    // SAFETY: the function returns null or a table that lives as long as the library.
    let base = unsafe { base.as_ref() }.ok_or_else(|| other("`OrtGetApiBase` gives nothing"))?;
    // SAFETY: the table's functions are valid, and this one takes nothing.
    let text = unsafe { (base.GetVersionString)() };
    if text.is_null() {
        return Err(other("it has no version"));
    }
    // SAFETY: not null, and ONNX Runtime's version is a constant, null-terminated string.
    let version = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    // SAFETY: the table's functions are valid; an unknown number gives null.
    let api = unsafe { (base.GetApi)(ORT_API_VERSION) };
    if api.is_null() {
        return Err(LibraryError::TooOld { path, origin, version });
    }
    Ok(version)
}

/// Zeroed floats at one address until dropped, on a cache line of their own.
struct Buffer {
    start: NonNull<f32>,
    len: usize,
}

impl Buffer {
    fn layout(len: usize) -> Layout {
        let layout = Layout::array::<f32>(len).and_then(|layout| layout.align_to(64));
        layout.expect("a model's input is at most STEPS_MAX times FEATURES_MAX")
    }

    fn new(len: usize) -> Self {
        assert!(len > 0, "an empty tensor has no use here");
        let layout = Self::layout(len);
        // SAFETY: the layout's size is above zero, since `len` is.
        let start = unsafe { alloc_zeroed(layout) };
        match NonNull::new(start.cast()) {
            Some(start) => Self { start, len },
            None => handle_alloc_error(layout),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout, freed only here.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.len)) };
    }
}

/// One side of a session: buffers of our own, ONNX Runtime's views of them, and their names, each
/// in a list as a run takes it.
///
/// Invariant: `pointers` are those of `names`; each value was made by the binding's `api` over the
/// buffer of the same index.
#[derive(Default)]
struct Side {
    buffers: Vec<Buffer>,
    values: Vec<*mut OrtValue>,
    pointers: Vec<*const c_char>,
    names: Vec<CString>,
}

/// A session whose inputs and outputs are buffers of our own. It is run by the plain call, with the
/// values it was given once: an `IoBinding` costs some percent more.
///
/// Invariant: what a pointer points to is released once, in `drop`, before the session and the
/// buffers it refers to; the buffers never move. ONNX Runtime touches the buffers only inside
/// [`Binding::run`], which holds the one `&mut`.
pub(crate) struct Binding {
    api: &'static OrtApi,
    memory: *mut OrtMemoryInfo,
    session: Session,
    inputs: Side,
    outputs: Side,
}

// SAFETY: ONNX Runtime ties none of these objects to the thread that made them, and the binding
// is used by one thread at a time: every use takes `&mut self`, or `&self` to read a buffer that
// only `&mut self` lets change.
unsafe impl Send for Binding {}

/// One side of a binding: its name in the graph and its dimensions.
pub(crate) struct Port<'a> {
    pub(crate) name: &'a str,
    pub(crate) dims: Vec<i64>,
}

impl Port<'_> {
    fn values(&self) -> usize {
        self.dims
            .iter()
            .map(|dim| usize::try_from(*dim).expect("dimensions were checked"))
            .product()
    }

    fn c_name(&self) -> Result<CString, String> {
        CString::new(self.name).map_err(|_| "a name with a zero byte".into())
    }
}

impl Binding {
    /// Binds float32 buffers of zeros to the session's inputs and outputs.
    pub(crate) fn new(session: Session, inputs: &[Port], outputs: &[Port]) -> Result<Self, String> {
        let (api, memory) = (ort::api(), ptr::null_mut());
        let (none, nothing) = (Side::default(), Side::default());
        let mut binding = Self { api, memory, session, inputs: none, outputs: nothing };
        // SAFETY: the out pointer is valid; the result is released in `drop`.
        check(unsafe {
            (api.CreateCpuMemoryInfo)(
                OrtAllocatorType::OrtDeviceAllocator,
                OrtMemType::OrtMemTypeDefault,
                &mut binding.memory,
            )
        })?;
        for port in inputs {
            let value = binding.value(port)?;
            binding.inputs.add(value);
        }
        for port in outputs {
            let value = binding.value(port)?;
            binding.outputs.add(value);
        }
        Ok(binding)
    }

    fn value(&self, port: &Port) -> Result<(CString, Buffer, *mut OrtValue), String> {
        let (name, buffer) = (port.c_name()?, Buffer::new(port.values()));
        let value = self.tensor(&buffer, &port.dims)?;
        Ok((name, buffer, value))
    }

    /// A tensor over the whole of `buffer`.
    fn tensor(&self, buffer: &Buffer, dims: &[i64]) -> Result<*mut OrtValue, String> {
        let mut value = ptr::null_mut();
        // SAFETY: the buffer holds as many floats as the dimensions say, and outlives the value,
        // by the struct's invariant; dimensions are copied.
        check(unsafe {
            (self.api.CreateTensorWithDataAsOrtValue)(
                self.memory,
                buffer.start.as_ptr().cast::<c_void>(),
                buffer.len * size_of::<f32>(),
                dims.as_ptr(),
                dims.len(),
                ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
                &mut value,
            )
        })?;
        Ok(value)
    }

    /// The values the next run reads at the input of this index.
    #[inline]
    pub(crate) fn input_mut(&mut self, index: usize) -> &mut [f32] {
        let buffer = &self.inputs.buffers[index];
        // SAFETY: the buffer holds `len` initialised floats, and ONNX Runtime does not touch it
        // while `self` is borrowed.
        unsafe { slice::from_raw_parts_mut(buffer.start.as_ptr(), buffer.len) }
    }

    /// The values the last run wrote at the output of this index.
    #[inline]
    pub(crate) fn output(&self, index: usize) -> &[f32] {
        let buffer = &self.outputs.buffers[index];
        // SAFETY: as in `input_mut`.
        unsafe { slice::from_raw_parts(buffer.start.as_ptr(), buffer.len) }
    }

    /// One run, from buffers to buffers.
    #[inline]
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let session = self.session.ptr().cast_mut();
        let (inputs, outputs) = (&self.inputs, &mut self.outputs);
        // SAFETY: session, names and values are live and used by this thread alone, and each list is as
        // long as said; no run options means the default ones. Outputs that are there are written
        // to, and none is put in their place.
        check(unsafe {
            (self.api.Run)(
                session,
                ptr::null(),
                inputs.pointers.as_ptr(),
                inputs.values.as_ptr().cast(),
                inputs.values.len(),
                outputs.pointers.as_ptr(),
                outputs.values.len(),
                outputs.values.as_mut_ptr(),
            )
        })
    }
}

impl Side {
    fn add(&mut self, (name, buffer, value): (CString, Buffer, *mut OrtValue)) {
        // What a `CString` points to does not move with it.
        self.pointers.push(name.as_ptr());
        self.names.push(name);
        self.buffers.push(buffer);
        self.values.push(value);
    }
}

impl Drop for Binding {
    fn drop(&mut self) {
        for value in self.inputs.values.iter().chain(&self.outputs.values) {
            // SAFETY: live, and released only here.
            unsafe { (self.api.ReleaseValue)(*value) };
        }
        if !self.memory.is_null() {
            // SAFETY: live, and released only here, after the values that refer to it.
            unsafe { (self.api.ReleaseMemoryInfo)(self.memory) };
        }
    }
}

/// The message of a failed call.
#[inline]
fn check(status: OrtStatusPtr) -> Result<(), String> {
    if status.0.is_null() {
        return Ok(());
    }
    // SAFETY: not null, from the API just called, and given away only here.
    let outcome = unsafe { ort::Error::result_from_status(status) };
    outcome.map_err(|error| error.message().to_owned())
}
