//! Letting things happen: the completion that is due first, and what follows from it.

use colo_core::{
    Clock, Completion, Disk, DiskId, Errno, Event, Extent, Host, Op, Payload, Recovery, Stage,
    Time, UserId, UserRequest, VolumeId,
};

use crate::faulty::Fired;

use crate::world::{
    Asked, DiskOp, Fate, Forwarded, Message, Returning, Side, SimClock, What, World, WorldProbe,
};

/// Where the next thing comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Disk(VolumeId, DiskId),
    /// Requests of the primary, or answers of the secondary.
    Lane(usize),
    Timer(Side),
}

impl World {
    pub(super) fn clock(&self, side: Side) -> SimClock {
        SimClock { now: self.now, drift_ppm: self.options.drift_ppm[side as usize] }
    }

    pub(super) fn timer(&self, side: Side) -> Option<Time> {
        let deadline = self.host(side)?.deadline()?;
        Some(self.clock(side).world_time(deadline))
    }

    /// When the next thing happens by itself.
    pub fn next_due(&self) -> Option<Time> {
        if self.scheduler.is_some() {
            let (at, candidates) = self.candidates();
            return (!candidates.is_empty()).then_some(at);
        }
        self.first_due().map(|(due, _)| due)
    }

    /// What is due first by itself, and when: of what is due at once disks come first, in order, then
    /// the link, then timers.
    pub(super) fn first_due(&self) -> Option<(Time, Source)> {
        let mut next: Option<(Time, Source)> = None;
        let mut consider = |due: Option<Time>, source: Source| {
            let Some(due) = due.map(|due| due.max(self.now)) else { return };
            if next.is_none_or(|(first, _)| due < first) {
                next = Some((due, source));
            }
        };
        for (volume, disks) in self.disks.iter().enumerate() {
            for (disk, device) in DiskId::ALL.into_iter().zip(disks) {
                consider(device.medium().next_due(), Source::Disk(VolumeId(volume as u8), disk));
            }
        }
        for lane in 0..2 {
            consider(self.link.next_due(lane), Source::Lane(lane));
        }
        for side in Side::BOTH {
            consider(self.timer(side), Source::Timer(side));
        }
        next
    }

    /// Lets the next thing happen, and time pass till then. False if there is none.
    pub fn step(&mut self) -> bool {
        self.step_until(Time(u64::MAX))
    }

    /// The same, unless it would be later than `until`.
    pub fn step_until(&mut self, until: Time) -> bool {
        if self.scheduler.is_some() {
            return self.step_scheduled(until);
        }
        let Some((due, source)) = self.first_due().filter(|(due, _)| *due <= until) else {
            return false;
        };
        self.happens(due, source);
        true
    }

    pub(super) fn happens(&mut self, at: Time, source: Source) {
        self.now = at;
        match source {
            Source::Disk(volume, disk) => {
                let device = &mut self.disks[usize::from(volume.0)][disk as usize];
                device.medium_mut().advance(at);
                // A wrapper may keep a completion back to do more; then time goes on without one.
                if let Some(completion) = device.poll() {
                    self.disk_answered(volume, disk, completion);
                }
                if self.lies {
                    self.lies_follow(volume, disk);
                }
            }
            Source::Lane(lane) => {
                let message = self.link.receive(lane);
                self.arrived(message);
            }
            Source::Timer(side) => {
                self.coverage.probe(WorldProbe::TimerFires);
                self.with_host(side, |host, clock| host.timeout(clock.now()));
            }
        }
    }

    /// Lets time pass up to `until`, whatever happens meanwhile having happened.
    pub fn pass(&mut self, until: Time) {
        assert!(self.next_due().is_none_or(|due| due > until), "something happens before that");
        self.now = self.now.max(until);
    }

    fn disk_answered(&mut self, volume: VolumeId, disk: DiskId, completion: Completion) {
        let Completion { id, result } = completion;
        let meant = |asked: &Asked| asked.id == id && (asked.volume, asked.disk) == (volume, disk);
        let place = self.asked.iter().position(meant);
        let side = Side::of(disk);
        let Some(place) = place else {
            // Only a lying disk does that. The core asserts that it does not happen, as any driver
            // would, and the world stands where the driver stands: it says so, and nobody is told.
            return self.publish(Some(side), volume, What::Unasked { disk });
        };
        let asked = self.asked.swap_remove(place);
        let Asked { op, extent, .. } = asked;
        let failed = result.as_ref().err().copied();
        if failed.is_some() {
            self.coverage.met(&asked, Fate::Error);
        }
        self.publish(Some(side), volume, What::Disk { disk, op, extent, failed });
        if op == DiskOp::Write {
            self.touch(volume, disk, extent);
        }
        self.with_host(side, |host, _| host.disk_completed(volume, id, result));
    }

    /// What a disk that lies does beyond its one answer.
    fn lies_follow(&mut self, volume: VolumeId, disk: DiskId) {
        self.publish_lies(volume, disk);
        let device = &mut self.disks[usize::from(volume.0)][disk as usize];
        if device.inner().answers_again()
            && let Some(completion) = device.poll()
        {
            self.disk_answered(volume, disk, completion);
        }
    }

