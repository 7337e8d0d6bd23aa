//! One proof per block. `TIDELINE_PROOF_CYCLES` and `TIDELINE_PROOF_SEED` change how long and with which inputs.

mod hints;

#[allow(unused_imports)]
use rust_hdl_core::prelude::*;
use std::env;
use tideline_proof::{Difference, Kernel, Stimulus, prove};
#[allow(unused_imports)]
use tideline_rtl::{blocks::*, prim::*};

include!("../src/blocks.rs");

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: no number")))
}

fn check<K: Kernel>(block: &str, hint: impl FnMut(&mut K, &mut Stimulus)) {
    let (cycles, seed) = (number("TIDELINE_PROOF_CYCLES", 2_000), number("TIDELINE_PROOF_SEED", 1));
    println!("{block}: {cycles} cycles, TIDELINE_PROOF_SEED={seed}");
    let reach = prove::<K>(block, cycles, seed, hint).unwrap_or_else(|difference| panic!("{difference}"));
    println!("{block}: {reach}");
}

macro_rules! tests {
    ($($name:ident: $block:ty $(, $hint:ident)?;)+) => { $(
        #[test]
        fn $name() {
            check::<$block>(stringify!($name), tests!(hint $($hint)?));
        }
    )+ };
    (hint $hint:ident) => { hints::$hint };
    (hint) => { |_, _| () };
}
for_each_block!(tests);

/// The comparison itself: a FIFO of two is not a FIFO of four.
#[test]
fn a_difference_is_found() {
    let found = prove::<Fifo<Bits<9>, 1>>("fifo_of_4", 2_000, 1, |_, _| ());
    assert!(matches!(found, Err(Difference::Output { .. })), "{found:?}");
}
