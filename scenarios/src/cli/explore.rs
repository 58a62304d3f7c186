//! `colosim explore`: every crash of one plan, or of all small workloads; or every order of events.

mod findings;
mod orders;
mod workloads;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use colo_sim::explore::{Bounds, Tally};
use colo_sim::world::Side;

use crate::catalog;
use crate::cli::exit::{Exit, print};
use crate::cli::interrupt::Interrupt;
use crate::cli::{BehaviourArgs, meant};
use crate::explore::workloads::OPS_MAX;
use crate::explore::{Options, explore_from};
use crate::panics::{Panic, PanicsKept, caught};
use crate::plan::Plan;

use findings::Findings;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExploreArgs {
    /// A seed, the name of a scenario, or a plan saved as JSON
    #[arg(required_unless_present_any = ["scenario", "workloads"])]
    plan: Option<String>,
    /// A scenario of the catalog
    #[arg(long, value_name = "NAME", conflicts_with = "plan")]
    scenario: Option<String>,
    /// All workloads of up to three operations on four blocks, crossed with every verb
    #[arg(long, conflicts_with_all = ["plan", "scenario"])]
    workloads: bool,
    /// Of the workloads, also those that differ from another only in the names of the blocks
    #[arg(long, requires = "workloads")]
    all_blocks: bool,
    /// Of the workloads, only those of so many operations at most
    #[arg(long, value_name = "N", requires = "workloads", default_value_t = OPS_MAX)]
    ops_max: usize,
    /// Run the workloads once with each quirk, until it is found
    #[arg(long, requires = "workloads", conflicts_with_all = ["profile", "quirks", "out"])]
    each_quirk: bool,
    /// Threads for the workloads; the result does not depend on it [default: one for each core]
    #[arg(long, value_name = "J", requires = "workloads", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Whose power fails: one host's, or each in turn
    #[arg(long, value_enum, default_value_t)]
    side: SideArg,
    /// Crash the recovery, too, at each of its events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    depth: u8,
    /// Give up after so many distinct states
    #[arg(long, value_name = "N", default_value_t = Bounds::default().states_max)]
    states_max: u64,
    /// Try at most so many combinations at one crash point
    #[arg(long, value_name = "N", default_value_t = Bounds::default().combinations_max)]
    combinations_max: u64,
    /// In place of crashes, every order in which what the plan sets off can be answered
    #[arg(long, conflicts_with_all = ["each_quirk", "side", "depth", "states_max", "combinations_max"])]
    orders: bool,
    /// Try at most so many orders of a plan
    #[arg(long, value_name = "N", requires = "orders", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    orders_max: u64,
    /// Try the orders that deviate in at most so many places from the one in which everything is answered as
    /// it was asked for [default: all]
    #[arg(long, value_name = "N", requires = "orders")]
    deviations: Option<u32>,
    /// Save what is found into this directory, as it is found
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A saved plan has a behaviour of its own
    #[command(flatten)]
    behaviour: BehaviourArgs,
}

const AFTER_HELP: &str = "\
Examples:
  colosim explore failover                every power loss of a scenario, in every state it can leave
  colosim explore failover --side secondary --depth 2  crash the recovery, too
  colosim explore failover --orders --deviations 2  every order of answers, two out of turn at most
  colosim explore --workloads             all small workloads; about half a minute

Exit codes: 0 clean; 1 a violation; 2 usage, or a plan that cannot be read; 4 nothing was
explored; 74 could not write; 130 interrupted.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SideArg {
    Primary,
    Secondary,
    #[default]
    Both,
}

impl SideArg {
    fn sides(self) -> Vec<Side> {
        match self {
            Self::Primary => vec![Side::Primary],
            Self::Secondary => vec![Side::Secondary],
            Self::Both => Side::BOTH.to_vec(),
        }
    }
}

pub(super) fn explore_command(args: &ExploreArgs) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen();
    match (args.orders, args.workloads) {
        (true, true) => return orders::of_workloads(args, &interrupt),
        (true, false) => return orders::of_plan(args, &interrupt),
        _ => {}
    }
    if args.side == SideArg::Primary && args.depth > 1 {
        anyhow::bail!("--depth crashes the recovery of the secondary; explore that side, or both");
    }
    let options = Options {
        bounds: Bounds { combinations_max: args.combinations_max, states_max: args.states_max },
        sides: args.side.sides(),
        depth: args.depth,
    };
    if args.each_quirk {
        return workloads::each_quirk(args, &options, &interrupt);
    }
    if args.workloads {
        return workloads::workloads(args, &options, &interrupt);
    }
    let plan = plan(args)?;
    let mut findings = Findings::new(args.out.as_deref())?;
    let panics_kept = PanicsKept::begin();
    let go_on = || !interrupt.is_told();
    let mut take = |found| findings.take(&found);
    let tally = caught(|| explore_from(&plan, 0, &options, &go_on, &mut take));
    drop(panics_kept);
    let mut text = format!("{}\n\n", plan.name);
    text.push_str(&tally.as_ref().map(table).unwrap_or_default());
    text.push_str(&findings.report(tally.as_ref().is_ok_and(|tally| !tally.ended)));
    print(&text)?;
    match tally {
        Ok(tally) if tally.distinct == 0 && !tally.ended => findings.nothing_explored(),
        Ok(tally) => findings.finish(tally.ended),
        Err(panic) => Ok(bug(&plan, &panic)),
    }
}

/// A panic of ours ends an exploration, and what it had found is told.
fn bug(plan: &Plan, panic: &Panic) -> Exit {
    let (name, Panic { place, said }) = (&plan.name, panic);
    anstream::eprintln!(
        "error: {name}: the program panicked at {place}: {said}; this is a bug in colosim or in the core"
    );
    Exit::Bug
}

fn plan(args: &ExploreArgs) -> anyhow::Result<Plan> {
    match (&args.scenario, &args.plan) {
        (Some(name), _) => {
            let Some(scenario) = catalog::find(name) else {
                anyhow::bail!("there is no scenario `{name}`; `colosim list scenarios` shows them");
            };
            Ok(scenario.plan(&args.behaviour.behaviour()?))
        }
        (None, Some(text)) => {
            let plan = meant::plan(text, &args.behaviour)?.1;
            if plan.setup.pair.is_some() {
                anyhow::bail!(
                    "{} is a plan of two hosts on a network, which cannot be cloned in the middle; take the `pair` out of its setup, or use run or replay",
                    plan.name
                );
            }
            Ok(plan)
        }
        (None, None) => unreachable!("one of them is required"),
    }
}

fn table(tally: &Tally) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:<14}{value:>16}\n"));
    row("crash points", tally.points.to_string());
    row("explored", tally.explored.to_string());
    row("distinct", tally.distinct.to_string());
    row("pruned", tally.known.to_string());
    let exhausted = if tally.is_exhausted() { "yes" } else { "no" };
    row("exhausted", exhausted.to_owned());
    if let Some(point) = tally.left_out_at {
        row("left out", tally.left_out.to_string());
        text.push_str(&format!(
            "a bound was reached first at crash point {}; --states-max and --combinations-max raise it\n",
            point.events
        ));
    }
    if tally.ended {
        text.push_str("interrupted: crash points are missing\n");
    }
    text
}
