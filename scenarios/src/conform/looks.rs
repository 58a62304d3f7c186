//! What is looked at after a step: it follows from the plan alone, so that both sides look at the same.

use std::collections::BTreeSet;

use colo_core::{Admin, DiskId, EmptyFailure, Format, GUEST, Verb};
use colo_sim::world::Side;

use crate::conform::machine::wirings;
use crate::plan::{Plan, Step};

/// What to look at. See the module's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks {
    /// Volume and cluster, of everything that a step has touched so far.
    pub(super) touched: BTreeSet<(u8, u64)>,
    /// A write to the secondary disk is held, and with it the commit.
    pub(super) held: bool,
    /// A commit was held or met a fault: how much of it has landed is not controlled.
    unsettled: bool,
    /// A disk of the secondary host has a fault.
    faulty: bool,
    /// An emptying was to eject an overlay.
    ejects: bool,
    /// Somebody does something on the primary host.
    primary: bool,
    /// Volumes whose guest on the secondary host has no device.
    unplugged: BTreeSet<u8>,
    /// Volumes whose hidden disk is an overlay in its place.
    overlays: Vec<u8>,
    /// The images that are overlays.
    images: Vec<(u8, DiskId)>,
    /// An overlay's disk had a fault: which of its tables were written is its own affair.
    overlay_failed: bool,
}

/// The images of overlays.
pub(super) const OVERLAYS: [DiskId; 2] = [DiskId::Hidden, DiskId::Active];

impl Looks {
    /// The hosts that matter to the plan.
    pub(super) fn sides(&self) -> impl Iterator<Item = Side> + use<> {
        let primary = self.primary;
        Side::BOTH.into_iter().filter(move |side| primary || *side == Side::Secondary)
    }

    /// The disks without a format, on those hosts.
    pub(super) fn disks(&self) -> impl Iterator<Item = DiskId> + use<> {
        let local = self.primary.then_some(DiskId::Local);
        let secondary = (!self.unsettled).then_some(DiskId::Secondary);
        local.into_iter().chain(secondary)
    }

    /// The volumes whose hidden disk can be asked what it holds. To ask a node is to drain it, which does not
    /// end while a commit is held; and an image that may be ejected answers for what is below it.
    pub(super) fn overlays(&self) -> impl Iterator<Item = u8> + use<> {
        let asked = !self.held && !self.ejects;
        let overlays = if asked { self.overlays.clone() } else { Vec::new() };
        overlays.into_iter()
    }

    /// The images that can be checked at the end: of each volume those that are overlays.
    pub(super) fn images(&self) -> impl Iterator<Item = (u8, DiskId)> + use<> {
        self.images.clone().into_iter()
    }

    /// Whether what is in a volume's images is controlled, if the secondary's process has ended in order.
    pub(super) fn images_are_controlled(&self, volume: u8) -> bool {
        let usual = self.overlays.contains(&volume);
        usual && !self.overlay_failed && !self.ejects && !self.unsettled
    }

    /// The clusters of a volume that were touched.
    pub(super) fn touched_of(&self, volume: u8) -> impl Iterator<Item = u64> + '_ {
        self.touched.range((volume, 0)..(volume + 1, 0)).map(|(_, cluster)| *cluster)
    }

    /// Whether a guest has a device to read from.
    pub(super) fn plugged(&self, side: Side, volume: u8) -> bool {
        side == Side::Primary || !self.unplugged.contains(&volume)
    }

    fn plug(&mut self, volume: u8, step: &Step) {
        match step {
            Step::On { volume, step } => self.plug(*volume, step),
            Step::Admin { command: Admin::Detach { user: GUEST }, .. } => {
                self.unplugged.insert(volume);
            }
            Step::Admin { command: Admin::Attach { user: GUEST, .. }, .. } => {
                self.unplugged.remove(&volume);
            }
            Step::Restart(Side::Secondary) => self.unplugged.clear(),
            _ => {}
        }
    }

    fn commit(&mut self, step: &Step) {
        match step.bare() {
            Step::Fault(spec) => {
                self.faulty |= spec.disk != DiskId::Local;
                self.overlay_failed |= OVERLAYS.contains(&spec.disk);
            }
            Step::FaultsEnd => self.faulty = false,
            Step::EmptyFails { how, .. } => {
                self.ejects |= *how == EmptyFailure::Ejected;
                self.overlay_failed = true;
            }
            Step::Call { verb: Verb::Stop { failover: true }, side: Side::Secondary, .. }
            | Step::CallAll {
                verb: Verb::Stop { failover: true }, side: Side::Secondary, ..
            } => {
                self.unsettled |= self.faulty;
            }
            _ => {}
        }
    }

    fn touch(&mut self, plan: &Plan, volume: u8, step: &Step) {
        let (at, len) = match step {
            Step::On { volume, step } => return self.touch(plan, *volume, step),
            Step::Read { at, len, .. }
            | Step::Write { at, len, .. }
            | Step::WriteZeroes { at, len, .. }
            | Step::Discard { at, len, .. } => (*at, *len),
            _ => return,
        };
        let cluster = u64::from(plan.setup.geometry.cluster);
        let end = at.saturating_add(len.into()).min(plan.setup.geometry.sectors);
        let clusters = at / cluster..end.div_ceil(cluster);
        self.touched.extend(clusters.map(|cluster| (volume, cluster)));
    }
}

/// What to look at after this many steps of a plan.
pub(super) fn looks(plan: &Plan, steps: usize) -> Looks {
    let mut looks = Looks {
        primary: plan.steps.iter().any(concerns_primary),
        overlays: wirings(&plan.setup)
            .filter(|(_, wiring)| [wiring.active, wiring.hidden] == [Format::Overlay; 2])
            .map(|(volume, _)| volume)
            .collect(),
        images: wirings(&plan.setup)
            .flat_map(|(volume, wiring)| {
                let formats = [(DiskId::Hidden, wiring.hidden), (DiskId::Active, wiring.active)];
                let overlays = formats.into_iter().filter(|(_, format)| *format == Format::Overlay);
                overlays.map(move |(disk, _)| (volume, disk))
            })
            .collect(),
        ..Looks::default()
    };
    for step in &plan.steps[..steps] {
        looks.touch(plan, 0, step);
        looks.plug(0, step);
        looks.commit(step);
        match step.bare() {
            Step::Stall { .. } => (looks.held, looks.unsettled) = (true, true),
            Step::Pass(_) | Step::Settle => (looks.held, looks.unsettled) = (false, looks.faulty),
            Step::Kill(Side::Secondary) => looks.held = false,
            Step::Recover { .. } => looks.unsettled = false,
            _ => {}
        }
    }
    looks
}

/// Whether a step does something on the primary host.
pub(super) fn concerns_primary(step: &Step) -> bool {
    let (Step::Read { side, .. }
    | Step::Write { side, .. }
    | Step::Flush { side, .. }
    | Step::WriteZeroes { side, .. }
    | Step::Discard { side, .. }
    | Step::Call { side, .. }
    | Step::CallAll { side, .. }
    | Step::Admin { side, .. }
    | Step::Kill(side)
    | Step::Restart(side)) = step.bare()
    else {
        return matches!(step.bare(), Step::Fault(spec) if spec.disk == DiskId::Local);
    };
    *side == Side::Primary
}
