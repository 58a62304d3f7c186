//! What can be seen of a run: the vocabulary between the world, the oracle and the reports.

use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Event, Extent, JobKind, Mode, Payload, Time, UserId,
    UserRequest, Verb, VerbId, VolumeId,
};
use serde::{Deserialize, Serialize};

use crate::faulty::OpKind;
use crate::lying::Lie;
use crate::world::network::Networked;

/// One of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Runs the guest whose writes are forwarded.
    Primary,
    /// Keeps the last checkpoint and may take over.
    Secondary,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Primary, Self::Secondary];

    /// The name in traces and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        }
    }

    /// The mode of the filter there.
    pub fn mode(self) -> Mode {
        match self {
            Self::Primary => Mode::Primary,
            Self::Secondary => Mode::Secondary,
        }
    }

    /// Where a disk is.
    pub fn of(disk: DiskId) -> Self {
        match disk {
            DiskId::Local => Self::Primary,
            DiskId::Secondary | DiskId::Hidden | DiskId::Active => Self::Secondary,
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// When, in simulated time.
    pub at: Time,
    /// On which host, or neither.
    pub side: Option<Side>,
    /// On which of its volumes; the first, where it is about no single one ([`What::is_of_host`]).
    pub volume: VolumeId,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum What {
    /// A step of the plan begins.
    Step(u32),
    /// A user sent a request.
    Submitted {
        /// Who.
        user: UserId,
        /// Its name.
        request: UserRequest,
        /// What it asks for.
        op: SubmittedOp,
    },
    /// A verb was called.
    Called {
        /// Its name.
        id: VerbId,
        /// What it is.
        verb: Verb,
    },
    /// A verb was called on all filters of the host.
    CalledAll {
        /// Its name.
        id: VerbId,
        /// What it is.
        verb: Verb,
    },
    /// An operator asked something of the host.
    Administered {
        /// Its name.
        id: VerbId,
        /// What it is.
        admin: Admin,
    },
    /// The next emptying of an overlay will fail.
    EmptyingFails {
        /// Of which.
        disk: DiskId,
        /// How.
        failure: EmptyFailure,
        /// With what error.
        errno: Errno,
    },
    /// Somebody asked a job to end.
    CancelAsked(JobKind),
    /// The host said something.
    Event(Event),
    /// A disk answered.
    Disk {
        /// Which.
        disk: DiskId,
        /// What it did.
        op: DiskOp,
        /// On which of its sectors; none for a flush.
        extent: Extent,
        /// What went wrong.
        failed: Option<Errno>,
    },
    /// A fault made a request fail.
    Fault {
        /// On which disk.
        disk: DiskId,
        /// What the request was.
        op: DiskOp,
        /// On which of its sectors.
        extent: Extent,
        /// What it will be told.
        errno: Errno,
        /// How many sectors of a write land all the same.
        landed: u64,
    },
    /// A process on this host opens the volume.
    Started {
        /// To recover, not to replicate.
        recover: bool,
    },
    /// The host's power failed.
    PowerLost,
    /// The host's process died.
    ProcessDied,
    /// The connection between the hosts.
    Connection(Connection),
    /// A disk breaks its contract on a request. For readers only: an oracle that looked at it
    /// would prove nothing.
    Lie {
        /// Which disk.
        disk: DiskId,
        /// How.
        lie: Lie,
        /// What the request was.
        op: DiskOp,
        /// On which of its sectors.
        extent: Extent,
    },
    /// A disk answered a request that nobody waits for. A driver would end in an assertion.
    Unasked {
        /// Which disk.
        disk: DiskId,
    },
    /// Two hosts and a network: roles, connections, answers that came over it.
    Networked(Networked),
}

impl What {
    /// Whether it is about a host as a whole, or both, and not about one volume.
    pub fn is_of_host(&self) -> bool {
        match self {
            Self::Step(_)
            | Self::Connection(_)
            | Self::PowerLost
            | Self::ProcessDied
            | Self::CalledAll { .. }
            | Self::Administered { admin: Admin::Quit, .. } => true,
            Self::Networked(what) => !matches!(what, Networked::Forwarded { .. }),
            Self::Event(event) => event.is_of_host(),
            _ => false,
        }
    }
}

/// What a user asked for. A write's payload is kept: an observer compares with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SubmittedOp {
    /// Read.
    Read(Extent),
    /// Write.
    Write(Extent, Payload),
    /// Flush.
    Flush,
    /// Discard.
    Discard(Extent),
}

/// What a disk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiskOp {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Flush.
    Flush,
}

impl DiskOp {
    /// The operation of a request, which is of one kind.
    pub(super) fn of(kind: OpKind) -> Self {
        match kind {
            OpKind::Write => Self::Write,
            OpKind::Flush => Self::Flush,
            OpKind::Read | OpKind::Any => Self::Read,
        }
    }

    /// The name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
        }
    }
}

/// What became of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Requests and answers go through.
    Up,
    /// It is gone, with everything on it.
    Down,
    /// It is there, and nothing arrives.
    Held,
    /// What was held arrives.
    Released,
    /// It is there, and nothing arrives of what this side sends.
    CutFrom(Side),
    /// What this side has sent arrives.
    OpenFrom(Side),
}
