//! A run allocates nothing on Rust's side. What ONNX Runtime allocates inside its own library does
//! not pass through Rust's allocator and is not visible here.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use tickhawk_inference::{Engine, Model, ModelFile, RuntimeOptions, example};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// One test only: the harness allocates when several run side by side.
#[test]
fn runs_allocate_nothing() {
    let mut models = Vec::new();
    for bytes in [example::classifier(&["a", "b"], 1), example::regressor(&["a", "b"], 8)] {
        let file = ModelFile::from_bytes("x.onnx", bytes).unwrap();
        for engine in [Engine::Native, Engine::OnnxRuntime] {
            let options = RuntimeOptions { engine, ..RuntimeOptions::default() };
            models.push(Model::from_file(&file, &options).unwrap());
        }
    }
    let window = [0.25f32; 16];
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let mut sum = 0.0;
    for _ in 0..100_000 {
        for model in &mut models {
            let values = model.shape().values();
            sum += model.run(&window[..values]).unwrap().score();
        }
    }
    let during = ALLOCATIONS.load(Ordering::Relaxed) - before;
    assert!(sum > 0.0);
    assert_eq!(during, 0);
    // The counter counts.
    drop(std::hint::black_box(vec![1u8]));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > before);
}
