//! What a plan has done to its hosts so far, as far as it decides what QEMU can do next.

use colo_core::{
    Admin, DiskId, EmptyFailure, Errno, Format, GUEST, JobType, Mode, TOP, UserKind, Verb,
};
use colo_sim::faulty::{Damage, OpKind};
use colo_sim::world::Side;

use crate::conform::expressible::CLUSTER;
use crate::conform::transcript::WRITES_MAX;
use crate::plan::{FaultSpec, Setup, Step};

/// Most rules of one fault: sectors times occurrences.
const RULES_MAX: u64 = 64;

const TABLES: &str = "which tables of an overlay are in its file is its own affair until a flush";

const ONLY_A_RUN: &str = "whether a process died of itself only a run can tell";

/// Whether a disk has no format: its sectors are its file's.
pub(super) fn is_raw(disk: DiskId) -> bool {
    matches!(disk, DiskId::Local | DiskId::Secondary)
}

/// What is known of the hosts at a step, as far as it decides what QEMU can do.
#[derive(Clone)]
pub(super) struct State {
    /// Both processes.
    lives: [bool; 2],
    /// The primary's client still has the connection that it was started with.
    connected: bool,
    cut: bool,
    held: bool,
    recovered: bool,
    volumes: u8,
    writes: [u32; 2],
    /// Disks with a fault that ends by itself.
    counted: Vec<(u8, DiskId)>,
    /// Hosts with a disk that has any.
    faulty: [bool; 2],
    /// An emptying was to eject an overlay.
    ejects: bool,
    /// Overlays whose disk has a fault, and whether on reads.
    overlays_fail: Vec<(u8, DiskId, bool)>,
    /// An overlay's disk had a fault once.
    overlay_failed: bool,
    /// The secondary guest's device is read-only.
    read_only: bool,
    /// The secondary's process was ended in order.
    quit: bool,
    /// The secondary guest's device was taken away.
    unplugged: bool,
    /// The secondary was told to stop, one way or the other.
    stopped: bool,
    /// Something was written above or through an overlay that no flush is known to cover.
    unflushed: bool,
    /// The primary has written, so hidden may have got something, which no guest flushes.
    forwarded: bool,
    /// The guest's device has a drive with a name.
    drive: bool,
    /// The secondary's graph is put together right, and nobody was taken away.
    whole: bool,
    /// Both overlays are of the usual format.
    plain: bool,
    /// A failover was told to the secondary.
    failed_over: bool,
    /// The secondary was told to start, or has another job.
    started: bool,
    /// The secondary guest's device goes through a quorum.
    quorum: bool,
    /// Something was written since the start or the last checkpoint, so a commit has something to write.
    written: bool,
    /// The next emptying is to fail, and so nothing may write to an overlay before it.
    emptying: bool,
    sectors: u64,
}

