//! Coverage: the universe of points, and what one run reached of it.
//!
//! The universe comes from the code, not from what happened to run: a point that
//! is never reached stands in every report.

use std::sync::OnceLock;

use colo_core::{
    Abort, Admin, DiskId, EDGES, EmptyFailure, Event, Mode, Phase, Probe, Stage, Verb,
};
use colo_sim::world::{DiskOp, Entry, Side, VOLUMES_MAX, What};

/// Every verb with every argument.
const VERBS: [Verb; 7] = [
    Verb::Start(Mode::Primary),
    Verb::Start(Mode::Secondary),
    Verb::Checkpoint,
    Verb::GetError,
    Verb::Stop { failover: false },
    Verb::Stop { failover: true },
    Verb::Close,
];

const CRASHES: [&str; 2] = ["power-loss", "process-death"];
const OPS: [DiskOp; 3] = [DiskOp::Read, DiskOp::Write, DiskOp::Flush];

const OVERLAYS: [DiskId; 2] = [DiskId::Hidden, DiskId::Active];
const COMMANDS: [&str; 9] = [
    "attach",
    "detach",
    "delete-node",
    "start-job",
    "cancel-job",
    "reopen",
    "open",
    "remove",
    "quit",
];
const ANSWERS: [&str; 2] = ["ok", "refused"];

fn command(admin: &Admin) -> usize {
    match admin {
        Admin::Attach { .. } => 0,
        Admin::Detach { .. } => 1,
        Admin::DeleteNode { .. } => 2,
        Admin::StartJob { .. } => 3,
        Admin::CancelJob { .. } => 4,
        Admin::Reopen { .. } => 5,
        Admin::Open => 6,
        Admin::Remove => 7,
        Admin::Quit => 8,
    }
}

fn stages(side: Side) -> &'static [Stage] {
    match side {
        // A primary filter never fails over.
        Side::Primary => &[Stage::None, Stage::Running, Stage::Done],
        Side::Secondary => &Stage::ALL,
    }
}

fn phases(side: Side) -> &'static [Phase] {
    match side {
        // A primary host opens at once, and has no job and no overlay.
        Side::Primary => &[
            Phase::Stage(Stage::None),
            Phase::Stage(Stage::Running),
            Phase::Stage(Stage::Done),
            Phase::Bare,
        ],
        // In FAILOVER the commit tells more than the stage.
        Side::Secondary => &[
            Phase::Opening,
            Phase::Stage(Stage::None),
            Phase::Stage(Stage::Running),
            Phase::Stage(Stage::FailoverFailed),
            Phase::Stage(Stage::Done),
            Phase::Checkpoint,
            Phase::BackupCancelling,
            Phase::Commit(colo_core::CommitPhase::Copying),
            Phase::Commit(colo_core::CommitPhase::Flushing),
            Phase::Commit(colo_core::CommitPhase::Draining),
            Phase::Commit(colo_core::CommitPhase::FinalFlush),
            Phase::Commit(colo_core::CommitPhase::Marking),
            Phase::Commit(colo_core::CommitPhase::Failing),
            Phase::Bare,
        ],
    }
}

/// Where each kind of point begins in the universe.
struct Universe {
    names: Vec<String>,
    verbs: usize,
    crashes: usize,
    faults: usize,
    emptyings: usize,
    commands: usize,
    probes: usize,
}

impl Universe {
    fn new() -> Self {
        let mut names = Vec::new();
        for (mode, from, to) in EDGES {
            let side = if mode == Mode::Primary { Side::Primary } else { Side::Secondary };
            names.push(format!("edge/{}/{}->{}", side.name(), from.name(), to.name()));
        }
        let verbs = names.len();
        for side in Side::BOTH {
            for verb in VERBS {
                for stage in stages(side) {
                    names.push(format!("verb/{}/{verb}/{}", side.name(), stage.name()));
                }
            }
        }
        let crashes = names.len();
        for side in Side::BOTH {
            for how in CRASHES {
                for phase in phases(side) {
                    names.push(format!("crash/{}/{how}/{}", side.name(), phase.name()));
                }
            }
        }
        let faults = names.len();
        for disk in DiskId::ALL {
            for op in OPS {
                names.push(format!("fault/{}/{}", disk.name(), op.name()));
            }
        }
        let emptyings = names.len();
        for disk in OVERLAYS {
            for failure in EmptyFailure::ALL {
                names.push(format!("emptying/{}/{}", disk.name(), failure.name()));
            }
        }
        let commands = names.len();
        for side in Side::BOTH {
            for command in COMMANDS {
                for answer in ANSWERS {
                    names.push(format!("command/{}/{command}/{answer}", side.name()));
                }
            }
            // Nothing refuses to quit.
            names.pop();
        }
        let probes = names.len();
        names.extend(Probe::ALL.iter().map(|probe| format!("probe/{}", probe.name())));
        Self { names, verbs, crashes, faults, emptyings, commands, probes }
    }
}

