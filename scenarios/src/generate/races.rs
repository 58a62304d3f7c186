//! Steps close together, where one catches another half way.
//!
//! Mistakes in the order of steps show in such plans only. They draw from a stream of their
//! own, so that what else a seed means stays as it is.

use colo_core::{Admin, CommitPhase, DiskId, Layout, Mode, PARENT, Phase, Verb};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::stream::Ratio;
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::{FaultSpec, Step};

impl Generator {
    /// Forwarded writes that stay on their way for a while.
    pub(super) fn slow_forwarded_writes(&mut self) {
        let disk = *self.races.pick(&[DiskId::Hidden, DiskId::Hidden, DiskId::Secondary]);
        let ns = 200_000 + self.races.below(4_000_000);
        self.push(Step::Stall { disk, ns });
        let (at, len) = self.extent();
        for _ in 0..=self.races.below(2) {
            self.push(Step::Write { side: Side::Primary, at, len, wait: false });
        }
        if self.races.chance(half()) {
            let ns = self.races.below(1_000_000);
            self.push(Step::Pass(ns));
        }
    }

    /// Two checkpoints while forwarded writes to the same sectors are slow: the first write has been
    /// copied for and lands late, and the copy for the second has read what was there before.
    pub(super) fn checkpoints_under_slow_writes(&mut self) {
        let (at, len) = self.extent();
        let disk = DiskId::Secondary;
        for _ in 0..2 + self.races.below(3) {
            self.push(Step::Write { side: Side::Primary, at, len, wait: false });
            let ns = 60_000 + self.races.below(500_000);
            self.push(Step::Pass(ns));
            self.push(Step::Stall { disk, ns: 6_000_000 });
            self.call(Side::Secondary, Verb::Checkpoint, true);
            self.push(Step::Write { side: Side::Primary, at, len, wait: false });
            let ns = 20_000 + self.races.below(130_000);
            self.push(Step::Pass(ns));
            let ns = 200_000 + self.races.below(800_000);
            self.push(Step::Stall { disk, ns });
            self.call(Side::Secondary, Verb::Checkpoint, true);
            self.push(Step::Settle);
        }
    }

    /// One disk of the guest fails over alone, and a checkpoint is taken of all.
    pub(super) fn one_disk_apart(&mut self) {
        let (side, wait) = (Side::Secondary, true);
        self.push(Step::Call { side, verb: Verb::Stop { failover: true }, wait });
        if self.races.chance(half()) {
            self.push(Step::Settle);
        }
        self.push(Step::CallAll { side, verb: Verb::Checkpoint, wait });
        self.request(side);
    }

    /// The secondary disk is not made durable by any flush of the commit that comes; what a
    /// failover flushes before it is.
    pub(super) fn commit_flush_fault(&mut self) {
        let mut spec = FaultSpec::new(DiskId::Secondary, OpKind::Flush);
        (spec.skip, spec.times) = (1, Some(1 + self.races.below(3) as u32));
        self.push(Step::Fault(spec));
    }

    /// A failover cannot make an overlay durable, and the power fails soon after it was called.
    pub(super) fn failover_not_durable(&mut self) {
        for side in Side::BOTH {
            let (at, len) = self.extent();
            self.push(Step::Write { side, at, len, wait: true });
        }
        let disk = *self.races.pick(&[DiskId::Hidden, DiskId::Active]);
        let mut spec = FaultSpec::new(disk, OpKind::Flush);
        spec.times = Some(1);
        self.push(Step::Fault(spec));
        self.call(Side::Secondary, Verb::Stop { failover: true }, true);
        self.power_fails_within(150_000);
    }

    /// The power fails while the secondary guest's flush is on its way through active.
    pub(super) fn flush_cut_short(&mut self) {
        let side = Side::Secondary;
        for _ in 0..=self.races.below(2) {
            let (at, len) = self.extent();
            self.push(Step::Write { side, at, len, wait: true });
        }
        self.push(Step::Flush { side, wait: false });
        self.power_fails_within(400_000);
    }

    /// A commit has written everything down, and cannot say so: an error is answered when the header
    /// says spent, and when that is taken back, and what the disk says then is anybody's guess. What
    /// the guest flushes afterwards has to last all the same.
    pub(super) fn commit_cannot_mark(&mut self) {
        let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
        (spec.range, spec.times) = (Some((0, 1)), Some(2));
        spec.during = Some(Phase::Commit(CommitPhase::Marking));
        spec.damage = Damage::Prefix;
        self.push(Step::Fault(spec));
        self.push(Step::Failover);
        self.push(Step::Settle);
        let (side, whole) = (Side::Secondary, self.geometry.whole());
        self.push(Step::Write { side, at: whole.at, len: whole.len, wait: true });
        self.push(Step::Flush { side, wait: true });
        self.power_fails_within(50_000);
    }

