//! From a seed to a plan.
//!
//! Swarm: each seed draws what is possible at all and how often, so that plans
//! differ in kind, not only in order. A plan has a rough shape, because most
//! orders of steps end at once: set up, rounds of I/O and checkpoints with
//! misfortune in between, an ending, and what comes after it. Each purpose draws
//! from a stream of its own.

mod lies;
mod operate;
mod races;
mod rare;
mod schedule;
mod setup;

use colo_core::{
    Admin, CommitPhase, DiskId, EmptyFailure, Errno, Geometry, JobKind, Mode, Phase, Quirk, Stage,
    Verb,
};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::stream::{Ratio, Seed, Stream};
use colo_sim::world::Side;

use crate::plan::{FaultSpec, Plan, Step, VERSION};
use crate::profile::{Added, Behaviour};

/// The plan of a seed.
pub fn generate(seed: u64, behaviour: &Behaviour) -> Plan {
    let mut setup = setup::draw(&mut Seed(seed).stream("setup"));
    setup.wiring = operate::wiring(&mut Seed(seed).stream("wiring"), setup.secondary_quorum);
    setup.further = setup::further(&mut Seed(seed).stream("volumes"), setup.secondary_quorum);
    let swarm = Swarm::draw(&mut Seed(seed).stream("swarm"));
    let steps = Generator {
        shape: Seed(seed).stream("shape"),
        io: Seed(seed).stream("io"),
        mishaps: Seed(seed).stream("mishaps"),
        operator: Seed(seed).stream("operator"),
        races: Seed(seed).stream("races"),
        rare: Seed(seed).stream("rare"),
        volumes: Volumes {
            stream: Seed(seed).stream("volume"),
            count: 1 + setup.further.iter().count() as u64,
            current: 0,
        },
        hot: swarm.hot_sector % setup.geometry.sectors,
        geometry: setup.geometry,
        swarm,
        steps: Vec::with_capacity(64),
    }
    .generate();
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
    let schedule = schedule::draw(seed, steps.len(), behaviour.schedule);
    let mut plan = Plan { version: VERSION, name, profile, quirks, seed, schedule, setup, steps };
    if let Some(lies) = behaviour.lies {
        lies::insert(&mut plan, seed, lies);
    }
    plan
}

fn half() -> Ratio {
    Ratio::new(1, 2)
}

/// What is possible in one plan, and how often.
struct Swarm {
    rounds: u64,
    /// Guest requests in a round, at most.
    round_max: u64,
    /// Of a thousand requests, how many the next step waits for.
    wait: u32,
    read: u32,
    write: u32,
    flush: u32,
    /// Zero in most plans, as is the next.
    zeroes: u32,
    discard: u32,
    /// Weight of the primary's guest, and of the secondary's.
    guests: [u32; 2],
    len_max: u64,
    /// How many requests in ten go to one small region.
    hot: u32,
    hot_sector: u64,
    /// Weight of each mishap, zero if it does not happen in this plan.
    mishaps: [u32; MISHAPS],
    /// Of a thousand steps, how many are mishaps.
    mishap_rate: u32,
    /// Of a hundred rounds, how many end with a checkpoint.
    checkpoint: u32,
}

const MISHAPS: usize = 14;

impl Swarm {
    fn draw(stream: &mut Stream) -> Self {
        let mut mishaps = [0; MISHAPS];
        for weight in &mut mishaps {
            if stream.chance(half()) {
                *weight = 1 + stream.below(8) as u32;
            }
        }
        if mishaps.iter().all(|&weight| weight == 0) {
            mishaps[stream.below(MISHAPS as u64) as usize] = 1;
        }
        Self {
            rounds: 1 + stream.below(3),
            round_max: *stream.pick(&[4, 8, 8, 16, 30]),
            wait: *stream.pick(&[100, 300, 600, 1000]),
            read: 1 + stream.below(6) as u32,
            write: 2 + stream.below(8) as u32,
            flush: stream.below(3) as u32,
            zeroes: *stream.pick(&[0, 0, 0, 1, 3]),
            discard: *stream.pick(&[0, 0, 0, 0, 1]),
            guests: *stream.pick(&[[1, 1], [3, 1], [1, 3]]),
            len_max: *stream.pick(&[1, 3, 6, 12]),
            hot: *stream.pick(&[0, 5, 9]),
            hot_sector: stream.below(40),
            mishaps,
            mishap_rate: *stream.pick(&[0, 20, 60, 150]),
            checkpoint: *stream.pick(&[60, 90, 100]),
        }
    }
}

