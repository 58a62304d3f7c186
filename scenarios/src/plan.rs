//! A plan: everything that decides a run, as data.
//!
//! A plan is complete: the same plan gives the same trace, whatever generated it.
//! Every list of steps is legal, so deleting any step leaves a plan: a step in the
//! wrong stage is one whose answer is an error, a step for a host that is off does
//! nothing. It is saved as JSON with a version, and outlives the generator ([`saved`]).

pub mod saved;
mod step;

use colo_core::colo::{Node, Options};
use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Geometry, JobKind, Phase, Quirk, Quirks, Verb, VolumeId,
    Wiring,
};
use colo_sim::faulty::{Damage, OpKind, Rates, Rule, RuleKind};
use colo_sim::lying::Lie;
use colo_sim::pair::{PairOptions, Port, TICK_NS, Tampering};
use colo_sim::stream::Ratio;
use colo_sim::world::{Delay, Schedule, Side, VOLUMES_MAX, VolumeSetup, World, WorldOptions};
use serde::{Deserialize, Serialize};

use crate::profile::Profile;
pub use saved::{PlanError, VERSION};

/// A plan. See the module's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Of the format.
    pub version: u32,
    /// Where it comes from: a seed, a scenario, a failure that was shrunk.
    pub name: String,
    /// Which behaviour the core is to have.
    pub profile: Profile,
    /// Defects of the seed that the hardened core is to have nevertheless.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quirks: Vec<Quirk>,
    /// Seed of everything random that is left: latencies, what survives a crash, rates.
    pub seed: u64,
    /// What decides what happens next, if not latencies.
    #[serde(default, skip_serializing_if = "Schedule::is_latency")]
    pub schedule: Schedule,
    /// Sizes and speeds.
    pub setup: Setup,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Sizes and speeds of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Sizes.
    pub geometry: Geometry,
    /// Whether the secondary guest's device goes through a quorum of one child.
    pub secondary_quorum: bool,
    /// How the graph of the first volume on the secondary host is put together, if not the right way.
    #[serde(default, skip_serializing_if = "Wiring::is_right")]
    pub wiring: Wiring,
    /// More volumes than the first.
    #[serde(default, skip_serializing_if = "Further::is_none")]
    pub further: Further,
    /// How long forwarded requests wait for a lost connection, in nanoseconds.
    pub reconnect_delay_ns: u64,
    /// How fast disks answer.
    pub disk_delay: Delay,
    /// How fast the connection is.
    pub link_delay: Delay,
    /// By how many millionths the primary's and the secondary's clock run fast.
    pub drift_ppm: [i32; 2],
    /// Two hosts on a network, with an arbiter, in place of a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairSetup>,
}

/// How many ticks of the network a message may take.
const LATENCIES: std::ops::RangeInclusive<u32> = 1..=10_000;

/// How far the clocks of two hosts on a network may be off: the margin of the leases bears no more.
const PAIR_DRIFT_PPM_MAX: u32 = 60_000;

/// The largest sector that NBD can say.
const PAIR_SECTOR_MAX: u32 = 65_536;

/// Two hosts that share nothing but a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairSetup {
    /// How often the primary says that it is there, in nanoseconds.
    pub heartbeat_ns: u64,
    /// How long its guest may run without being told that it may, in nanoseconds.
    pub lease_ns: u64,
    /// How often it takes a checkpoint by itself, in nanoseconds; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_ns: Option<u64>,
    /// How long a message takes, in ticks of 20 µs.
    pub latency_ticks: u32,
}

impl PairSetup {
    /// Whether a pair can be so.
    ///
    /// # Errors
    /// What cannot be, and what could.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { heartbeat_ns, lease_ns, checkpoint_ns, latency_ticks } = *self;
        let times = [("heartbeat_ns", heartbeat_ns), ("lease_ns", lease_ns)];
        let times = times.into_iter().chain(checkpoint_ns.map(|ns| ("checkpoint_ns", ns)));
        for (name, ns) in times {
            if !(TICK_NS..=10_000_000_000).contains(&ns) {
                return Err(format!(
                    "pair.{name} is {ns}, needs to be from {TICK_NS} ns to 10 seconds"
                ));
            }
        }
        if heartbeat_ns >= lease_ns {
            return Err(format!(
                "pair.heartbeat_ns is {heartbeat_ns}, needs to be less than the lease of {lease_ns}"
            ));
        }
        if !LATENCIES.contains(&latency_ticks) {
            return Err(format!(
                "pair.latency_ticks is {latency_ticks}, needs to be from 1 to 10000"
            ));
        }
        Ok(())
    }
}

