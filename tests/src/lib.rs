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
mod kv;
mod log;
pub mod meddler;
mod memory;
mod partial;
mod plain;
mod queues;
pub mod results;
mod trackers;
mod tracking;
mod translation;
mod window;
mod wipe;
pub mod world;

pub use attach::*;
pub use commands::*;
pub use faults::*;
pub use identity::*;
pub use kv::*;
pub use log::*;
pub use memory::*;
pub use partial::*;
pub use plain::*;
pub use queues::*;
pub use trackers::*;
pub use tracking::*;
pub use translation::*;
pub use window::*;
pub use wipe::wipe;

/// How a test ends.
pub type Outcome = Result<(), tideline_driver::Error>;

/// Makes a `#[test]` of every body of this crate, each on a carrier of its own, and keeps its [result](results).
///
/// ```ignore
/// tideline_tests::for_carrier!(tideline_model::ModelCarrier::new());
/// ```
#[macro_export]
macro_rules! for_carrier {
    ($carrier:expr) => {
        $crate::every_body! { [$crate::tests_on] [$carrier] }
    };
}

/// Calls another macro with an argument and the names of all bodies: `then! { [argument] name name ... }`.
#[macro_export]
macro_rules! every_body {
    ([$($then:tt)+] $argument:tt) => {
        $($then)+! { $argument
            a_flush_without_proof_says_so
            a_store_that_stays_in_the_cache_is_found
            abort_ends_a_fence
            abort_merges_back
            accessed_lines_are_harvested
            arena_in_tracked_memory
            bad_commands_get_their_status
            buffers_become_ranges
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
            kv_checkpoint_restores
            losses_reach_every_tracker
            log_ends_with_a_reset
            log_interrupts
            log_names_first_writes
            log_options_are_checked
            log_overflow_is_told
            log_without_memory
            log_wraps
            lost_doorbell_times_out
            map_unmap_remap
            merged_lines_of_unmapped_pages_are_dropped
            nack_reports_again
            partial_buffer_sizes
            partial_nack_in_the_middle
            partial_reports
            partial_reports_that_fail
            partial_reset_between_parts
            partial_results
            plain_maps_are_checked
            plain_memory_is_memory
            plain_pages_are_tracked
            plain_regions_are_unmapped
            queues_wrap
            random_epochs
            ranges_are_checked
            register_access
            report_as_is
            reset_merges_back
            several_commands_in_flight
            stores_before_start_are_not_reported
            stores_between_commands
            stores_while_a_plain_region_ends
            trackers_of_reads
            trackers_overlap
            trackers_share_pages
            two_trackers
            unmapped_pages
            unreadable_records_are_reported_again
            window_bytes
            window_ends
            wrong_states_stop_at_the_page
        }
    };
}

/// A `#[test]` of each body.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_on {
    ([$carrier:expr] $($body:ident)*) => {
        $(
            #[test]
            fn $body() -> $crate::Outcome {
                $crate::results::kept(env!("CARGO_TARGET_TMPDIR"), module_path!(), stringify!($body), || {
                    $crate::$body(::tideline_driver::Device::open($carrier)?)
                })
            }
        )*
    };
}
