//! What a plan can do to a world.

use colo_core::{
    Admin, Clock, DiskId, EmptyFailure, Errno, Extent, Host, HostOptions, JobKind, Phase, UserId,
    UserOp, UserRequest, Verb, VerbId,
};

use crate::crash::CrashDisk;
use crate::faulty::Label;

use crate::world::{Connection, Side, SubmittedOp, What, World, add_hits};

impl World {
    /// Says that step `number` begins.
    pub fn mark_step(&mut self, number: u32) {
        self.publish(None, What::Step(number));
    }

    /// The guest on this host sends a request. Without a process nothing is sent.
    pub fn guest(&mut self, side: Side, op: UserOp) -> Option<UserRequest> {
        self.submit(side, UserId::Guest, op)
    }

    pub(super) fn submit(&mut self, side: Side, user: UserId, op: UserOp) -> Option<UserRequest> {
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

    /// An operator asks something of this host. Without a process nothing is asked.
    pub fn administer(&mut self, side: Side, admin: Admin) -> Option<VerbId> {
        self.host(side)?;
        let id = VerbId(self.verbs);
        self.verbs += 1;
        self.publish(Some(side), What::Administered { id, admin });
        self.with_host(side, |host, _| host.administer(id, admin));
        Some(id)
    }

    /// The next emptying of this overlay fails, in this way. Without a process nothing happens.
    pub fn fail_emptying(&mut self, disk: DiskId, failure: EmptyFailure, errno: Errno) {
        if self.host(Side::of(disk)).is_some() {
            self.publish(Some(Side::of(disk)), What::EmptyingFails { disk, failure, errno });
            self.with_host(Side::of(disk), |host, _| host.fail_emptying(disk, failure, errno));
        }
    }

    /// This overlay loses its format layer, for as long as its process lives.
    pub fn eject(&mut self, disk: DiskId) {
        self.with_host(Side::of(disk), |host, _| host.eject(disk));
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
            wiring: self.options.wiring,
            recover,
            reconnect_delay_ns: self.options.reconnect_delay_ns,
            quirks: self.options.quirks,
        });
        self.hosts[side as usize] = Some(Box::new(host));
        self.with_host(side, |_, _| ());
        self.update_connection();
    }

    /// The host's power fails: its process is gone, and what its disks had not made durable may be.
    pub fn power_loss(&mut self, side: Side) {
        let mut crashes = self.crashes.clone();
        self.lose_power(side, &mut |_, _, versions| crashes.below(versions as u64) as usize);
        self.crashes = crashes;
        self.update_connection();
    }

    /// The same, with a choice of what is left: of this disk, of this sector, which of so many
    /// versions, as [`SimDisk::survivors`](crate::sim_disk::SimDisk::survivors) numbers them.
    pub fn power_loss_with(
        &mut self,
        side: Side,
        choose: &mut dyn FnMut(DiskId, u64, usize) -> usize,
    ) {
        self.lose_power(side, choose);
        self.update_connection();
    }

    fn lose_power(&mut self, side: Side, choose: &mut dyn FnMut(DiskId, u64, usize) -> usize) {
        self.end_process(side);
        self.publish(Some(side), What::PowerLost);
        for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
            let device = &mut self.disks[disk as usize];
            device.power_loss(&mut |sector, versions| choose(disk, sector, versions));
        }
    }

    /// The host's process dies: what the disks took stays, what is in flight may still land.
    pub fn kill(&mut self, side: Side) {
        if self.end_process(side) {
            self.publish(Some(side), What::ProcessDied);
            self.abandon_requests(side);
        }
        self.update_connection();
    }

    pub(super) fn abandon_requests(&mut self, side: Side) {
        for disk in DiskId::ALL.into_iter().filter(|&disk| Side::of(disk) == side) {
            self.disks[disk as usize].inner_mut().process_death_random(&mut self.crashes);
            self.disks[disk as usize].forget_in_flight();
        }
    }

    /// Whether there was one.
    pub(super) fn end_process(&mut self, side: Side) -> bool {
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
        if self.link.held != [held; 2] {
            self.link.held = [held; 2];
            let change = if held { Connection::Held } else { Connection::Released };
            self.publish(None, What::Connection(change));
        }
    }

    /// Holds back what this side sends, or lets it arrive: a cut in one direction, while which the
    /// connection still seems to be there.
    pub fn set_cut_from(&mut self, side: Side, cut: bool) {
        let lane = &mut self.link.held[side as usize];
        if std::mem::replace(lane, cut) != cut {
            let change = if cut { Connection::CutFrom(side) } else { Connection::OpenFrom(side) };
            self.publish(None, What::Connection(change));
        }
    }

    /// The primary is connected whenever both processes run and nothing is cut.
    pub(super) fn update_connection(&mut self) {
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
