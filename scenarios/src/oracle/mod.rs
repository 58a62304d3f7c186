//! The oracle: judges a run by its entries and by what the disks hold.
//!
//! It never sees the core's private state. A model of what may be where moves with
//! the entries; one checker a file compares. A checker sees an entry before the
//! model does, and the world just after it. It reports the first violation of its
//! invariant in a run: what follows from a violation is not another one.

mod acknowledged;
mod all;
mod answers;
mod available;
mod checkpoint;
mod crash;
mod desk;
mod error_report;
mod expectation;
mod failover;
mod mirror;
mod model;
mod networked;
mod no_abort;
mod one_writer;
mod planned_stop;
mod progress;
mod register;
mod release;
mod stage_edges;
mod view;
mod words;

use colo_core::{Event, Extent, Time, VolumeId};
use colo_sim::world::{Entry, Side, VolumeView, What, World};

use all::Alls;
use model::Model;
pub use progress::BOUND_NS as PROGRESS_BOUND_NS;

/// Names and sentences of all invariants, in the order of reports.
pub const INVARIANTS: &[(&str, &str)] = &[
    ("stage-edges", stage_edges::HOLDS),
    ("answers", answers::HOLDS),
    ("view", view::HOLDS),
    ("checkpoint", checkpoint::HOLDS),
    ("failover", failover::HOLDS),
    ("planned-stop", planned_stop::HOLDS),
    ("mirror", mirror::HOLDS),
    ("acknowledged", acknowledged::HOLDS),
    ("error-report", error_report::HOLDS),
    ("crash", crash::HOLDS),
    ("release", release::HOLDS),
    ("no-abort", no_abort::HOLDS),
    ("progress", progress::HOLDS),
    ("available", available::HOLDS),
    ("one-writer", one_writer::HOLDS),
];

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// During which step of the plan, if it had begun.
    pub step: Option<u32>,
    /// When.
    pub at: Time,
    /// On which host.
    pub side: Side,
    /// On which of its volumes.
    pub volume: VolumeId,
    /// On which sector of the guest's disk, if it is about what one holds.
    pub sector: Option<u64>,
    /// What was seen and what was expected.
    pub message: String,
}

/// The checkers that judge an entry; `view` and `progress` judge moments.
const CHECKS: &[fn(&Sight<'_>, &mut Findings)] = &[
    stage_edges::check,
    answers::check,
    checkpoint::check,
    failover::check,
    planned_stop::check,
    mirror::check,
    acknowledged::check,
    crash::check,
    error_report::check,
    available::check,
    release::check,
    no_abort::check,
    progress::check_removed,
    networked::check,
    one_writer::check,
];

/// What checkers look at.
struct Sight<'a> {
    model: &'a Model,
    world: VolumeView<'a>,
    entry: &'a Entry,
}

/// Where checkers report.
#[derive(Debug, Clone, Default)]
struct Findings {
    step: Option<u32>,
    at: Time,
    volume: VolumeId,
    violations: Vec<Violation>,
}

impl Findings {
    fn has(&self, invariant: &str) -> bool {
        self.violations.iter().any(|violation| violation.invariant == invariant)
    }

    fn report(&mut self, invariant: &'static str, side: Side, message: String) {
        self.report_of(invariant, side, None, message);
    }

    /// A sector holds what it must not.
    fn report_at(&mut self, invariant: &'static str, side: Side, sector: u64, message: String) {
        self.report_of(invariant, side, Some(sector), message);
    }

    fn report_of(
        &mut self,
        invariant: &'static str,
        side: Side,
        sector: Option<u64>,
        message: String,
    ) {
        if !self.has(invariant) {
            let (step, at, volume) = (self.step, self.at, self.volume);
            let message = match volume {
                VolumeId::FIRST => message,
                _ => format!("on volume {volume}: {message}"),
            };
            let violation = Violation { invariant, step, at, side, volume, sector, message };
            self.violations.push(violation);
        }
    }
}

/// See the module's head.
#[derive(Debug, Clone)]
pub struct Oracle {
    /// One for each volume.
    models: Vec<Model>,
    alls: Alls,
    findings: Findings,
}

impl Oracle {
    /// An oracle for a world in which nothing has happened.
    pub fn new(world: &World) -> Self {
        let models = world.volumes().map(Model::new).collect();
        Self { models, alls: Alls::default(), findings: Findings::default() }
    }

    /// In which epoch a guest sent this one of its writes to a volume, if it did.
    pub(crate) fn epoch(&self, volume: VolumeId, side: Side, number: u32) -> Option<u32> {
        let model = self.models.get(usize::from(volume.0))?;
        model.epochs[side as usize].get(number as usize).copied()
    }

