//! Two hosts, their disks, the connection between them, and time.
//!
//! The world owns everything that happens: it hands requests to disks, takes the
//! completion that is due first, lets time pass only by that, and publishes each
//! thing as an [`Entry`]. It is a value: a clone goes on alone, with the same
//! future. It judges nothing.

mod entry;
mod link;
mod stamp;
mod trace;

use colo_core::{
    Clock, Completion, Disk, DiskId, Errno, Event, Extent, Geometry, Host, HostOptions, JobKind,
    Layout, Op, Payload, Phase, Quirks, Recovery, RequestId, Stage, Time, UserId, UserOp,
    UserRequest, Verb, VerbId,
};

pub use entry::{Connection, DiskOp, Entry, Side, SubmittedOp, What};
pub use link::Delay;
use link::{Link, Message};
pub use stamp::Stamp;
pub use trace::{Digest, Trace};

use crate::faulty::{Faulty, Fired, Label, OpKind};
use crate::sim_disk::{SimDisk, SimDiskOptions};
use crate::stream::{Seed, Stream};

/// How a world is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldOptions {
    /// Sizes.
    pub geometry: Geometry,
    /// Whether the secondary guest's device goes through a quorum.
    pub secondary_quorum: bool,
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
    /// Whether to keep the entries for reading.
    pub keep_trace: bool,
}

/// A disk of the world.
pub type WorldDisk = Faulty<SimDisk>;

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
        Time((i128::from(shown.0) * 1_000_000 / rate) as u64 + 1)
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
    disk: DiskId,
    id: RequestId,
    op: DiskOp,
    extent: Extent,
}

/// A forwarded request that the secondary has not answered.
#[derive(Debug, Clone, Copy)]
struct Forwarded {
    request: UserRequest,
    link: RequestId,
    connection: u32,
}

/// The world. See the module's head.
#[derive(Debug, Clone)]
pub struct World {
    options: WorldOptions,
    now: Time,
    hosts: [Option<Host>; 2],
    disks: [WorldDisk; 4],
    link: Link,
    crashes: Stream,
    asked: Vec<Asked>,
    forwarded: Vec<Forwarded>,
    /// Whether the primary has a connection, and how many there were.
    connected: bool,
    connections: u32,
    requests: u32,
    verbs: u32,
    labelled: bool,
    /// Guest sectors of the secondary whose contents may just have changed.
    touched: Vec<Extent>,
    /// Hits of hosts that are gone.
    probes: Vec<u32>,
    trace: Trace,
    entries: Vec<Entry>,
}

/// Making one, and looking at it.
impl World {
    /// Both hosts off, empty overlays, both disks with the same contents: those of write 0 of writer 0.
    pub fn new(options: WorldOptions, seed: Seed) -> Self {
        let geometry = options.geometry;
        let size = geometry.sector_size as usize;
        let layout = Layout::new(&geometry);
        let disk = |id: DiskId| {
            let overlay = matches!(id, DiskId::Hidden | DiskId::Active);
            let sectors = if overlay { layout.disk_sectors(&geometry) } else { geometry.sectors };
            let disk_options = SimDiskOptions {
                sectors,
                sector_size: size,
                latency_min_ns: options.disk_delay.min_ns,
                latency_max_ns: options.disk_delay.max_ns,
                ..SimDiskOptions::default()
            };
            let mut disk = SimDisk::new(disk_options, seed.stream_n("disk", id as u64));
            if overlay {
                disk.preload(0, &Layout::header(&geometry));
            } else {
                let mut bytes = vec![0; geometry.bytes(geometry.sectors as u32)];
                Stamp::fill(&mut bytes, size, 0, 0, 0);
                disk.preload(0, &bytes);
            }
            Faulty::new(disk, seed.stream_n("fault", id as u64))
        };
        Self {
            options,
            now: Time::ZERO,
            hosts: [None, None],
            disks: DiskId::ALL.map(disk),
            link: Link::new(options.link_delay, seed.stream("link")),
            crashes: seed.stream("crash"),
            asked: Vec::new(),
            forwarded: Vec::new(),
            connected: false,
            connections: 0,
            requests: 0,
            verbs: 0,
            labelled: false,
            touched: Vec::new(),
            probes: vec![0; colo_core::Probe::ALL.len()],
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
        self.hosts[side as usize].as_ref()
    }

    /// A disk.
    pub fn disk(&self, id: DiskId) -> &WorldDisk {
        &self.disks[id as usize]
    }

    /// A disk, to set faults.
    pub fn disk_mut(&mut self, id: DiskId) -> &mut WorldDisk {
        &mut self.disks[id as usize]
    }

    /// The trace so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Moves what happened since the last call to the end of `into`.
    pub fn take_entries(&mut self, into: &mut Vec<Entry>) {
        into.append(&mut self.entries);
    }

    /// Moves the secondary guest's sectors that may have changed to the end of `into`.
    pub fn take_touched(&mut self, into: &mut Vec<Extent>) {
        into.append(&mut self.touched);
    }

    /// What a reader of this user's device would see in a sector now, without a request.
    pub fn peek(&self, side: Side, user: UserId, sector: u64) -> Option<&[u8]> {
        let (disk, at) = self.host(side)?.locate(user, sector)?;
        Some(self.peek_disk(disk, at))
    }

    /// What is in a sector of a disk now.
    pub fn peek_disk(&self, disk: DiskId, sector: u64) -> &[u8] {
        self.disk(disk).inner().peek(sector)
    }

    /// How often each probe of the core was hit on either host.
    pub fn probe_hits(&self) -> Vec<u32> {
        let mut hits = self.probes.clone();
        for host in self.hosts.iter().flatten() {
            add_hits(&mut hits, host);
        }
        hits
    }

    /// Whether nothing will happen unless something is done.
    pub fn is_idle(&self) -> bool {
        self.next_due().is_none()
    }

    /// Whether the primary has a connection to the export.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    fn publish(&mut self, side: Option<Side>, what: What) {
        let entry = Entry { at: self.now, side, what };
        self.trace.record(&entry);
        self.entries.push(entry);
    }
}

