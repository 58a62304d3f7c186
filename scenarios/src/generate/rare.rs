//! Situations that the rest of a plan meets too seldom for a campaign to be sure of them.

use colo_core::{Admin, DiskId, JobKind};
use colo_sim::stream::Ratio;
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::Step;

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
}