    /// After a failed failover the secondary guest flushes what it wrote, at once or when the failover
    /// was called again, and the power fails.
    pub(super) fn flushed_over_failed_failover(&mut self) {
        let side = Side::Secondary;
        for _ in 0..2 + self.races.below(3) {
            let (at, len) = self.extent();
            self.push(Step::Write { side, at, len, wait: true });
        }
        if self.races.chance(half()) {
            self.call(side, Verb::Stop { failover: true }, true);
        }
        self.push(Step::Flush { side, wait: true });
        self.power_fails_within(50_000);
    }

    /// A failover after a checkpoint that failed half way, and the power fails soon after it was called.
    pub(super) fn failover_cut_short(&mut self) {
        self.call(Side::Secondary, Verb::Stop { failover: true }, true);
        self.power_fails_within(150_000);
    }

    /// The map on an overlay's disk is not what a failover needs: a flush could not write it, or a checkpoint
    /// that was given up had written an empty one. Only the failover's own flush can mend that in time.
    pub(super) fn map_out_of_date(&mut self) {
        let side = Side::Secondary;
        for _ in 0..=self.races.below(2) {
            let (at, len) = self.extent();
            self.push(Step::Write { side, at, len, wait: true });
        }
        let flush = Step::Flush { side, wait: true };
        if self.races.chance(half()) {
            let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
            spec.range = Some((1, Layout::new(&self.geometry).data_at));
            spec.times = Some(1);
            self.push(Step::Fault(spec));
            self.push(flush);
        } else {
            self.push(flush);
            let mut spec = FaultSpec::new(DiskId::Hidden, OpKind::Flush);
            (spec.times, spec.during) = (Some(1), Some(Phase::Checkpoint));
            self.push(Step::Fault(spec));
            self.push(Step::Checkpoint);
        }
        self.failover_cut_short();
    }

    /// A process dies while its commit marks the overlays as spent, and the mark may be in a cache. Whoever
    /// comes next and acts on it has to be right after a power loss, too.
    pub(super) fn dies_while_marking(&mut self) {
        let side = Side::Secondary;
        self.push(Step::Failover);
        let ns = 300_000 + self.races.below(2_000_000);
        self.push(Step::Pass(ns));
        self.push(Step::Stall { disk: DiskId::Active, ns: 3_000_000 });
        self.push(Step::Pass(1_000_000));
        self.push(Step::Kill(side));
        self.push(Step::FaultsEnd);
        self.push(Step::Recover { wait: true });
        let whole = self.geometry.whole();
        self.push(Step::Write { side, at: whole.at, len: whole.len, wait: true });
        self.push(Step::Flush { side, wait: true });
        self.power_fails_within(50_000);
    }

    fn power_fails_within(&mut self, most: u64) {
        let ns = self.races.below(most);
        self.push(Step::Pass(ns));
        self.push(Step::PowerLoss(Side::Secondary));
        self.push(Step::FaultsEnd);
        self.push(Step::Recover { wait: true });
    }

    /// The drive that somebody has on the secondary disk goes, and the backup job with its device.
    pub(super) fn parent_goes(&mut self) {
        let command = Admin::Detach { user: PARENT };
        self.push(Step::Admin { side: Side::Secondary, command, wait: true });
    }

    /// A disk of the guest is removed, and its image cannot be read when it is opened again: the process goes
    /// on without it, until it can.
    pub(super) fn open_refused(&mut self) {
        let side = Side::Secondary;
        self.command(side, Admin::Remove);
        let disk = *self.races.pick(&[DiskId::Hidden, DiskId::Active]);
        let mut spec = FaultSpec::new(disk, OpKind::Read);
        spec.times = Some(1);
        self.push(Step::Fault(spec));
        self.command(side, Admin::Open);
        self.command(side, Admin::Open);
        self.call(side, Verb::Start(Mode::Secondary), true);
    }

    /// What was spent is started on again, and the header cannot take that back: the start fails, and the next
    /// one may succeed.
    pub(super) fn start_cannot_mark(&mut self) {
        let side = Side::Secondary;
        self.push(Step::Kill(side));
        self.push(Step::FaultsEnd);
        self.push(Step::Restart(side));
        // Opened, it has made the mark durable that it found.
        self.push(Step::Settle);
        let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
        (spec.range, spec.times) = (Some((0, 1)), Some(1));
        self.push(Step::Fault(spec));
        for _ in 0..2 {
            self.call(side, Verb::Start(Mode::Secondary), true);
        }
    }

    /// The connection is lost under several forwarded writes, and comes back soon.
    pub(super) fn connection_flaps(&mut self) {
        let side = Side::Primary;
        for cut in [true, false] {
            for _ in 0..2 + self.races.below(2) {
                let (at, len) = self.extent();
                self.push(Step::Write { side, at, len, wait: false });
            }
            self.push(Step::Cut(cut));
            let ns = self.races.below(200_000);
            self.push(Step::Pass(ns));
        }
    }

    /// The commit has failed: whether that is told.
    pub(super) fn ask_after_failed_failover(&mut self) {
        if self.races.chance(Ratio::new(2, 3)) {
            self.call(Side::Secondary, Verb::GetError, true);
        }
    }
}
