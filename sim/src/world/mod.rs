//! Two hosts, their disks, the connection between them, and time.
//!
//! The world owns everything that happens: it hands requests to disks, takes the
//! completion that is due first, lets time pass only by that, and publishes each
//! thing as an [`Entry`]. It is a value: a clone goes on alone, with the same
//! future. It judges nothing.

mod act;
mod advance;
mod coverage;
mod disk;
mod entry;
mod link;
mod network;
mod schedule;
mod stamp;
mod trace;

use colo_core::{
    Clock, DiskId, Extent, Geometry, Host, Layout, Quirks, RequestId, Time, UserId, UserRequest,
    Volume, VolumeId, Wiring,
};

pub use coverage::{Coverage, Fate, Region, Site, WorldProbe};
pub use disk::WorldDisk;
pub use entry::{Connection, DiskOp, Entry, Side, SubmittedOp, What};
pub use link::Delay;
use link::{Link, Message};
pub use network::{Departing, Ended, Networked, Returning};
pub use schedule::{Choice, Schedule};
pub use stamp::Stamp;
pub use trace::{Digest, Trace};

use crate::faulty::Faulty;
use crate::lying::Lying;
use crate::sim_disk::{SimDisk, SimDiskOptions};
use crate::stream::{Seed, Stream};

/// Most volumes of a host.
pub const VOLUMES_MAX: usize = 3;

/// One volume of the hosts: a guest's disk on each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VolumeSetup {
    /// How its graph on the secondary host is put together.
    pub wiring: Wiring,
    /// Not opened until an operator asks for it.
    pub later: bool,
}

/// How a world is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldOptions {
    /// Sizes.
    pub geometry: Geometry,
    /// Whether the secondary guest's device goes through a quorum.
    pub secondary_quorum: bool,
    /// The volumes, from the first on; there is at least one.
    pub volumes: [Option<VolumeSetup>; VOLUMES_MAX],
    /// How long forwarded requests wait for a lost connection.
    pub reconnect_delay_ns: u64,
    /// How fast the disks are.
    pub disk_delay: Delay,
    /// How fast the connection is.
    pub link_delay: Delay,
    /// By how many millionths the primary's and the secondary's clock run fast.
    pub drift_ppm: [i32; 2],
    /// Which defects of the seed the core has.
    pub quirks: Quirks,
    /// Whether the connection is a network that somebody else carries the bytes of.
    pub networked: bool,
    /// Whether to keep the entries for reading.
    pub keep_trace: bool,
}

impl WorldOptions {
    /// The volumes of each host.
    pub fn volumes(&self) -> impl Iterator<Item = (VolumeId, &VolumeSetup)> {
        let volumes = self.volumes.iter().map_while(Option::as_ref);
        volumes.enumerate().map(|(id, setup)| (VolumeId(id as u8), setup))
    }
}

/// A host's clock: simulated time, a little fast or slow.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    now: Time,
    drift_ppm: i32,
}

impl SimClock {
    /// The world's time at which this clock shows `shown`, or a little later.
    fn world_time(self, shown: Time) -> Time {
        let rate = 1_000_000 + i128::from(self.drift_ppm);
        let time = i128::from(shown.0) * 1_000_000 / rate + 1;
        Time(u64::try_from(time).unwrap_or(u64::MAX))
    }
}

impl Clock for SimClock {
    fn now(&self) -> Time {
        let drift = i128::from(self.now.0) * i128::from(self.drift_ppm) / 1_000_000;
        Time((i128::from(self.now.0) + drift) as u64)
    }
}

/// What a disk was asked, to say so when it answers.
#[derive(Debug, Clone, Copy)]
struct Asked {
    volume: VolumeId,
    disk: DiskId,
    id: RequestId,
    op: DiskOp,
    extent: Extent,
    /// [`Site::index`] of where it comes from.
    site: u16,
}

/// A forwarded request that the secondary has not answered.
#[derive(Debug, Clone, Copy)]
struct Forwarded {
    volume: VolumeId,
    request: UserRequest,
    link: RequestId,
    connection: u32,
}