    fn touch(&mut self, volume: VolumeId, disk: DiskId, extent: Extent) {
        let Some(host) = &self.hosts[Side::Secondary as usize] else { return };
        if Side::of(disk) == Side::Secondary
            && let Some(extent) = host.volume(volume).guest_extent(disk, extent)
        {
            self.touched.push((volume, extent));
        }
    }

    fn arrived(&mut self, message: Message) {
        match message {
            Message::Request(volume, link, op) => {
                let connection = self.connections;
                let request = UserRequest(self.requests);
                self.forwarded.push(Forwarded { volume, request, link, connection });
                self.submit(Side::Secondary, volume, UserId::Export, op);
            }
            Message::Answer(volume, link, result) => {
                self.with_host(Side::Primary, |host, _| host.link_completed(volume, link, result));
            }
        }
    }

    /// Does something to a host, then carries out and publishes what follows from it.
    pub(super) fn with_host(&mut self, side: Side, act: impl FnOnce(&mut Host, SimClock)) {
        let clock = self.clock(side);
        let Some(mut host) = self.hosts[side as usize].take() else { return };
        act(&mut host, clock);
        let mut opens = false;
        while let Some((volume, event)) = host.poll_event() {
            opens |= event == Event::OpenBegun;
            let gone = matches!(
                event,
                Event::OpenRefused(_)
                    | Event::Opened(Err(_))
                    | Event::Recovered(Recovery::Failed(_) | Recovery::Refused)
            );
            self.happened(side, volume, event);
            if gone {
                self.abandon_requests(side, volume);
            }
        }
        if self.labelled {
            for volume in host.volume_ids() {
                let label = Self::label(host.volume(volume).phase());
                let disks = &mut self.disks[usize::from(volume.0)];
                for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
                    disks[disk as usize].set_label(label);
                }
            }
        }
        while let Some((volume, disk, request)) = host.poll_disk() {
            self.hand_out(&host, volume, disk, request);
        }
        while let Some((volume, id, op)) = host.poll_link() {
            if self.options.networked {
                self.departs(volume, id, op);
            } else {
                self.link.send(self.now, Message::Request(volume, id, op));
            }
        }
        let ended = host.ended();
        self.hosts[side as usize] = Some(host);
        if ended {
            self.end_process(side);
            self.abandon_all_requests(side);
        }
        if ended || opens {
            self.update_connection();
        }
    }

    fn happened(&mut self, side: Side, volume: VolumeId, event: Event) {
        if let Event::Answered { user: UserId::Export, request, result } = &event {
            self.answer_forwarded(*request, result.clone());
        }
        let what = match event {
            Event::OpenBegun => What::Started { recover: false },
            event => What::Event(event),
        };
        self.publish(Some(side), volume, what);
    }

    fn answer_forwarded(&mut self, request: UserRequest, result: Result<Payload, Errno>) {
        let place = self.forwarded.iter().position(|forwarded| forwarded.request == request);
        let forwarded = self.forwarded.swap_remove(place.expect("it was forwarded"));
        if self.options.networked {
            let Forwarded { volume, link, .. } = forwarded;
            self.desk.returning.push(Returning { volume, token: link.0, result });
        } else if self.connected && forwarded.connection == self.connections {
            self.link.send(self.now, Message::Answer(forwarded.volume, forwarded.link, result));
        } else {
            self.coverage.probe(WorldProbe::AnswerTooLate);
        }
    }

    fn hand_out(
        &mut self,
        host: &Host,
        volume: VolumeId,
        disk: DiskId,
        request: colo_core::Request,
    ) {
        let sector_size = self.options.geometry.sector_size as usize;
        let (op, extent) = match &request.op {
            Op::Read { at, len } => (DiskOp::Read, Extent::new(*at, *len)),
            Op::Write { at, payload, .. } => {
                (DiskOp::Write, Extent::new(*at, (payload.len() / sector_size) as u32))
            }
            Op::Flush => (DiskOp::Flush, Extent::new(0, 0)),
        };
        let id = request.id;
        let on = host.volume(volume);
        let site = self.coverage.site(on.purpose(id), disk, op, extent).index() as u16;
        if self.asked.iter().any(|asked| (asked.volume, asked.disk) == (volume, disk)) {
            self.coverage.probe(WorldProbe::RequestsTogether);
        }
        self.asked.push(Asked { volume, disk, id, op, extent, site });
        let device = &mut self.disks[usize::from(volume.0)][disk as usize];
        device.medium_mut().advance(self.now);
        device.submit(request);
        let fired: Vec<Fired> = device.drain_fired().collect();
        for fault in fired {
            let op = DiskOp::of(fault.op);
            let extent = Extent::new(fault.at, fault.len as u32);
            let Fired { errno, landed, .. } = fault;
            self.coverage.fault(disk, op, fault.cause, on.phase());
            let what = What::Fault { disk, op, extent, errno, landed };
            self.publish(Some(Side::of(disk)), volume, what);
        }
        if self.lies {
            self.publish_lies(volume, disk);
        }
        // Half of all writes take effect as they are submitted.
        if op == DiskOp::Write
            && Side::of(disk) == Side::Secondary
            && let Some(extent) = host.volume(volume).guest_extent(disk, extent)
        {
            self.touched.push((volume, extent));
        }
    }

    /// The stage of a filter on this host, if it is open.
    pub fn stage(&self, side: Side, volume: VolumeId) -> Option<Stage> {
        self.host(side)?.volume(volume).stage()
    }
}
