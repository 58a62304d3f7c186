//! One host: a process with its volumes, their registry, and one queue of what is asked of it.
//!
//! A volume is a guest's disk with its filter, its images and its jobs; volumes share
//! nothing but the process. One thing is carried out at a time, whichever volume it is
//! about, as at QEMU's monitor; requests, jobs and crashes go on meanwhile.
//!
//! A host is a value. Requests, completions and verbs go in; disk requests, link
//! requests and events come out. It does no I/O, reads no clock and draws no
//! randomness, so it can be cloned at any moment and each copy goes on alone.

mod all;
mod orders;

use std::collections::VecDeque;

use crate::admin::Admin;
use crate::clock::Time;
use crate::disk::{Errno, Request, RequestId};
use crate::event::{DiskId, Event, JobKind, UserId, UserOp, UserRequest, VerbId, VolumeId};
use crate::host::orders::{Order, Running};
use crate::overlay::EmptyFailure;
use crate::payload::Payload;
use crate::probe::{Probe, Probes};
use crate::quirk::{Quirk, Quirks};
use crate::verb::{Mode, Verb};
use crate::volume::{Over, Volume, VolumeOptions};

/// A running process. See the module's head.
#[derive(Debug, Clone)]
pub struct Host {
    quirks: Quirks,
    volumes: Vec<Volume>,
    /// The volumes with an open filter, newest first (spec 2.9).
    registry: Vec<VolumeId>,
    orders: VecDeque<(VerbId, Order)>,
    running: Option<Running>,
    connected: bool,
    ended: bool,
    /// What one volume has told, and then what others and the host itself have.
    told: (VolumeId, VecDeque<Event>),
    events: VecDeque<(VolumeId, Event)>,
    probes: Probes,
}

impl Host {
    /// Starts a process over these volumes, in the order in which their filters are opened. It
    /// reads their images first.
    ///
    /// # Panics
    /// If there is no volume.
    pub fn new(volumes: impl IntoIterator<Item = VolumeOptions>) -> Self {
        let open = |options: VolumeOptions| {
            if options.later { Volume::absent(options) } else { Volume::new(options) }
        };
        let volumes: Vec<_> = volumes.into_iter().map(open).collect();
        let mut host = Self {
            quirks: volumes.first().expect("a host has a volume").options().quirks,
            volumes,
            registry: Vec::new(),
            orders: VecDeque::new(),
            running: None,
            connected: false,
            ended: false,
            told: (VolumeId::FIRST, VecDeque::new()),
            events: VecDeque::new(),
            probes: Probes::default(),
        };
        for volume in host.volume_ids() {
            host.register(volume);
        }
        host.orders_advance();
        host
    }

    /// The volumes, in order.
    pub fn volume_ids(&self) -> impl DoubleEndedIterator<Item = VolumeId> + use<> {
        (0..self.volumes.len() as u8).map(VolumeId)
    }

    /// One of them.
    pub fn volume(&self, id: VolumeId) -> &Volume {
        &self.volumes[usize::from(id.0)]
    }

    fn volume_mut(&mut self, id: VolumeId) -> &mut Volume {
        &mut self.volumes[usize::from(id.0)]
    }

    fn quirk(&self, quirk: Quirk) -> bool {
        self.quirks.has(quirk)
    }

    /// Which side it is on.
    fn mode(&self) -> Mode {
        self.volume(VolumeId::FIRST).options().mode
    }

    /// Whether the process has ended, in order or not.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing is under way: no request, no verb, no commit.
    pub fn idle(&self) -> bool {
        self.running.is_none() && self.volumes.iter().all(Volume::idle)
    }

    /// How often each probe was hit.
    pub fn probe_hits(&self) -> Vec<u32> {
        let mut hits = self.probes.hits().to_vec();
        for volume in &self.volumes {
            hits.iter_mut().zip(volume.probes().hits()).for_each(|(sum, hit)| *sum += hit);
        }
        hits
    }

    fn probe(&mut self, probe: Probe) {
        self.probes.hit(probe);
    }
}

/// What goes in.
impl Host {
    /// A user's request comes in.
    pub fn submit(&mut self, volume: VolumeId, user: UserId, request: UserRequest, op: UserOp) {
        self.with(volume, |volume| volume.submit(user, request, op));
    }

    /// A verb is called on one filter. Its answer is an event, now or later.
    pub fn call(&mut self, id: VerbId, volume: VolumeId, verb: Verb) {
        self.enqueue(id, Order::Verb(volume, verb));
    }

    /// A verb is called on all filters in turn. Its answer is an event, now or later.
    pub fn call_all(&mut self, id: VerbId, verb: Verb) {
        self.enqueue(id, Order::All(verb));
    }

    /// An operator's command comes in. Its answer is an event, now or later.
    pub fn administer(&mut self, id: VerbId, volume: VolumeId, admin: Admin) {
        self.enqueue(id, Order::Admin(volume, admin));
    }

