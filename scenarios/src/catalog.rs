//! Named scenarios: an index of what can happen to such a pair of hosts.
//!
//! Each is a short plan that a person can read. A scenario says nothing of its
//! outcome; the oracle judges it as any plan, and tests say which point it must reach.
//! Each file below holds the scenarios of one part of a host's life.

mod checkpoint;
mod crash;
mod documented;
mod failover;
mod faults;
mod network;
mod operator;
#[cfg(test)]
mod pasted;
mod primary;
mod start;
mod steps;
mod topology;
mod volumes;

use colo_sim::world::Schedule;

use crate::plan::{Plan, Setup, Step};
use crate::profile::{Added, Behaviour};

/// One scenario.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in a sentence.
    pub about: &'static str,
    steps: fn() -> Vec<Step>,
    /// What is different about its hosts.
    differs: fn(&mut Setup),
    /// Of what is left to chance.
    seed: u64,
    schedule: fn() -> Schedule,
}

const fn scenario(name: &'static str, about: &'static str, steps: fn() -> Vec<Step>) -> Scenario {
    Scenario { name, about, steps, differs: |_| (), seed: 0, schedule: || Schedule::Latency }
}

impl Scenario {
    /// The same on hosts that are set up differently.
    const fn on(self, differs: fn(&mut Setup)) -> Self {
        Self { differs, ..self }
    }

    /// The same where chance falls out differently: for a plan whose seed matters.
    pub const fn seeded(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The same where something else than latencies decides the order of events.
    pub const fn scheduled(self, schedule: fn() -> Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Its plan.
    pub fn plan(&self, behaviour: &Behaviour) -> Plan {
        let mut plan = Plan::new(self.name, behaviour.profile, (self.steps)());
        (self.differs)(&mut plan.setup);
        plan.seed = self.seed;
        plan.schedule = (self.schedule)();
        if let Added::Named(quirks) = &behaviour.added {
            plan.quirks.clone_from(quirks);
        }
        plan
    }
}

/// The scenario of this name.
pub fn find(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

/// The parts, in the order of a host's life.
const PARTS: [&[Scenario]; 12] = [
    start::SCENARIOS,
    topology::SCENARIOS,
    checkpoint::SCENARIOS,
    failover::SCENARIOS,
    crash::SCENARIOS,
    primary::SCENARIOS,
    operator::SCENARIOS,
    faults::SCENARIOS,
    volumes::SCENARIOS,
    documented::SCENARIOS,
    network::SCENARIOS,
    network::MESSAGES,
];

/// The catalog.
pub const SCENARIOS: &[Scenario] = &joined::<{ count() }>();

const fn count() -> usize {
    let (mut part, mut count) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
}

const fn joined<const N: usize>() -> [Scenario; N] {
    let mut all = [PARTS[0][0]; N];
    let (mut part, mut place) = (0, 0);
    while part < PARTS.len() {
        let mut of_part = 0;
        while of_part < PARTS[part].len() {
            all[place] = PARTS[part][of_part];
            (place, of_part) = (place + 1, of_part + 1);
        }
        part += 1;
    }
    all
}
