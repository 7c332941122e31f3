//! Every instruction set against the scalar twin, and the functions against double precision.

use super::super::{isa::Isa, math};
use super::*;
use proptest::prelude::*;

/// What is done to three vectors.
#[derive(Clone, Copy)]
struct Everything<'a>([&'a [f32; LANES]; 3]);

impl Everything<'_> {
    /// Halves onto halves, each time with another operation's rounding.
    #[inline(always)]
    fn halves<L: Lanes>(self, l: L, a: L::F) -> L::F {
        let a = l.add(a, l.swapped::<8>(a));
        let a = l.add(a, l.swapped::<4>(a));
        let a = l.sub(a, l.swapped::<2>(a));
        l.splat(l.first(l.sub(a, l.swapped::<1>(a))))
    }
}

impl Kernel for Everything<'_> {
    type Output = Vec<[u32; LANES]>;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let [a, b, c] = self.0.map(|values| l.load(values));
        let results = [
            l.add(a, b),
            l.sub(a, b),
            l.mul(a, b),
            l.div(a, b),
            l.fma(a, b, c),
            l.max(a, b),
            l.min(a, b),
            l.sqrt(l.abs(a)),
            l.abs(a),
            l.select_less(a, b, c, l.splat(7.0)),
            math::exp(l, a),
            math::sigmoid(l, a),
            math::tanh(l, a),
            l.load_part(&self.0[0][..5]),
            l.fours(&self.0[0].as_chunks().0[1]),
            l.splat(l.first(a)),
            self.halves(l, a),
        ];
        let bits = |value| {
            let mut numbers = [0.0; LANES];
            l.store(value, &mut numbers);
            // Which NaN an operation gives is not defined, nor looked at by anyone.
            numbers.map(|number| if number.is_nan() { f32::NAN } else { number }.to_bits())
        };
        results.map(bits).to_vec()
    }
}

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => -20f32..20.0,
        2 => any::<f32>(),
        1 => prop::sample::select(vec![0.0, -0.0, f32::NAN, f32::INFINITY, -f32::INFINITY, 1e-40]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn all_give_the_same_bits(
        a in prop::array::uniform16(number()),
        b in prop::array::uniform16(number()),
        c in prop::array::uniform16(number()),
    ) {
        let work = Everything([&a, &b, &c]);
        let expected = dispatch(Isa::Scalar, work);
        for isa in Isa::available() {
            prop_assert_eq!(&dispatch(isa, work), &expected, "{}", isa);
        }
    }

    #[test]
    fn functions_are_close(a in -100f32..100.0) {
        let [exp, sigmoid, tanh] = dispatch(Isa::best(), Functions(a));
        let x = f64::from(a.clamp(-87.3, 88.37));
        prop_assert!((f64::from(exp) / x.exp() - 1.0).abs() < 3e-7, "exp({a}) = {exp}");
        prop_assert!((f64::from(sigmoid) - 1.0 / (1.0 + (-f64::from(a)).exp())).abs() < 2e-7);
        prop_assert!((f64::from(tanh) - f64::from(a).tanh()).abs() < 2e-7, "tanh({a}) = {tanh}");
    }
}

struct Functions(f32);

impl Kernel for Functions {
    type Output = [f32; 3];

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> [f32; 3] {
        let a = l.splat(self.0);
        [math::exp(l, a), math::sigmoid(l, a), math::tanh(l, a)].map(|value| {
            let mut first = [0.0];
            l.store_part(value, &mut first);
            first[0]
        })
    }
}