fn add_hits(hits: &mut [u32], host: &Host) {
    for (sum, hit) in hits.iter_mut().zip(host.probes().hits()) {
        *sum += hit;
    }
}

/// What a plan can do to it.
impl World {
    /// Says that step `number` begins.
    pub fn mark_step(&mut self, number: u32) {
        self.publish(None, What::Step(number));
    }

    /// The guest on this host sends a request. Without a process nothing is sent.
    pub fn guest(&mut self, side: Side, op: UserOp) -> Option<UserRequest> {
        self.submit(side, UserId::Guest, op)
    }

    fn submit(&mut self, side: Side, user: UserId, op: UserOp) -> Option<UserRequest> {
        self.host(side)?;
        let request = UserRequest(self.requests);
        self.requests += 1;
        let sector_size = self.options.geometry.sector_size as usize;
        let submitted = match &op {
            UserOp::Read(extent) => SubmittedOp::Read(*extent),
            UserOp::Write { at, payload } => SubmittedOp::Write(
                Extent::new(*at, (payload.len() / sector_size) as u32),
                payload.clone(),
            ),
            UserOp::Flush => SubmittedOp::Flush,
        };
        self.publish(Some(side), What::Submitted { user, request, op: submitted });
        self.with_host(side, |host, _| host.submit(user, request, op));
        Some(request)
    }

    /// A verb is called on this host's filter. Without a process nothing is called.
    pub fn call(&mut self, side: Side, verb: Verb) -> Option<VerbId> {
        self.host(side)?;
        let id = VerbId(self.verbs);
        self.verbs += 1;
        self.publish(Some(side), What::Called { id, verb });
        self.with_host(side, |host, _| host.call(id, verb));
        Some(id)
    }

    /// Somebody asks a job of the secondary host to end.
    pub fn cancel(&mut self, kind: JobKind) {
        if self.host(Side::Secondary).is_none() {
            return;
        }
        self.publish(Some(Side::Secondary), What::CancelAsked(kind));
        self.with_host(Side::Secondary, |host, _| match kind {
            JobKind::Backup => host.cancel_backup(),
            JobKind::Commit => host.cancel_commit(),
        });
    }

    /// A process starts on this host, unless one runs.
    pub fn start_process(&mut self, side: Side, recover: bool) {
        if self.host(side).is_some() {
            return;
        }
        self.publish(Some(side), What::Started { recover });
        let host = Host::new(HostOptions {
            mode: side.mode(),
            geometry: self.options.geometry,
            quorum: side == Side::Primary || self.options.secondary_quorum,
            recover,
            reconnect_delay_ns: self.options.reconnect_delay_ns,
            quirks: self.options.quirks,
        });
        self.hosts[side as usize] = Some(host);
        self.with_host(side, |_, _| ());
        self.update_connection();
    }

