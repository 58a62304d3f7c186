//! What decides the order of events in the plan of a seed.

use colo_sim::stream::{Seed, Stream};
use colo_sim::world::Schedule;

use crate::profile::Schedules;

/// PCT's depth is drawn up to this: few races need more constraints.
const DEPTH_MAX: u32 = 4;

/// Events of a step, about; PCT lowers priorities among so many.
const EVENTS_A_STEP: u32 = 5;

/// The schedule of a seed, from a stream of its own. Latencies decide the order in seven plans of eight: they
/// find what the others find and some things sooner (docs/schedules.md). In the others anything may come
/// next at any time, for the races that no latency happens to bring about.
pub(super) fn draw(seed: u64, steps: usize, asked: Option<Schedules>) -> Schedule {
    let mut stream = Seed(seed).stream("schedule-kind");
    let drawn = match stream.below(16) {
        0 => Schedules::Random,
        1 => Schedules::Pct(None),
        _ => Schedules::Latency,
    };
    match asked.unwrap_or(drawn) {
        Schedules::Latency => Schedule::Latency,
        Schedules::Random => Schedule::Random,
        Schedules::Pct(depth) => pct(&mut stream, steps, depth),
    }
}

fn pct(stream: &mut Stream, steps: usize, depth: Option<u32>) -> Schedule {
    let drawn = 1 + stream.below(u64::from(DEPTH_MAX)) as u32;
    Schedule::Pct { depth: depth.unwrap_or(drawn), events: EVENTS_A_STEP * steps as u32 }
}
