//! Situations that the rest of a plan meets too seldom for a campaign to be sure of them.

use colo_core::{Admin, DiskId, GUEST, JobKind, Mode, Verb};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::stream::Ratio;
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::{FaultSpec, Step};

impl Generator {
    /// After a failed failover: the disks under the overlays that the guest goes on with become bad.
    pub(super) fn bad_disks(&mut self) {
        if !self.rare.chance(Ratio::new(1, 4)) {
            return;
        }
        for disk in [DiskId::Active, DiskId::Hidden, DiskId::Secondary] {
            self.push(Step::Rates { disk, read: 300, write: 200, flush: 200 });
        }
        let whole = self.geometry.whole();
        for _ in 0..2 {
            let side = Side::Secondary;
            self.push(Step::Read { side, at: whole.at, len: whole.len, wait: true });
            self.request(side);
        }
        self.push(Step::FaultsEnd);
    }

    /// An operator quits, or takes a volume away, which flushes its disk, and something comes in between: the
    /// disk fails, or the host goes down, or a job is cancelled.
    pub(super) fn ends_badly(&mut self) {
        if !self.rare.chance(Ratio::new(1, 60)) {
            return;
        }
        let side = *self.rare.pick(&Side::BOTH);
        let disk = if side == Side::Primary { DiskId::Local } else { DiskId::Secondary };
        let fails = self.rare.chance(half());
        if fails {
            self.push(Step::Rates { disk, read: 0, write: 0, flush: 700 });
        }
        let command = *self.rare.pick(&[Admin::Quit, Admin::Remove]);
        self.push(Step::Admin { side, command, wait: false });
        let ns = self.rare.below(40_000);
        self.push(Step::Pass(ns));
        if fails {
            self.push(Step::Settle);
            self.push(Step::FaultsEnd);
        } else if self.rare.chance(half()) {
            self.push(Step::Cancel(JobKind::Backup));
        } else {
            let crash =
                if self.rare.chance(half()) { Step::PowerLoss(side) } else { Step::Kill(side) };
            self.push(crash);
            self.push(match side {
                Side::Primary => Step::Restart(side),
                Side::Secondary => Step::Recover { wait: true },
            });
        }
    }

    /// The secondary is started while the primary writes already: one write is on its way, which the start
    /// waits for, and the next is copied for before the start is done, on a disk that fails.
    pub(super) fn starts_under_writes(&mut self) {
        if !self.rare.chance(Ratio::new(1, 400)) {
            return;
        }
        self.push(Step::Call { side: Side::Primary, verb: Verb::Start(Mode::Primary), wait: true });
        let (disk, op) =
            *self.rare.pick(&[(DiskId::Secondary, OpKind::Read), (DiskId::Hidden, OpKind::Write)]);
        let mut spec = FaultSpec::new(disk, op);
        spec.times = Some(1 + self.rare.below(2) as u32);
        spec.latent = op == OpKind::Read && self.rare.chance(half());
        let (now, later) = if spec.latent { (None, Some(spec)) } else { (Some(spec), None) };
        now.map(Step::Fault).into_iter().for_each(|step| self.push(step));
        let whole = self.geometry.whole();
        let write = Step::Write { side: Side::Primary, at: whole.at, len: whole.len, wait: false };
        self.push(Step::Stall { disk: DiskId::Secondary, ns: 400_000 });
        self.push(write.clone());
        self.push(Step::Pass(80_000));
        // Once that write is done, what it wrote can be read: so this comes after it.
        later.map(Step::Fault).into_iter().for_each(|step| self.push(step));
        let (side, verb) = (Side::Secondary, Verb::Start(Mode::Secondary));
        self.push(Step::Call { side, verb, wait: false });
        self.push(write);
        self.push(Step::Settle);
        self.push(Step::FaultsEnd);
    }

    /// A failover cannot mark the overlays, and whoever ends the filter then cannot mark them as spent: what
    /// the disk says of them is anybody's guess, and a recovery will go by it.
    pub(super) fn ends_in_doubt(&mut self) {
        if !self.rare.chance(Ratio::new(1, 150)) {
            return;
        }
        let (side, wait) = (Side::Secondary, true);
        self.push(Step::Write { side, at: self.geometry.whole().at, len: 1, wait });
        self.push(Step::Flush { side, wait });
        let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
        spec.range = Some((0, 1));
        spec.times = Some(1 + self.rare.below(3) as u32);
        spec.damage = *self.rare.pick(&[Damage::Prefix, Damage::Prefix, Damage::None]);
        self.push(Step::Fault(spec));
        self.push(Step::Call { side, verb: Verb::Stop { failover: true }, wait });
        if self.rare.chance(half()) {
            self.request(side);
            self.push(Step::Flush { side, wait });
        }
        match self.rare.below(5) {
            0 => self.command(side, Admin::Quit),
            1 => self.command(side, Admin::Remove),
            2 => self.command(side, Admin::Detach { user: GUEST }),
            3 => self.push(Step::Call { side, verb: Verb::Stop { failover: false }, wait }),
            _ => self.push(Step::Call { side, verb: Verb::Close, wait }),
        }
        let power = self.rare.chance(half());
        self.push(if power { Step::PowerLoss(side) } else { Step::Kill(side) });
        if self.rare.chance(Ratio::new(1, 4)) {
            self.push(Step::Restart(side));
            self.push(Step::Call { side, verb: Verb::Start(Mode::Secondary), wait });
            self.push(Step::PowerLoss(side));
        }
        self.push(Step::Recover { wait });
    }

    /// Somebody closes the primary's filter and asks it for a checkpoint.
    pub(super) fn asks_who_is_closed(&mut self) {
        if !self.rare.chance(Ratio::new(1, 400)) {
            return;
        }
        self.push(Step::Settle);
        for verb in [Verb::Close, Verb::Checkpoint] {
            self.push(Step::Call { side: Side::Primary, verb, wait: true });
        }
    }
}