/// The world. See the module's head.
#[derive(Debug, Clone)]
pub struct World {
    options: WorldOptions,
    now: Time,
    /// Boxed: a host is taken out and put back at every event.
    hosts: [Option<Box<Host>>; 2],
    /// How many processes each has had.
    lives: [u32; 2],
    /// The disks of each volume.
    disks: Vec<[WorldDisk; 4]>,
    /// Which volumes were open when the process was last there.
    open: [[bool; VOLUMES_MAX]; 2],
    link: Link,
    /// What waits to be carried, if it is a network.
    desk: network::Desk,
    /// Decides what happens next, if latencies do not.
    scheduler: Option<Box<schedule::Scheduler>>,
    crashes: Stream,
    asked: Vec<Asked>,
    forwarded: Vec<Forwarded>,
    /// Whether the primary has a connection, and how many there were.
    connected: bool,
    connections: u32,
    requests: u32,
    verbs: u32,
    labelled: bool,
    /// Whether any disk was ever made to lie.
    lies: bool,
    /// Guest sectors of the secondary whose contents may just have changed.
    touched: Vec<(VolumeId, Extent)>,
    /// Hits of hosts that are gone.
    probes: Vec<u32>,
    coverage: Coverage,
    trace: Trace,
    entries: Vec<Entry>,
}

/// Making one, and looking at it.
impl World {
    /// Both hosts off, empty overlays, both disks with the same contents: those of a write of writer 0.
    pub fn new(options: WorldOptions, seed: Seed) -> Self {
        let geometry = options.geometry;
        let size = geometry.sector_size as usize;
        let layout = Layout::new(&geometry);
        let disk = |volume: VolumeId, id: DiskId| {
            let overlay = matches!(id, DiskId::Hidden | DiskId::Active);
            let sectors = if overlay { layout.disk_sectors(&geometry) } else { geometry.sectors };
            let disk_options = SimDiskOptions {
                sectors,
                sector_size: size,
                latency_min_ns: options.disk_delay.min_ns,
                latency_max_ns: options.disk_delay.max_ns,
                ..SimDiskOptions::default()
            };
            let stream = u64::from(volume.0) * DiskId::ALL.len() as u64 + id as u64;
            let mut disk = SimDisk::new(disk_options, seed.stream_n("disk", stream));
            if overlay {
                disk.preload(0, &Layout::header(&geometry));
            } else {
                let mut bytes = vec![0; geometry.bytes(geometry.sectors as u32)];
                Stamp::fill(&mut bytes, size, 0, Stamp::initial(volume), 0);
                disk.preload(0, &bytes);
            }
            Faulty::new(Lying::honest(disk), seed.stream_n("fault", stream))
        };
        Self {
            options,
            now: Time::ZERO,
            hosts: [None, None],
            lives: [0; 2],
            disks: options.volumes().map(|(id, _)| DiskId::ALL.map(|d| disk(id, d))).collect(),
            open: [[false; VOLUMES_MAX]; 2],
            desk: network::Desk::default(),
            link: Link::new(options.link_delay, seed.stream("link")),
            scheduler: None,
            crashes: seed.stream("crash"),
            asked: Vec::new(),
            forwarded: Vec::new(),
            connected: false,
            connections: 0,
            requests: 0,
            verbs: 0,
            labelled: false,
            lies: false,
            touched: Vec::new(),
            probes: vec![0; colo_core::Probe::ALL.len()],
            coverage: Coverage::new(layout),
            trace: Trace::new(options.keep_trace),
            entries: Vec::new(),
        }
    }

    /// How it was set up.
    pub fn options(&self) -> &WorldOptions {
        &self.options
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The process on this host, if one runs.
    pub fn host(&self, side: Side) -> Option<&Host> {
        self.hosts[side as usize].as_deref()
    }

    /// Which process of this host that is, counted from 1, if one runs.
    pub fn life(&self, side: Side) -> Option<u32> {
        self.host(side).map(|_| self.lives[side as usize])
    }

    /// One volume of both hosts.
    pub fn volume(&self, id: VolumeId) -> VolumeView<'_> {
        VolumeView { world: self, id }
    }

