//! Random campaigns against the golden model.

use tideline_tb::campaign::{Config, Model, run};

#[test]
fn the_model_keeps_the_contract() {
    let summary = run(Model::default(), &Config::new(1, 1_000_000)).unwrap_or_else(|e| panic!("{e}"));
    println!("{summary}");
    assert_eq!(summary.missing_rows(), Vec::<String>::new());
}
