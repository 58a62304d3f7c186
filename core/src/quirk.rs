//! What the seed does wrong, each by its name.
//!
//! A quirk is consulted in one place. With it the core does what the seed does;
//! without it, what the invariants demand. Each was found by a plan, which stands
//! in `fixtures/findings/` beside it.

use serde::{Deserialize, Serialize};

macro_rules! quirks {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A defect of the seed that the core can show or not.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[repr(u8)]
        pub enum Quirk {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Quirk {
            /// Every quirk.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name on the command line and in plans.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it is, where it is in the seed, and what follows from it.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)+),)+ }
            }
        }
    };
}

quirks! {
    /// stop(failover=0) cancels the backup job before the checkpoint core, which then
    /// always fails for want of that job; the stage is DONE all the same, with stale
    /// overlays in front of the secondary disk (`replication_stop`).
    PlannedStopCancelsFirst = "planned-stop-cancels-first",
    /// Once the backup job is gone, by cancellation, stop or failover, forwarded writes go
    /// straight to the secondary disk, under a guest that still reads it
    /// (`backup_job_completed` leaves the export open).
    UnfencedExport = "unfenced-export",
    /// The primary's quorum counts a forwarded write as a success like that of the local disk,
    /// and its filter hides its own failures besides; so an error of the local disk, the only
    /// one that the guest reads, never reaches the guest (`replication_return_value`, and a
    /// quorum with threshold 1).
    QuorumCountsForwarding = "quorum-counts-forwarding",
    /// A start that fails while it empties the overlays leaves the stage at RUNNING, the
    /// backup job running and the top blocked, and clears the error besides
    /// (`replication_start` sets the stage before `secondary_do_checkpoint`).
    FailedStartKeepsRunning = "failed-start-keeps-running",
    /// A checkpoint arms the copy bitmap, empties active, then empties hidden, and undoes
    /// nothing when a step fails: the view is then neither the old nor the new epoch, and
    /// nobody is told (`secondary_do_checkpoint`).
    TornCheckpoint = "torn-checkpoint",
    /// A failover answers ok while the old contents in hidden, and the map that finds them, are
    /// still in a volatile cache: nothing ever flushes hidden (`replication_stop`).
    FailoverNotDurable = "failover-not-durable",
    /// Nothing on the disks says whether the overlays hold a view that is owed, one that is void,
    /// or one that was written down already: after a crash every chain looks alike, is committed
    /// by whoever recovers it, and is emptied by whoever starts on it.
    UnmarkedOverlays = "unmarked-overlays",
    /// After a failed failover a write goes to the secondary disk where nothing is allocated
    /// above it, but a flush goes to active alone (the filter has no flush of its own).
    FlushMissesSplitWrites = "flush-misses-split-writes",
    /// A checkpoint arms the copy bitmap and empties hidden while copies are in flight; one that has
    /// read the old contents before saves them after it, in the epoch in which they are wrong. Whoever
    /// calls is trusted to have drained before (`secondary_do_checkpoint`).
    CheckpointUnderCopies = "checkpoint-under-copies",
    /// A start that fails after it has created its blocker leaves the pointer to it set, freed or
    /// not; the next start creates one over it, which aborts (`replication_start`,
    /// `backup_job_cleanup`).
    BlockerLeftSet = "blocker-left-set",
    /// A failover whose commit cannot start has cancelled the backup job and is in FAILOVER all
    /// the same, without a commit job; it stays there, calls every later stop a success, and
    /// closing dereferences the job that is not there (`replication_stop`).
    FailoverWithoutCommit = "failover-without-commit",
    /// A start of all filters returns at the first that fails and leaves the earlier ones running:
    /// the next one is refused by those as running already, and the stop by those that are not
    /// (`replication_start_all`).
    StartAllHalfWay = "start-all-half-way",
    /// A checkpoint of all filters returns at the first that fails; the earlier ones have a new
    /// epoch, the others the old one, and the guest has disks of two moments
    /// (`replication_do_checkpoint_all`).
    CheckpointAllHalfWay = "checkpoint-all-half-way",
    /// A failover of all filters returns at the first that fails, and the monitor drops the error: the
    /// later disks do not fail over, and nobody knows (`replication_stop_all`).
    StopAllHalfWay = "stop-all-half-way",
    /// After a failed failover a second one is refused as not running: the guest stays on its
    /// overlays for ever (`replication_stop` knows RUNNING only).
    FailedFailoverIsFinal = "failed-failover-is-final",
    /// Every end of the backup job outside FAILOVER is recorded as an error, the end that a stop
    /// asked for too: get_error reports an I/O error in a failover in which nothing failed, and
    /// for ever after a planned stop (`backup_job_completed`).
    CancelCountsAsLoss = "cancel-counts-as-loss",
    /// A checkpoint that fails sets no error: get_error, the only thing that COLO asks before it
    /// goes on, says ok (`secondary_do_checkpoint`).
    CheckpointFailureUntold = "checkpoint-failure-untold",
    /// The end of the backup job looks the top up again by its name; when no drive has that name
    /// any more, the top stays blocked, and hidden stays writable (`backup_job_cleanup`).
    CleanupByName = "cleanup-by-name",
    /// A start on a filter that was opened read-only empties active through a link without write
    /// permission, which aborts (`replication_child_perm`, `secondary_do_checkpoint`).
    EmptiesWithoutWrite = "empties-without-write",
    /// Removing the guest's device asks no blocker, deletes the top with it, and deleting a node
    /// that is blocked aborts (the blocker of `replication_start` protects only who asks).
    BlockedTopDeleted = "blocked-top-deleted",
    /// Once hidden or active has lost its format layer, the end of the backup job reopens it, or
    /// the commit changes permissions on it, and either crashes (`reopen_backing_file`,
    /// `replication_stop`).
    TouchesEjected = "touches-ejected",
    /// The export serves an old connection of its client beside the new one. A write that was given up
    /// and sent again may still come over the old one, and is carried out a second time, over what was
    /// written after it (QEMU's NBD server; between two hosts only).
    StaleConnection = "stale-connection",
    /// Nobody is asked before a failover: a secondary that does not hear the primary takes over, and a
    /// primary whose link alone is down goes on beside it (COLO leaves the decision to each host's
    /// own manager; between two hosts only).
    UngrantedFailover = "ungranted-failover",
}

/// A set of quirks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quirks(u32);

impl Quirks {
    /// None: every invariant holds.
    pub const NONE: Self = Self(0);

    /// All: the seed.
    pub fn all() -> Self {
        Quirk::ALL.iter().copied().collect()
    }

    /// Whether this one is among them.
    pub fn has(self, quirk: Quirk) -> bool {
        self.0 & (1 << quirk as u8) != 0
    }

    /// These without that one.
    #[must_use]
    pub fn without(self, quirk: Quirk) -> Self {
        Self(self.0 & !(1 << quirk as u8))
    }

    /// Those that are among them, in order.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.iter().copied().filter(move |quirk| self.has(*quirk))
    }
}

impl FromIterator<Quirk> for Quirks {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        Self(quirks.into_iter().fold(0, |set, quirk| set | 1 << quirk as u8))
    }
}
