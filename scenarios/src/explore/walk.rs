//! A run as a system that an explorer can crash, and the judgement of one crash.

use colo_core::{DiskId, VolumeId};
use colo_sim::explore::{Crash, Explorer, Point, System};
use colo_sim::sim_disk::SimDisk;
use colo_sim::world::{Side, World};

use crate::plan::{Kept, Step};
use crate::run::{Crashed, Run};

/// What is left of sectors.
pub(super) type Keep = Vec<Kept>;

/// One power loss, for whoever tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) side: Side,
    /// Events since the plan's beginning, and steps of the flat plan done.
    pub(super) events: u64,
    pub(super) flat_steps: usize,
    /// Events of the recovery that it cut off, if it did.
    pub(super) in_recovery: Option<u64>,
    /// What the host was in the middle of.
    pub(super) phase: &'static str,
    pub(super) keep: Keep,
}

/// A run of a flat plan, or a recovery that was forked from one.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    run: Run<'a>,
    sides: &'a [Side],
    /// Power losses still to come.
    depth: u8,
    recovery: bool,
    /// Asked before each state.
    go_on: &'a dyn Fn() -> bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        run: Run<'a>,
        sides: &'a [Side],
        depth: u8,
        go_on: &'a dyn Fn() -> bool,
    ) -> Self {
        Self { run, sides, depth, recovery: false, go_on }
    }

    /// Crashes a clone as the explorer says, recovers, and tells what must not have been.
    pub(super) fn judge(
        &self,
        explorer: &mut Explorer,
        crash: Crash<'_>,
        tell: &mut dyn FnMut(&[Loss], Crashed),
    ) {
        let loss = self.loss(crash);
        let [repaired, lost] = crash_steps(loss.side, loss.keep.clone());
        let [recovered] = recover_steps(loss.side);
        let again = (self.depth > 1 && crash.new && loss.side == Side::Secondary)
            .then(|| [repaired.clone(), lost.clone(), Step::Recover { wait: false }]);
        let seen = self.run.fork(&[repaired, lost, recovered]).conclude(&self.run);
        if !seen.violations.is_empty() || !seen.aborts.is_empty() {
            tell(std::slice::from_ref(&loss), seen);
        }
        let Some(again) = again else { return };
        let begun = self.run.fork(&again);
        let (sides, depth) = (&[Side::Secondary][..], self.depth - 1);
        let mut recovery = Walk { run: begun, sides, depth, recovery: true, go_on: self.go_on };
        explorer.walk(&mut recovery, &mut |explorer, walk: &Walk<'_>, crash: Crash<'_>| {
            // The other host was looked at already when the recovery was not cut off.
            if crash.new {
                walk.judge(explorer, crash, &mut |later, seen| {
                    let losses: Vec<_> = std::iter::once(&loss).chain(later).cloned().collect();
                    tell(&losses, seen);
                });
            }
        });
    }

    fn loss(&self, crash: Crash<'_>) -> Loss {
        let Point { events, host } = crash.point;
        let side = self.sides[host];
        let disks = disks(self.run.world(), side);
        let kept = crash.survivors.kept();
        let first = self.run.world().volume(VolumeId::FIRST);
        let phase = first.on(side).map_or("off", |volume| volume.phase().name());
        Loss {
            side,
            events: self.run.events(),
            flat_steps: self.run.next_step(),
            in_recovery: self.recovery.then_some(events),
            phase,
            keep: kept
                .map(|kept| {
                    let (volume, disk) = disks[kept.disk];
                    (volume, disk, kept.sector, kept.version as u32)
                })
                .collect(),
        }
    }
}

