//! Every crash of a plan: each moment, each host, each state that its disks can be left in.
//!
//! The plan is taken apart into single events; at each of them the run is cloned, a
//! host loses its power, its disks are left in one of the reachable states, and
//! somebody recovers. The engine is [`colo_sim::explore`], which enumerates and
//! counts; here is what it means for two hosts. Findings are handed over as they are
//! made, each with a plan that does the same again.

mod found;
mod orders;
mod walk;
pub mod workloads;

use colo_sim::explore::{Bounds, Explorer, Tally};
use colo_sim::world::Side;

use crate::plan::Plan;
use crate::run::{Run, flatten};

pub use found::Found;
pub use orders::explore_orders;
use walk::Walk;

/// What is explored, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// When to give up being complete.
    pub bounds: Bounds,
    /// Whose power fails, each alone.
    pub sides: Vec<Side>,
    /// How many power losses follow each other: with two, a recovery is crashed at every event, too.
    pub depth: u8,
}

impl Default for Options {
    /// Either host, once.
    fn default() -> Self {
        Self { bounds: Bounds::default(), sides: Side::BOTH.to_vec(), depth: 1 }
    }
}

/// Explores a plan and hands over what it finds.
pub fn explore(plan: &Plan, options: &Options, found: &mut dyn FnMut(Found)) -> Tally {
    explore_from(plan, 0, options, &|| true, found)
}

/// Explores a plan from its `first`-th step on, for as long as `go_on`, asked before each state, says so.
pub fn explore_from(
    plan: &Plan,
    first: u32,
    options: &Options,
    go_on: &dyn Fn() -> bool,
    found: &mut dyn FnMut(Found),
) -> Tally {
    let (whole, flat, seen) = flatten(plan);
    for what in found::named(&seen) {
        found(Found::without_crash(plan, what));
    }
    let single = Plan { steps: flat.steps.clone(), ..whole.clone() };
    let mut explorer = Explorer::new(options.bounds);
    let mut run = Run::new(&single, false);
    while run.next_step() < flat.of.partition_point(|&step| step < first) && run.step() {}
    let mut walk = Walk::new(run, &options.sides, options.depth, go_on);
    explorer.walk(&mut walk, &mut |explorer, walk: &Walk<'_>, crash| {
        walk.judge(explorer, crash, &mut |crashes, crashed| {
            for what in found::named(&crashed) {
                found(Found::new(&whole, &flat, crashes, what));
            }
        });
    });
    *explorer.tally()
}
