//! Misfortunes by kind, and what a host was in the middle of when they struck.
//!
//! The kinds are those of [`FAULTS`](crate::plan::FAULTS); only crashes have a group of their own, and a
//! disk that lies is drawn by `run --lies` alone. A request that is made to fail strikes where it fails,
//! everything else where the plan does it.

use colo_core::{JobKind, Phase};
use colo_sim::faulty::Cause;
use colo_sim::world::{Coverage, Side};

use crate::plan::Step;
use crate::points::jobs::{STATES, phases, state};

/// What the disks' requests fail for, then what else a plan does to a host, then to a network.
const KINDS: [&str; 18] = [
    "fault",
    "fault-prefix",
    "fault-subset",
    "fault-latent",
    "rates",
    "stall",
    "empty_fails",
    "eject",
    "cancel-backup",
    "cancel-commit",
    "admin",
    "cut",
    "cut_from",
    "hold",
    "cut_between",
    "sever",
    "latency",
    "tamper",
];

/// The first that takes a network.
const ON_NETWORK: usize = 14;

/// Sides and phases, in order.
fn moments() -> impl Iterator<Item = (Side, Phase)> {
    Side::BOTH.into_iter().flat_map(|side| phases(side).iter().map(move |&phase| (side, phase)))
}

fn name(kind: &str, side: Side, moment: &str) -> String {
    format!("misfortune/{kind}/{}/{moment}", side.name())
}

/// Those that take no network.
pub(super) fn names() -> Vec<String> {
    let kinds = KINDS[..ON_NETWORK].iter();
    kinds
        .flat_map(|kind| moments().map(move |(side, phase)| name(kind, side, phase.name())))
        .collect()
}

/// Those of a network. What befalls it does not reach a job: stages are enough.
pub(super) fn names_on_network() -> Vec<String> {
    let moments = || Side::BOTH.into_iter().flat_map(|side| STATES.map(move |state| (side, state)));
    let kinds = KINDS[ON_NETWORK..].iter();
    kinds.flat_map(|kind| moments().map(move |(side, state)| name(kind, side, state))).collect()
}

/// A kind of misfortune: its place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Misfortune(usize);

impl Misfortune {
    /// What a step does, if it is a misfortune that strikes at once.
    pub(crate) fn of(step: &Step) -> Option<Self> {
        let kind = match step {
            Step::Stall { .. } => "stall",
            Step::EmptyFails { .. } => "empty_fails",
            Step::Eject(_) => "eject",
            Step::Cancel(JobKind::Backup) => "cancel-backup",
            Step::Cancel(JobKind::Commit) => "cancel-commit",
            Step::Admin { .. } => "admin",
            Step::Cut(true) => "cut",
            Step::CutFrom { cut: true, .. } => "cut_from",
            Step::Hold(true) => "hold",
            Step::CutBetween { cut: true, .. } => "cut_between",
            Step::Sever { .. } => "sever",
            Step::Latency(_) => "latency",
            Step::Tamper { .. } => "tamper",
            _ => return None,
        };
        KINDS.iter().position(|known| *known == kind).map(Self)
    }

    /// The host that it strikes; `None` is both.
    pub(crate) fn side(step: &Step) -> Option<Side> {
        match step {
            Step::Stall { disk, .. } => Some(Side::of(*disk)),
            Step::EmptyFails { .. } | Step::Eject(_) | Step::Cancel(_) => Some(Side::Secondary),
            Step::Admin { side, .. } => Some(*side),
            _ => None,
        }
    }

    /// Whether it takes a network.
    pub(crate) fn is_of_network(self) -> bool {
        self.0 >= ON_NETWORK
    }

    /// Its place among those of its group.
    pub(super) fn place(self, side: Side, phase: Phase) -> Option<usize> {
        if self.is_of_network() {
            let row = 2 * (self.0 - ON_NETWORK) + side as usize;
            return Some(row * STATES.len() + state(phase));
        }
        let moment = moments().position(|moment| moment == (side, phase))?;
        Some(self.0 * moments().count() + moment)
    }
}

/// Adds how often requests failed.
pub(super) fn count(coverage: &Coverage, hits: &mut [u32]) {
    let causes = Cause::ALL.into_iter().flat_map(|cause| moments().map(move |at| (cause, at)));
    for ((cause, (side, phase)), hits) in causes.zip(hits) {
        *hits += coverage.failed(cause, side, phase);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FAULTS;

    #[test]
    fn every_kind_of_fault_has_its_points() {
        let elsewhere = ["power_loss", "power_loss_with", "kill", "lie"];
        for (kind, _) in FAULTS.iter().filter(|(kind, _)| !elsewhere.contains(kind)) {
            let is_of = |known: &&str| *known == *kind || known.starts_with(&format!("{kind}-"));
            assert!(KINDS.iter().any(is_of), "{kind} has no point");
        }
    }

    #[test]
    fn causes_come_first_and_in_order() {
        assert_eq!(Cause::ALL.map(Cause::name), KINDS[..Cause::ALL.len()]);
    }
}
