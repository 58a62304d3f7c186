//! From a seed to a plan.
//!
//! Swarm: each seed draws what is possible at all and how often, so that plans
//! differ in kind, not only in order. A plan has a rough shape, because most
//! orders of steps end at once: set up, rounds of I/O and checkpoints with
//! misfortune in between, an ending, and what comes after it. Each purpose draws
//! from a stream of its own.

mod conform;
mod endings;
mod lies;
mod mishaps;
mod operate;
mod pair;
mod races;
mod rare;
mod schedule;
mod setup;
mod strike;
mod swarm;

use colo_core::{Geometry, Mode, Quirk, Verb};
use colo_sim::stream::{Ratio, Seed, Stream};
use colo_sim::world::{Schedule, Side};

use crate::plan::{Plan, Step, VERSION};
use crate::profile::{Added, Behaviour, Topology};
use swarm::Swarm;

pub use conform::generate_for_qemu;

/// Of so many seeds one is a plan of two hosts on a network: it takes hundreds of times as long.
const PAIRS: u32 = 400;

/// The plan of a seed.
pub fn generate(seed: u64, behaviour: &Behaviour) -> Plan {
    let mut setup = setup::draw(&mut Seed(seed).stream("setup"));
    setup.wiring = operate::wiring(&mut Seed(seed).stream("wiring"), setup.secondary_quorum);
    setup.further = setup::further(&mut Seed(seed).stream("volumes"), setup.secondary_quorum);
    let swarm = Swarm::draw(&mut Seed(seed).stream("swarm"));
    let two_hosts = match behaviour.topology {
        Some(topology) => topology == Topology::Pair,
        // Who asks for an order of events, or for a lie, is not about the network.
        None if behaviour.schedule.is_some() || behaviour.lies.is_some() => false,
        None => Seed(seed).stream("topology").chance(Ratio::new(1, PAIRS)),
    };
    if two_hosts {
        pair::setup(&mut setup, &mut Seed(seed).stream("pair"));
    }
    let generator = Generator {
        shape: Seed(seed).stream("shape"),
        io: Seed(seed).stream("io"),
        mishaps: Seed(seed).stream("mishaps"),
        operator: Seed(seed).stream("operator"),
        races: Seed(seed).stream("races"),
        rare: Seed(seed).stream("rare"),
        beyond: Seed(seed).stream("beyond"),
        volumes: Volumes {
            stream: Seed(seed).stream("volume"),
            count: 1 + setup.further.iter().count() as u64,
            current: 0,
        },
        hot: swarm.hot_sector % setup.geometry.sectors,
        geometry: setup.geometry,
        swarm,
        steps: Vec::with_capacity(64),
    };
    let mut steps = match setup.pair {
        Some(pair) => generator.generate_pair(pair.lease_ns),
        None => generator.generate(),
    };
    strike::insert(&mut steps, &setup, seed);
    let quirks = match &behaviour.added {
        Added::Nothing => Vec::new(),
        Added::Named(quirks) => quirks.clone(),
        Added::Swarm => {
            let mut stream = Seed(seed).stream("quirks");
            Quirk::ALL.iter().copied().filter(|_| stream.chance(half())).collect()
        }
    };
    let profile = behaviour.profile;
    let name = format!("seed {seed}");
    let schedule = match setup.pair {
        Some(_) => Schedule::Latency,
        None => schedule::draw(seed, steps.len(), behaviour.schedule),
    };
    let mut plan = Plan { version: VERSION, name, profile, quirks, seed, schedule, setup, steps };
    if let Some(lies) = behaviour.lies {
        lies::insert(&mut plan, seed, lies);
    }
    if !behaviour.without.is_empty() {
        let left_out =
            |step: &Step| behaviour.without.iter().any(|kind| kind.name() == step.kind());
        plan.steps.retain(|step| !left_out(step));
    }
    plan
}

fn half() -> Ratio {
    Ratio::new(1, 2)
}

struct Generator {
    shape: Stream,
    io: Stream,
    mishaps: Stream,
    operator: Stream,
    races: Stream,
    rare: Stream,
    beyond: Stream,
    volumes: Volumes,
    hot: u64,
    geometry: Geometry,
    swarm: Swarm,
    steps: Vec<Step>,
}

/// Which volume a step is about. Steps that belong together follow one another, so it changes
/// only now and then.
struct Volumes {
    stream: Stream,
    count: u64,
    current: u8,
}

impl Volumes {
    fn place(&mut self, step: Step) -> Step {
        if self.count == 1 {
            return step;
        }
        let of_host = matches!(
            step,
            Step::CallAll { .. }
                | Step::Checkpoint
                | Step::Failover
                | Step::FaultsEnd
                | Step::PowerLoss(_)
                | Step::PowerLossWith { .. }
                | Step::Events(_)
                | Step::Kill(_)
                | Step::Restart(_)
                | Step::Recover { .. }
                | Step::Cut(_)
                | Step::CutFrom { .. }
                | Step::Hold(_)
                | Step::Pass(_)
                | Step::Settle
                | Step::On { .. }
        );
        if !of_host && self.stream.chance(Ratio::new(1, 3)) {
            self.current = self.stream.below(self.count) as u8;
        }
        match self.current {
            volume if volume > 0 && !of_host => Step::On { volume, step: Box::new(step) },
            _ => step,
        }
    }