    /// Judges what happened, and the sectors whose contents changed by it.
    pub fn observe(&mut self, entries: &[Entry], touched: &[(VolumeId, Extent)], world: &World) {
        for entry in entries {
            // What is announced of a lying disk is for readers. The oracle has to notice by itself.
            if matches!(entry.what, What::Lie { .. }) {
                continue;
            }
            self.findings.at = entry.at;
            if let What::Step(number) = entry.what {
                self.findings.step = Some(number);
            }
            // Most entries are of disks, and no invariant is about those alone.
            if matches!(entry.what, What::Disk { .. }) {
                self.models[usize::from(entry.volume.0)].note_entry();
                continue;
            }
            if let What::Event(Event::AllAnswered { .. }) = entry.what {
                self.alls.check(&self.models, world, entry, &mut self.findings);
            }
            if self.models.len() > 1 && entry.what.is_of_host() {
                world.volumes().for_each(|volume| self.observe_on(entry, volume));
            } else {
                self.observe_on(entry, world.volume(entry.volume));
            }
            if Alls::concerns(&entry.what) {
                self.alls.apply(&self.models, entry);
            }
        }
        for volume in world.volumes().filter(|_| !touched.is_empty()) {
            let id = volume.id();
            let touched = touched.iter().filter(|(of, _)| *of == id).map(|(_, extent)| *extent);
            self.findings.volume = id;
            view::check(&self.models[usize::from(id.0)], volume, touched, &mut self.findings);
        }
    }

    fn observe_on(&mut self, entry: &Entry, world: VolumeView<'_>) {
        let place = usize::from(world.id().0);
        self.findings.volume = world.id();
        if matches!(
            entry.what,
            What::Event(_)
                | What::PowerLost
                | What::ProcessDied
                | What::Unasked { .. }
                | What::Networked(_)
        ) {
            let sight = Sight { model: &self.models[place], world, entry };
            for check in CHECKS {
                check(&sight, &mut self.findings);
            }
        }
        let asks = matches!(
            entry.what,
            What::Called { .. } | What::Administered { .. } | What::Event(Event::Opened(_))
        );
        let beside = asks && entry.side.is_some_and(|side| self.beside(place, side));
        self.models[place].apply(entry, world, beside);
        // Who waited for an answer is gone with the process, and nobody waits for a volume's end.
        if let What::PowerLost | What::ProcessDied | What::Event(Event::Exited | Event::Aborted(_)) =
            entry.what
            && let Some(side) = entry.side
        {
            self.models[place].desks[side as usize].ended();
        }
    }

    /// Whether anything is asked of another volume of this host, or of all.
    fn beside(&self, place: usize, side: Side) -> bool {
        let mut others = self.models.iter().enumerate().filter(|(other, _)| *other != place);
        self.alls.is_open(side) || others.any(|(_, model)| model.is_asked(side))
    }

    /// Judges the end: faults are over, and nothing more will happen by itself.
    pub fn end(&mut self, world: &World) {
        self.findings.at = world.now();
        for (model, volume) in self.models.iter().zip(world.volumes()) {
            self.findings.volume = volume.id();
            let whole = world.options().geometry.whole();
            view::check(model, volume, std::iter::once(whole), &mut self.findings);
            progress::check(model, world, &mut self.findings);
        }
        self.alls.end(&mut self.findings);
    }

    /// What was found so far, at most one of each invariant.
    pub fn violations(&self) -> &[Violation] {
        &self.findings.violations
    }

    /// Whether a commit runs, by what was published.
    pub fn commit_runs(&self) -> bool {
        self.models.iter().any(|model| model.commit)
    }
}

#[cfg(test)]
mod tests {
    use colo_core::DiskId;
    use colo_sim::lying::Lie;
    use colo_sim::stream::Seed;
    use colo_sim::world::DiskOp;

    use super::*;
    use crate::plan::Plan;
    use crate::profile::Profile;

    #[test]
    fn the_oracle_looks_away_when_a_lie_is_announced() {
        let plan = Plan::new("nothing", Profile::Hardened, Vec::new());
        let world = World::new(plan.world_options(false), Seed(0));
        let mut oracle = Oracle::new(&world);
        let before = format!("{oracle:?}");
        for (disk, lie) in DiskId::ALL.into_iter().flat_map(|disk| Lie::ALL.map(|lie| (disk, lie)))
        {
            let what = What::Lie { disk, lie, op: DiskOp::Write, extent: Extent::new(0, 1) };
            let side = Some(Side::of(disk));
            let entry = Entry { at: Time(7), side, volume: VolumeId::FIRST, what };
            oracle.observe(&[entry], &[], &world);
        }
        assert_eq!(format!("{oracle:?}"), before);
    }
}