struct Generator {
    shape: Stream,
    io: Stream,
    mishaps: Stream,
    operator: Stream,
    races: Stream,
    rare: Stream,
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
        if self.races.chance(Ratio::new(1, 50)) {
            self.open_refused();
        }
        self.end();
        if self.races.chance(Ratio::new(1, 30)) {
            self.start_cannot_mark();
        }
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

    fn end(&mut self) {
        // Most plans are about a failover; what stands in its way is lifted in most of those.
        match self.shape.weighted(&[64, 10, 6, 10, 10]) {
            0 => self.end_with_failover(),
            1 => {
                if self.shape.chance(Ratio::new(1, 6)) {
                    self.header_or_flush_fault();
                }
                self.call(Side::Secondary, Verb::Stop { failover: false }, true);
            }
            2 => {
                let side = self.side();
                if self.races.chance(half()) {
                    self.slow_forwarded_writes();
                }
                self.call(side, Verb::Close, true);
            }
            3 => {
                self.crash(Side::Secondary);
                self.come_back();
            }
            _ => self.primary_life(),
        }
        if self.shape.chance(half()) {
            self.after();
        }
    }

    fn end_with_failover(&mut self) {
        if self.shape.chance(Ratio::new(3, 4)) {
            self.push(Step::FaultsEnd);
        }
        if self.shape.chance(Ratio::new(1, 8)) {
            self.half_failed_checkpoint();
            if self.races.chance(Ratio::new(1, 5)) {
                self.failover_cut_short();
            }
        }
        let refusing = self.shape.chance(Ratio::new(1, 10));
        if refusing {
            self.header_or_flush_fault();
        }
        if self.shape.chance(Ratio::new(1, 20)) {
            self.competing_reader();
        }
        let doomed = self.shape.chance(Ratio::new(1, 5));
        if doomed && self.races.chance(Ratio::new(1, 4)) {
            self.commit_flush_fault();
        } else if doomed {
            self.commit_fault();
        }
        if self.volumes.count > 1 && self.races.chance(Ratio::new(1, 4)) {
            self.one_disk_apart();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.failover_not_durable();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.map_out_of_date();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.commit_cannot_mark();
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.dies_while_marking();
        }
        if self.shape.chance(Ratio::new(1, 8)) {
            // The caller does not end forwarding first, or does not wait.
            let wait = self.shape.chance(half());
            self.call(Side::Secondary, Verb::Stop { failover: true }, wait);
        } else {
            self.push(Step::Failover);
        }
        if self.races.chance(Ratio::new(1, 40)) {
            self.flush_cut_short();
        }
        if refusing && self.shape.chance(half()) {
            self.call(Side::Secondary, Verb::GetError, true);
        }
        let racing = self.shape.below(6);
        for _ in 0..racing {
            self.request(Side::Secondary);
        }
        let ending = self.shape.weighted(&[60, 25, 6, 4, 3]);
        match ending {
            0 => self.push(Step::Settle),
            1 => {
                let ns = self.shape.below(1_500_000);
                self.push(Step::Pass(ns));
                self.crash(Side::Secondary);
                self.come_back();
            }
            2 => self.push(Step::Cancel(JobKind::Commit)),
            3 => self.call(Side::Secondary, Verb::Close, true),
            _ => {
                self.command(Side::Secondary, Admin::Quit);
                self.come_back();
            }
        }
        if (doomed && ending == 0) || ending == 2 {
            self.life_after_failed_failover();
        }
        if self.shape.chance(Ratio::new(1, 3)) {
            self.push(Step::FaultsEnd);
            self.call(Side::Secondary, Verb::Stop { failover: true }, true);
            self.push(Step::Settle);
        }
    }

