//! What a plan can do to a world.

use colo_core::{
    Admin, Clock, DiskId, EmptyFailure, Errno, Extent, Host, JobKind, Phase, UserId, UserOp,
    UserRequest, Verb, VerbId, VolumeId, VolumeOptions,
};

use crate::crash::CrashDisk;
use crate::faulty::Label;
use crate::lying::LieRule;

use crate::world::{Asked, Connection, Fate, Side, SubmittedOp, What, World, WorldProbe, add_hits};

impl World {
    /// Says that step `number` begins.
    pub fn mark_step(&mut self, number: u32) {
        self.schedule_notes_act();
        self.publish(None, VolumeId::FIRST, What::Step(number));
    }

    /// The guest on this host sends a request to a volume. Without a process nothing is sent.
    pub fn guest(&mut self, side: Side, volume: VolumeId, op: UserOp) -> Option<UserRequest> {
        self.submit(side, volume, UserId::Guest, op)
    }

    pub(super) fn submit(
        &mut self,
        side: Side,
        volume: VolumeId,
        user: UserId,
        op: UserOp,
    ) -> Option<UserRequest> {
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
            UserOp::Discard(extent) => SubmittedOp::Discard(*extent),
        };
        self.publish(Some(side), volume, What::Submitted { user, request, op: submitted });
        self.with_host(side, |host, _| host.submit(volume, user, request, op));
        Some(request)
    }

    /// A verb is called on this host's filter of a volume. Without a process nothing is called.
    pub fn call(&mut self, side: Side, volume: VolumeId, verb: Verb) -> Option<VerbId> {
        let id = self.next_verb(side)?;
        self.publish(Some(side), volume, What::Called { id, verb });
        self.with_host(side, |host, _| host.call(id, volume, verb));
        Some(id)
    }

    /// A verb is called on all filters of this host. Without a process nothing is called.
    pub fn call_all(&mut self, side: Side, verb: Verb) -> Option<VerbId> {
        let id = self.next_verb(side)?;
        self.publish(Some(side), VolumeId::FIRST, What::CalledAll { id, verb });
        self.with_host(side, |host, _| host.call_all(id, verb));
        Some(id)
    }

    /// An operator asks something of this host. Without a process nothing is asked.
    pub fn administer(&mut self, side: Side, volume: VolumeId, admin: Admin) -> Option<VerbId> {
        let id = self.next_verb(side)?;
        self.publish(Some(side), volume, What::Administered { id, admin });
        self.with_host(side, |host, _| host.administer(id, volume, admin));
        Some(id)
    }

    fn next_verb(&mut self, side: Side) -> Option<VerbId> {
        self.host(side)?;
        self.schedule_notes_act();
        self.verbs += 1;
        Some(VerbId(self.verbs - 1))
    }

    /// The next emptying of this overlay fails, in this way. Without a process nothing happens.
    pub fn fail_emptying(
        &mut self,
        volume: VolumeId,
        disk: DiskId,
        failure: EmptyFailure,
        errno: Errno,
    ) {
        let side = Side::of(disk);
        if self.host(side).is_some() {
            self.publish(Some(side), volume, What::EmptyingFails { disk, failure, errno });
            self.with_host(side, |host, _| host.fail_emptying(volume, disk, failure, errno));
        }
    }

    /// From now on a disk lies on the requests that the rule names.
    pub fn lie(&mut self, volume: VolumeId, disk: DiskId, rule: LieRule) {
        self.lies = true;
        self.disk_mut(volume, disk).add_lie(rule);
    }

    /// This overlay loses its format layer, for as long as its process lives.
    pub fn eject(&mut self, volume: VolumeId, disk: DiskId) {
        self.with_host(Side::of(disk), |host, _| host.eject(volume, disk));
    }

    /// Somebody asks a job of the secondary host to end.
    pub fn cancel(&mut self, volume: VolumeId, kind: JobKind) {
        if self.host(Side::Secondary).is_none() {
            return;
        }
        self.publish(Some(Side::Secondary), volume, What::CancelAsked(kind));
        let on = |asked: &&Asked| asked.volume == volume && Side::of(asked.disk) == Side::Secondary;
        for asked in self.asked.iter().filter(on) {
            self.coverage.met(asked, Fate::Cancel);
        }
        self.with_host(Side::Secondary, |host, _| host.cancel(volume, kind));
    }

    /// A process starts on this host, unless one runs. To recover, it opens what was open before.
    pub fn start_process(&mut self, side: Side, recover: bool) {
        if self.host(side).is_some() {
            return;
        }
        let options = self.options;
        let opened = self.open[side as usize];
        let volumes: Vec<VolumeOptions> = options
            .volumes()
            .map(|(id, setup)| VolumeOptions {
                mode: side.mode(),
                geometry: options.geometry,
                quorum: side == Side::Primary || options.secondary_quorum,
                wiring: setup.wiring,
                later: if recover { !opened[usize::from(id.0)] } else { setup.later },
                recover,
                reconnect_delay_ns: options.reconnect_delay_ns,
                quirks: options.quirks,
            })
            .collect();
        for (id, _) in options.volumes().filter(|(id, _)| !volumes[usize::from(id.0)].later) {
            self.publish(Some(side), id, What::Started { recover });
        }
        self.hosts[side as usize] = Some(Box::new(Host::new(volumes)));
        self.lives[side as usize] += 1;
        self.with_host(side, |_, _| ());
        self.update_connection();
    }

    /// The host's power fails: its process is gone, and what its disks had not made durable may be.
    pub fn power_loss(&mut self, side: Side) {
        let mut crashes = self.crashes.clone();
        self.power_loss_with(side, &mut |_, _, _, versions| {
            crashes.below(versions as u64) as usize
        });
        self.crashes = crashes;
    }

    /// The same, with a choice of what is left: of this volume, disk and sector, which of so many
    /// versions, as [`SimDisk::survivors`](crate::sim_disk::SimDisk::survivors) numbers them.
    pub fn power_loss_with(
        &mut self,
        side: Side,
        choose: &mut dyn FnMut(VolumeId, DiskId, u64, usize) -> usize,
    ) {
        self.end_process(side);
        self.publish(Some(side), VolumeId::FIRST, What::PowerLost);
        for volume in self.volume_ids() {
            for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
                let (mut lost, mut kept) = (false, false);
                let device = self.disk_mut(volume, disk);
                device.medium_mut().power_loss(&mut |sector, versions| {
                    let version = choose(volume, disk, sector, versions);
                    lost |= version + 1 < versions;
                    kept |= version > 0;
                    version
                });
                device.forget();
                let situations = [
                    (lost, WorldProbe::UnflushedLost),
                    (kept, WorldProbe::UnflushedKept),
                    (lost && kept, WorldProbe::UnflushedTorn),
                ];
                for (_, probe) in situations.into_iter().filter(|(met, _)| *met) {
                    self.coverage.probe(probe);
                }
            }
        }
        self.update_connection();
    }

    /// The host's process dies: what the disks took stays, what is in flight may still land.
    pub fn kill(&mut self, side: Side) {
        if self.end_process(side) {
            self.publish(Some(side), VolumeId::FIRST, What::ProcessDied);
            self.abandon_all_requests(side);
        }
        self.update_connection();
    }

    pub(super) fn abandon_all_requests(&mut self, side: Side) {
        for volume in self.volume_ids() {
            self.abandon_requests(side, volume);
        }
    }

    /// Nobody waits for these disks any more; what is in flight may still land.
    pub(super) fn abandon_requests(&mut self, side: Side, volume: VolumeId) {
        let disks = &mut self.disks[usize::from(volume.0)];
        for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
            disks[disk as usize].medium_mut().process_death_random(&mut self.crashes);
            disks[disk as usize].forget();
        }
        self.asked.retain(|asked| asked.volume != volume || Side::of(asked.disk) != side);
    }

    /// Whether there was one.
    pub(super) fn end_process(&mut self, side: Side) -> bool {
        let Some(host) = self.hosts[side as usize].take() else { return false };
        add_hits(&mut self.probes, &host);
        for asked in self.asked.iter().filter(|asked| Side::of(asked.disk) == side) {
            self.coverage.met(asked, Fate::Crash);
        }
        let in_flight = self.asked.iter().any(|asked| Side::of(asked.disk) == side);
        let recovers = host.volume_ids().any(|id| {
            let volume = host.volume(id);
            volume.options().recover && !volume.is_absent()
        });
        let situations = [
            (in_flight, WorldProbe::CrashInFlight),
            (recovers, WorldProbe::RecoveryCrashed),
            (self.hosts.iter().all(Option::is_none), WorldProbe::BothDown),
        ];
        for (_, probe) in situations.into_iter().filter(|(met, _)| *met) {
            self.coverage.probe(probe);
        }
        // A recovery that has to be repeated is about the same volumes.
        for id in host.volume_ids().filter(|&id| !host.volume(id).options().recover) {
            self.open[side as usize][usize::from(id.0)] = !host.volume(id).is_absent();
        }
        self.asked.retain(|asked| Side::of(asked.disk) != side);
        if side == Side::Secondary {
            self.forwarded.clear();
            self.desk.returning.clear();
        }
        true
    }

    /// Cuts the connection, or lets it be made again.
    pub fn set_cut(&mut self, cut: bool) {
        self.schedule_notes_act();
        self.link.cut = cut;
        self.update_connection();
    }

    /// Holds back everything on the connection, or lets it arrive.
    pub fn set_held(&mut self, held: bool) {
        if self.link.held != [held; 2] {
            self.link.held = [held; 2];
            let change = if held { Connection::Held } else { Connection::Released };
            self.publish(None, VolumeId::FIRST, What::Connection(change));
        }
    }

    /// Holds back what this side sends, or lets it arrive: a cut in one direction, while which the
    /// connection still seems to be there.
    pub fn set_cut_from(&mut self, side: Side, cut: bool) {
        let lane = &mut self.link.held[side as usize];
        if std::mem::replace(lane, cut) != cut {
            let change = if cut { Connection::CutFrom(side) } else { Connection::OpenFrom(side) };
            self.publish(None, VolumeId::FIRST, What::Connection(change));
        }
    }

    /// The primary is connected whenever both processes run and nothing is cut.
    pub(super) fn update_connection(&mut self) {
        if self.options.networked {
            // Who carries the bytes says when there is one, and a process that is gone has none.
            if self.host(Side::Primary).is_none() {
                self.set_connected(false);
            }
            return;
        }
        let exports =
            |host: &Host| host.volume_ids().any(|volume| !host.volume(volume).options().recover);
        let exports = self.host(Side::Secondary).is_some_and(exports);
        let connected = exports && self.host(Side::Primary).is_some() && !self.link.cut;
        if connected == self.connected {
            return;
        }
        if (0..2).any(|lane| self.link.next_due(lane).is_some()) {
            self.coverage.probe(WorldProbe::MessagesLost);
        }
        self.link.lose_all();
        self.set_connected(connected);
    }

    pub(super) fn set_connected(&mut self, connected: bool) {
        if std::mem::replace(&mut self.connected, connected) == connected {
            return;
        }
        let change = if connected { Connection::Up } else { Connection::Down };
        self.publish(None, VolumeId::FIRST, What::Connection(change));
        if connected {
            self.connections += 1;
            self.with_host(Side::Primary, |host, _| host.link_connected());
        } else {
            self.desk.departing.clear();
            self.desk.sent.clear();
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