    /// The host's power fails: its process is gone, and what its disks had not made durable may be.
    pub fn power_loss(&mut self, side: Side) {
        self.end_process(side);
        self.publish(Some(side), What::PowerLost);
        for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
            self.disks[disk as usize].inner_mut().power_loss_random(&mut self.crashes);
            self.disks[disk as usize].forget_in_flight();
        }
        self.update_connection();
    }

    /// The host's process dies: what the disks took stays, what is in flight may still land.
    pub fn kill(&mut self, side: Side) {
        if self.end_process(side) {
            self.publish(Some(side), What::ProcessDied);
            self.abandon_requests(side);
        }
        self.update_connection();
    }

    fn abandon_requests(&mut self, side: Side) {
        for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
            self.disks[disk as usize].inner_mut().process_death_random(&mut self.crashes);
            self.disks[disk as usize].forget_in_flight();
        }
    }

    /// Whether there was one.
    fn end_process(&mut self, side: Side) -> bool {
        let Some(host) = self.hosts[side as usize].take() else { return false };
        add_hits(&mut self.probes, &host);
        self.asked.retain(|asked| Side::of(asked.disk) != side);
        if side == Side::Secondary {
            self.forwarded.clear();
        }
        true
    }

    /// Cuts the connection, or lets it be made again.
    pub fn set_cut(&mut self, cut: bool) {
        self.link.cut = cut;
        self.update_connection();
    }

    /// Holds back everything on the connection, or lets it arrive.
    pub fn set_held(&mut self, held: bool) {
        if self.link.held != held {
            self.link.held = held;
            let change = if held { Connection::Held } else { Connection::Released };
            self.publish(None, What::Connection(change));
        }
    }

    /// The primary is connected whenever both processes run and nothing is cut.
    fn update_connection(&mut self) {
        let exports = self.host(Side::Secondary).is_some_and(|host| !host.options().recover);
        let connected = exports && self.host(Side::Primary).is_some() && !self.link.cut;
        if connected == self.connected {
            return;
        }
        self.connected = connected;
        self.link.lose_all();
        let change = if connected { Connection::Up } else { Connection::Down };
        self.publish(None, What::Connection(change));
        if connected {
            self.connections += 1;
            self.with_host(Side::Primary, |host, _| host.link_connected());
        } else {
            self.with_host(Side::Primary, |host, clock| host.link_lost(clock.now()));
        }
    }

    /// Marks the disks with what their host is in the middle of, for rules that name it.
    pub fn label_disks(&mut self) {
        self.labelled = true;
    }

    /// The label under which a fault rule finds this phase.
    pub fn label(phase: Phase) -> Label {
        Label(phase.index() as u32)
    }
}

/// Letting things happen.
impl World {
    fn clock(&self, side: Side) -> SimClock {
        SimClock { now: self.now, drift_ppm: self.options.drift_ppm[side as usize] }
    }

    fn timer(&self, side: Side) -> Option<Time> {
        let deadline = self.host(side)?.deadline()?;
        Some(self.clock(side).world_time(deadline))
    }

    /// When the next thing happens by itself.
    pub fn next_due(&self) -> Option<Time> {
        let disks = self.disks.iter().filter_map(|disk| disk.inner().next_due());
        let timers = Side::BOTH.into_iter().filter_map(|side| self.timer(side));
        disks.chain(self.link.next_due()).chain(timers).min()
    }

    /// Lets the next thing happen, and time pass till then. False if there is none.
    pub fn step(&mut self) -> bool {
        let Some(due) = self.next_due() else { return false };
        self.now = self.now.max(due);
        let now = self.now;
        for disk in DiskId::ALL {
            let device = &mut self.disks[disk as usize];
            device.inner_mut().advance(now);
            if device.inner().next_due().is_none_or(|due| due > now) {
                continue;
            }
            // A wrapper may keep a completion back to do more; then time goes on without one.
            if let Some(completion) = device.poll() {
                self.disk_answered(disk, completion);
            }
            return true;
        }
        if self.link.next_due().is_some_and(|due| due <= now) {
            if let Some(message) = self.link.receive(now) {
                self.arrived(message);
            }
            return true;
        }
        for side in Side::BOTH {
            if self.timer(side).is_some_and(|due| due <= now) {
                self.with_host(side, |host, clock| host.timeout(clock.now()));
                return true;
            }
        }
        unreachable!("something was due");
    }

    /// Lets time pass up to `until`, whatever happens meanwhile having happened.
    pub fn pass(&mut self, until: Time) {
        assert!(self.next_due().is_none_or(|due| due > until), "something happens before that");
        self.now = self.now.max(until);
    }