    /// The overlays stay, the guest goes on over them, and perhaps the host goes down after all.
    fn life_after_failed_failover(&mut self) {
        self.ask_after_failed_failover();
        self.bad_disks();
        match self.races.weighted(&[4, 1, 2]) {
            0 => {}
            1 => self.flush_cut_short(),
            _ => self.flushed_over_failed_failover(),
        }
        for _ in 0..self.shape.below(8) {
            self.request(Side::Secondary);
        }
        if self.shape.chance(half()) {
            self.push(Step::Flush { side: Side::Secondary, wait: true });
        }
        for _ in 0..self.shape.below(3) {
            self.request(Side::Secondary);
        }
        if self.shape.chance(Ratio::new(1, 2)) {
            // It is tried again, and what is flushed meanwhile has to last.
            self.call(Side::Secondary, Verb::Stop { failover: true }, true);
            if self.shape.chance(half()) {
                self.call(Side::Secondary, Verb::GetError, true);
            }
            self.request(Side::Secondary);
            self.push(Step::Flush { side: Side::Secondary, wait: true });
            let ns = self.shape.below(600_000);
            self.push(Step::Pass(ns));
        }
        if self.shape.chance(half()) {
            self.crash(Side::Secondary);
            self.come_back();
        }
    }

    /// What an operator does after a crash of the secondary.
    fn come_back(&mut self) {
        if self.shape.chance(Ratio::new(4, 5)) {
            self.push(Step::FaultsEnd);
        }
        for _ in 0..=self.shape.below(2) {
            match self.shape.weighted(&[8, 3, 2, 1, 2]) {
                0 => self.push(Step::Recover { wait: true }),
                1 => {
                    self.push(Step::Recover { wait: false });
                    if self.shape.chance(Ratio::new(1, 3)) {
                        self.request(Side::Secondary);
                    }
                    if self.operator.chance(Ratio::new(1, 10)) {
                        let command = *self.operator.pick(&[Admin::Remove, Admin::Quit]);
                        self.push(Step::Admin { side: Side::Secondary, command, wait: false });
                    }
                    let ns = self.shape.below(800_000);
                    self.push(Step::Pass(ns));
                    self.crash(Side::Secondary);
                    self.push(Step::Recover { wait: true });
                }
                2 => {
                    self.push(Step::Restart(Side::Secondary));
                    self.call(Side::Secondary, Verb::Start(Mode::Secondary), true);
                    self.push(Step::Settle);
                    self.crash(Side::Secondary);
                    self.push(Step::Recover { wait: true });
                }
                3 => self.push(Step::Restart(Side::Secondary)),
                _ => self.primary_over_restarted_secondary(),
            }
        }
    }

    /// The secondary is switched on as if nothing had been, and the primary goes on writing to it.
    fn primary_over_restarted_secondary(&mut self) {
        self.push(Step::Restart(Side::Secondary));
        self.push(Step::Cut(false));
        if self.shape.chance(Ratio::new(1, 3)) {
            self.call(Side::Secondary, Verb::Close, true);
        }
        for _ in 0..=self.shape.below(3) {
            self.request(Side::Primary);
        }
        let ns = self.shape.below(1_000_000);
        self.push(Step::Pass(ns));
        self.crash(Side::Secondary);
        self.push(Step::Recover { wait: true });
    }

