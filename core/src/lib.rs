//! A block replication core after QEMU's COLO block replication filter.
//!
//! What it does is the behaviour of QEMU's `block/replication.c` of about version
//! 6.0 and of the parts it stands on: overlays, copy-before-write backup, active
//! commit, quorum. How it does it is its own: state machines with one owner,
//! without I/O, clock, randomness, async or logging. Requests go out, completions
//! come in, and everything an observer may judge comes out as an [`Event`].
//!
//! Start at [`Host`]; the seam to storage is [`Disk`].

mod admin;
pub mod bitmap;
mod clock;
pub mod colo;
mod commit;
mod copy_before_write;
pub mod disk;
pub mod driver;
mod event;
mod filter;
mod geometry;
mod graph;
mod host;
mod io;
#[cfg(test)]
mod laws;
mod leaf;
mod name;
pub mod nbd;
mod options;
mod overlay;
mod payload;
mod permission;
mod phase;
mod probe;
mod purpose;
mod quirk;
pub mod real;
mod remote;
mod verb;
mod verbs;
mod volume;
mod wiring;

pub use admin::{Admin, AdminError};
pub use clock::{Clock, Time};
pub use commit::CommitPhase;
pub use disk::{Completion, Disk, Errno, Op, Request, RequestId};
pub use event::{
    Abort, DiskId, Event, GraphChange, JobKind, JobState, JobType, Recovery, UserId, UserOp,
    UserRequest, VerbId, VolumeId,
};
pub use geometry::{COMMIT_COPIES_MAX, COPIES_MAX, Extent, Geometry};
pub use graph::Reason;
pub use host::Host;
pub use name::{NAME_MAX, Name, Text};
pub use options::{FilterOptions, OpenError};
pub use overlay::{EmptyFailure, Layout, Mark};
pub use payload::Payload;
pub use permission::{Conflict, Permission};
pub use phase::Phase;
pub use probe::{Probe, Probes};
pub use purpose::Purpose;
pub use quirk::{Quirk, Quirks};
pub use verb::{EDGES, Mode, Stage, Verb, VerbError, edge_permitted};
pub use volume::{Volume, VolumeOptions};
pub use wiring::{EXPORT, FILTER, Format, GUEST, OptionsText, PARENT, TOP, UserKind, Wiring};