    fn calls_all(&mut self) -> bool {
        let often = if self.count == 1 { Ratio::new(1, 8) } else { Ratio::new(4, 5) };
        self.stream.chance(often)
    }
}

/// The shape of a plan.
impl Generator {
    fn generate(mut self) -> Vec<Step> {
        self.begin();
        for _ in 0..self.swarm.rounds {
            self.round();
            if self.shape.chance(Ratio::new(self.swarm.checkpoint, 100)) {
                self.push(Step::Checkpoint);
            }
        }
        if self.operator.chance(Ratio::new(1, 10)) {
            self.operate();
        }
        if self.operator.chance(Ratio::new(1, 12)) {
            self.checkpoints_under_writes();
        }
        if self.operator.chance(Ratio::new(1, 30)) {
            self.unplug();
        }
        if self.races.chance(Ratio::new(1, 10)) {
            self.checkpoints_under_slow_writes();
        }
        if self.races.chance(Ratio::new(1, 16)) {
            self.parent_goes();
        }
        if self.races.chance(Ratio::new(1, 16)) {
            self.connection_flaps();
        }
        self.ends_badly();
        self.ends_in_doubt();
        if self.races.chance(Ratio::new(1, 50)) {
            self.open_refused();
        }
        self.end();
        if self.races.chance(Ratio::new(1, 30)) {
            self.start_cannot_mark();
        }
        self.asks_who_is_closed();
        self.steps
    }

    fn push(&mut self, step: Step) {
        let step = self.volumes.place(step);
        self.steps.push(step);
    }

    /// Calls a verb: as COLO does it on all filters, or on one.
    fn call(&mut self, side: Side, verb: Verb, wait: bool) {
        let all = verb != Verb::Close && self.volumes.calls_all();
        let step =
            if all { Step::CallAll { side, verb, wait } } else { Step::Call { side, verb, wait } };
        self.push(step);
    }

    fn begin(&mut self) {
        if self.shape.chance(Ratio::new(1, 6)) {
            self.requests(4);
        }
        if self.shape.chance(Ratio::new(1, 8)) {
            self.mishap();
        }
        if self.shape.chance(Ratio::new(1, 16)) {
            self.failed_starts();
        }
        self.starts_under_writes();
        // COLO's order: the secondary first (spec 2.9). Once in a while only one side starts.
        let sides = self.shape.weighted(&[20, 1, 1]);
        if sides != 2 {
            self.call(Side::Secondary, Verb::Start(Mode::Secondary), true);
        }
        if sides != 1 {
            self.call(Side::Primary, Verb::Start(Mode::Primary), true);
        }
    }

    fn round(&mut self) {
        let requests = 1 + self.shape.below(self.swarm.round_max);
        self.requests(requests);
    }

    fn requests(&mut self, count: u64) {
        for _ in 0..count {
            if self.mishaps.chance(Ratio::new(self.swarm.mishap_rate, 1000)) {
                self.mishap();
            }
            let side = Side::BOTH[self.io.weighted(&self.swarm.guests)];
            self.request(side);
        }
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.shape.weighted(&[1, 2])]
    }

    fn crash(&mut self, side: Side) {
        let step = if self.shape.chance(Ratio::new(2, 3)) { Step::PowerLoss } else { Step::Kill };
        self.push(step(side));
    }

    fn verb(&mut self, side: Side) -> Verb {
        match self.mishaps.weighted(&[2, 1, 2, 2, 2, 2, 1]) {
            0 => Verb::Start(side.mode()),
            1 => Verb::Start(*self.mishaps.pick(&[Mode::Primary, Mode::Secondary])),
            2 => Verb::Checkpoint,
            3 => Verb::GetError,
            4 => Verb::Stop { failover: false },
            5 => Verb::Stop { failover: true },
            _ => Verb::Close,
        }
    }
}

/// Requests of guests.
impl Generator {
    fn request(&mut self, side: Side) {
        let swarm = &self.swarm;
        let weights = [swarm.read, swarm.write, swarm.flush, swarm.zeroes, swarm.discard];
        let kind = self.io.weighted(&weights);
        let wait = self.io.chance(Ratio::new(swarm.wait, 1000));
        let (at, len) = self.extent();
        let step = match kind {
            0 => self.read(side, at, len, wait),
            1 => Step::Write { side, at, len, wait },
            2 => Step::Flush { side, wait },
            3 => Step::WriteZeroes { side, at, len, wait },
            _ => Step::Discard { side, at, len, wait },
        };
        self.push(step);
    }

    /// A read, now and then of sectors past the end of the disk, which is refused.
    fn read(&mut self, side: Side, at: u64, len: u32, wait: bool) -> Step {
        if !self.beyond.chance(Ratio::new(1, 300)) {
            return Step::Read { side, at, len, wait };
        }
        let past = 1 + self.beyond.below(4);
        let len = (self.geometry.sectors - at + past) as u32;
        Step::Read { side, at, len, wait }
    }

    fn extent(&mut self) -> (u64, u32) {
        let sectors = self.geometry.sectors;
        let hot = self.io.chance(Ratio::new(self.swarm.hot, 10));
        let at = if hot { (self.hot + self.io.below(6)) % sectors } else { self.io.below(sectors) };
        let len = 1 + self.io.below(self.swarm.len_max);
        (at, len.min(sectors - at) as u32)
    }
}

/// What goes wrong.
impl Generator {}