impl Default for PairSetup {
    /// A network of 40 µs, a heartbeat every 800 µs, a lease of 3 ms; checkpoints only if somebody asks.
    fn default() -> Self {
        Self { heartbeat_ns: 800_000, lease_ns: 3_000_000, checkpoint_ns: None, latency_ticks: 2 }
    }
}

/// A volume beside the first: one more disk of the guests, with images and a filter of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FurtherVolume {
    /// How its graph on the secondary host is put together, if not the right way.
    #[serde(skip_serializing_if = "Wiring::is_right")]
    pub wiring: Wiring,
    /// Not opened until an operator asks for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
}

/// The volumes beside the first, in the order in which they are opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<FurtherVolume>", into = "Vec<FurtherVolume>")]
pub struct Further([Option<FurtherVolume>; VOLUMES_MAX - 1]);

impl Further {
    /// These, as many as a host can have.
    pub fn new(volumes: impl IntoIterator<Item = FurtherVolume>) -> Self {
        let mut volumes = volumes.into_iter();
        Self(std::array::from_fn(|_| volumes.next()))
    }

    /// Whether there is only the first.
    pub fn is_none(&self) -> bool {
        self.0[0].is_none()
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &FurtherVolume> {
        self.0.iter().map_while(Option::as_ref)
    }
}

impl TryFrom<Vec<FurtherVolume>> for Further {
    type Error = String;

