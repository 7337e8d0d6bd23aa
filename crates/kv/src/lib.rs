//! A small key-value store that lives in the window of a device, and checkpoints of it made of dirty lines only.
//!
//! * [`store`]: the store, a hash table in an [`Arena`](tideline_driver::Arena).
//! * [`checkpoint`]: lines in files: a base, and an increment per epoch.
//! * [`session`]: batches of writes, the lines that they made dirty, a checkpoint of each; and the way back.
//!
//! None of it knows what carries the device: the program `kv` runs it on every target, the end-to-end tests on every
//! carrier.

pub mod checkpoint;
pub mod session;
pub mod store;
