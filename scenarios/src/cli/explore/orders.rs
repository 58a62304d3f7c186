//! `colosim explore --orders`: every order of events of one plan, or of all small workloads.

use colo_sim::explore::{OrderBounds, OrdersTally};

use crate::cli::exit::{Exit, print};
use crate::cli::explore::findings::Findings;
use crate::cli::explore::workloads::{self, alphabet};
use crate::cli::explore::{ExploreArgs, bug, plan};
use crate::cli::interrupt::Interrupt;
use crate::explore::{Found, explore_orders};
use crate::panics::{PanicsKept, caught};

/// Findings of one workload that are handed over; the others are counted.
const FOUND_MAX: usize = 3;

pub(super) fn of_plan(args: &ExploreArgs, interrupt: &Interrupt) -> anyhow::Result<Exit> {
    let plan = plan(args)?;
    let mut findings = Findings::new(args.out.as_deref())?;
    let mut failing = Failing::default();
    let panics_kept = PanicsKept::begin();
    let tally = caught(|| {
        let go_on = || !interrupt.is_told();
        explore_orders(&plan, bounds(args), &go_on, &mut |found| {
            failing.take(&found);
            findings.take(&found);
        })
    });
    drop(panics_kept);
    let mut text = format!("{}\n\n", plan.name);
    text.push_str(&tally.as_ref().map(|tally| table(tally, &failing)).unwrap_or_default());
    text.push_str(&findings.report(tally.as_ref().is_ok_and(|tally| !tally.ended)));
    print(&text)?;
    match tally {
        Ok(tally) => findings.finish(tally.ended),
        Err(panic) => Ok(bug(&plan, &panic)),
    }
}

pub(super) fn of_workloads(args: &ExploreArgs, interrupt: &Interrupt) -> anyhow::Result<Exit> {
    let plans = alphabet(args).plans(&args.behaviour.behaviour()?);
    let mut findings = Findings::new(args.out.as_deref())?;
    let (mut sum, mut sum_failing) = (OrdersTally::default(), Failing::default());
    let (mut violating, mut incomplete) = (0_u64, 0_u64);
    let go_on = || !interrupt.is_told();
    let explore = |plan: &_| {
        let (mut all, mut failing) = (Vec::new(), Failing::default());
        let tally = explore_orders(plan, bounds(args), &go_on, &mut |found| {
            failing.take(&found);
            all.push(found);
        });
        (tally, failing, all)
    };
    let bugs = workloads::run(args, &plans, &go_on, explore, |(tally, failing, found)| {
        sum.add(tally);
        sum_failing.orders += failing.orders;
        violating += u64::from(failing.orders > 0);
        incomplete += u64::from(!tally.is_exhausted());
        for found in found.iter().take(FOUND_MAX) {
            findings.take(found);
        }
        for found in found.iter().skip(FOUND_MAX) {
            findings.count(found.invariant, 1);
        }
    });
    let mut text = format!("{:<14}{:>16}\n", "workloads", plans.len());
    text.push_str(&format!("{:<14}{violating:>16}\n", "violating"));
    text.push_str(&table(&sum, &sum_failing));
    if incomplete > 0 {
        text.push_str(&format!("in {incomplete} of the workloads\n"));
    }
    text.push_str(&findings.report(bugs.is_none() && !sum.ended));
    print(&text)?;
    let exit = findings.finish(sum.ended)?;
    Ok(bugs.unwrap_or(exit))
}

fn bounds(args: &ExploreArgs) -> OrderBounds {
    OrderBounds { orders_max: args.orders_max, deviations_max: args.deviations }
}

/// Counts orders, of which one can break several invariants.
#[derive(Debug, Default)]
struct Failing {
    orders: u64,
    last: String,
}

impl Failing {
    fn take(&mut self, found: &Found) {
        if self.last != found.plan.name {
            self.orders += 1;
            self.last.clone_from(&found.plan.name);
        }
    }
}

fn table(tally: &OrdersTally, failing: &Failing) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| text.push_str(&format!("{name:<14}{value:>16}\n"));
    row("orders", tally.orders.to_string());
    row("failing", failing.orders.to_string());
    row("choices", tally.choices.to_string());
    row("pruned", tally.pruned.to_string());
    let exhausted = if tally.is_exhausted() { "yes" } else { "no" };
    row("exhausted", exhausted.to_owned());
    if !tally.is_exhausted() {
        let why = if tally.ended {
            "interrupted: orders are missing\n"
        } else {
            "the bound was reached; --orders-max raises it\n"
        };
        text.push_str(why);
    }
    text
}
