//! Real files and the real clock, behind the same two traits as the simulated ones.
//!
//! The only I/O of the crate. Nothing in the state machines imports this module.

mod file_disk;
mod system_clock;

pub use file_disk::FileDisk;
pub use system_clock::SystemClock;
