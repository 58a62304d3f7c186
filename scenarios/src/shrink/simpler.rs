//! What is simpler than a step.
//!
//! Each of these is smaller by some measure, so that going from one to the next comes to
//! an end. None is needed: a step without a simpler one stays as it is.

use colo_core::{EmptyFailure, Errno};
use colo_sim::faulty::{Damage, OpKind};

use crate::plan::{FaultSpec, Step};

/// Simpler steps that may do in place of this one, the simplest first.
pub(super) fn simpler(step: &Step) -> Vec<Step> {
    let mut simpler = fewer_numbers(step);
    simpler.extend(awaited(step));
    simpler
}

fn fewer_numbers(step: &Step) -> Vec<Step> {
    match step {
        &Step::Read { side, at, len, wait } => {
            let read = |(at, len)| Step::Read { side, at, len, wait };
            extents(at, len).into_iter().map(read).collect()
        }
        &Step::Write { side, at, len, wait } => {
            let write = |(at, len)| Step::Write { side, at, len, wait };
            extents(at, len).into_iter().map(write).collect()
        }
        // An ordinary write is the simplest.
        &Step::WriteZeroes { side, at, len, wait } => {
            let zeroes = |(at, len)| Step::WriteZeroes { side, at, len, wait };
            let write = std::iter::once(Step::Write { side, at, len, wait });
            write.chain(extents(at, len).into_iter().map(zeroes)).collect()
        }
        &Step::Discard { side, at, len, wait } => {
            let discard = |(at, len)| Step::Discard { side, at, len, wait };
            extents(at, len).into_iter().map(discard).collect()
        }
        Step::Fault(spec) => faults(spec).into_iter().map(Step::Fault).collect(),
        Step::Rates { .. } => rates(step),
        &Step::EmptyFails { disk, how, errno } => {
            let mut simpler = Vec::new();
            if how != EmptyFailure::Nothing {
                simpler.push(Step::EmptyFails { disk, how: EmptyFailure::Nothing, errno });
            }
            if errno != Errno::Io {
                simpler.push(Step::EmptyFails { disk, how, errno: Errno::Io });
            }
            simpler
        }
        &Step::Lie { disk, lie, skip, times } => {
            let lies = |skip, times| Step::Lie { disk, lie, skip, times };
            let mut simpler: Vec<_> =
                lower(u64::from(skip), 0).map(|skip| lies(skip as u32, times)).collect();
            simpler.extend((times != Some(1)).then(|| lies(skip, Some(1))));
            simpler
        }
        &Step::Events(count) => lower(count, 1).map(Step::Events).collect(),
        Step::PowerLossWith { side, keep } => {
            let without = |place| {
                let mut keep = keep.clone();
                keep.remove(place);
                Step::PowerLossWith { side: *side, keep }
            };
            (0..keep.len()).map(without).collect()
        }
        &Step::Stall { disk, ns } => {
            times(ns).into_iter().map(|ns| Step::Stall { disk, ns }).collect()
        }
        // One filter in place of all; the first volume in place of another.
        &Step::CallAll { side, verb, wait } => vec![Step::Call { side, verb, wait }],
        Step::On { volume, step } => {
            let on = |step| Step::On { volume: *volume, step: Box::new(step) };
            let lower = (1..*volume).map(|volume| Step::On { volume, step: step.clone() });
            let on_first = std::iter::once(step.as_ref().clone());
            on_first.chain(lower).chain(fewer_numbers(step).into_iter().map(on)).collect()
        }
        &Step::Pass(ns) => {
            let shorter = times(ns).into_iter().map(Step::Pass);
            std::iter::once(Step::Settle).chain(shorter).collect()
        }
        _ => Vec::new(),
    }
}

/// The same step, if the next one may wait for it.
fn awaited(step: &Step) -> Option<Step> {
    let mut step = step.clone();
    let wait = step.wait_mut().filter(|wait| !**wait)?;
    *wait = true;
    Some(step)
}

/// Shorter requests, and ones nearer to the beginning.
fn extents(at: u64, len: u32) -> Vec<(u64, u32)> {
    let mut extents: Vec<_> = lower(u64::from(len), 1).map(|len| (at, len as u32)).collect();
    extents.extend(lower(at, 0).map(|at| (at, len)));
    // What a request needs to touch may be at its end.
    if len > 1 {
        extents.extend(at.checked_add(1).map(|at| (at, len - 1)));
    }
    extents
}

/// The lowest, then nearer and nearer to the number: a bound in between is found in a few.
fn lower(number: u64, lowest: u64) -> impl Iterator<Item = u64> {
    let mut gap = number.saturating_sub(lowest);
    std::iter::from_fn(move || {
        let lower = (gap > 0).then(|| number - gap);
        gap /= 2;
        lower
    })
}

/// Shorter times, of one digit and zeros.
fn times(ns: u64) -> Vec<u64> {
    let Some(digits) = ns.checked_ilog10() else { return Vec::new() };
    let unit = 10_u64.pow(digits);
    let round = ns / unit * unit;
    let below = if round == unit { unit / 10 * 9 } else { round - unit };
    let mut times = vec![unit, round / 2 / unit * unit, round, below];
    times.retain(|&time| 0 < time && time < ns);
    times.dedup();
    times
}

fn faults(spec: &FaultSpec) -> Vec<FaultSpec> {
    let simpler: [fn(&mut FaultSpec); 6] = [
        |spec| spec.latent = false,
        |spec| spec.during = None,
        |spec| spec.range = None,
        |spec| spec.damage = Damage::None,
        |spec| spec.errno = Errno::Io,
        |spec| spec.times = Some(1),
    ];
    let mut specs = Vec::new();
    for simpler in simpler {
        let mut other = spec.clone();
        simpler(&mut other);
        specs.push(other);
    }
    specs.extend(
        lower(u64::from(spec.skip), 0).map(|n| FaultSpec { skip: n as u32, ..spec.clone() }),
    );
    if let Some(times) = spec.times {
        let fewer = lower(u64::from(times), 1);
        specs.extend(fewer.map(|n| FaultSpec { times: Some(n as u32), ..spec.clone() }));
    }
    specs.retain(|other| other != spec);
    specs
}

/// Requests that a fault is tried to let pass, in place of one that comes at random.
const SKIPPED_MAX: u32 = 6;

/// One certain fault in place of many possible ones; else fewer kinds and lower rates.
fn rates(step: &Step) -> Vec<Step> {
    let &Step::Rates { disk, read, write, flush } = step else { return Vec::new() };
    let kinds = [(read, OpKind::Read), (write, OpKind::Write), (flush, OpKind::Flush)];
    let mut simpler = Vec::new();
    for (_, op) in kinds.into_iter().filter(|(rate, _)| *rate > 0) {
        let one = |skip| FaultSpec { skip, times: Some(1), ..FaultSpec::new(disk, op) };
        simpler.extend((0..SKIPPED_MAX).map(one).map(Step::Fault));
        simpler.push(Step::Fault(FaultSpec::new(disk, op)));
    }
    for part in 0..3 {
        for lower in lower(u64::from([read, write, flush][part]), 0) {
            let mut rates = [read, write, flush];
            rates[part] = lower as u32;
            let [read, write, flush] = rates;
            simpler.push(Step::Rates { disk, read, write, flush });
        }
    }
    simpler
}
