//! One proof per block. `TIDELINE_PROOF_CYCLES` and `TIDELINE_PROOF_SEED` change how long and with which inputs.

use std::env;
#[allow(unused_imports)]
use rust_hdl_core::prelude::*;
use tideline_proof::{Difference, Kernel, prove};
#[allow(unused_imports)]
use tideline_rtl::{blocks::*, prim::*};

include!("../src/blocks.rs");

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}: no number")))
}

fn check<K: Kernel>(block: &str) {
    let (cycles, seed) = (number("TIDELINE_PROOF_CYCLES", 2_000), number("TIDELINE_PROOF_SEED", 1));
    println!("{block}: {cycles} cycles, TIDELINE_PROOF_SEED={seed}");
    prove::<K>(block, cycles, seed).unwrap_or_else(|difference| panic!("{difference}"));
}

macro_rules! tests {
    ($($name:ident: $block:ty;)+) => { $(
        #[test]
        fn $name() {
            check::<$block>(stringify!($name));
        }
    )+ };
}
for_each_block!(tests);

/// The comparison itself: a FIFO of two is not a FIFO of four.
#[test]
fn a_difference_is_found() {
    let found = prove::<Fifo<Bits<9>, 1>>("fifo_of_4", 2_000, 1);
    assert!(matches!(found, Err(Difference::Output { .. })), "{found:?}");
}