impl State {
    /// Both hosts are on, and nothing was done.
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            lives: [true; 2],
            connected: true,
            cut: false,
            held: false,
            recovered: false,
            volumes: 1 + setup.further.iter().count() as u8,
            writes: [0; 2],
            counted: Vec::new(),
            faulty: [false; 2],
            ejects: false,
            overlays_fail: Vec::new(),
            overlay_failed: false,
            read_only: setup.wiring.filter_read_only,
            quit: false,
            unplugged: false,
            stopped: false,
            unflushed: false,
            forwarded: false,
            drive: setup.wiring.guest != UserKind::Device,
            whole: setup.wiring.is_right(),
            plain: [setup.wiring.active, setup.wiring.hidden] == [Format::Overlay; 2],
            failed_over: false,
            started: false,
            quorum: setup.secondary_quorum,
            written: false,
            emptying: false,
            sectors: setup.geometry.sectors,
        }
    }

    /// Takes a step into account.
    ///
    /// # Errors
    /// Why QEMU cannot do it here.
    pub(super) fn take(&mut self, volume: u8, step: &Step) -> Result<(), &'static str> {
        match step {
            Step::On { volume, step } if *volume < self.volumes => self.take(*volume, step),
            Step::On { .. } => Ok(()),
            Step::WriteZeroes { .. } | Step::Discard { .. } if !self.counted.is_empty() => {
                Err("a fault of writes that ends by itself is not one of zeroes there")
            }
            Step::Fault(_) | Step::FaultsEnd | Step::EmptyFails { .. } if self.held => {
                Err("to change a disk is to drain it, which does not end while a commit is held")
            }
            Step::Write { side: Side::Secondary, .. }
            | Step::WriteZeroes { side: Side::Secondary, .. }
            | Step::Discard { side: Side::Secondary, .. }
                if self.read_only =>
            {
                Err("its tool writes to no device that is read-only")
            }
            Step::Read { len: 0, .. }
            | Step::Write { len: 0, .. }
            | Step::WriteZeroes { len: 0, .. }
            | Step::Discard { len: 0, .. } => {
                Err("its tool has a word of its own for a request of no sectors")
            }
            Step::Read { side, at, len, wait } | Step::Discard { side, at, len, wait } => {
                self.guest(*side, *at, *len, *wait)
            }
            Step::Write { side, at, len, wait } | Step::WriteZeroes { side, at, len, wait } => {
                self.writes[*side as usize] += 1;
                if self.writes[*side as usize] >= WRITES_MAX {
                    return Err("the patterns that its tool writes tell 96 writes apart");
                }
                self.unflushed = true;
                self.written = true;
                self.forwarded |= *side == Side::Primary;
                self.guest(*side, *at, *len, *wait)
            }
            Step::Flush { side: Side::Secondary, .. } if !self.overlays_fail.is_empty() => {
                Err("an overlay is flushed there when the disk below it gets a fault")
            }
            Step::Flush { side, wait } => {
                self.unflushed &= *side == Side::Primary || self.forwarded;
                self.guest(*side, 0, 0, *wait)
            }
            Step::Call { side, verb, wait } => {
                if self.volumes > 1 {
                    return Err("its commands call the verbs on all filters of a host");
                }
                self.call(*side, *verb, *wait)
            }
            Step::CallAll { side, verb, wait } => self.call(*side, *verb, *wait),
            Step::Admin { side, command, wait } => self.administer(*side, *command, *wait),
            Step::Fault(spec) => self.fault(volume, spec),
            Step::EmptyFails { disk, how, errno } => self.empty_fails(volume, *disk, *how, *errno),
            Step::FaultsEnd if self.emptying => {
                Err("its fault of the next emptying would end with the others")
            }
            Step::FaultsEnd => {
                self.overlays_fail.clear();
                self.counted.clear();
                self.faulty = [false; 2];
                Ok(())
            }
            Step::Stall { disk, .. } => self.hold(*disk),
            Step::Pass(_) if self.held => {
                self.held = false;
                Ok(())
            }
            Step::Settle => {
                self.held = false;
                Ok(())
            }
            Step::Kill(side) => self.gone(*side),
            Step::Restart(side) => self.restart(*side),
            Step::Recover { wait } => self.recover(*wait),
            Step::Cut(cut) => {
                self.cut = *cut;
                Ok(())
            }
            Step::Checkpoint | Step::Failover => unreachable!("they were taken apart"),
            Step::Cancel(_) => Err("its jobs are internal: no command cancels them"),
            Step::Rates { .. } => Err("its faults are addressed, not drawn"),
            Step::Lie { .. } => Err("its disks do not lie"),
            Step::Eject(_) => Err("an overlay is ejected only by an emptying that fails"),
            Step::PowerLoss(_) | Step::PowerLossWith { .. } => {
                Err("the host's cache survives its process: nothing unflushed is lost")
            }
            Step::PlannedStop => Err("its two guests are not paused together"),
            Step::CutBetween { .. }
            | Step::Sever { .. }
            | Step::Latency(_)
            | Step::Tamper { .. } => Err("its hosts are on one machine"),
            Step::CutFrom { .. } | Step::Hold(_) => Err("its connection is there or it is not"),
            Step::Pass(_) | Step::Events(_) => Err("it has real time"),
        }
    }

    /// A guest's request. Whether its device is there, its own step says.
    fn guest(&self, side: Side, at: u64, len: u32, wait: bool) -> Result<(), &'static str> {
        if !wait {
            return Err("the order of a request that nobody awaits is not controlled");
        }
        let Some(end) = at.checked_add(len.into()).filter(|end| *end <= self.sectors) else {
            return Err("its tool refuses what is beyond the end of a disk");
        };
        if side == Side::Secondary && self.unplugged {
            return Err("without its device a guest sends nothing");
        }
        if self.emptying {
            return Err("a fault of the next emptying would meet a guest's write before it");
        }
        if self.held
            && (side == Side::Primary
                || !len.is_multiple_of(CLUSTER)
                || !at.is_multiple_of(CLUSTER.into()))
        {
            return Err("while a write is held, only whole clusters of active can be used");
        }
        let clusters = at / u64::from(CLUSTER)..end.div_ceil(CLUSTER.into());
        if self.faulty.contains(&true) && clusters.count() > 1 {
            return Err("which part of a request is done that fails is not controlled");
        }
        if side == Side::Primary {
            // In the simulation it connects again by itself.
            let connects = self.lives[1] && !self.recovered && !self.connected;
            if connects || self.cut {
                return Err(
                    "its client does not make a lost connection again, and none can be cut",
                );
            }
        }
        if side == Side::Secondary && self.recovered {
            return Err("after a recovery the disk is looked at, no guest goes on");
        }
        Ok(())
    }

    fn call(&mut self, side: Side, verb: Verb, wait: bool) -> Result<(), &'static str> {
        if !wait {
            return Err("its commands are awaited");
        }
        if verb == Verb::Close {
            return Err("no command closes a filter that a guest uses");
        }
        if self.recovered && side == Side::Secondary {
            return Err("after a recovery there is no filter");
        }
        if side == Side::Secondary && matches!(verb, Verb::Checkpoint | Verb::Start(_)) {
            self.written = false;
            if self.overlays_fail.iter().any(|(.., reads)| *reads) {
                return Err("an emptying there reads tables of its image, too");
            }
            // Whether it comes to an emptying, or the fault is left for a guest's write.
            let empties = match verb {
                Verb::Checkpoint => self.started && !self.stopped,
                _ => verb == Verb::Start(Mode::Secondary) && !self.started,
            };
            self.emptying &= !empties;
        }
        if self.ejects && self.volumes > 1 && verb == (Verb::Stop { failover: true }) {
            return Err(
                "of two commits, one of which ends the process, the other is not controlled",
            );
        }
        self.stopped |= side == Side::Secondary && matches!(verb, Verb::Stop { .. });
        self.failed_over |= side == Side::Secondary && verb == Verb::Stop { failover: true };
        self.started |= side == Side::Secondary && matches!(verb, Verb::Start(_));
        Ok(())
    }

    fn administer(&mut self, side: Side, command: Admin, wait: bool) -> Result<(), &'static str> {
        if !wait {
            return Err("its commands are awaited");
        }
        if self.recovered && side == Side::Secondary {
            return Err("after a recovery there is no filter");
        }
        if command == (Admin::Detach { user: GUEST }) && self.quorum && !self.started {
            return Err("before the start its filter has a drive of its own, which stays");
        }
        match command {
            Admin::Detach { user: GUEST } => (self.unplugged, self.whole) = (true, false),
            Admin::Detach { .. } => self.whole = false,
            Admin::Attach { user: GUEST, .. } => self.unplugged = false,
            _ => {}
        }
        match command {
            Admin::Quit if self.held => {
                Err("to end a process is to drain it, which does not end while a commit is held")
            }
            Admin::Quit => {
                // An image that is closed in order is flushed there, and here it is not.
                self.unflushed = true;
                self.quit |= side == Side::Secondary;
                self.gone(side)
            }
            Admin::Attach { kind: UserKind::Drive | UserKind::DriveDevice, .. } => {
                Err("a drive is there from the beginning")
            }
            Admin::StartJob { kind: JobType::Commit, .. } => {
                Err("a commit of the operator's copies, here it only holds its node")
            }
            Admin::Attach { .. } | Admin::Detach { .. } | Admin::StartJob { .. } if self.held => {
                Err("to change a node is to drain it, which does not end while a commit is held")
            }
            Admin::Attach { .. } | Admin::StartJob { .. } if !self.plain => {
                Err("of a graph that is put together wrong not every node is there")
            }
            Admin::StartJob { kind: JobType::Mirror, node, .. } if node == TOP => {
                Err("a mirror of the operator's copies, here it only holds its node")
            }
            Admin::Attach { .. } if self.ejects => {
                Err("an export asks for the length of what may be ejected")
            }
            Admin::StartJob { kind: JobType::Backup, node, .. } if node.as_str() != "secondary" => {
                Err("a job of the operator's is a filter there, with permissions of its own")
            }
            Admin::StartJob { .. } if std::mem::replace(&mut self.started, true) => {
                Err("a job of the operator's is a filter there, with permissions of its own")
            }
            Admin::Attach { .. }
            | Admin::Detach { .. }
            | Admin::StartJob { .. }
            | Admin::CancelJob { .. } => Ok(()),
            Admin::DeleteNode { .. } => Err("which nodes its monitor owns is its own affair"),
            Admin::Reopen { .. } => Err("a reopen there states every option anew"),
            Admin::Open | Admin::Remove => Err("a drive that a guest uses stays"),
        }
    }

    fn fault(&mut self, volume: u8, spec: &FaultSpec) -> Result<(), &'static str> {
        if spec.latent || spec.during.is_some() || spec.damage != Damage::None {
            return Err("its faults know no phases, no damage, and nothing latent");
        }
        if self.emptying && !is_raw(spec.disk) {
            return Err("one fault of an overlay would come before the other");
        }
        if matches!(spec.op, OpKind::Flush | OpKind::Any) {
            return Err("a flush there goes no further if nothing was written since the last");
        }
        if spec.skip > 0 {
            return Err("its faults do not count requests that pass");
        }
        if spec.range.is_some() && !is_raw(spec.disk) {
            return Err("where an overlay's clusters lie in its file is its own affair");
        }
        let sectors = spec.range.map_or(1, |(from, to)| to.saturating_sub(from));
        if sectors.saturating_mul(spec.times.unwrap_or(1).into()) > RULES_MAX {
            return Err("a fault there is a rule for each sector and each time; 64 are the most");
        }
        if spec.range.is_some_and(|(from, to)| to.saturating_sub(from) != 1) && spec.times.is_some()
        {
            return Err("a fault of several sectors does not count there");
        }
        if spec.times.is_some() && !is_raw(spec.disk) {
            // Else one request of a guest is more than one there: a table, a try to copy without reading.
            self.emptying = true;
        }
        if !matches!(spec.errno, Errno::Io | Errno::NoSpace | Errno::NoMedium) {
            return Err("a disk fails with EIO, ENOSPC or ENOMEDIUM");
        }
        if !is_raw(spec.disk) {
            self.overlay_failed = true;
            self.overlays_fail.push((volume, spec.disk, spec.op != OpKind::Write));
        }
        self.counts(volume, spec.disk, spec.times.is_some())
    }

    fn counts(&mut self, volume: u8, disk: DiskId, counts: bool) -> Result<(), &'static str> {
        self.faulty[Side::of(disk) as usize] = true;
        if self.counted.contains(&(volume, disk)) {
            return Err("a fault that ends by itself is the only one of its disk there");
        }
        if counts {
            self.counted.push((volume, disk));
        }
        Ok(())
    }

    fn empty_fails(
        &mut self,
        volume: u8,
        disk: DiskId,
        how: EmptyFailure,
        errno: Errno,
    ) -> Result<(), &'static str> {
        if self.emptying {
            return Err("one fault of an emptying would come before the other");
        }
        if !self.whole {
            return Err(
                "a start that is refused empties nothing, and the fault would be left there",
            );
        }
        if is_raw(disk) || !matches!(errno, Errno::Io | Errno::NoSpace) {
            return Err("an overlay's emptying fails with EIO or ENOSPC");
        }
        if !self.overlays_fail.is_empty() {
            return Err("one fault of an overlay would come before the other");
        }
        match how {
            EmptyFailure::Nothing | EmptyFailure::Ejected | EmptyFailure::All => {
                (self.emptying, self.overlay_failed) = (true, true);
                self.ejects |= how == EmptyFailure::Ejected;
                self.counts(volume, disk, true)
            }
            EmptyFailure::Half => Err("no rule of its faults makes an emptying fail half way"),
        }
    }

    fn hold(&mut self, disk: DiskId) -> Result<(), &'static str> {
        if !self.drive {
            return Err("to use a node is to drain it, which does not end while a commit is held");
        }
        if !self.written {
            return Err("a commit that has nothing to write is not held");
        }
        if self.stopped {
            return Err("without a commit a guest's own write would be held");
        }
        if self.faulty[1] || self.ejects {
            return Err("a commit that is held and fails, too, is not controlled");
        }
        if disk != DiskId::Secondary || self.volumes > 1 || !self.lives[1] {
            return Err("only a write of a commit, to the secondary disk, can be held");
        }
        self.held = true;
        Ok(())
    }

    fn gone(&mut self, side: Side) -> Result<(), &'static str> {
        if self.faulty[side as usize] {
            return Err("its faults end with the process that has them");
        }
        self.lives[side as usize] = false;
        self.connected = false;
        if side == Side::Secondary {
            (self.held, self.recovered) = (false, false);
        }
        Ok(())
    }

    fn restart(&mut self, side: Side) -> Result<(), &'static str> {
        if self.lives[side as usize] || (side == Side::Secondary && self.recovered) {
            return Err(ONLY_A_RUN);
        }
        if side == Side::Primary && (!self.lives[1] || self.recovered) {
            return Err("its client must find a server when it starts");
        }
        if side == Side::Secondary && (self.failed_over || self.quit) {
            return Err("an overlay that is closed in order is flushed there, and here it is not");
        }
        if side == Side::Secondary && (self.forwarded || self.overlay_failed) {
            return Err(TABLES);
        }
        self.lives[side as usize] = true;
        self.connected = side == Side::Primary;
        Ok(())
    }

    fn recover(&mut self, wait: bool) -> Result<(), &'static str> {
        if !wait {
            return Err("its commands are awaited");
        }
        if self.lives[1] {
            return Err(ONLY_A_RUN);
        }
        if self.overlay_failed || self.unflushed || self.forwarded {
            return Err(TABLES);
        }
        if !self.plain {
            return Err("its tool commits overlays of its own format");
        }
        (self.recovered, self.lives[1]) = (true, true);
        Ok(())
    }
}
