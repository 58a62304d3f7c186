//! One more misfortune, anywhere in a plan, and often in the middle of what a step has begun.
//!
//! The rounds of a plan wait for most of what they do, so that misfortunes of theirs strike at rest.
//! What is drawn here comes from a stream of its own after everything else, and strikes jobs at work:
//! every kind in every phase is a coverage point.

use colo_core::{CommitPhase, DiskId, JobKind, Phase, Verb};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::pair::{CHANNELS, Tampering};
use colo_sim::stream::{Ratio, Seed, Stream};
use colo_sim::world::Side;

use crate::generate::half;
use crate::generate::lies::fails_over;
use crate::generate::pair::DIRECTIONS;
use crate::plan::{FaultSpec, Setup, Step};

/// Has it strike, in some plans.
pub(super) fn insert(steps: &mut Vec<Step>, setup: &Setup, seed: u64) {
    let mut stream = Seed(seed).stream("strike");
    let pair = setup.pair.is_some();
    if !pair && !stream.chance(Ratio::new(1, 5)) {
        return;
    }
    // There are few plans of two hosts.
    let often = if pair { Ratio::new(3, 4) } else { half() };
    let place = match steps.iter().position(fails_over) {
        Some(failover) if stream.chance(often) => {
            let fails = stream.chance(often);
            if fails {
                steps.insert(failover, failing_copy(&mut stream));
            }
            failover + 1 + usize::from(fails)
        }
        _ => {
            let restart = steps.iter().position(|step| matches!(step, Step::Restart(_)));
            let restart = restart.filter(|_| stream.chance(Ratio::new(1, 4)));
            let anywhere = stream.below(steps.len() as u64 + 1) as usize;
            restart.map_or(anywhere, |place| place + 1)
        }
    };
    let mut begun_before = Vec::new();
    if place > 0 && stream.chance(Ratio::new(3, 4)) {
        begun_before = begun(&mut steps[place - 1], setup, &mut stream);
    }
    let mut struck = Vec::new();
    if pair && stream.chance(Ratio::new(1, 12)) {
        let side = *stream.pick(&Side::BOTH);
        struck.push(Step::Call { side, verb: Verb::Close, wait: true });
    }
    struck.push(misfortune(setup, &mut stream));
    for _ in 0..stream.below(4) {
        struck.push(request(setup, &mut stream));
    }
    let volume = stream.below(1 + setup.further.iter().count() as u64) as u8;
    if volume > 0 && stream.chance(half()) {
        let on = |step| Step::On { volume, step: Box::new(step) };
        struck = struck.into_iter().map(on).collect();
    }
    steps.splice(place..place, begun_before.into_iter().chain(struck));
}

/// The commit that comes fails.
fn failing_copy(stream: &mut Stream) -> Step {
    let mut spec = FaultSpec::new(DiskId::Secondary, OpKind::Write);
    spec.during = Some(Phase::Commit(CommitPhase::Copying));
    spec.skip = *stream.pick(&[0, 0, 1, 3]);
    Step::Fault(spec)
}

/// Has the next step come in the middle of this one. Gives what there is to wait for.
fn begun(step: &mut Step, setup: &Setup, stream: &mut Stream) -> Vec<Step> {
    let mut left = Vec::new();
    let commits = setup.pair.is_none() && fails_over(step);
    if let Some(wait) = step.wait_mut() {
        *wait = false;
    }
    match step {
        Step::Pass(ns) => {
            let passed = stream.below(*ns + 1);
            *ns -= passed;
            return vec![Step::Pass(passed)];
        }
        // On a network nobody but its role may tell the secondary to take over.
        Step::Failover if setup.pair.is_none() => {
            let (side, verb) = (Side::Secondary, Verb::Stop { failover: true });
            let call = Step::CallAll { side, verb, wait: false };
            *step = if stream.chance(half()) { Step::Cut(true) } else { Step::Settle };
            left.push(call);
        }
        // It opens its images from now on.
        Step::Restart(_) => return left,
        _ => {}
    }
    let most = *stream.pick(&[2, 8, 40]);
    left.push(Step::Events(1 + stream.below(most)));
    if commits && stream.chance(Ratio::new(2, 3)) {
        // A commit that has failed waits for the guest's requests in flight.
        let (side, at) = (Side::Secondary, stream.below(setup.geometry.sectors));
        if stream.chance(half()) {
            left.push(Step::Stall { disk: DiskId::Active, ns: 1 + stream.below(3_000_000) });
        }
        left.push(Step::Write { side, at, len: 1, wait: false });
        left.push(Step::Read { side, at, len: 1, wait: false });
        left.push(Step::Pass(stream.below(400_000)));
    }
    left
}

fn misfortune(setup: &Setup, stream: &mut Stream) -> Step {
    if setup.pair.is_some() && stream.chance(Ratio::new(3, 4)) {
        return of_network(stream);
    }
    let disk = *stream.pick(&DiskId::ALL);
    match stream.weighted(&[5, 4, 2, 1, 2, 2, 2, 2]) {
        0 => {
            let mut spec = FaultSpec::new(disk, *stream.pick(&[OpKind::Write, OpKind::Any]));
            spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
            spec.times = Some(1 + stream.below(2) as u32);
            Step::Fault(spec)
        }
        1 => {
            let latent = FaultSpec { latent: true, ..FaultSpec::new(disk, OpKind::Read) };
            Step::Fault(latent)
        }
        2 => Step::Stall { disk, ns: 1 + stream.below(3_000_000) },
        3 => Step::Eject(*stream.pick(&[DiskId::Hidden, DiskId::Active])),
        4 => Step::Cancel(*stream.pick(&[JobKind::Backup, JobKind::Commit])),
        5 => Step::Hold(true),
        6 => Step::Cut(true),
        _ => Step::CutFrom { side: *stream.pick(&Side::BOTH), cut: true },
    }
}

fn of_network(stream: &mut Stream) -> Step {
    let (node, port) = *stream.pick(&CHANNELS);
    match stream.below(4) {
        0 => {
            let (from, to) = *stream.pick(&DIRECTIONS);
            Step::CutBetween { from, to, cut: true }
        }
        1 => Step::Sever { node, port },
        2 => Step::Latency(*stream.pick(&[1, 4, 20])),
        _ => Step::Tamper { node, port, how: *stream.pick(&Tampering::ALL) },
    }
}

fn request(setup: &Setup, stream: &mut Stream) -> Step {
    let sectors = setup.geometry.sectors;
    let (side, wait) = (*stream.pick(&Side::BOTH), stream.chance(Ratio::new(1, 4)));
    let at = stream.below(sectors);
    let len = (1 + stream.below(6)).min(sectors - at) as u32;
    if stream.chance(half()) {
        Step::Read { side, at, len, wait }
    } else {
        Step::Write { side, at, len, wait }
    }
}
