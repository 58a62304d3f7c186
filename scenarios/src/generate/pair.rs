//! Plans of two hosts on a network: partitions, peers that break the protocol, and who takes over then.
//!
//! Guests, disks and jobs are those of every plan; what is drawn here is what takes a network, and
//! time enough for leases to run out. Roles do what operators do elsewhere, so verbs are called at the
//! beginning only.

use colo_core::colo::Node;
use colo_core::{DiskId, JobKind, Mode, Verb, Wiring};
use colo_sim::pair::{CHANNELS, Port, Tampering};
use colo_sim::stream::{Ratio, Stream};
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::{Further, FurtherVolume, PairSetup, Setup, Step};

/// Which hosts send each other anything.
pub(super) const DIRECTIONS: [(Node, Node); 6] = [
    (Node::Primary, Node::Secondary),
    (Node::Secondary, Node::Primary),
    (Node::Primary, Node::Arbiter),
    (Node::Arbiter, Node::Primary),
    (Node::Secondary, Node::Arbiter),
    (Node::Arbiter, Node::Secondary),
];

/// The network of a plan, and what of its setup is another than in a plan without one.
pub(super) fn setup(setup: &mut Setup, stream: &mut Stream) {
    let heartbeat_ns = *stream.pick(&[400_000, 800_000, 1_600_000]);
    let volumes = usize::from(stream.chance(Ratio::new(1, 8)));
    setup.wiring = Wiring::default();
    setup.further = Further::new((0..volumes).map(|_| FurtherVolume::default()));
    if stream.chance(Ratio::new(1, 4)) {
        setup.drift_ppm = [0; 2].map(|_: i32| stream.range(0..=40_000) as i32 - 20_000);
    }
    setup.pair = Some(PairSetup {
        heartbeat_ns,
        lease_ns: heartbeat_ns * *stream.pick(&[2, 3, 4]),
        checkpoint_ns: *stream.pick(&[None, None, Some(3_000_000), Some(8_000_000)]),
        latency_ticks: stream.range(1..=4) as u32,
    });
}

impl Generator {
    /// The steps of such a plan.
    pub(super) fn generate_pair(mut self, lease_ns: u64) -> Vec<Step> {
        let mut pair = PairShape { lease_ns, rate: *self.rare.pick(&[0, 40, 120, 250]) };
        self.push(Step::CallAll {
            side: Side::Secondary,
            verb: Verb::Start(Mode::Secondary),
            wait: true,
        });
        self.push(Step::CallAll {
            side: Side::Primary,
            verb: Verb::Start(Mode::Primary),
            wait: true,
        });
        for _ in 0..=self.swarm.rounds {
            self.pair_round(&pair);
            if self.shape.chance(Ratio::new(self.swarm.checkpoint, 100)) {
                self.push(Step::Checkpoint);
            }
        }
        self.pair_end(&pair);
        if self.shape.chance(Ratio::new(2, 3)) {
            // Whoever was cut off comes back, and finds out what has become of it.
            self.heal();
            self.wait_for(&pair, 3);
            self.requests_of_both(6);
        }
        if self.shape.chance(Ratio::new(1, 3)) {
            pair.rate = 0;
            self.crash(Side::Secondary);
            self.push(Step::FaultsEnd);
            self.push(Step::Recover { wait: true });
            self.pair_round(&pair);
        }
        self.steps
    }

    fn pair_round(&mut self, pair: &PairShape) {
        for _ in 0..=self.shape.below(self.swarm.round_max) {
            if self.rare.chance(Ratio::new(pair.rate, 1000)) {
                self.network_mishap(pair);
            }
            if self.mishaps.chance(Ratio::new(self.swarm.mishap_rate, 1500)) {
                self.host_mishap();
            }
            let side = Side::BOTH[self.io.weighted(&self.swarm.guests)];
            self.request(side);
        }
    }

    fn requests_of_both(&mut self, most: u64) {
        for _ in 0..=self.shape.below(most) {
            let side = Side::BOTH[self.io.weighted(&self.swarm.guests)];
            self.request(side);
        }
    }

    /// So many leases, about.
    fn wait_for(&mut self, pair: &PairShape, leases: u64) {
        let ns = pair.lease_ns * leases / 2 + self.rare.below(pair.lease_ns * leases / 2);
        self.push(Step::Pass(ns));
    }

    fn network_mishap(&mut self, pair: &PairShape) {
        match self.rare.weighted(&[6, 4, 3, 3, 3, 12, 4, 2, 1]) {
            0 => {
                let (from, to) = *self.rare.pick(&DIRECTIONS);
                self.push(Step::CutBetween { from, to, cut: true });
            }
            1 => self.heal(),
            2 => {
                let held = self.rare.chance(half());
                self.push(Step::Hold(held));
            }
            3 => {
                let (node, port) = *self.rare.pick(&CHANNELS);
                self.push(Step::Sever { node, port });
            }
            4 => {
                let ticks = *self.rare.pick(&[1, 2, 4, 8, 20]);
                self.push(Step::Latency(ticks));
            }
            5 => {
                let (node, port) = *self.rare.pick(&CHANNELS);
                let how = *self.rare.pick(&Tampering::ALL);
                self.push(Step::Tamper { node, port, how });
            }
            6 => self.wait_for(pair, 2),
            7 => self.overtaken(),
            _ => self.next_life(pair),
        }
    }