    /// Restart and stop on the primary; the connection comes and goes.
    fn primary_life(&mut self) {
        for _ in 0..=self.shape.below(3) {
            match self.shape.below(5) {
                0 => self.call(Side::Primary, Verb::Stop { failover: false }, true),
                1 => {
                    self.crash(Side::Primary);
                    self.push(Step::Restart(Side::Primary));
                    self.call(Side::Primary, Verb::Start(Mode::Primary), true);
                }
                2 => self.push(Step::Cut(true)),
                3 => self.push(Step::Cut(false)),
                _ => self.call(Side::Primary, Verb::Start(Mode::Primary), true),
            }
            self.requests(4);
            self.push(Step::Checkpoint);
        }
    }

    /// Life after the ending: more requests, verbs, and once more a crash.
    fn after(&mut self) {
        self.requests(6);
        if self.shape.chance(half()) {
            let verb = self.verb(Side::Secondary);
            self.call(Side::Secondary, verb, true);
        }
        if self.shape.chance(Ratio::new(1, 3)) {
            self.push(Step::Settle);
            let side =
                if self.shape.chance(Ratio::new(1, 5)) { Side::Primary } else { Side::Secondary };
            self.crash(side);
            match side {
                Side::Primary => self.push(Step::Restart(side)),
                Side::Secondary => self.come_back(),
            }
            self.requests(3);
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
        self.push(match kind {
            0 => Step::Read { side, at, len, wait },
            1 => Step::Write { side, at, len, wait },
            2 => Step::Flush { side, wait },
            3 => Step::WriteZeroes { side, at, len, wait },
            _ => Step::Discard { side, at, len, wait },
        });
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
impl Generator {
    fn mishap(&mut self) {
        match self.mishaps.weighted(&self.swarm.mishaps) {
            0 => self.fault(),
            1 => {
                let disk = *self.mishaps.pick(&DiskId::ALL);
                let mut rate = || self.mishaps.below(60) as u32;
                let (read, write, flush) = (rate(), rate(), rate());
                self.push(Step::Rates { disk, read, write, flush });
            }
            2 => self.push(Step::FaultsEnd),
            3 => self.push(Step::Cancel(JobKind::Backup)),
            4 => {
                let side = Side::BOTH[self.mishaps.weighted(&[1, 2])];
                let verb = self.verb(side);
                let wait = self.mishaps.chance(half());
                self.call(side, verb, wait);
            }
            5 => {
                let step = if self.mishaps.chance(half()) { Step::PowerLoss } else { Step::Kill };
                let side = Side::BOTH[self.mishaps.weighted(&[1, 1])];
                self.push(step(side));
                self.push(Step::Restart(side));
                self.call(side, Verb::Start(side.mode()), true);
            }
            6 => {
                let cut = self.mishaps.chance(half());
                self.push(Step::Cut(cut));
            }
            7 => {
                let held = self.mishaps.chance(half());
                self.push(Step::Hold(held));
            }
            8 => {
                let (disk, ns) = (*self.mishaps.pick(&DiskId::ALL), self.mishaps.below(5_000_000));
                self.push(Step::Stall { disk, ns });
            }
            9 => {
                let ns = self.mishaps.below(400_000);
                self.push(Step::Pass(ns));
            }
            10 => self.operate(),
            11 => self.failing_emptying(),
            12 => {
                // An overlay without its format layer is of little use for the rest of the plan.
                if self.mishaps.chance(Ratio::new(1, 3)) {
                    let disk = *self.mishaps.pick(&[DiskId::Hidden, DiskId::Active]);
                    self.push(Step::Eject(disk));
                }
            }
            _ => {
                let (side, cut) = (*self.mishaps.pick(&Side::BOTH), self.mishaps.chance(half()));
                self.push(Step::CutFrom { side, cut });
            }
        }
    }

    /// The next emptying of an overlay fails, in one of four ways.
    fn failing_emptying(&mut self) {
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&[DiskId::Hidden, DiskId::Active]);
        let how = EmptyFailure::ALL[stream.weighted(&[3, 3, 3, 1])];
        let errno = *stream.pick(&[Errno::Io, Errno::NoSpace]);
        self.push(Step::EmptyFails { disk, how, errno });
        if self.mishaps.chance(half()) {
            self.push(Step::Checkpoint);
        }
    }

    /// Some request of some disk fails, soon.
    fn fault(&mut self) {
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&DiskId::ALL);
        let mut spec = FaultSpec::new(
            disk,
            *stream.pick(&[OpKind::Read, OpKind::Write, OpKind::Flush, OpKind::Any]),
        );
        spec.errno = *stream.pick(&[Errno::Io, Errno::Io, Errno::NoSpace]);
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        spec.skip = stream.below(4) as u32;
        spec.times = Some(1 + stream.below(3) as u32);
        if stream.chance(Ratio::new(1, 4)) {
            let from = stream.below(self.geometry.sectors);
            spec.range = Some((from, from + 1 + stream.below(8)));
        }
        if stream.chance(Ratio::new(1, 5)) {
            spec.during = Some(*stream.pick(&[
                Phase::Stage(Stage::Running),
                Phase::Checkpoint,
                Phase::BackupCancelling,
                Phase::Commit(CommitPhase::Copying),
                Phase::Commit(CommitPhase::FinalFlush),
            ]));
        }
        if stream.chance(Ratio::new(1, 12)) && spec.range.is_some() {
            (spec.latent, spec.op) = (true, OpKind::Read);
        }
        self.push(Step::Fault(spec));
    }

    /// Flushed writes, and a checkpoint that cannot empty an overlay or make that durable.
    fn half_failed_checkpoint(&mut self) {
        self.push(Step::Flush { side: Side::Secondary, wait: true });
        let stream = &mut self.mishaps;
        let disk = *stream.pick(&[DiskId::Hidden, DiskId::Active]);
        let mut spec = FaultSpec::new(disk, *stream.pick(&[OpKind::Write, OpKind::Flush]));
        (spec.times, spec.during) = (Some(1), Some(Phase::Checkpoint));
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        self.push(Step::Fault(spec));
        self.push(Step::Checkpoint);
    }

    /// The next write of active's header fails, or the next flush of a disk.
    fn header_or_flush_fault(&mut self) {
        let stream = &mut self.mishaps;
        let spec = if stream.chance(half()) {
            let mut spec = FaultSpec::new(DiskId::Active, OpKind::Write);
            (spec.range, spec.damage) =
                (Some((0, 1)), *stream.pick(&[Damage::None, Damage::Prefix]));
            spec
        } else {
            let disk = *stream.pick(&[DiskId::Secondary, DiskId::Hidden, DiskId::Active]);
            let mut spec = FaultSpec::new(disk, OpKind::Flush);
            spec.skip = stream.below(2) as u32;
            spec
        };
        self.push(Step::Fault(FaultSpec { times: Some(1), ..spec }));
    }

    /// The commit that comes will fail, at some request.
    fn commit_fault(&mut self) {
        let stream = &mut self.mishaps;
        let phase = *stream.pick(&[
            CommitPhase::Copying,
            CommitPhase::Copying,
            CommitPhase::Copying,
            CommitPhase::Flushing,
            CommitPhase::Draining,
            CommitPhase::FinalFlush,
            CommitPhase::Marking,
        ]);
        let mut disk = *stream.pick(&[DiskId::Secondary, DiskId::Hidden, DiskId::Active]);
        let mut skip = stream.below(4) as u32;
        if phase == CommitPhase::Marking {
            (disk, skip) = (DiskId::Active, 0);
        }
        let mut spec = FaultSpec::new(disk, OpKind::Any);
        spec.during = Some(Phase::Commit(phase));
        spec.skip = skip;
        spec.times = Some(1 + stream.below(2) as u32);
        spec.damage = *stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        self.push(Step::Fault(spec));
    }
}
