//! Every order in which what a plan sets off can be answered.
//!
//! What is tried is the order of answers, messages and timers, each at any time after it was asked for.
//! Whether a request takes effect early or late is drawn by the plan's seed, as ever.

use colo_sim::explore::{OrderBounds, OrdersTally, each_order};
use colo_sim::world::Schedule;

use crate::explore::Found;
use crate::explore::found::named;
use crate::plan::Plan;
use crate::run::{Crashed, Run};

/// Runs a plan in every order within the bounds and hands over what it finds, each with the plan that fixes its order.
/// `go_on` is asked before each order.
pub fn explore_orders(
    plan: &Plan,
    bounds: OrderBounds,
    go_on: &dyn Fn() -> bool,
    found: &mut dyn FnMut(Found),
) -> OrdersTally {
    let mut number = 0;
    each_order(bounds, &mut |chosen| {
        if !go_on() {
            return None;
        }
        number += 1;
        let schedule = Schedule::Chosen(chosen.to_vec());
        let ordered = Plan { schedule, ..plan.clone() };
        let (outcome, world) = Run::new(&ordered, false).finish();
        if !outcome.is_clean() {
            let name = format!("{}-order-{number}", plan.name);
            let ordered = Plan { name, ..ordered };
            let seen = Crashed { violations: outcome.violations, aborts: outcome.aborts };
            for what in named(&seen) {
                found(Found::without_crash(&ordered, what));
            }
        }
        Some(world.choices().to_vec())
    })
}
