//! What a host tells the outside: answers, and every change that an observer may judge.

use crate::admin::{Admin, AdminError};
use crate::disk::Errno;
use crate::geometry::Extent;
use crate::graph::Reason;
use crate::name::Name;
use crate::options::OpenError;
use crate::payload::Payload;
use crate::verb::{Mode, Stage, Verb, VerbError};

/// Which of a host's disks. The world maps these to devices or files.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum DiskId {
    /// The primary guest's own disk.
    Local,
    /// What the primary writes to, on the secondary host.
    Secondary,
    /// Old contents, saved before the primary overwrites them.
    Hidden,
    /// The secondary guest's own writes.
    Active,
}

impl DiskId {
    /// Every disk of both hosts.
    pub const ALL: [Self; 4] = [Self::Local, Self::Secondary, Self::Hidden, Self::Active];

    /// The name in traces and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Secondary => "secondary",
            Self::Hidden => "hidden",
            Self::Active => "active",
        }
    }
}

/// Who sends requests to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserId {
    /// The virtual machine on this host.
    Guest,
    /// The network export of the secondary disk: where forwarded writes arrive.
    Export,
}

/// One of a host's volumes, in the order in which a process opens them.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct VolumeId(pub u8);

impl VolumeId {
    /// The one that every host has.
    pub const FIRST: Self = Self(0);
}

impl std::fmt::Display for VolumeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one request of one user; chosen by the submitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserRequest(pub u32);

/// Names one verb call; chosen by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerbId(pub u32);

/// What a user asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UserOp {
    /// Read these sectors.
    Read(Extent),
    /// Write whole sectors from `at` on.
    Write {
        /// First sector.
        at: u64,
        /// The new contents.
        payload: Payload,
    },
    /// Make everything written so far durable.
    Flush,
    /// Say that nobody needs these sectors any more.
    Discard(Extent),
}

/// A background job.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Saves old contents to hidden (sync=none).
    Backup,
    /// Writes the overlays down into the secondary disk.
    Commit,
}

/// What a job of the operator's own does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum JobType {
    /// Copies what is about to be overwritten.
    Backup,
    /// Copies everything.
    Mirror,
    /// Writes overlays down: the filter's own, or a recovery's.
    Commit,
}

impl JobType {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Mirror => "mirror",
            Self::Commit => "commit",
        }
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobState {
    /// It runs.
    Started,
    /// Everything is copied and flushed (commit only).
    Ready,
    /// Somebody asked it to end.
    Cancelling,
    /// It is over.
    Concluded(Result<(), Errno>),
}

/// A change of the block graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GraphChange {
    /// The copy-before-write filter went in above the secondary disk.
    CopyFilterInserted,
    /// And out again.
    CopyFilterRemoved,
    /// The filter's child is the secondary disk now; the overlays are out of the graph.
    Pivoted,
    /// The replication filter left the graph.
    FilterClosed,
}

/// How a recovery after a crash ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recovery {
    /// The view was written down; the secondary disk alone holds it.
    Committed,
    /// The view had been written down before; the secondary disk alone is true.
    DiskAlone,
    /// The overlays hold no view that anybody is owed; nothing was touched.
    Refused,
    /// A disk failed on the way; it may be tried again.
    Failed(Errno),
}

impl Recovery {
    /// Whether a guest may go on from the secondary disk.
    pub fn serves(self) -> bool {
        matches!(self, Self::Committed | Self::DiskAlone)
    }
}

/// Why QEMU would have died here. The host that reports one does nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abort {
    /// Closing in FAILOVER without a commit job dereferences a null pointer (spec 2.6).
    NoCommitJob,
    /// A start creates the blocker while one is still set (spec 2.3).
    BlockerSet,
    /// A node is deleted whose op blockers are not empty (spec section 3).
    BlockedNodeDeleted,
    /// An overlay is emptied through a link without write permission (spec section 3).
    EmptiedWithoutWrite,
    /// A node without its format layer is reopened, or permissions on it change (spec section 3).
    EjectedTouched,
}

impl Abort {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::NoCommitJob,
        Self::BlockerSet,
        Self::BlockedNodeDeleted,
        Self::EmptiedWithoutWrite,
        Self::EjectedTouched,
    ];
}

impl std::fmt::Display for Abort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCommitJob => f.write_str("close in FAILOVER without a commit job"),
            Self::BlockerSet => f.write_str("start while a blocker of an earlier one is set"),
            Self::BlockedNodeDeleted => f.write_str("a node was deleted while it was blocked"),
            Self::EmptiedWithoutWrite => {
                f.write_str("an overlay was emptied without permission to write")
            }
            Self::EjectedTouched => {
                f.write_str("an ejected node was reopened, or its permissions changed")
            }
        }
    }
}

/// Something that happened on a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A volume that was absent is being opened.
    OpenBegun,
    /// The images were opened, or could not be: then the process has ended.
    Opened(Result<(), Errno>),
    /// The filter could not be opened, and so the process has ended.
    OpenRefused(OpenError),
    /// A user's request is answered. Data for a read, nothing else otherwise.
    Answered {
        /// Whose request.
        user: UserId,
        /// Which.
        request: UserRequest,
        /// The answer.
        result: Result<Payload, Errno>,
    },
    /// A verb that was called on all filters of the host begins on this one.
    VerbBegun {
        /// Which call.
        id: VerbId,
        /// What was asked.
        verb: Verb,
    },
    /// A verb that was called on all filters of the host is answered.
    AllAnswered {
        /// Which call.
        id: VerbId,
        /// What was asked.
        verb: Verb,
        /// The answer.
        result: Result<(), VerbError>,
    },
    /// A verb is answered.
    VerbAnswered {
        /// Which call.
        id: VerbId,
        /// What was asked.
        verb: Verb,
        /// The answer.
        result: Result<(), VerbError>,
    },
    /// The stage changed.
    Stage {
        /// The filter's mode.
        mode: Mode,
        /// Before.
        from: Stage,
        /// After.
        to: Stage,
    },
    /// A job changed.
    Job {
        /// Which.
        kind: JobKind,
        /// To what.
        state: JobState,
    },
    /// An op blocker was set on a node, or released.
    Blocker {
        /// On which.
        node: Name,
        /// Why operations on it are refused.
        reason: Reason,
        /// Whether it was set.
        set: bool,
    },
    /// A node became read-only, or writable.
    ReadOnly {
        /// Which.
        node: Name,
        /// Whether it is read-only now.
        on: bool,
    },
    /// An operator's command is answered.
    AdminAnswered {
        /// Which call.
        id: VerbId,
        /// What was asked.
        admin: Admin,
        /// The answer.
        result: Result<(), AdminError>,
    },
    /// An overlay has lost its format layer.
    Ejected(DiskId),
    /// The process has ended in order.
    Exited,
    /// The graph changed.
    Graph(GraphChange),
    /// An overlay was emptied.
    Emptied(DiskId),
    /// A recovery ended.
    Recovered(Recovery),
    /// The process died.
    Aborted(Abort),
}

impl Event {
    /// Whether it is about the process as a whole, and not about one volume.
    pub fn is_of_host(&self) -> bool {
        matches!(
            self,
            Self::AllAnswered { .. }
                | Self::Aborted(_)
                | Self::Exited
                | Self::AdminAnswered { admin: Admin::Quit, .. }
        )
    }
}
