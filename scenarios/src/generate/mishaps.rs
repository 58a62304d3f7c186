//! Misfortune in the middle of a plan: faults of disks and jobs, crashes, the connection.

use colo_core::{CommitPhase, DiskId, EmptyFailure, Errno, JobKind, Phase, Stage, Verb};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::stream::Ratio;
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::{FaultSpec, Step};

impl Generator {
    pub(super) fn mishap(&mut self) {
        match self.mishaps.weighted(&self.swarm.mishaps) {
            0 => self.fault(),
            1 => {
                let disk = *self.mishaps.pick(&DiskId::ALL);
                let mut rate = || self.mishaps.below(60) as u32;
                let (read, write, flush) = (rate(), rate(), rate());
                self.push(Step::Rates { disk, read, write, flush });
            }
            2 => self.push(Step::FaultsEnd),
            3 => self.push(Step::Cancel(JobKind::Backup)),
            4 => {
                let side = Side::BOTH[self.mishaps.weighted(&[1, 2])];
                let verb = self.verb(side);
                let wait = self.mishaps.chance(half());
                self.call(side, verb, wait);
            }
            5 => {
                let step = if self.mishaps.chance(half()) { Step::PowerLoss } else { Step::Kill };
                let side = Side::BOTH[self.mishaps.weighted(&[1, 1])];
                self.push(step(side));
                self.push(Step::Restart(side));
                self.call(side, Verb::Start(side.mode()), true);
            }
            6 => {
                let cut = self.mishaps.chance(half());
                self.push(Step::Cut(cut));
            }
            7 => {
                let held = self.mishaps.chance(half());
                self.push(Step::Hold(held));
            }
            8 => {
                let (disk, ns) = (*self.mishaps.pick(&DiskId::ALL), self.mishaps.below(5_000_000));
                self.push(Step::Stall { disk, ns });
            }
            9 => {
                let ns = self.mishaps.below(400_000);
                self.push(Step::Pass(ns));
            }
            10 => self.operate(),
            11 => self.failing_emptying(),
            12 => {
                // An overlay without its format layer is of little use for the rest of the plan.
                if self.mishaps.chance(Ratio::new(1, 3)) {
                    let disk = *self.mishaps.pick(&[DiskId::Hidden, DiskId::Active]);
                    self.push(Step::Eject(disk));
                }
            }
            _ => {
                let (side, cut) = (*self.mishaps.pick(&Side::BOTH), self.mishaps.chance(half()));
                self.push(Step::CutFrom { side, cut });
            }
        }
    }

    /// The next emptying of an overlay fails, in one of four ways.
    pub(super) fn failing_emptying(&mut self) {
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&[DiskId::Hidden, DiskId::Active]);
        let how = EmptyFailure::ALL[stream.weighted(&[3, 3, 3, 1])];
        let errno = *stream.pick(&[Errno::Io, Errno::NoSpace]);
        self.push(Step::EmptyFails { disk, how, errno });
        if self.mishaps.chance(half()) {
            self.push(Step::Checkpoint);
        }
    }

    /// Some request of some disk fails, soon.
    pub(super) fn fault(&mut self) {
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&DiskId::ALL);
        let mut spec = FaultSpec::new(
            disk,
            *stream.pick(&[OpKind::Read, OpKind::Write, OpKind::Flush, OpKind::Any]),
        );
        spec.errno = *stream.pick(&[Errno::Io, Errno::Io, Errno::NoSpace]);
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        spec.skip = stream.below(4) as u32;
        spec.times = Some(1 + stream.below(3) as u32);
        if stream.chance(Ratio::new(1, 4)) {
            let from = stream.below(self.geometry.sectors);
            spec.range = Some((from, from + 1 + stream.below(8)));
        }
        if stream.chance(Ratio::new(1, 5)) {
            spec.during = Some(*stream.pick(&[
                Phase::Stage(Stage::Running),
                Phase::Checkpoint,
                Phase::BackupCancelling,
                Phase::Commit(CommitPhase::Copying),
                Phase::Commit(CommitPhase::FinalFlush),
            ]));
        }
        if stream.chance(Ratio::new(1, 12)) && spec.range.is_some() {
            (spec.latent, spec.op) = (true, OpKind::Read);
        }
        self.push(Step::Fault(spec));
    }

    /// Flushed writes, and a checkpoint that cannot empty an overlay or make that durable.
    pub(super) fn half_failed_checkpoint(&mut self) {
        self.push(Step::Flush { side: Side::Secondary, wait: true });
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&[DiskId::Hidden, DiskId::Active]);
        let mut spec = FaultSpec::new(disk, *stream.pick(&[OpKind::Write, OpKind::Flush]));
        (spec.times, spec.during) = (Some(1), Some(Phase::Checkpoint));
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        self.push(Step::Fault(spec));
        self.push(Step::Checkpoint);
    }

    /// The next write of active's header fails, or the next flush of a disk.
    pub(super) fn header_or_flush_fault(&mut self) {
        let stream = &mut self.mishaps;
        let spec = if stream.chance(half()) {
            let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
            (spec.range, spec.damage) =
                (Some((0, 1)), *stream.pick(&[Damage::None, Damage::Prefix]));
            spec
        } else {
            let disk = *stream.pick(&[DiskId::Secondary, DiskId::Hidden, DiskId::Active]);
            let mut spec = FaultSpec::new(disk, OpKind::Flush);
            spec.skip = stream.below(2) as u32;
            spec
        };
        self.push(Step::Fault(FaultSpec { times: Some(1), ..spec }));
    }

    /// The commit that comes will fail, at some request.
    pub(super) fn commit_fault(&mut self) {
        let stream = &mut self.mishaps;
        let phase = *stream.pick(&[
            CommitPhase::Copying,
            CommitPhase::Copying,
            CommitPhase::Copying,
            CommitPhase::Flushing,
            CommitPhase::Draining,
            CommitPhase::FinalFlush,
            CommitPhase::Marking,
        ]);
        let mut disk = *stream.pick(&[DiskId::Secondary, DiskId::Hidden, DiskId::Active]);
        let mut skip = stream.below(4) as u32;
        if phase == CommitPhase::Marking {
            (disk, skip) = (DiskId::Active, 0);
        }
        let mut spec = FaultSpec::new(disk, OpKind::Any);
        spec.during = Some(Phase::Commit(phase));
        spec.skip = skip;
        spec.times = Some(1 + stream.below(2) as u32);
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        self.push(Step::Fault(spec));
    }
}