    /// A write on a slow connection that breaks, sent again over a fast one, and written over there.
    fn overtaken(&mut self) {
        let (at, len) = self.extent();
        let side = Side::Primary;
        self.push(Step::Latency(100));
        self.push(Step::Write { side, at, len, wait: false });
        self.push(Step::Pass(30_000));
        self.push(Step::Sever { node: Node::Primary, port: Port::Export });
        self.push(Step::Latency(1));
        self.push(Step::Pass(1_000_000));
        self.push(Step::Write { side, at, len, wait: true });
        self.push(Step::Pass(1_500_000));
        self.push(Step::CallAll { side, verb: Verb::GetError, wait: true });
    }

    /// The primary goes on without the arbiter, on what the secondary promises, and that one's process ends and
    /// comes back.
    fn next_life(&mut self, pair: &PairShape) {
        let cut = |(from, to)| Step::CutBetween { from, to, cut: true };
        DIRECTIONS[2..4].iter().for_each(|direction| self.push(cut(*direction)));
        self.wait_for(pair, 4);
        let side = Side::Secondary;
        self.crash(side);
        self.push(Step::Restart(side));
        self.push(Step::CallAll { side, verb: Verb::Start(side.mode()), wait: true });
        match self.rare.below(3) {
            0 => self.push(Step::Failover),
            1 => self.push(Step::Checkpoint),
            _ => self.requests_of_both(4),
        }
    }

    fn heal(&mut self) {
        for (from, to) in DIRECTIONS {
            self.push(Step::CutBetween { from, to, cut: false });
        }
        self.push(Step::Hold(false));
    }

    /// What befalls a host that has nothing to do with the network.
    fn host_mishap(&mut self) {
        match self.mishaps.weighted(&[5, 2, 3, 2, 2, 2, 1]) {
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
                let disk = *self.mishaps.pick(&DiskId::ALL);
                let ns = self.mishaps.below(3_000_000);
                self.push(Step::Stall { disk, ns });
            }
            5 => self.failing_emptying(),
            _ => {
                let side = *self.mishaps.pick(&Side::BOTH);
                self.crash(side);
                self.push(Step::Restart(side));
                self.push(Step::CallAll { side, verb: Verb::Start(side.mode()), wait: true });
            }
        }
    }

    fn pair_end(&mut self, pair: &PairShape) {
        if self.shape.chance(half()) {
            self.push(Step::FaultsEnd);
        }
        match self.shape.weighted(&[30, 12, 22, 10, 16, 10]) {
            0 => self.push(Step::Failover),
            1 => self.push(Step::PlannedStop),
            2 => {
                if self.shape.chance(half()) {
                    // In the middle of a checkpoint, if it takes them by itself.
                    let disk = *self.mishaps.pick(&[DiskId::Hidden, DiskId::Active]);
                    let ns = self.mishaps.below(3_000_000);
                    self.push(Step::Pass(ns));
                    self.push(Step::Stall { disk, ns });
                    let passed = self.mishaps.below(3_000_000);
                    self.push(Step::Pass(passed));
                }
                self.crash(Side::Primary);
                if self.rare.chance(Ratio::new(1, 4)) {
                    // What the secondary waits for.
                    let how = *self.rare.pick(&Tampering::ALL);
                    self.push(Step::Tamper { node: Node::Arbiter, port: Port::Arbiter, how });
                }
                self.wait_for(pair, 5);
            }
            3 => {
                self.crash(Side::Secondary);
                self.wait_for(pair, 4);
            }
            4 => self.apart(pair, &DIRECTIONS[..2]),
            _ => {
                // Both are cut off from each other, and one of them from the arbiter.
                let from = if self.shape.chance(half()) { 0 } else { 2 };
                let cut = [&DIRECTIONS[..2], &DIRECTIONS[2 + from..4 + from]].concat();
                self.apart(pair, &cut);
            }
        }
        self.requests_of_both(8);
        if self.shape.chance(half()) {
            self.push(Step::Settle);
        }
        if self.shape.chance(Ratio::new(1, 4)) {
            // It is asked of whoever is left.
            self.push(Step::Failover);
            self.requests_of_both(4);
        }
    }

    /// These directions are cut, some of them now and then only, while guests go on.
    fn apart(&mut self, pair: &PairShape, directions: &[(Node, Node)]) {
        for &(from, to) in directions {
            if self.rare.chance(Ratio::new(7, 8)) {
                self.push(Step::CutBetween { from, to, cut: true });
            }
        }
        for _ in 0..=self.shape.below(3) {
            self.requests_of_both(4);
            self.wait_for(pair, 2);
        }
        self.wait_for(pair, 3);
    }
}

/// What the steps of a plan have in common.
struct PairShape {
    lease_ns: u64,
    /// Of a thousand requests, how many a mishap of the network comes before.
    rate: u32,
}
