//! Simulated disks, faults and crashes.
//!
//! All modules but the last know nothing of replication: they test whatever is written
//! against [`colo_core::Disk`]. A disk under test is a stack of wrappers around
//! one that stores, and every stack passes the same [`contract`].
//!
//! | module | is for |
//! |---|---|
//! | [`stream`] | randomness: one seed, one labelled stream for each purpose |
//! | [`pages`] | contents that are copied on write, so that a disk is cheap to fork |
//! | [`sim_disk`] | a disk with a volatile cache, latency and simulated time |
//! | [`faulty`] | I/O errors, addressed or at random, over any disk |
//! | [`lying`] | disks that break the contract on purpose, to prove that it is noticed |
//! | [`crash`] | what a crash leaves behind, at random or every possibility in turn |
//! | [`explore`] | every state that a power loss can leave, at every moment of a run |
//! | [`contract`] | the one suite that every disk must pass |
//! | [`world`] | two hosts of the replication core, their disks, the connection between them, and time |

pub mod contract;
pub mod crash;
pub mod explore;
pub mod faulty;
mod hash;
pub mod lying;
pub mod pages;
pub mod pair;
pub mod sim_disk;
pub mod stream;
pub mod world;