    /// The volumes of the hosts.
    pub fn volume_ids(&self) -> impl Iterator<Item = VolumeId> + use<> {
        (0..self.disks.len() as u8).map(VolumeId)
    }

    /// Every volume of both hosts.
    pub fn volumes(&self) -> impl Iterator<Item = VolumeView<'_>> {
        self.volume_ids().map(|id| self.volume(id))
    }

    /// Whether the hosts have a volume of this number.
    pub fn has_volume(&self, id: VolumeId) -> bool {
        usize::from(id.0) < self.disks.len()
    }

    /// A disk, to set faults.
    pub fn disk_mut(&mut self, volume: VolumeId, id: DiskId) -> &mut WorldDisk {
        &mut self.disks[usize::from(volume.0)][id as usize]
    }

    /// Every disk, to end faults.
    pub fn disks_mut(&mut self) -> impl Iterator<Item = &mut WorldDisk> {
        self.disks.iter_mut().flatten()
    }

    /// The trace so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Moves what happened since the last call to the end of `into`.
    pub fn take_entries(&mut self, into: &mut Vec<Entry>) {
        move_all(&mut self.entries, into);
    }

    /// Moves the secondary guest's sectors that may have changed to the end of `into`.
    pub fn take_touched(&mut self, into: &mut Vec<(VolumeId, Extent)>) {
        move_all(&mut self.touched, into);
    }

    /// How often each probe of the core was hit on either host.
    pub fn probe_hits(&self) -> Vec<u32> {
        let mut hits = self.probes.clone();
        for host in self.hosts.iter().flatten() {
            add_hits(&mut hits, host);
        }
        hits
    }

    /// What happened to the requests of the core.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Whether nothing will happen unless something is done.
    pub fn is_idle(&self) -> bool {
        self.next_due().is_none()
    }

    /// Whether the primary has a connection to the export.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    fn publish(&mut self, side: Option<Side>, volume: VolumeId, what: What) {
        let entry = Entry { at: self.now, side, volume, what };
        self.trace.record(&entry);
        self.entries.push(entry);
    }
}

/// Moves everything to the end of `into`; nothing is copied if that is empty.
fn move_all<T>(from: &mut Vec<T>, into: &mut Vec<T>) {
    if into.is_empty() {
        std::mem::swap(from, into);
    } else {
        into.append(from);
    }
}

fn add_hits(hits: &mut [u32], host: &Host) {
    for (sum, hit) in hits.iter_mut().zip(host.probe_hits()) {
        *sum += hit;
    }
}

/// One volume of both hosts, to look at.
#[derive(Debug, Clone, Copy)]
pub struct VolumeView<'a> {
    world: &'a World,
    id: VolumeId,
}

impl<'a> VolumeView<'a> {
    /// Which.
    pub fn id(self) -> VolumeId {
        self.id
    }

    /// The whole world.
    pub fn world(self) -> &'a World {
        self.world
    }

    /// How the world was set up.
    pub fn options(self) -> &'a WorldOptions {
        &self.world.options
    }

    /// How this volume was.
    pub fn setup(self) -> &'a VolumeSetup {
        let setup = self.world.options.volumes[usize::from(self.id.0)].as_ref();
        setup.expect("a volume of the world was set up")
    }

    /// What the process on this host has of it, if one runs.
    pub fn on(self, side: Side) -> Option<&'a Volume> {
        Some(self.world.host(side)?.volume(self.id))
    }

    /// One of its disks.
    pub fn disk(self, id: DiskId) -> &'a WorldDisk {
        &self.world.disks[usize::from(self.id.0)][id as usize]
    }

    /// What a reader of this user's device would see in a sector now, without a request.
    pub fn peek(self, side: Side, user: UserId, sector: u64) -> Option<&'a [u8]> {
        let (disk, at) = self.on(side)?.locate(user, sector)?;
        Some(self.peek_disk(disk, at))
    }

    /// What is in a sector of a disk now.
    pub fn peek_disk(self, disk: DiskId, sector: u64) -> &'a [u8] {
        self.disk(disk).medium().peek(sector)
    }
}
