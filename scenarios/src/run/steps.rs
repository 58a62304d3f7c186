//! What a run does for each step of its plan.

use colo_core::colo::Order;
use colo_core::{
    Admin, Extent, JobKind, Payload, Stage, UserId, UserOp, Verb, VerbId, Volume, VolumeId,
};
use colo_sim::lying::LieRule;
use colo_sim::world::{Side, Stamp, VOLUMES_MAX, WorldDisk};

use crate::oracle::PROGRESS_BOUND_NS;
use crate::plan::{Step, rates};
use crate::points::Misfortune;
use crate::run::lane::{Lane, NetworkAct};
use crate::run::{Run, writer};

/// How long a step waits on a network, in nanoseconds: for much longer than leases and checkpoints take.
const PATIENCE_NS: u64 = 60_000_000;

impl<L: Lane> Run<'_, L> {
    pub(super) fn carry_out(&mut self, volume: VolumeId, step: &Step) {
        self.note_step(volume, step);
        self.note_misfortune(volume, step);
        match step {
            Step::On { volume, step } => {
                if self.world.has_volume(VolumeId(*volume)) {
                    self.carry_out(VolumeId(*volume), step);
                }
            }
            Step::Read { side, at, len, wait } => {
                self.guest(*side, volume, UserOp::Read(Extent::new(*at, *len)), *wait);
            }
            Step::Write { side, at, len, wait } => self.write(*side, volume, *at, *len, *wait),
            Step::Flush { side, wait } => self.guest(*side, volume, UserOp::Flush, *wait),
            Step::WriteZeroes { side, at, len, wait } => {
                self.write_zeroes(*side, volume, *at, *len, *wait);
            }
            Step::Discard { side, at, len, wait } => {
                self.discard(*side, volume, *at, *len, *wait);
            }
            Step::Call { side, verb, wait } => self.call(*side, volume, *verb, *wait),
            Step::CallAll { side, verb, wait } => {
                self.call_all(*side, *verb, *wait);
            }
            Step::Admin { side, command, wait } => {
                self.administer(*side, volume, *command, *wait);
            }
            Step::EmptyFails { disk, how, errno } => {
                self.world.fail_emptying(volume, *disk, *how, *errno);
            }
            Step::Eject(disk) => self.world.eject(volume, *disk),
            Step::CutFrom { side, cut } => {
                self.lane.set_cut_from(&mut self.world, *side, *cut);
            }
            Step::Checkpoint => self.checkpoint(),
            Step::PlannedStop => self.planned_stop(),
            Step::Failover => self.failover(),
            Step::Cancel(kind) => self.cancel(volume, *kind),
            Step::Fault(spec) => {
                self.world.disk_mut(volume, spec.disk).add_rule(spec.rule());
            }
            Step::Rates { disk, read, write, flush } => {
                self.world.disk_mut(volume, *disk).set_rates(rates(*read, *write, *flush));
            }
            Step::Lie { disk, lie, skip, times } => {
                let rule = LieRule { lie: *lie, skip: *skip, every: 1, times: *times };
                self.world.lie(volume, *disk, rule);
            }
            Step::FaultsEnd => self.world.disks_mut().for_each(WorldDisk::clear),
            Step::Stall { disk, ns } => {
                let until = self.world.now().after(*ns);
                self.world.disk_mut(volume, *disk).medium_mut().stall(until);
            }
            Step::PowerLoss(side) => self.crash(*side, true),
            Step::PowerLossWith { side, keep } => self.power_loss_with(*side, keep),
            Step::Kill(side) => self.crash(*side, false),
            Step::Restart(side) => self.world.start_process(*side, false),
            Step::Recover { wait } => self.recover(*wait),
            Step::Cut(cut) => self.lane.set_cut(&mut self.world, *cut),
            Step::Hold(held) => self.lane.set_held(&mut self.world, *held),
            Step::CutBetween { from, to, cut } => {
                self.network(NetworkAct::Cut(*from, *to, *cut));
            }
            Step::Sever { node, port } => {
                self.network(NetworkAct::Sever(*node, *port));
            }
            Step::Latency(ticks) => self.network(NetworkAct::Latency(*ticks)),
            Step::Tamper { node, port, how } => {
                self.network(NetworkAct::Tamper(*node, *port, *how));
            }
            Step::Pass(ns) => self.pass(*ns),
            Step::Events(count) => self.let_happen(*count),
            Step::Settle => self.settle(self.patience()),
        }
    }

    /// Two hosts on a network get to know each other before anything else.
    pub(super) fn meet(&mut self) {
        if self.plan.setup.pair.is_some() {
            self.settle(PATIENCE_NS);
        }
    }

    /// How long a step waits for what it waits for. On a network some of it never comes, and others go on
    /// for ever.
    pub(super) fn patience(&self) -> u64 {
        if self.plan.setup.pair.is_some() { PATIENCE_NS } else { PROGRESS_BOUND_NS }
    }

    fn network(&mut self, act: NetworkAct) {
        if self.plan.setup.pair.is_some() {
            self.reached.network(act);
        }
        self.lane.network(&mut self.world, act);
    }

    /// Whether this guest can send anything, or comes to. What it does not come to send is not sent later.
    fn comes_to_send(&mut self, side: Side) -> bool {
        self.advance_while(|run| !run.lane.guest_runs(side));
        self.lane.guest_runs(side)
    }

    fn guest(&mut self, side: Side, volume: VolumeId, op: UserOp, wait: bool) {
        if !self.comes_to_send(side) {
            return;
        }
        let Some(request) = self.world.guest(side, volume, op) else { return };
        self.guest_requests += 1;
        let waits = (side, volume, request);
        self.waiting.push(waits);
        self.observe();
        if wait {
            self.advance_while(|run| run.waiting.contains(&waits));
        }
    }

    fn write(&mut self, side: Side, volume: VolumeId, at: u64, len: u32, wait: bool) {
        let geometry = self.plan.setup.geometry;
        if !self.comes_to_send(side) || self.world.host(side).is_none() || !self.fits(at, len) {
            return;
        }
        let number = &mut self.writes[side as usize][usize::from(volume.0)];
        *number += 1;
        let (writer, number) = (writer(side, volume), *number);
        let mut bytes = vec![0; geometry.bytes(len)];
        Stamp::fill(&mut bytes, geometry.sector_size as usize, writer, number, at);
        self.guest(side, volume, UserOp::Write { at, payload: Payload::from(bytes) }, wait);
    }

    /// Whether the disks have these sectors. A device does not pass on what is beyond its disk's end.
    fn fits(&self, at: u64, len: u32) -> bool {
        // Reckoned here: if the core were asked, one that refuses everything would be asked nothing.
        let sectors = self.plan.setup.geometry.sectors;
        len > 0 && at.checked_add(u64::from(len)).is_some_and(|end| end <= sectors)
    }

    fn write_zeroes(&mut self, side: Side, volume: VolumeId, at: u64, len: u32, wait: bool) {
        if !self.comes_to_send(side) || self.world.host(side).is_none() || !self.fits(at, len) {
            return;
        }
        // They count among its writes, although they do not carry the number.
        self.writes[side as usize][usize::from(volume.0)] += 1;
        let bytes = vec![0; self.plan.setup.geometry.bytes(len)];
        self.guest(side, volume, UserOp::Write { at, payload: Payload::from(bytes) }, wait);
    }

    fn discard(&mut self, side: Side, volume: VolumeId, at: u64, len: u32, wait: bool) {
        if self.fits(at, len) {
            self.guest(side, volume, UserOp::Discard(Extent::new(at, len)), wait);
        }
    }

    fn call(&mut self, side: Side, volume: VolumeId, verb: Verb, wait: bool) {
        let running = self.world.stage(side, volume) == Some(Stage::Running);
        self.note_asked(side, verb, running);
        self.note_on(volume, Step::Call { side, verb, wait: false });
        let Some(id) = self.world.call(side, volume, verb) else { return };
        self.wait_for_verb(side, id, wait);
    }

    fn call_all(&mut self, side: Side, verb: Verb, wait: bool) -> Option<VerbId> {
        let id = self.begin_call_all(side, verb)?;
        self.observe();
        if wait {
            self.advance_while(|run| run.alls.contains(&(side, id)));
        }
        Some(id)
    }

    pub(super) fn begin_call_all(&mut self, side: Side, verb: Verb) -> Option<VerbId> {
        let runs = |id| self.world.stage(side, id) == Some(Stage::Running);
        let running = self.world.volumes().any(|volume| runs(volume.id()));
        self.note_asked(side, verb, running);
        self.note_done(Step::CallAll { side, verb, wait: false });
        let id = self.world.call_all(side, verb)?;
        self.alls.push((side, id));
        Some(id)
    }

    fn note_asked(&mut self, side: Side, verb: Verb, running: bool) {
        let failover = (side, verb) == (Side::Secondary, Verb::Stop { failover: true });
        self.counts.failovers_asked += u64::from(failover && running);
    }

    fn wait_for_verb(&mut self, side: Side, id: VerbId, wait: bool) {
        self.verbs.push((side, id));
        self.observe();
        if wait {
            self.advance_while(|run| run.verbs.contains(&(side, id)));
        }
    }

    fn administer(&mut self, side: Side, volume: VolumeId, command: Admin, wait: bool) {
        let Some(id) = self.world.administer(side, volume, command) else { return };
        self.wait_for_verb(side, id, wait);
    }

    /// Calls a verb on all filters and waits; whether it said ok.
    fn call_ok(&mut self, side: Side, verb: Verb) -> bool {
        let id = self.call_all(side, verb, true);
        id.is_some_and(|id| self.last_answer == Some((id, Ok(()))))
    }

    /// COLO's checkpoint (spec 2.9). Guests are paused: no step of theirs comes in between.
    fn checkpoint(&mut self) {
        if self.ordered(Order::Checkpoint) {
            return;
        }
        let drained = |run: &Self| run.waiting.is_empty() && run.forwarding_is_quiet();
        self.advance_while(|run| !drained(run));
        if !drained(self) {
            return;
        }
        let errors = Side::BOTH.map(|side| self.call_ok(side, Verb::GetError));
        if errors == [true, true] && self.call_ok(Side::Primary, Verb::Checkpoint) {
            self.call_ok(Side::Secondary, Verb::Checkpoint);
        }
    }

    /// COLO's failover: the primary is given up, nothing of it arrives any more, and the secondary takes over.
    fn failover(&mut self) {
        if self.ordered(Order::Failover) {
            return;
        }
        self.note_done(Step::Cut(true));
        self.world.set_cut(true);
        self.observe();
        self.advance_while(|run| !run.forwarding_is_quiet());
        self.call_all(Side::Secondary, Verb::Stop { failover: true }, true);
    }

    /// COLO's planned end: guests stand still and are drained, then both sides stop, the secondary first.
    fn planned_stop(&mut self) {
        if self.ordered(Order::Stop) {
            return;
        }
        let drained = |run: &Self| run.waiting.is_empty() && run.forwarding_is_quiet();
        self.advance_while(|run| !drained(run));
        let stop = Verb::Stop { failover: false };
        if drained(self) && self.call_ok(Side::Secondary, stop) {
            self.call_ok(Side::Primary, stop);
        }
    }

    /// Whether roles of the hosts carry this out, and then they have.
    fn ordered(&mut self, order: Order) -> bool {
        if order != Order::Failover && self.plan.setup.pair.is_some() {
            // They have to have heard of each other's last verbs.
            self.settle(self.patience());
        }
        if !self.lane.order(&self.world, order) {
            return false;
        }
        self.advance_while(|run| run.lane.is_busy());
        true
    }

    /// Whether no forwarded request is under way on the secondary.
    fn forwarding_is_quiet(&self) -> bool {
        let mut volumes = self.world.volumes().filter_map(|volume| volume.on(Side::Secondary));
        volumes.all(|volume| volume.quiet(UserId::Export))
    }

    fn cancel(&mut self, volume: VolumeId, kind: JobKind) {
        self.world.cancel(volume, kind);
        self.counts.backups_cancelled += u64::from(kind == JobKind::Backup);
    }

    fn crash(&mut self, side: Side, power_loss: bool) {
        self.note_crash(side, power_loss);
        if power_loss {
            self.lane.power_fails(side);
            self.world.power_loss(side);
        } else {
            self.world.kill(side);
        }
        self.gone(side);
    }

    /// A connection that is not there cannot be cut, a network that is not there befalls nothing, and nobody can
    /// cancel a job that does not run, or spoil an overlay that is not in use.
    fn note_misfortune(&mut self, volume: VolumeId, step: &Step) {
        let Some(misfortune) = Misfortune::of(step) else { return };
        let there = match step {
            Step::Cut(_) | Step::CutFrom { .. } | Step::Hold(_) => self.world.is_connected(),
            _ => !misfortune.is_of_network() || self.plan.setup.pair.is_some(),
        };
        let whose = Misfortune::side(step);
        for side in
            Side::BOTH.into_iter().filter(|&side| there && whose.is_none_or(|of| of == side))
        {
            let volumes = self.world.volumes().filter(|of| whose.is_none() || of.id() == volume);
            let strikes = |on: &&Volume| match step {
                Step::Cancel(kind) => on.job_runs(*kind),
                Step::EmptyFails { disk, .. } | Step::Eject(disk) => {
                    on.overlay_holds(*disk, 0).is_some()
                }
                _ => true,
            };
            for on in volumes.filter_map(|of| of.on(side)).filter(strikes) {
                self.reached.befallen(misfortune, side, on.phase());
            }
        }
    }

    pub(super) fn note_crash(&mut self, side: Side, power_loss: bool) {
        for volume in self.world.volumes().filter_map(|volume| volume.on(side)) {
            self.reached.crashed(side, power_loss, volume.phase());
        }
        if self.world.host(side).is_some() {
            let committing = side == Side::Secondary && self.oracle.commit_runs();
            self.counts.commits_crashed += u64::from(committing);
        }
        self.counts.power_losses += u64::from(power_loss);
        self.counts.process_deaths += u64::from(!power_loss);
    }

    pub(super) fn gone(&mut self, side: Side) {
        self.reached.gone(side);
        self.waiting.retain(|(whose, ..)| *whose != side);
        self.verbs.retain(|(whose, _)| *whose != side);
        self.alls.retain(|(whose, _)| *whose != side);
        if side == Side::Secondary {
            self.recovering = [false; VOLUMES_MAX];
        }
    }

    /// One volume of a host is not there any more, and the process goes on.
    pub(super) fn volume_gone(&mut self, side: Side, volume: VolumeId) {
        self.waiting.retain(|(whose, of, _)| (*whose, *of) != (side, volume));
        if side == Side::Secondary {
            self.recovering[usize::from(volume.0)] = false;
        }
    }

    fn recover(&mut self, wait: bool) {
        if self.world.host(Side::Secondary).is_some() {
            return;
        }
        self.world.start_process(Side::Secondary, true);
        for volume in self.world.volume_ids() {
            let host = self.world.host(Side::Secondary);
            let recovers = host.is_some_and(|host| !host.volume(volume).is_absent());
            self.recovering[usize::from(volume.0)] = recovers;
        }
        self.observe();
        if wait {
            self.advance_while(|run| run.recovering.contains(&true));
        }
    }

    fn pass(&mut self, ns: u64) {
        let until = self.world.now().after(ns);
        while self.advance(until) {}
        if self.world.next_due().is_none_or(|due| due > until) {
            self.note_passing(until);
            self.world.pass(until);
        }
    }

    pub(super) fn settle(&mut self, ns: u64) {
        let until = self.world.now().after(ns);
        while !self.lane.rests(&self.world) && self.advance(until) {}
    }
}
