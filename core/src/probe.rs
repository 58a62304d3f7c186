//! Places in the core that a campaign should reach at least once.
//!
//! A probe marks a situation, not a line: one that is rare, and whose handling
//! is the reason for some code. A probe that no seed hits is a finding about the
//! generator.

macro_rules! probes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A situation in the core worth reaching.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Probe { $($(#[$doc])* $name,)+ }

        impl Probe {
            /// Every probe, in order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

probes! {
    /// A request waits for an earlier one on the same sectors of a node.
    OverlapWait = "node/request-waits-for-overlapping-one",
    /// A read through hidden waits for a copy that is being saved there.
    ReadWaitsForCopy = "node/read-waits-for-copy",
    /// A copy waits for a read through hidden that is in flight.
    CopyWaitsForRead = "node/copy-waits-for-read",
    /// A request arrived while its user was drained.
    RequestHeldByDrain = "node/request-held-by-drain",
    /// A drain found requests in flight.
    DrainWaits = "node/drain-waits",
    /// A write covers part of an unallocated cluster.
    PartialCluster = "overlay/partial-cluster-write",
    /// A write waits for the lock of a cluster that is being allocated.
    ClusterLocked = "overlay/cluster-locked",
    /// The cluster was allocated while a write waited for its lock.
    AllocatedWhileWaiting = "overlay/allocated-while-waiting",
    /// The old contents of a partly written cluster could not be read.
    PartialReadFailed = "overlay/partial-cluster-read-failed",
    /// The data of a new cluster could not be written.
    AllocatingWriteFailed = "overlay/allocating-write-failed",
    /// A read is split between the overlay and its backing node.
    SplitRead = "overlay/split-read",
    /// A flush had map sectors to write.
    FlushWritesMap = "overlay/flush-writes-map",
    /// A flush waits for another flush of the same overlay.
    FlushWaits = "overlay/flush-waits-for-flush",
    /// A map sector could not be written.
    MapWriteFailed = "overlay/map-write-failed",
    /// Emptying waits for requests in flight.
    EmptyWaits = "overlay/empty-waits",
    /// Emptying failed.
    EmptyFailed = "overlay/empty-failed",
    /// A forwarded write copies before it writes.
    CopyStarted = "copy/started",
    /// Several granules form one copy.
    CopyMerged = "copy/granules-merged",
    /// A forwarded write starts more than one copy.
    CopyParallel = "copy/parallel",
    /// A forwarded write waits for a copy that another one started.
    CopyWaitsForCopy = "copy/waits-for-copy-of-another-write",
    /// The copy of another write failed, and this one tries again.
    CopyRetried = "copy/retried-after-failure-of-another-write",
    /// The old contents could not be read.
    CopyReadFailed = "copy/read-failed",
    /// The old contents could not be saved.
    CopySaveFailed = "copy/save-failed",
    /// A forwarded write finds everything copied.
    CopyNotNeeded = "copy/not-needed",
    /// A forwarded write is refused because nothing protects the guest's view from it.
    ForwardFenced = "copy/forwarded-write-fenced",
    /// The backup job is cancelled with a copy in flight.
    BackupCancelledInCopy = "backup/cancelled-with-copy-in-flight",
    /// The backup job is cancelled with nothing in flight.
    BackupCancelledIdle = "backup/cancelled-idle",
    /// A verb waits for a cancellation that somebody else asked for.
    BackupCancelShared = "backup/cancel-already-under-way",
    /// A commit finds nothing to copy.
    CommitEmpty = "commit/nothing-to-copy",
    /// A guest write dirties a granule that was copied or is being copied.
    CommitRedirtied = "commit/guest-write-dirties-again",
    /// A dirty granule is skipped because its copy is in flight.
    CommitSkipsInFlight = "commit/dirty-granule-in-flight",
    /// Several granules form one copy.
    CommitMerged = "commit/granules-merged",
    /// The commit reached its limit of requests in flight.
    CommitFull = "commit/all-requests-in-flight",
    /// A guest write arrived while the commit flushed.
    CommitDirtyAfterFlush = "commit/dirty-after-flush",
    /// A guest write was in flight when the commit was ready, so it goes on copying.
    CommitDirtyAfterDrain = "commit/dirty-after-drain",
    /// Reading through the chain failed.
    CommitReadFailed = "commit/read-failed",
    /// Writing to the secondary disk failed.
    CommitWriteFailed = "commit/write-failed",
    /// Flushing the secondary disk failed.
    CommitFlushFailed = "commit/flush-failed",
    /// An error or a cancel waits for copies in flight.
    CommitEndWaits = "commit/end-waits-for-copies",
    /// Cancelled before ready.
    CommitCancelled = "commit/cancelled-before-ready",
    /// Cancelled at ready: it finishes all the same.
    CommitCancelledReady = "commit/cancelled-at-ready",
    /// A write is split by allocation after a failed failover.
    SplitWrite = "filter/split-write",
    /// A split write failed after an earlier extent was written.
    SplitWriteFailed = "filter/split-write-failed-midway",
    /// A request was refused for the stage.
    RefusedByStage = "filter/request-refused-by-stage",
    /// A forwarding failed and the guest was told of success.
    ForwardFailed = "filter/forward-failed",
    /// A verb waits behind another one.
    VerbQueued = "verb/queued",
    /// An overlay's header could not be written.
    MarkFailed = "overlay/mark-failed",
    /// A start is refused because the overlays hold a view that is owed.
    StartRefusedOwed = "verb/start-refused-view-owed",
    /// A failover cannot make the view durable.
    FailoverNotDurable = "verb/failover-cannot-make-durable",
    /// The filter is closed while it runs.
    CloseRunning = "verb/close-while-running",
    /// The filter is closed while it commits.
    CloseFailover = "verb/close-while-committing",
    /// An operator's command was refused.
    AdminRefused = "admin/refused",
    /// A job ended because the device of its disk went.
    BackupCancelledByDevice = "backup/cancelled-with-its-device",
    /// A start found a graph that it cannot work on.
    StartRefusedByGraph = "verb/start-refused-by-graph",
    /// A start opened images for writing that were read-only.
    StartReopened = "verb/start-reopened-images",
    /// What a start had opened for writing became read-only again.
    ReopenedReadOnly = "verb/images-read-only-again",
    /// A commit cannot start because somebody relies on what is above its base.
    CommitRefused = "verb/failover-refused-by-permission",
    /// A failover that failed is tried again.
    FailoverRetried = "verb/failover-tried-again",
    /// A filter was opened in a process that runs.
    VolumeOpenedLater = "host/volume-opened-later",
    /// Several filters took effect in one instant.
    AllTogether = "host/all-filters-in-one-instant",
    /// A filter had gone as far as it could, and was given up for another that failed.
    AllGivenUp = "host/filter-given-up-for-another",
    /// A start found filters that run beside one that does not.
    StartAllBeside = "host/start-beside-running-filters",
    /// A checkpoint found one disk past a failover and another one replicating.
    CheckpointAllApart = "host/checkpoint-of-disks-apart",
    /// A checkpoint met an overlay without its format layer.
    CheckpointMeetsEjected = "verb/checkpoint-meets-ejected-overlay",
    /// A guest's discard was dropped.
    DiscardDropped = "filter/discard-dropped",
    /// A request met a node without its format layer.
    RequestMeetsEjected = "node/request-meets-ejected-node",
    /// A write met a node that is read-only.
    WriteMeetsReadOnly = "node/write-meets-read-only-node",
    /// A forwarded request waits for a lost connection.
    RequestWaitsForConnection = "remote/request-waits-for-connection",
    /// A forwarded request is sent again over a new connection.
    RequestSentAgain = "remote/request-sent-again",
    /// The connection did not come back in time.
    ReconnectTimedOut = "remote/reconnect-timed-out",
    /// The primary's local disk failed and the forwarding did not.
    QuorumLocalFailed = "quorum/local-write-failed",
    /// The quorum reads its next child after an error.
    QuorumReadsNext = "quorum/reads-next-child",
}

/// How often each probe was hit.
#[derive(Debug, Clone)]
pub struct Probes(Vec<u32>);

impl Default for Probes {
    fn default() -> Self {
        Self(vec![0; Probe::ALL.len()])
    }
}

impl Probes {
    /// Counts one hit.
    pub fn hit(&mut self, probe: Probe) {
        self.0[probe as usize] += 1;
    }

    /// Counts what another one counted.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, hits)| *sum += hits);
    }

    /// Hits by number of the probe.
    pub fn hits(&self) -> &[u32] {
        &self.0
    }
}
