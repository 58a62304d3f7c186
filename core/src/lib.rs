//! A block replication core after QEMU's COLO block replication filter.

pub mod clock;
pub mod disk;
pub mod payload;
pub mod real;

pub use clock::{Clock, Time};
pub use disk::{Completion, Disk, Errno, Op, Request, RequestId};
pub use payload::Payload;
