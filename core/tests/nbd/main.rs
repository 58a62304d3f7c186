//! The NBD protocol, both sides: against bytes written by hand, against each other, and against
//! peers that break it.
//!
//! QEMU's own tools judge it outside the tests, where they are installed.

mod conversation;
mod endings;
mod golden;
mod hostile;
mod judgement;
mod peers;
