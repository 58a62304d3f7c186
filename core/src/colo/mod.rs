//! COLO's control protocol between two hosts and an arbiter, as state machines.
//!
//! Messages, connections, answers and time go in; messages, orders to the guest and calls
//! of verbs come out as an [`Effect`]. No I/O and no clock: who carries bytes, over
//! simulated or real sockets, is somebody else's.
//!
//! **Checkpoint**, in the order of spec section 2.9: the primary's guest stands still and is
//! drained; so is the secondary's; both sides are asked for errors; the primary's filters take
//! the checkpoint; the memory goes over; the secondary's filters take it; both guests go on.
//! A planned stop begins the same way; then the secondary's filters stop, and the primary's. No memory
//! goes over, so the secondary's guest does not go on: its disk is the primary's, its memory is older.
//!
//! **Who may go on.** Two hosts cannot decide alone who failed. The primary's guest runs on a
//! lease, counted from when it was asked for, by the arbiter or by the secondary (which so
//! promises not to take over meanwhile). Each holds the other for gone when it has heard nothing
//! for longer than that, or sees a new life of its process. Then it claims. The arbiter grants one
//! of them, once: the secondary only when the primary's lease is over. No grant, no failover; and
//! without a lease the primary's guest stands still, though its requests in flight end.
//!
//! **What a connection must be.** Messages come in order, each once at most, and none of an earlier
//! connection of the same two after the first of a new one. They may be lost, even from a connection
//! that goes on: with every heartbeat the primary says again what it waits for, and the secondary
//! answers again. After an attempt that was given up the next one waits until the secondary says that
//! it is ready, so that no answer is taken for another's.
//!
//! A pair that is left in peace, nobody having died, ends up together, with the one or the other alone,
//! or stopped. Who died may leave the other one standing still: if that one has yielded or was denied,
//! or if the arbiter has promised to grant the dead one.
//!
//! What is not here: how the memory is copied, who starts processes, and how two disks become
//! equal again. Whoever does that makes a new pair, with a new arbiter.

mod arbiter;
mod message;
mod primary;
mod secondary;
#[cfg(test)]
mod tests;

use crate::verb::Verb;

pub use arbiter::Arbiter;
pub use message::{FRAME_MAX, FrameError, Message, Node, Reader, VERSION};
pub use primary::Primary;
pub use secondary::Secondary;

/// What a role wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// This is to be sent, if there is a connection; else it is lost.
    Send(Node, Message),
    /// The guest is to stand still: it sends nothing, and what it has sent goes on.
    Pause,
    /// It goes on.
    Resume,
    /// This verb is to be called on all filters; the answer is `verb_answered`. No other is called before it.
    Call(Verb),
    /// Both connections to the other host, control and export, are to be ended, and no new ones made
    /// or taken.
    HangUp,
    /// Something to know.
    Told(Told),
}

/// What an observer may want to know of a role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Told {
    /// A checkpoint is complete on both sides, says the primary.
    Checkpointed {
        /// The epoch that begins.
        epoch: u32,
    },
    /// The memory of this epoch has come, and the filters are to take the checkpoint, says the secondary.
    Received {
        /// The epoch that is to begin.
        epoch: u32,
        /// How many writes the primary's guest had sent to each volume.
        writes: Vec<u32>,
    },
    /// The filters have, and that memory is its guest's from now on.
    Loaded {
        /// The epoch that begins.
        epoch: u32,
    },
    /// The other one is held for gone.
    PeerLost,
    /// The arbiter lets this one go on alone.
    Granted,
    /// It does not.
    Denied,
    /// The secondary takes over.
    TakesOver,
}

/// What both roles are set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How often the primary says that it is there, in nanoseconds. None is taken for one.
    pub heartbeat_ns: u64,
    /// How long its guest may run from when it asked, in nanoseconds.
    pub lease_ns: u64,
    /// How often it takes a checkpoint by itself, in nanoseconds.
    pub checkpoint_ns: Option<u64>,
    /// Whether the secondary takes over without asking anybody, as where nobody can be asked.
    pub ungranted: bool,
}

impl Options {
    /// Time between two heartbeats. With none between them nothing else would ever happen.
    fn beat_ns(&self) -> u64 {
        self.heartbeat_ns.max(1)
    }
}

/// What somebody asks of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// A checkpoint, of the primary.
    Checkpoint,
    /// The planned end, of the primary.
    Stop,
    /// A failover, of the secondary.
    Failover,
}

/// How long to wait by this clock until so much has passed on another, which may run an eighth slower.
fn with_margin(ns: u64) -> u64 {
    ns.saturating_add(ns.div_ceil(7))
}
