//! A disk of the world: a stack of what stores, what may lie, and what may fail.
//!
//! Faults stand above lies: what an engine is told has failed did fail, and a lie is told
//! on what is left of it.

use colo_core::{DiskId, Extent, VolumeId};

use crate::faulty::Faulty;
use crate::lying::{LieRule, Lying};
use crate::sim_disk::SimDisk;
use crate::world::{DiskOp, Side, What, World};

/// A disk of the world.
pub type WorldDisk = Faulty<Lying<SimDisk>>;

impl WorldDisk {
    /// What stores.
    #[inline]
    pub fn medium(&self) -> &SimDisk {
        self.inner().inner()
    }

    /// What stores.
    #[inline]
    pub fn medium_mut(&mut self) -> &mut SimDisk {
        self.inner_mut().inner_mut()
    }

    /// From now on it lies on the requests that the rule names.
    pub fn add_lie(&mut self, rule: LieRule) {
        let contents = self.medium().cached().clone();
        self.inner_mut().add_rule(rule, contents);
    }

    /// Forgets what is in flight, because its medium was made to.
    pub(super) fn forget(&mut self) {
        self.forget_in_flight();
        self.inner_mut().forget_in_flight();
    }
}

impl World {
    /// Says which requests to this disk were lied on: to readers of the trace, for no oracle may
    /// look at it.
    pub(super) fn publish_lies(&mut self, volume: VolumeId, disk: DiskId) {
        let device = &mut self.disks[usize::from(volume.0)][disk as usize];
        for told in device.inner_mut().take_told() {
            let (op, extent) = (DiskOp::of(told.op), Extent::new(told.at, told.len as u32));
            let what = What::Lie { disk, lie: told.lie, op, extent };
            self.publish(Some(Side::of(disk)), volume, what);
        }
    }
}
