//! Simpler orders of events: latencies, then as few deviations as possible from the order in which things were
//! asked for.

use colo_sim::explore::{OrderBounds, each_order};
use colo_sim::world::Schedule;

use crate::plan::Plan;
use crate::run::Run;
use crate::shrink::search::Search;
use crate::shrink::steps::without;

/// Orders that a plan is tried in when a step is taken away.
const ORDERS: OrderBounds = OrderBounds { orders_max: 300, deviations_max: Some(1) };

/// Steps of a plan whose orders are tried: for longer ones that takes too many runs.
const STEPS_MAX: usize = 24;

/// One thing simpler after the other.
pub(super) fn simpler(search: &mut Search<'_>) -> bool {
    if search.best().schedule.is_latency() {
        return false;
    }
    if take(search, Schedule::Latency) {
        return true;
    }
    if matches!(&search.best().schedule, Schedule::Chosen(list) if !list.is_empty())
        && take(search, Schedule::Chosen(Vec::new()))
    {
        return true;
    }
    match search.best().schedule.clone() {
        Schedule::Chosen(list) => fewer_deviations(search, list),
        _ => take(search, Schedule::Chosen(chosen(search.best()))),
    }
}

/// What was chosen where there was something to choose.
fn chosen(plan: &Plan) -> Vec<u16> {
    let mut list = Run::new(plan, false).finish().1.chosen().to_vec();
    cut(&mut list);
    list
}

/// The first choice, in halves, quarters and so on down to single ones; then lower ones.
fn fewer_deviations(search: &mut Search<'_>, mut list: Vec<u16>) -> bool {
    let before = list.clone();
    cut(&mut list);
    let mut size = list.len();
    while size > 0 {
        for from in (0..list.len()).step_by(size).rev() {
            let end = list.len().min(from + size);
            let mut simpler = list.clone();
            simpler.get_mut(from..end).unwrap_or_default().fill(0);
            cut(&mut simpler);
            if simpler != list && take(search, Schedule::Chosen(simpler.clone())) {
                list = simpler;
            }
        }
        size /= 2;
    }
    for place in 0..list.len() {
        let lower = (1..list[place]).find(|&lower| {
            let mut simpler = list.clone();
            simpler[place] = lower;
            take(search, Schedule::Chosen(simpler))
        });
        list[place] = lower.unwrap_or(list[place]);
    }
    if list != before && search.best().schedule != Schedule::Chosen(list.clone()) {
        take(search, Schedule::Chosen(list.clone()));
    }
    list != before
}

fn take(search: &mut Search<'_>, schedule: Schedule) -> bool {
    search.take(Plan { schedule, ..search.best().clone() })
}

/// What comes after the last deviation says nothing.
fn cut(list: &mut Vec<u16>) {
    let len = list.iter().rposition(|&chosen| chosen > 0).map_or(0, |last| last + 1);
    list.truncate(len);
}

/// A race may need a step only for its effect on the timing: without it, and in another order.
pub(super) fn fewer_in_another_order(search: &mut Search<'_>) -> bool {
    let mut changed = false;
    for index in (0..search.best().steps.len()).rev() {
        if search.best().steps.len() > STEPS_MAX || search.best().setup.pair.is_some() {
            return changed;
        }
        let shorter = without(search.best(), index..index + 1);
        let mut taken = false;
        each_order(ORDERS, &mut |chosen| {
            if taken || search.is_over() {
                return None;
            }
            let mut list = chosen.to_vec();
            cut(&mut list);
            let plan = Plan { schedule: Schedule::Chosen(list), ..shorter.clone() };
            taken = search.take(plan.clone());
            if taken {
                return None;
            }
            Some(Run::new(&plan, false).finish().1.choices().to_vec())
        });
        changed |= taken;
    }
    changed
}
