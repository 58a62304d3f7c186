//! What can be asked of a filter, and what it may answer.

use serde::{Deserialize, Serialize};

use crate::disk::Errno;
use crate::graph::Reason;
use crate::name::Name;
use crate::permission::Conflict;

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
pub const EDGES: [(Mode, Stage, Stage); 8] = [
    (Mode::Secondary, Stage::None, Stage::Running),
    (Mode::Secondary, Stage::Running, Stage::Failover),
    (Mode::Secondary, Stage::Running, Stage::Done),
    (Mode::Secondary, Stage::Failover, Stage::Done),
    (Mode::Secondary, Stage::Failover, Stage::FailoverFailed),
    // Not in the seed: a failover that failed is tried again.
    (Mode::Secondary, Stage::FailoverFailed, Stage::Failover),
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

impl Verb {
    /// Every verb with every argument.
    pub const ALL: [Self; 7] = [
        Self::Start(Mode::Primary),
        Self::Start(Mode::Secondary),
        Self::Checkpoint,
        Self::GetError,
        Self::Stop { failover: false },
        Self::Stop { failover: true },
        Self::Close,
    ];
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
    /// M7: nothing lies behind active.
    ActiveHasNoBacking,
    /// M8: nothing lies behind hidden.
    HiddenHasNoBacking,
    /// M9: nobody uses the secondary disk.
    SecondaryUnused,
    /// M10: the three disks are not of one length, or one of them has none.
    LengthsDiffer,
    /// M11: active or hidden is of a format that cannot be emptied.
    CannotBeEmptied,
    /// Active was opened read-only, so that it can never be emptied.
    ActiveReadOnly,
    /// M12: hidden or the secondary disk cannot be opened for writing.
    Reopen {
        /// Why.
        errno: Errno,
    },
    /// M13: the top is not there, is no root, or is not above the filter.
    NoTop,
    /// M14: another job uses the secondary disk or hidden.
    Busy {
        /// The drive's name, else the node's.
        name: Name,
        /// What blocks it.
        reason: Reason,
    },
    /// M15: the job that protects the last checkpoint is gone.
    BackupLost,
    /// M17: active has lost its format layer.
    ActiveEjected,
    /// M19: hidden has lost its format layer.
    HiddenEjected,
    /// M24: the commit cannot have the permissions it needs.
    PermissionConflict(Conflict),
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
    /// Called on all filters: another one failed, and so nothing has happened here.
    OtherFailed,
    /// Called on all filters: some disks have failed over or stopped, and the others go on.
    Apart,
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
            Self::ActiveHasNoBacking => f.write_str("Active disk doesn't have backing file"),
            Self::HiddenHasNoBacking => f.write_str("Hidden disk doesn't have backing file"),
            Self::SecondaryUnused => {
                f.write_str("The secondary disk doesn't have block backend")
            }
            Self::LengthsDiffer => f.write_str(
                "Active disk, hidden disk, secondary disk's length are not the same",
            ),
            Self::CannotBeEmptied => {
                f.write_str("Active disk or hidden disk doesn't support make_empty")
            }
            Self::ActiveReadOnly => f.write_str("Active disk is opened read-only"),
            Self::Reopen { errno } => write!(f, "Could not reopen file: {}", errno.sentence()),
            Self::NoTop => f.write_str("No top_bs or it is invalid"),
            Self::Busy { name, reason } => write!(f, "Node '{name}' is busy: {reason}"),
            Self::BackupLost => f.write_str("Backup job was cancelled unexpectedly"),
            Self::ActiveEjected => f.write_str("Active disk active is ejected"),
            Self::HiddenEjected => f.write_str("Hidden disk hidden is ejected"),
            Self::PermissionConflict(conflict) => conflict.fmt(f),
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
            Self::OtherFailed => f.write_str("Another disk of this host failed"),
            Self::Apart => {
                f.write_str("Some disks of this host have stopped replicating, and others have not")
            }
            Self::NotRunning => f.write_str("Block replication is not running"),
            Self::IoError => f.write_str("I/O error occurred"),
            Self::Closed => f.write_str("Block replication is closed"),
        }
    }
}

impl std::error::Error for VerbError {}
