//! End-to-end tests, each written once and run on every carrier.
//!
//! A test is a plain function from an open [`Device`](tideline_driver::Device) to a result. What is right it knows
//! from `docs/contract.md` and from its own log of stores, never from a model of the device. A carrier gets all
//! of them by one line: see [`for_carrier`].
//!
//! Random tests print their seed; set `TIDELINE_SEED` to repeat one.

mod attach;
mod commands;
mod faults;
mod identity;
mod meddler;
mod memory;
mod queues;
mod tracking;
mod world;

pub use attach::*;
pub use commands::*;
pub use faults::*;
pub use identity::*;
pub use memory::*;
pub use queues::*;
pub use tracking::*;

/// How a test ends.
pub type Outcome = Result<(), tideline_driver::Error>;

/// Makes a `#[test]` of every body of this crate, each on a carrier of its own.
///
/// ```ignore
/// tideline_tests::for_carrier!(tideline_model::ModelCarrier::new());
/// ```
#[macro_export]
macro_rules! for_carrier {
    ($carrier:expr) => {
        $crate::for_carrier! { $carrier;
            a_flush_without_proof_says_so
            a_store_that_stays_in_the_cache_is_found
            abort_merges_back
            accessed_lines_are_harvested
            bad_commands_get_their_status
            busy_while_a_command_runs
            busy_while_a_result_waits
            completion_queue_full
            constants_and_capabilities
            data_survives_everything
            dma_error_merges_back
            doorbell_and_interrupts
            dropped_trackers_are_stopped
            fence_completes
            foreign_devices_are_refused
            lost_doorbell_times_out
            map_unmap_remap
            merged_lines_of_unmapped_pages_are_dropped
            nack_reports_again
            partial_reports
            partial_results
            queues_wrap
            random_epochs
            ranges_are_checked
            register_access
            report_as_is
            reset_merges_back
            several_commands_in_flight
            stores_before_start_are_not_reported
            two_trackers
            unmapped_pages
            unreadable_records_are_reported_again
            wrong_states_stop_at_the_page
        }
    };
    ($carrier:expr; $($body:ident)*) => {
        $(
            #[test]
            fn $body() -> $crate::Outcome {
                $crate::$body(::tideline_driver::Device::open($carrier)?)
            }
        )*
    };
}