    fn try_from(volumes: Vec<FurtherVolume>) -> Result<Self, String> {
        let (count, most) = (volumes.len(), VOLUMES_MAX - 1);
        if count > most {
            return Err(format!("a host has at most {most} further volumes, not {count}"));
        }
        Ok(Self::new(volumes))
    }
}

impl From<Further> for Vec<FurtherVolume> {
    fn from(further: Further) -> Self {
        further.iter().copied().collect()
    }
}

impl Default for Setup {
    /// Small: 24 sectors of 8 bytes, clusters of 2, granules of 4; disks of 20 to 200 µs.
    fn default() -> Self {
        Self {
            geometry: Geometry {
                sector_size: 8,
                sectors: 24,
                cluster: 2,
                granule: 4,
                copy_max: 8,
                commit_granule: 4,
                commit_max: 8,
            },
            secondary_quorum: true,
            wiring: Wiring::default(),
            further: Further::default(),
            reconnect_delay_ns: 0,
            disk_delay: Delay { min_ns: 20_000, max_ns: 200_000 },
            link_delay: Delay { min_ns: 10_000, max_ns: 50_000 },
            drift_ppm: [0, 0],
            pair: None,
        }
    }
}

/// Which version of a sector a power loss leaves: volume, disk, sector, version.
pub type Kept = (VolumeId, DiskId, u64, u32);

/// One thing that a guest, an operator, or misfortune does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// A guest reads.
    Read {
        /// Whose guest.
        side: Side,
        /// First sector.
        at: u64,
        /// Number of sectors.
        len: u32,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A guest writes; what, the running number of the write says.
    Write {
        /// Whose guest.
        side: Side,
        /// First sector.
        at: u64,
        /// Number of sectors.
        len: u32,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A guest flushes.
    Flush {
        /// Whose guest.
        side: Side,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A guest writes zeroes: a write like any other (spec 2.5).
    WriteZeroes {
        /// Whose guest.
        side: Side,
        /// First sector.
        at: u64,
        /// Number of sectors.
        len: u32,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A guest discards.
    Discard {
        /// Whose guest.
        side: Side,
        /// First sector.
        at: u64,
        /// Number of sectors.
        len: u32,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A verb is called.
    Call {
        /// On whose filter.
        side: Side,
        /// Which.
        verb: Verb,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// A verb is called on all filters of a host, as COLO does it.
    CallAll {
        /// On which host.
        side: Side,
        /// Which; not close.
        verb: Verb,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// Another step, on another volume than the first. What concerns a host as a whole stays the same.
    On {
        /// Which volume; nothing happens if the hosts have none of this number.
        volume: u8,
        /// What happens.
        step: Box<Step>,
    },
    /// An operator's command.
    Admin {
        /// On whose host.
        side: Side,
        /// What.
        command: Admin,
        /// Whether the next step waits for the answer.
        wait: bool,
    },
    /// COLO's checkpoint: both guests paused and drained, errors asked for, verbs, resume.
    Checkpoint,
    /// COLO's planned end: both guests paused and drained, then both sides stop.
    PlannedStop,
    /// COLO's failover: forwarding ends, the secondary is told to take over.
    Failover,
    /// Somebody cancels a job of the secondary.
    Cancel(JobKind),
    /// From now on a disk fails the requests that a rule names.
    Fault(FaultSpec),
    /// From now on a disk fails requests at random.
    Rates {
        /// Which disk.
        disk: DiskId,
        /// Of a thousand reads.
        read: u32,
        /// Of a thousand writes.
        write: u32,
        /// Of a thousand flushes.
        flush: u32,
    },
    /// From now on a disk breaks its contract on some requests. No core has to survive that: such
    /// steps prove that the oracle notices, and only `run --lies` draws them.
    Lie {
        /// Which disk.
        disk: DiskId,
        /// How it lies.
        lie: Lie,
        /// How many requests pass first of those that it could be told on.
        #[serde(default)]
        skip: u32,
        /// How many it is told on; all if absent. The end of faults does not end it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
    },
    /// The next emptying of an overlay fails.
    EmptyFails {
        /// Of which.
        disk: DiskId,
        /// How much of it is dropped all the same.
        how: EmptyFailure,
        /// What it is told.
        errno: Errno,
    },
    /// An overlay loses its format layer, until its process ends.
    Eject(DiskId),
    /// All faults of all disks end.
    FaultsEnd,
    /// A disk answers nothing for so long, in nanoseconds.
    Stall {
        /// Which disk.
        disk: DiskId,
        /// How long.
        ns: u64,
    },
    /// A host loses its power.
    PowerLoss(Side),
    /// The same, with exactly this left of what its disks had not made durable.
    PowerLossWith {
        /// Whose.
        side: Side,
        /// Volume, disk, sector, and which of its possible versions: 0 is the durable one, then unflushed
        /// ones in order of effect, then those of writes in flight. What is not named here, or has
        /// no such version, keeps the durable one.
        keep: Vec<Kept>,
    },
    /// A host's process dies.
    Kill(Side),
    /// A host that is off is switched on.
    Restart(Side),
    /// The secondary, if it is off, is switched on without the filter and writes its view down.
    Recover {
        /// Whether the next step waits for the end of it.
        wait: bool,
    },
    /// The connection is cut, or let be made again.
    Cut(bool),
    /// Nothing arrives any more of what this side sends, or it does again.
    CutFrom {
        /// Whose messages.
        side: Side,
        /// Whether they are kept back.
        cut: bool,
    },
    /// The connection is held, or released.
    Hold(bool),
    /// Nothing arrives any more of what one host of a network sends to another, or it does again. What
    /// is on its way is lost, and nobody is told. Without a network nothing happens, here and below.
    CutBetween {
        /// Who sends.
        from: Node,
        /// Who does not receive.
        to: Node,
        /// Whether it is cut.
        cut: bool,
    },
    /// The connections of a host to this port, or from it, are broken off.
    Sever {
        /// Which host.
        node: Node,
        /// Which port.
        port: Port,
    },
    /// From now on messages take so many ticks of the network.
    Latency(u32),
    /// The next message that a host sends to this port, or from it, is tampered with.
    Tamper {
        /// Which host.
        node: Node,
        /// Which port.
        port: Port,
        /// How.
        how: Tampering,
    },
    /// Simulated time passes, in nanoseconds.
    Pass(u64),
    /// So many events happen, if there are so many: answers of disks, messages, timers.
    Events(u64),
    /// Everything under way ends, as far as it can.
    Settle,
}

/// The steps that are misfortunes, by their names in a plan.
pub const FAULTS: &[(&str, &str)] = &[
    ("fault", "a disk fails the requests that a rule names: operation, sectors, occurrence, phase"),
    ("rates", "a disk fails reads, writes and flushes at random, so many of a thousand"),
    (
        "empty_fails",
        "the next emptying of an overlay fails: nothing, half or all dropped, or ejected",
    ),
    ("eject", "an overlay loses its format layer: every request to it fails with ENOMEDIUM"),
    (
        "lie",
        "a disk breaks its contract: lost, misdirected, rotten or stale data, an answer twice or never",
    ),
    ("stall", "a disk answers nothing for a while"),
    ("power_loss", "a host loses power: of what was not flushed any sector may stay or go"),
    ("power_loss_with", "a host loses power, and a list says which versions of which sectors stay"),
    ("kill", "a host's process dies: its disks keep their caches, requests in flight may land"),
    ("cancel", "somebody cancels the backup job or the commit job"),
    ("cut", "the connection is cut, with everything on it, until it is made again"),
    ("cut_from", "nothing arrives of what one side sends: a cut in one direction"),
    ("admin", "an operator takes away what replication needs, competes for it, or quits"),
    (
        "cut_between",
        "nothing arrives of what one of three hosts sends to another, and nobody is told",
    ),
    ("sever", "the connections of a host to a port are broken off"),
    ("latency", "messages take longer from now on, or less long"),
    (
        "tamper",
        "a message is malformed, truncated, oversized, duplicated, late, slow, or follows on junk",
    ),
    ("hold", "the connection is there and nothing arrives until it is released"),
];

/// Which requests of which disk fail, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Which disk.
    pub disk: DiskId,
    /// Of which operations.
    pub op: OpKind,
    /// Touching which of the disk's own sectors, from and to; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(u64, u64)>,
    /// How many matching requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many fail; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What they are told.
    pub errno: Errno,
    /// What a failed write leaves.
    #[serde(default)]
    pub damage: Damage,
    /// Only while the disk's host is in the middle of this; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub during: Option<Phase>,
    /// Sectors that cannot be read until they are written anew, in place of failing requests.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latent: bool,
}

impl FaultSpec {
    /// Every operation of this kind on this disk fails with EIO, from now on.
    pub fn new(disk: DiskId, op: OpKind) -> Self {
        Self {
            disk,
            op,
            range: None,
            skip: 0,
            times: None,
            errno: Errno::Io,
            damage: Damage::None,
            during: None,
            latent: false,
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        Rule {
            kind: if self.latent { RuleKind::Latent } else { RuleKind::Fail },
            op: self.op,
            range: self.range.map(|(from, to)| from..to),
            skip: self.skip,
            times: self.times,
            errno: self.errno,
            damage: self.damage,
            when: self.during.map(World::label),
        }
    }
}

pub(crate) fn rates(read: u32, write: u32, flush: u32) -> Rates {
    let of = |n| Ratio::new(n, 1000);
    Rates { read: of(read), write: of(write), flush: of(flush), errnos: Vec::new() }
}

impl Plan {
    /// A plan of these steps in the default setup.
    pub fn new(name: impl Into<String>, profile: Profile, steps: Vec<Step>) -> Self {
        Self {
            version: VERSION,
            name: name.into(),
            profile,
            quirks: Vec::new(),
            seed: 0,
            schedule: Schedule::Latency,
            setup: Setup::default(),
            steps,
        }
    }

    /// The defects that the core will have.
    pub fn effective_quirks(&self) -> Quirks {
        match self.profile {
            Profile::Seed => Quirks::all(),
            Profile::Hardened => self.quirks.iter().copied().collect(),
        }
    }

    /// How the network is set up, if there is one.
    pub(crate) fn pair_options(&self) -> Option<PairOptions> {
        let PairSetup { heartbeat_ns, lease_ns, checkpoint_ns, latency_ticks } = self.setup.pair?;
        let ungranted = self.effective_quirks().has(Quirk::UngrantedFailover);
        let roles = Options { heartbeat_ns, lease_ns, checkpoint_ns, ungranted };
        Some(PairOptions { roles, latency_ticks })
    }

    pub(crate) fn world_options(&self, keep_trace: bool) -> WorldOptions {
        let first = FurtherVolume { wiring: self.setup.wiring, later: false };
        let mut volumes = std::iter::once(&first).chain(self.setup.further.iter());
        let mut volume = || {
            let FurtherVolume { wiring, later } = *volumes.next()?;
            Some(VolumeSetup { wiring, later })
        };
        WorldOptions {
            volumes: std::array::from_fn(|_| volume()),
            geometry: self.setup.geometry,
            secondary_quorum: self.setup.secondary_quorum,
            reconnect_delay_ns: self.setup.reconnect_delay_ns,
            disk_delay: self.setup.disk_delay,
            link_delay: self.setup.link_delay,
            drift_ppm: self.setup.drift_ppm,
            quirks: self.effective_quirks(),
            networked: self.setup.pair.is_some(),
            keep_trace,
        }
    }
}
