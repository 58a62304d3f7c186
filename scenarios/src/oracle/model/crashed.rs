//! What the model believes after a process has ended, and after a recovery.

use colo_core::{DiskId, Recovery};
use colo_sim::world::{Side, Stamp, VolumeView};

use crate::oracle::model::{Model, Owed, on_disk};

impl Model {
    /// The volume or its process is gone, and with it everything that was not on a disk.
    pub(super) fn ended(&mut self, side: Side, world: VolumeView<'_>, power_lost: bool) {
        // What waits in a process that goes on is answered, be it that there is no volume.
        if world.world().host(side).is_none() {
            self.verbs.retain(|open| open.side != side);
        }
        self.desks[side as usize].clear();
        self.discards.clear();
        self.stage[side as usize] = None;
        self.opened[side as usize] = false;
        if side == Side::Primary {
            self.primary.abandon(self.now);
            return self.settle_disk(side, DiskId::Local, world, power_lost);
        }
        self.forwarded.abandon(self.now);
        self.leftovers.clear();
        self.stray.clear();
        self.mark_in_doubt = false;
        (self.backup, self.commit, self.copy_filter, self.blocker) = (false, false, false, false);
        if let Some(view) = &mut self.view {
            view.abandon(self.now);
        }
        if self.owed == Owed::Nothing {
            self.view = None;
        }
        self.settle_disk(side, DiskId::Secondary, world, power_lost);
        self.forget_mirror_of_lost(world);
    }

    /// What is on the disk now is what there is; only a power loss makes it durable.
    pub(super) fn settle_disk(
        &mut self,
        side: Side,
        disk: DiskId,
        world: VolumeView<'_>,
        power_lost: bool,
    ) {
        let now = self.now;
        let alone = self.owed == Owed::DiskAlone;
        let view = self.view.as_mut().filter(|_| alone);
        let registers = match side {
            Side::Primary => [Some(&mut self.primary), None],
            Side::Secondary => [Some(&mut self.forwarded), view],
        };
        for register in registers.into_iter().flatten() {
            for sector in 0..register.len() {
                let found = on_disk(world, disk, sector).unwrap_or(Stamp::ZERO);
                if power_lost {
                    register.settle(sector, found);
                } else {
                    register.resolve(sector, found, now);
                }
            }
        }
        self.now += 3;
    }

    /// A guest goes on from the secondary disk. What it sent meanwhile was held back, and is
    /// on its way now: such a sector keeps what it might hold before.
    pub(super) fn recovered(&mut self, recovery: Recovery, world: VolumeView<'_>) {
        let written = recovery == Recovery::Committed || self.owed == Owed::View;
        let as_it_was = self.owed == Owed::DiskAlone;
        if recovery == Recovery::DiskAlone && self.owed == Owed::Perhaps {
            self.forwarded_after_all();
        }
        self.owed = Owed::DiskAlone;
        let Some(view) = &mut self.view else { return };
        for sector in (0..view.len()).filter(|_| !as_it_was) {
            let found = on_disk(world, DiskId::Secondary, sector).unwrap_or(Stamp::ZERO);
            if written {
                // Everything was flushed; only what is on its way may show on top of it.
                let disk = world.disk(DiskId::Secondary).medium();
                let durable = Stamp::of(disk.peek_durable(sector)).unwrap_or(Stamp::ZERO);
                view.settle_below_pending(sector, durable);
            } else if !view.write_pending(sector) {
                view.resolve(sector, found, self.now);
            }
        }
        self.now += 3;
    }
    /// The failover was refused, and a planned stop came as far as to say so: the guest goes on from what was
    /// forwarded, durable or not, and what it had flushed over it is void.
    fn forwarded_after_all(&mut self) {
        let Some(old) = self.view.take() else { return };
        let mut view = self.forwarded.clone();
        view.adopt_pending(&old);
        view.adopt_requests(&old);
        self.view = Some(view);
    }
}