fn universe() -> &'static Universe {
    static UNIVERSE: OnceLock<Universe> = OnceLock::new();
    UNIVERSE.get_or_init(Universe::new)
}

/// The names of all points, in order of their index.
pub fn names() -> &'static [String] {
    &universe().names
}

/// What one run reached.
#[derive(Debug, Clone)]
pub struct Reached {
    hits: Vec<u32>,
    stage: [[Option<Stage>; VOLUMES_MAX]; 2],
}

impl Default for Reached {
    fn default() -> Self {
        Self { hits: vec![0; universe().names.len()], stage: [[None; VOLUMES_MAX]; 2] }
    }
}

impl Reached {
    /// Counts what an entry shows.
    pub(crate) fn observe(&mut self, entry: &Entry) {
        let Some(side) = entry.side else { return };
        let stage = &mut self.stage[side as usize][usize::from(entry.volume.0)];
        let known = *stage;
        match &entry.what {
            What::Started { recover } => {
                *stage = (!recover).then_some(Stage::None);
            }
            What::Event(Event::Stage { mode, from, to }) => {
                *stage = Some(*to);
                if let Some(edge) = EDGES.iter().position(|edge| *edge == (*mode, *from, *to)) {
                    self.hits[edge] += 1;
                }
            }
            What::Called { verb, .. } | What::Event(Event::VerbBegun { verb, .. }) => {
                if let Some(place) = known.and_then(|stage| verb_place(side, *verb, stage)) {
                    self.hits[universe().verbs + place] += 1;
                }
            }
            What::Fault { disk, op, .. } => {
                let op = OPS.iter().position(|other| other == op).expect("there are three");
                self.hits[universe().faults + *disk as usize * OPS.len() + op] += 1;
            }
            What::EmptyingFails { disk, failure, .. } => {
                let overlay = OVERLAYS.iter().position(|overlay| overlay == disk);
                let Some(overlay) = overlay else { return };
                let ways = EmptyFailure::ALL.len();
                self.hits[universe().emptyings + overlay * ways + *failure as usize] += 1;
            }
            What::Event(Event::AdminAnswered { admin, result, .. }) => {
                let each = COMMANDS.len() * ANSWERS.len() - 1;
                let place = command(admin) * ANSWERS.len() + usize::from(result.is_err());
                self.hits[universe().commands + side as usize * each + place] += 1;
            }
            _ => {}
        }
    }

    /// A host goes down while it was in the middle of this.
    pub(crate) fn crashed(&mut self, side: Side, power_loss: bool, phase: Phase) {
        let Some(place) = phases(side).iter().position(|other| *other == phase) else { return };
        let before =
            if side == Side::Secondary { CRASHES.len() * phases(Side::Primary).len() } else { 0 };
        let how = usize::from(!power_loss) * phases(side).len();
        self.hits[universe().crashes + before + how + place] += 1;
    }

    /// Adds what the core's probes counted, and hands the hits over.
    pub(crate) fn finish(mut self, probes: &[u32]) -> Vec<u32> {
        self.hits[universe().probes..].copy_from_slice(probes);
        self.hits
    }
}

fn verb_place(side: Side, verb: Verb, stage: Stage) -> Option<usize> {
    let before =
        if side == Side::Secondary { VERBS.len() * stages(Side::Primary).len() } else { 0 };
    let verb = VERBS.iter().position(|other| *other == verb)?;
    let stage_place = stages(side).iter().position(|other| *other == stage)?;
    Some(before + verb * stages(side).len() + stage_place)
}

/// What a host died of, for reports.
pub(crate) fn abort_reason(event: &Event) -> Option<Abort> {
    match event {
        Event::Aborted(reason) => Some(*reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_places_agree_with_them() {
        let mut sorted: Vec<_> = names().to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), names().len());
        let mut reached = Reached::default();
        for side in Side::BOTH {
            for &phase in phases(side) {
                for (power_loss, how) in [(true, CRASHES[0]), (false, CRASHES[1])] {
                    reached.crashed(side, power_loss, phase);
                    let name = format!("crash/{}/{how}/{}", side.name(), phase.name());
                    let place = names().iter().position(|other| *other == name);
                    assert_eq!(reached.hits[place.expect("it is a point")], 1, "{name}");
                }
            }
            for verb in VERBS {
                for &stage in stages(side) {
                    let place = universe().verbs + verb_place(side, verb, stage).expect("a point");
                    let name = format!("verb/{}/{verb}/{}", side.name(), stage.name());
                    assert_eq!(names()[place], name);
                }
            }
        }
    }
}
