//! `colosim explore --workloads`: many small explorations on several threads.

use std::sync::atomic::{AtomicBool, Ordering};

use colo_core::Quirk;
use colo_sim::explore::Tally;

use crate::campaign::{Work, in_order};
use crate::cli::exit::{Exit, print};
use crate::cli::explore::findings::Findings;
use crate::cli::explore::{ExploreArgs, bug, table};
use crate::cli::interrupt::Interrupt;
use crate::explore::workloads::{Alphabet, Explored, explore_workload};
use crate::explore::{Found, Options};
use crate::panics::{PanicsKept, caught};
use crate::plan::Plan;
use crate::profile::{Added, Behaviour};

pub(super) fn workloads(
    args: &ExploreArgs,
    options: &Options,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    let plans = alphabet(args).plans(&args.behaviour.behaviour()?);
    let mut findings = Findings::new(args.out.as_deref())?;
    let (mut sum, mut count, mut violating, mut incomplete) = (Tally::default(), 0, 0, 0);
    let go_on = || !interrupt.is_told();
    let explore = |plan: &_| explore_workload(plan, options);
    let bugs = run(args, &plans, &go_on, explore, |explored| {
        count += 1;
        sum.add(&explored.tally);
        violating += u64::from(explored.found_count > 0);
        incomplete += u64::from(!explored.tally.is_exhausted());
        for found in &explored.found {
            findings.take(found);
        }
        for (invariant, more) in &explored.more {
            findings.count(invariant, *more);
        }
    });
    // Those that panicked were looked at, too; without an interrupt nothing is left out.
    sum.ended = interrupt.is_told() && bugs.is_none() && count < plans.len();
    let mut text = format!("{:<14}{:>16}\n", "workloads", plans.len());
    if sum.ended {
        text.push_str(&format!("{:<14}{count:>16}\n", "of these seen"));
    }
    text.push_str(&format!("{:<14}{violating:>16}\n", "violating"));
    text.push_str(&table(&sum));
    if incomplete > 0 {
        text.push_str(&format!("in {incomplete} of the workloads\n"));
    }
    text.push_str(&findings.report(bugs.is_none() && !sum.ended));
    print(&text)?;
    let exit = if sum.distinct == 0 && !sum.ended {
        findings.nothing_explored()?
    } else {
        findings.finish(sum.ended)?
    };
    Ok(bugs.unwrap_or(exit))
}

/// For each quirk the first workload that shows it.
pub(super) fn each_quirk(
    args: &ExploreArgs,
    options: &Options,
    interrupt: &Interrupt,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Clean;
    for quirk in Quirk::ALL {
        let added = Added::Named(vec![*quirk]);
        let plans = alphabet(args).plans(&Behaviour { added, ..Behaviour::default() });
        let (done, mut states, mut first) = (AtomicBool::new(false), 0, None::<(usize, Found)>);
        let mut place = 0;
        let go_on = || !done.load(Ordering::Relaxed) && !interrupt.is_told();
        let explore = |plan: &_| explore_workload(plan, options);
        let bugs = run(args, &plans, &go_on, explore, |explored: &mut Explored| {
            place += 1;
            if first.is_some() {
                return;
            }
            states += explored.tally.distinct;
            if !explored.found.is_empty() {
                first = Some((place, explored.found.swap_remove(0)));
                done.store(true, Ordering::Relaxed);
            }
        });
        if interrupt.is_told() && first.is_none() {
            let name = quirk.name();
            print(&format!("{name:<26}  interrupted after {place} workloads\n"))?;
            return Ok(if exit == Exit::Clean { Exit::Interrupted } else { exit });
        }
        print(&line(*quirk, plans.len(), states, first.as_ref()))?;
        exit = exit.max(if first.is_some() { Exit::Violation } else { Exit::Clean });
        exit = bugs.unwrap_or(exit).max(exit);
    }
    Ok(exit)
}

fn line(quirk: Quirk, plans: usize, states: u64, first: Option<&(usize, Found)>) -> String {
    let name = quirk.name();
    match first {
        None => format!("{name:<26}  not found in {plans} workloads, {states} states\n"),
        Some((place, found)) => {
            let how = match found.losses.first() {
                None => "without a crash".to_owned(),
                Some(loss) => format!("power loss of the {} in {}", loss.side.name(), loss.phase),
            };
            format!(
                "{name:<26}  {:<14}  workload {place:>4}, state {states:>7}: {}, {how}\n",
                found.invariant, found.plan.name
            )
        }
    }
}

pub(super) fn alphabet(args: &ExploreArgs) -> Alphabet {
    Alphabet { ops_max: args.ops_max, renamed: args.all_blocks }
}

/// Explores them all; tells a bug of ours at once, and the others go on.
pub(super) fn run<T: Send>(
    args: &ExploreArgs,
    plans: &[Plan],
    go_on: &(dyn Fn() -> bool + Sync),
    explore: impl Fn(&Plan) -> T + Sync,
    mut take: impl FnMut(&mut T),
) -> Option<Exit> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let work = Work { count: plans.len() as u64, batch: 1, jobs, go_on };
    let mut exit = None;
    let panics_kept = PanicsKept::begin();
    let piece = |index: u64| {
        let plan = &plans[index as usize];
        caught(|| explore(plan)).map_err(|panic| (plan, panic))
    };
    in_order(&work, piece, |explored| match explored {
        Ok(explored) => take(explored),
        Err((plan, panic)) => exit = Some(bug(plan, panic)),
    });
    drop(panics_kept);
    exit
}