    /// A disk answered.
    pub fn disk_completed(
        &mut self,
        volume: VolumeId,
        id: RequestId,
        result: Result<Payload, Errno>,
    ) {
        self.with(volume, |volume| volume.disk_completed(id, result));
    }

    /// The other end of the link answered.
    pub fn link_completed(
        &mut self,
        volume: VolumeId,
        id: RequestId,
        result: Result<Payload, Errno>,
    ) {
        self.with(volume, |volume| volume.link_completed(id, result));
    }

    /// The connection is there: requests that waited for it are sent again.
    pub fn link_connected(&mut self) {
        self.connected = true;
        for volume in self.volume_ids() {
            self.with(volume, Volume::link_connected);
        }
    }

    /// The connection is lost. Answers to what was sent over it never come.
    pub fn link_lost(&mut self, now: Time) {
        self.connected = false;
        for volume in self.volume_ids() {
            self.with(volume, |volume| volume.link_lost(now));
        }
    }

    /// When [`Host::timeout`] is to be called, if ever.
    pub fn deadline(&self) -> Option<Time> {
        self.volumes.iter().filter_map(Volume::deadline).min()
    }

    /// Time has passed. Calling it too early, or without need, changes nothing.
    pub fn timeout(&mut self, now: Time) {
        for volume in self.volume_ids() {
            self.with(volume, |volume| volume.timeout(now));
        }
    }

    /// Somebody asks a job to end.
    pub fn cancel(&mut self, volume: VolumeId, job: JobKind) {
        self.with(volume, |volume| match job {
            JobKind::Backup => volume.cancel_backup(),
            JobKind::Commit => volume.cancel_commit(),
        });
    }

    /// The next emptying of this overlay fails, in this way. Nothing happens to what is no overlay.
    pub fn fail_emptying(
        &mut self,
        volume: VolumeId,
        disk: DiskId,
        failure: EmptyFailure,
        errno: Errno,
    ) {
        self.with(volume, |volume| volume.fail_emptying(disk, failure, errno));
    }

    /// This overlay loses its format layer: its contents stay, and nothing reaches them any more.
    pub fn eject(&mut self, volume: VolumeId, disk: DiskId) {
        self.with(volume, |volume| volume.eject(disk));
    }

    /// Does something to a volume, then everything that follows.
    fn with(&mut self, volume: VolumeId, act: impl FnOnce(&mut Volume)) {
        if self.ended {
            return;
        }
        act(self.volume_mut(volume));
        self.collect(volume);
        self.orders_advance();
    }

    /// A volume was made: its filter joins the registry. At the beginning filters are opened one
    /// after the other, whichever image is read first.
    fn register(&mut self, id: VolumeId) {
        if self.volume(id).stage().is_some() {
            self.registry.insert(0, id);
        }
        self.collect(id);
    }

    /// Takes over what a volume has to tell, and what it has become.
    fn collect(&mut self, id: VolumeId) {
        let volume = &mut self.volumes[usize::from(id.0)];
        if volume.has_events() {
            let closed = volume.stage().is_none();
            if self.told.1.is_empty() && self.events.is_empty() {
                self.told.0 = id;
                volume.swap_events(&mut self.told.1);
            } else {
                self.events.extend(volume.take_events().map(|event| (id, event)));
            }
            if closed {
                self.registry.retain(|other| *other != id);
            }
        }
        let over = self.volume(id).over;
        match over {
            None | Some(Over::Closed | Over::NotOpened(_)) if self.outlives(id) => {}
            Some(Over::NotRecovered) if self.outlives(id) => self.make_absent(id),
            Some(Over::Aborted) => self.ended = true,
            _ => {
                self.ended = true;
                self.events.push_back((VolumeId::FIRST, Event::Exited));
            }
        }
    }
}

/// What comes out.
impl Host {
    /// The next request for a disk.
    pub fn poll_disk(&mut self) -> Option<(VolumeId, DiskId, Request)> {
        let volumes = self.volumes.iter_mut().enumerate();
        let mut requests = volumes.map(|(id, volume)| (VolumeId(id as u8), volume.poll_disk()));
        requests.find_map(|(id, request)| request.map(|(disk, request)| (id, disk, request)))
    }

    /// The next request for the other host's export.
    pub fn poll_link(&mut self) -> Option<(VolumeId, RequestId, UserOp)> {
        let volumes = self.volumes.iter_mut().enumerate();
        let mut requests = volumes.map(|(id, volume)| (VolumeId(id as u8), volume.poll_link()));
        requests.find_map(|(id, request)| request.map(|(request, op)| (id, request, op)))
    }

    /// The next thing that happened, and on which volume. What is about the process as a whole
    /// ([`Event::is_of_host`]) names any.
    pub fn poll_event(&mut self) -> Option<(VolumeId, Event)> {
        let (volume, told) = &mut self.told;
        told.pop_front().map(|event| (*volume, event)).or_else(|| self.events.pop_front())
    }
}
