//! Every end-to-end test on the golden model.

tideline_tests::for_carrier!(tideline_model::ModelCarrier::new());
