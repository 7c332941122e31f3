//! A forest of 100 trees: lleaves' shared object beside Tickhawk's native engine.

use crate::{
    compare::Bench,
    measure::{Player, median},
    ours::native,
    python::Python,
};
use anyhow::{Context, Result, ensure};
use libloading::{Library, Symbol};
use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    process::Command,
};
use tickhawk_feature::default_features;
use tickhawk_harness::{Course, Estimate, Goal, Results};
use tickhawk_inference::Model;

/// Rows that are cycled through: so many that no branch predictor knows them by heart.
const ROWS: usize = 4_096;

/// lleaves' code for a forest. It takes rows `begin..end` and writes a value each.
pub struct Lleaves<F: 'static> {
    root: Symbol<'static, Root<F>>,
}

type Root<F> = unsafe extern "C" fn(*const F, *mut F, i32, i32);

impl<F: Copy + Default> Lleaves<F> {
    /// Loads the object, which then stays.
    pub fn load(path: &Path) -> Result<Self> {
        // SAFETY: it was linked from lleaves' own output a moment ago; it has no initialisers.
        let library = unsafe { Library::new(path) };
        let library: &'static Library = Box::leak(Box::new(library?));
        // SAFETY: lleaves documents this signature, with `double` or, for fp32, `float`.
        let root = unsafe { library.get(b"forest_root\0") }?;
        Ok(Self { root })
    }

    /// The forest's value for one row.
    #[inline]
    pub fn run(&self, row: &[F]) -> F {
        let mut value = F::default();
        // SAFETY: the row has as many values as the forest has columns, checked by the caller, and
        // one value is written.
        unsafe { (self.root)(row.as_ptr(), &mut value, 0, 1) };
        value
    }
}

/// Compiles the forest anew, checks that all agree, and times them.
pub fn run(bench: &Bench<'_>, python: &Python, results: &mut Results) -> Result<()> {
    let folder = python.folder().join("forest");
    python.forest(&folder, &serde_json::to_string(default_features())?)?;
    let mut ours = Model::load(folder.join("forest.onnx"), &native())?;
    let fp64 = Lleaves::<f64>::load(&link(&folder, "fp64")?)?;
    let fp32 = Lleaves::<f32>::load(&link(&folder, "fp32")?)?;
    let columns = default_features().len();
    let rows = rows(columns);
    let wide: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().map(|value| f64::from(*value)).collect()).collect();
    for (row, wide) in rows.iter().zip(&wide) {
        ensure!(row.len() == columns, "a row has another number of columns");
        let value = ours.run(row)?.score();
        for other in [fp64.run(wide) as f32, fp32.run(row)] {
            ensure!((value - other).abs() <= 1e-4 * value.abs().max(1.0), "{other} is not {value}");
        }
    }
    let ours = RefCell::new(ours);
    let course = Course { items: ROWS, lead_in: 0, block: 512, pairs: bench.pairs, timed: &[] };
    let mut native = Player::new(
        || (),
        |(), item| drop(std::hint::black_box(ours.borrow_mut().run(&rows[item]))),
    );
    let mut wider = Player::new(|| (), |(), item| _ = std::hint::black_box(fp64.run(&wide[item])));
    let mut narrow = Player::new(|| (), |(), item| _ = std::hint::black_box(fp32.run(&rows[item])));
    let mut fastest: Option<(Estimate, f64, &str)> = None;
    for name in ["lleaves-fp64", "lleaves-fp32"] {
        let beside = match name {
            "lleaves-fp64" => course.beside(&bench.clock, &mut native, &mut wider),
            _ => course.beside(&bench.clock, &mut native, &mut narrow),
        };
        let ns = median(&beside.second_ns);
        if fastest.is_none_or(|(_, other, _)| ns < other) {
            fastest = Some((beside.ratio(), ns, name));
        }
        bench.add(results, &beside, ("inference/trees100", "run", name), course.block, None);
    }
    if let Some((ratio, _, name)) = fastest {
        let what = format!("a forest of 100 trees of depth 6, one row, over {name}");
        results.goals.push(Goal::at_most("trees100-vs-lleaves", ratio, 0.7, what));
    }
    Ok(())
}

/// Objects become libraries as lleaves' documentation has it.
fn link(folder: &Path, name: &str) -> Result<PathBuf> {
    let library = folder.join(format!("lleaves-{name}.so"));
    let object = folder.join(format!("lleaves-{name}.o"));
    let done = Command::new("cc").arg("-shared").arg("-o").arg(&library).arg(object).status();
    ensure!(done.context("running cc")?.success(), "cc could not link lleaves' object");
    Ok(library)
}

/// Rows like those the forest was trained on: sums of uniform numbers, from a seed.
fn rows(columns: usize) -> Vec<Vec<f32>> {
    let mut random = 0x2545_f491_4f6c_dd1du64;
    let mut uniform = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 11) as f32 / (1u64 << 53) as f32
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    (0..ROWS).map(|_| (0..columns).map(|_| normal()).collect()).collect()
}
