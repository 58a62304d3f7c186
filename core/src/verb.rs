//! What can be asked of a filter, and what it may answer.

use serde::{Deserialize, Serialize};

use crate::disk::Errno;

/// Which side of the replication a filter is on; fixed when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Forwards the writes of its guest.
    Primary = 0,
    /// Keeps the state of the last checkpoint while forwarded writes come in.
    Secondary = 1,
}

/// How far a filter has come (spec section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Not started.
    None,
    /// Replicating.
    Running,
    /// Committing the overlays down into the secondary disk.
    Failover,
    /// That commit failed; the overlays still hold the guest's view.
    FailoverFailed,
    /// Over: promoted, or stopped.
    Done,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Running, Self::Failover, Self::FailoverFailed, Self::Done];

    /// The name in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Running => "RUNNING",
            Self::Failover => "FAILOVER",
            Self::FailoverFailed => "FAILOVER_FAILED",
            Self::Done => "DONE",
        }
    }
}

/// The edges of the stage machine (spec 2.3 to 2.8).
pub const EDGES: [(Mode, Stage, Stage); 7] = [
    (Mode::Secondary, Stage::None, Stage::Running),
    (Mode::Secondary, Stage::Running, Stage::Failover),
    (Mode::Secondary, Stage::Running, Stage::Done),
    (Mode::Secondary, Stage::Failover, Stage::Done),
    (Mode::Secondary, Stage::Failover, Stage::FailoverFailed),
    (Mode::Primary, Stage::None, Stage::Running),
    (Mode::Primary, Stage::Running, Stage::Done),
];

/// Whether the stage machine has this edge.
pub fn edge_permitted(mode: Mode, from: Stage, to: Stage) -> bool {
    EDGES.contains(&(mode, from, to))
}

/// Something asked of a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Begin to replicate, in this mode.
    Start(Mode),
    /// Make the current state the common one.
    Checkpoint,
    /// Tell whether something was lost.
    GetError,
    /// Stop; with failover, the secondary takes over.
    Stop {
        /// Whether the secondary's own state is to survive.
        failover: bool,
    },
    /// Close the filter, whatever it is doing.
    Close,
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(Mode::Primary) => f.write_str("start(primary)"),
            Self::Start(Mode::Secondary) => f.write_str("start(secondary)"),
            Self::Checkpoint => f.write_str("checkpoint"),
            Self::GetError => f.write_str("get_error"),
            Self::Stop { failover } => write!(f, "stop(failover={})", u8::from(*failover)),
            Self::Close => f.write_str("close"),
        }
    }
}

/// Why a verb was refused or failed, with the seed's message (spec 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerbError {
    /// M5: start in RUNNING or `FAILOVER_FAILED`.
    AlreadyRunning,
    /// M6: start in the other mode.
    WrongMode {
        /// The filter's own.
        needs: Mode,
        /// The one that was asked for.
        got: Mode,
    },
    /// M15: the job that protects the last checkpoint is gone.
    BackupLost,
    /// M18: an overlay could not be emptied.
    EmptyFailed {
        /// The overlay's name.
        node: &'static str,
        /// Why.
        errno: Errno,
    },
    /// A start on overlays that hold the only copy of a guest's view: it has to be recovered first.
    ViewOwed,
    /// A header could not be written.
    MarkFailed {
        /// Why.
        errno: Errno,
    },
    /// A failover cannot make durable what the guest reads; it may be tried again.
    NotDurable {
        /// The disk's name.
        node: &'static str,
        /// Why.
        errno: Errno,
    },
    /// M21: the stage has nothing for this verb to work on.
    NotRunning,
    /// M22: something was lost since the start.
    IoError,
    /// There is no filter any more: it was closed. Not one of the seed's messages: there, a
    /// closed filter has left the registry, and nobody would call it.
    Closed,
}

impl std::fmt::Display for VerbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyRunning => f.write_str("Block replication is running or done"),
            Self::WrongMode { needs, got } => write!(
                f,
                "The parameter mode's value is invalid, needs {}, but got {}",
                *needs as u8, *got as u8
            ),
            Self::BackupLost => f.write_str("Backup job was cancelled unexpectedly"),
            Self::EmptyFailed { node, errno } => {
                write!(f, "Failed to empty {node}: {}", errno.sentence())
            }
            Self::ViewOwed => f.write_str(
                "Active disk holds a view that is owed to its guest, recover it before starting anew",
            ),
            Self::MarkFailed { errno } => write!(f, "Failed to mark active: {}", errno.sentence()),
            Self::NotDurable { node, errno } => {
                write!(f, "Failed to make {node} durable: {}", errno.sentence())
            }
            Self::NotRunning => f.write_str("Block replication is not running"),
            Self::IoError => f.write_str("I/O error occurred"),
            Self::Closed => f.write_str("Block replication is closed"),
        }
    }
}

impl std::error::Error for VerbError {}
