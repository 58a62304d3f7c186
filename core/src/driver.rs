//! Runs one host on disks that answer by themselves: files, or anything else real.
//!
//! The loop that a program around the core would have: hand out requests, take
//! completions in. The simulation has a loop of its own, with time and faults in it.

use crate::clock::Clock;
use crate::disk::{Completion, Disk, Errno, Op, Request, RequestId};
use crate::event::{DiskId, Event, UserId, UserOp, UserRequest, VerbId, VolumeId};
use crate::host::Host;
use crate::payload::Payload;
use crate::verb::{Verb, VerbError};

/// A host and its disks.
#[derive(Debug)]
pub struct Driver<D, C> {
    host: Host,
    clock: C,
    disks: Vec<(VolumeId, DiskId, D)>,
    events: Vec<(VolumeId, Event)>,
    next_request: u32,
    /// Requests that left for the other end of the link, which is a disk of this process.
    linked: Vec<(VolumeId, RequestId)>,
}

impl<D: Disk, C: Clock> Driver<D, C> {
    /// Lets `host` run on `disks`.
    ///
    /// On a primary host, [`DiskId::Secondary`] stands for what is at the other end
    /// of the link, as in QEMU's own unit test; without it there is no connection.
    pub fn new(host: Host, disks: Vec<(VolumeId, DiskId, D)>, clock: C) -> Self {
        let mut driver =
            Self { host, clock, disks, events: Vec::new(), next_request: 0, linked: Vec::new() };
        driver.host.link_connected();
        driver.settle();
        driver
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Ends the process and hands the disks back.
    pub fn into_disks(self) -> Vec<(VolumeId, DiskId, D)> {
        self.disks
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<(VolumeId, Event)> {
        std::mem::take(&mut self.events)
    }

    /// Sends a request of a user and waits for its answer.
    ///
    /// # Errors
    /// What the graph answered.
    pub fn request(
        &mut self,
        volume: VolumeId,
        user: UserId,
        op: UserOp,
    ) -> Result<Payload, Errno> {
        let request = UserRequest(self.next_request);
        self.next_request += 1;
        self.host.submit(volume, user, request, op);
        self.settle();
        let answer = self.events.iter().find_map(|(_, event)| match event {
            Event::Answered { user: whose, request: which, result }
                if (*whose, *which) == (user, request) =>
            {
                Some(result.clone())
            }
            _ => None,
        });
        answer.expect("a settled host has answered every request")
    }

    /// Calls a verb on all filters; [`Driver::step`] takes it further.
    pub fn begin(&mut self, verb: Verb) -> VerbId {
        let id = VerbId(self.next_request);
        self.next_request += 1;
        self.host.call_all(id, verb);
        id
    }

    /// Calls a verb on all filters and waits for its answer. Jobs that it started may run on.
    ///
    /// # Errors
    /// What the first filter that failed answered.
    pub fn call_all(&mut self, verb: Verb) -> Result<(), VerbError> {
        let id = self.begin(verb);
        self.settle();
        let answer = self.events.iter().find_map(|(_, event)| match event {
            Event::AllAnswered { id: which, result, .. } if *which == id => Some(*result),
            _ => None,
        });
        answer.expect("a settled host has answered every verb")
    }

    /// Calls a verb on one filter and waits for its answer. Jobs that it started may run on.
    ///
    /// # Errors
    /// What the filter answered.
    pub fn call(&mut self, volume: VolumeId, verb: Verb) -> Result<(), VerbError> {
        let id = VerbId(self.next_request);
        self.next_request += 1;
        self.host.call(id, volume, verb);
        self.settle();
        let answer = self.events.iter().find_map(|(_, event)| match event {
            Event::VerbAnswered { id: which, result, .. } if *which == id => Some(*result),
            _ => None,
        });
        answer.expect("a settled host has answered every verb")
    }

    /// Takes one completion in, if there is one. Returns whether anything moved.
    pub fn step(&mut self) -> bool {
        let mut moved = false;
        while let Some((volume, id, op)) = self.host.poll_link() {
            self.submit_linked(volume, id, op);
            moved = true;
        }
        while let Some((volume, id, request)) = self.host.poll_disk() {
            self.disk(volume, id).expect("the host was given all its disks").submit(request);
            moved = true;
        }
        let mut answers =
            self.disks.iter_mut().map(|(volume, _, disk)| disk.poll().map(|done| (*volume, done)));
        if let Some((volume, Completion { id, result })) = answers.find_map(|answer| answer) {
            match self.linked.iter().position(|&linked| linked == (volume, id)) {
                Some(place) => {
                    self.linked.swap_remove(place);
                    self.host.link_completed(volume, id, result);
                }
                None => self.host.disk_completed(volume, id, result),
            }
            moved = true;
        }
        while let Some(event) = self.host.poll_event() {
            self.events.push(event);
            moved = true;
        }
        self.host.timeout(self.clock.now());
        moved
    }

    fn disk(&mut self, volume: VolumeId, id: DiskId) -> Option<&mut D> {
        let mut disks = self.disks.iter_mut();
        disks.find_map(|(of, other, disk)| ((*of, *other) == (volume, id)).then_some(disk))
    }

    fn submit_linked(&mut self, volume: VolumeId, id: RequestId, op: UserOp) {
        let Some(disk) = self.disk(volume, DiskId::Secondary) else {
            return self.host.link_completed(volume, id, Err(Errno::Io));
        };
        let op = match op {
            UserOp::Read(extent) => Op::Read { at: extent.at, len: extent.len },
            UserOp::Write { at, payload } => Op::Write { at, payload, fua: false },
            UserOp::Flush => Op::Flush,
            UserOp::Discard(_) => unreachable!("no discard is forwarded"),
        };
        disk.submit(Request { id, op });
        self.linked.push((volume, id));
    }

    /// Goes on until nothing is under way.
    pub fn settle(&mut self) {
        while self.step() {}
    }
}