    fn disk_answered(&mut self, disk: DiskId, completion: Completion) {
        let Completion { id, result } = completion;
        let place = self.asked.iter().position(|asked| asked.id == id && asked.disk == disk);
        let Asked { op, extent, .. } =
            self.asked.swap_remove(place.expect("a disk answers what it was asked"));
        let side = Side::of(disk);
        let failed = result.as_ref().err().copied();
        self.publish(Some(side), What::Disk { disk, op, extent, failed });
        if op == DiskOp::Write {
            self.touch(disk, extent);
        }
        self.with_host(side, |host, _| host.disk_completed(id, result));
    }

    fn touch(&mut self, disk: DiskId, extent: Extent) {
        let Some(host) = &self.hosts[Side::Secondary as usize] else { return };
        if Side::of(disk) == Side::Secondary
            && let Some(extent) = host.guest_extent(disk, extent)
        {
            self.touched.push(extent);
        }
    }

    fn arrived(&mut self, message: Message) {
        match message {
            Message::Request(link, op) => {
                let connection = self.connections;
                let request = UserRequest(self.requests);
                self.forwarded.push(Forwarded { request, link, connection });
                self.submit(Side::Secondary, UserId::Export, op);
            }
            Message::Answer(link, result) => {
                self.with_host(Side::Primary, |host, _| host.link_completed(link, result));
            }
        }
    }

    /// Does something to a host, then carries out and publishes what follows from it.
    fn with_host(&mut self, side: Side, act: impl FnOnce(&mut Host, SimClock)) {
        let clock = self.clock(side);
        let Some(mut host) = self.hosts[side as usize].take() else { return };
        act(&mut host, clock);
        let mut ended = false;
        while let Some(event) = host.poll_event() {
            ended |= matches!(
                event,
                Event::Aborted(_)
                    | Event::Opened(Err(_))
                    | Event::Recovered(Recovery::Failed(_) | Recovery::Refused)
            );
            self.happened(side, event);
        }
        if self.labelled {
            let label = Self::label(host.phase());
            for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
                self.disks[disk as usize].set_label(label);
            }
        }
        while let Some((disk, request)) = host.poll_disk() {
            self.hand_out(&host, disk, request);
        }
        while let Some((id, op)) = host.poll_link() {
            self.link.send(self.now, Message::Request(id, op));
        }
        self.hosts[side as usize] = Some(host);
        if ended {
            self.end_process(side);
            self.abandon_requests(side);
            self.update_connection();
        }
    }

    fn happened(&mut self, side: Side, event: Event) {
        if let Event::Answered { user: UserId::Export, request, result } = &event {
            self.answer_forwarded(*request, result.clone());
        }
        self.publish(Some(side), What::Event(event));
    }

    fn answer_forwarded(&mut self, request: UserRequest, result: Result<Payload, Errno>) {
        let place = self.forwarded.iter().position(|forwarded| forwarded.request == request);
        let forwarded = self.forwarded.swap_remove(place.expect("it was forwarded"));
        if self.connected && forwarded.connection == self.connections {
            self.link.send(self.now, Message::Answer(forwarded.link, result));
        }
    }

    fn hand_out(&mut self, host: &Host, disk: DiskId, request: colo_core::Request) {
        let sector_size = self.options.geometry.sector_size as usize;
        let (op, extent) = match &request.op {
            Op::Read { at, len } => (DiskOp::Read, Extent::new(*at, *len)),
            Op::Write { at, payload, .. } => {
                (DiskOp::Write, Extent::new(*at, (payload.len() / sector_size) as u32))
            }
            Op::Flush => (DiskOp::Flush, Extent::new(0, 0)),
        };
        self.asked.push(Asked { disk, id: request.id, op, extent });
        let device = &mut self.disks[disk as usize];
        device.inner_mut().advance(self.now);
        device.submit(request);
        let fired: Vec<Fired> = device.drain_fired().collect();
        for fault in fired {
            let op = match fault.op {
                OpKind::Write => DiskOp::Write,
                OpKind::Flush => DiskOp::Flush,
                OpKind::Read | OpKind::Any => DiskOp::Read,
            };
            let extent = Extent::new(fault.at, fault.len as u32);
            let Fired { errno, landed, .. } = fault;
            self.publish(Some(Side::of(disk)), What::Fault { disk, op, extent, errno, landed });
        }
        // Half of all writes take effect as they are submitted.
        if op == DiskOp::Write
            && Side::of(disk) == Side::Secondary
            && let Some(extent) = host.guest_extent(disk, extent)
        {
            self.touched.push(extent);
        }
    }

    /// The stage of the filter on this host, if one is open.
    pub fn stage(&self, side: Side) -> Option<Stage> {
        self.host(side)?.stage()
    }
}
