//! `colosim explore --workloads`: many small explorations on several threads.

use std::sync::atomic::{AtomicBool, Ordering};

use colo_core::Quirk;
use colo_sim::explore::Tally;

use crate::campaign::{Work, in_order};
use crate::cli::exit::{Exit, print};
use crate::cli::explore::findings::Findings;
use crate::cli::explore::{ExploreArgs, table};
use crate::explore::workloads::{Alphabet, Explored, explore_workload};
use crate::explore::{Found, Options};
use crate::plan::Plan;
use crate::profile::{Added, Behaviour, Profile};

pub(super) fn workloads(args: &ExploreArgs, options: &Options) -> anyhow::Result<Exit> {
    let plans = alphabet(args).plans(&args.behaviour.behaviour()?);
    let mut findings = Findings::new(args.out.as_deref())?;
    let (mut sum, mut violating, mut incomplete) = (Tally::default(), 0, 0);
    run(args, options, &plans, &|| true, |explored| {
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
    let mut text = format!("{:<14}{:>16}\n", "workloads", plans.len());
    text.push_str(&format!("{:<14}{violating:>16}\n", "violating"));
    text.push_str(&table(&sum));
    if incomplete > 0 {
        text.push_str(&format!("in {incomplete} of the workloads\n"));
    }
    text.push_str(&findings.report());
    print(&text)?;
    findings.finish(&sum)
}

/// For each quirk the first workload that shows it.
pub(super) fn each_quirk(args: &ExploreArgs, options: &Options) -> anyhow::Result<Exit> {
    let mut exit = Exit::Clean;
    for quirk in Quirk::ALL {
        let added = Added::Named(vec![*quirk]);
        let plans = alphabet(args).plans(&Behaviour { profile: Profile::Hardened, added });
        let (done, mut states, mut first) = (AtomicBool::new(false), 0, None::<(usize, Found)>);
        let mut place = 0;
        run(args, options, &plans, &|| !done.load(Ordering::Relaxed), |explored| {
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
        print(&line(*quirk, plans.len(), states, first.as_ref()))?;
        exit = exit.max(if first.is_some() { Exit::Violation } else { Exit::Clean });
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

fn alphabet(args: &ExploreArgs) -> Alphabet {
    Alphabet { ops_max: args.ops_max, renamed: args.all_blocks }
}

fn run(
    args: &ExploreArgs,
    options: &Options,
    plans: &[Plan],
    go_on: &(dyn Fn() -> bool + Sync),
    take: impl FnMut(&mut Explored),
) {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let work = Work { count: plans.len() as u64, batch: 1, jobs, go_on };
    in_order(&work, |index| explore_workload(&plans[index as usize], options), take);
}