impl System for Walk<'_> {
    fn step(&mut self) -> bool {
        if self.recovery {
            return self.run.is_recovering() && self.run.let_one_happen();
        }
        self.run.step()
    }

    fn hosts(&self) -> usize {
        self.sides.len()
    }

    fn disks(&self, host: usize) -> Vec<&SimDisk> {
        let world = self.run.world();
        let disks = disks(world, self.sides[host]).into_iter();
        disks.map(|(volume, disk)| world.volume(volume).disk(disk).medium()).collect()
    }

    fn expect(&self, host: usize, into: &mut Vec<u8>) {
        // How many crashes are to follow is part of what a state is judged by.
        into.push(self.depth);
        self.run.oracle().expect(self.sides[host], into);
    }

    fn go_on(&self) -> bool {
        (self.go_on)()
    }
}

/// The disks of a host, in the order in which they lose power.
fn disks(world: &World, side: Side) -> Vec<(VolumeId, DiskId)> {
    let of_one = |volume| DiskId::ALL.into_iter().map(move |disk| (volume, disk));
    world.volume_ids().flat_map(of_one).filter(|(_, disk)| Side::of(*disk) == side).collect()
}

/// A power loss that leaves exactly this. Whatever the plan does to disks is over: a recovery that
/// fails for another reason would tell nothing.
pub(super) fn crash_steps(side: Side, keep: Keep) -> [Step; 2] {
    [Step::FaultsEnd, Step::PowerLossWith { side, keep }]
}

/// What an operator does then.
pub(super) fn recover_steps(side: Side) -> [Step; 1] {
    [match side {
        Side::Primary => Step::Restart(side),
        Side::Secondary => Step::Recover { wait: true },
    }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use colo_sim::explore::Bounds;

    use super::*;
    use crate::explore::found::named;
    use crate::explore::workloads::Alphabet;
    use crate::plan::Plan;
    use crate::profile::{Behaviour, Profile};
    use crate::run::flatten;

    type Verdict = Vec<&'static str>;

    /// Judges every state at every crash point, with nothing pruned, and compares those that pruning
    /// would take for one.
    fn judge_all(plan: &Plan, seen: &mut BTreeMap<(Vec<u8>, u128), Verdict>) -> u64 {
        let (whole, flat, _) = flatten(plan);
        let single = Plan { steps: flat.steps, ..whole };
        // The other host's doings are not in the key: a crash of the secondary is judged for itself.
        let sides = [Side::Secondary];
        let mut walk = Walk::new(Run::new(&single, false), &sides, 1, &|| true);
        let mut compared = 0;
        loop {
            let mut explorer = Explorer::new(Bounds { combinations_max: 64, ..Bounds::default() });
            let mut expectation = Vec::new();
            walk.expect(0, &mut expectation);
            let point = Point { events: 0, host: 0 };
            explorer.crash(&walk, point, &mut |explorer, walk: &Walk<'_>, crash| {
                let mut verdict = Verdict::new();
                walk.judge(explorer, crash, &mut |_, crashed| {
                    verdict = named(&crashed).into_iter().map(|(name, _)| name).collect();
                });
                let key = (expectation.clone(), crash.survivors.hash());
                let before = seen.entry(key).or_insert_with(|| verdict.clone());
                // `no-abort`, `progress` and what else the end of the run tells is not of the crash.
                let crash_only = |names: &Verdict| names.contains(&"crash");
                assert_eq!(crash_only(before), crash_only(&verdict), "{}", plan.name);
                compared += 1;
            });
            if !walk.step() {
                return compared;
            }
        }
    }

    #[test]
    fn states_that_are_taken_for_one_are_judged_alike() {
        for profile in [Profile::Hardened, Profile::Seed] {
            let alphabet = Alphabet { ops_max: 2, ..Alphabet::default() };
            let (mut seen, mut compared) = (BTreeMap::new(), 0);
            for plan in alphabet.plans(&Behaviour::from(profile)).iter().step_by(3) {
                compared += judge_all(plan, &mut seen);
            }
            // Across plans, too: the latencies of one are not those of another.
            assert!(compared > 5 * seen.len() as u64, "{compared} of {}", seen.len());
            let violating = seen.values().filter(|verdict| !verdict.is_empty()).count();
            assert_eq!(violating > 0, profile == Profile::Seed);
        }
    }
}
