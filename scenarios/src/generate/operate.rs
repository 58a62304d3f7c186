//! What operators do, and how they put graphs together.

use colo_core::{
    Admin, DiskId, EXPORT, EmptyFailure, Errno, FILTER, Format, GUEST, JobKind, JobType, Mode,
    Name, OptionsText, PARENT, TOP, UserKind, Verb, Wiring,
};
use colo_sim::stream::{Ratio, Stream};
use colo_sim::world::Side;

use crate::generate::{Generator, half};
use crate::plan::Step;

const NODES: [Name; 9] = [
    Name::new("secondary"),
    Name::new("hidden"),
    Name::new("active"),
    FILTER,
    TOP,
    PARENT,
    GUEST,
    Name::new("local"),
    Name::new("nowhere"),
];

const JOBS: [Name; 2] = [Name::new("job0"), Name::new("job1")];

/// The right way in most plans, another right way in some, and in a few a wrong one.
pub(super) fn wiring(stream: &mut Stream, quorum: bool) -> Wiring {
    let mut wiring = Wiring::default();
    if stream.chance(half()) {
        return wiring;
    }
    let device = UserKind::DriveDevice;
    wiring.guest = *stream.pick(&[UserKind::Drive, device, device, UserKind::Device]);
    wiring.guest_owns_top = stream.chance(half());
    if !wiring.guest.named() || stream.chance(Ratio::new(1, 4)) {
        wiring.top_id = if quorum { TOP } else { FILTER };
    }
    wiring.hidden_read_only = stream.chance(half());
    if stream.chance(half()) {
        wiring.parent = Some(*stream.pick(&[UserKind::Drive, UserKind::DriveDevice]));
    }
    if stream.chance(Ratio::new(1, 10)) {
        for _ in 0..=stream.below(2) {
            go_wrong(&mut wiring, stream);
        }
    }
    wiring
}

fn go_wrong(wiring: &mut Wiring, stream: &mut Stream) {
    match stream.below(13) {
        0 => wiring.active = *stream.pick(&[Format::Raw, Format::Fixed]),
        1 => wiring.hidden = *stream.pick(&[Format::Raw, Format::Fixed]),
        2 => (wiring.export, wiring.parent) = (false, None),
        3 => wiring.hidden_is_short = true,
        4 => wiring.filter_read_only = true,
        5 => (wiring.hidden_read_only, wiring.hidden_protected) = (true, true),
        6 => {
            (wiring.secondary_read_only, wiring.secondary_protected) = (true, true);
            // Somebody has to use it, and what was opened before it to be closed again.
            wiring.hidden_read_only = true;
            wiring.parent.get_or_insert(UserKind::Drive);
        }
        7 => wiring.secondary_read_only = true,
        8 => wiring.secondary_protected = true,
        9 => {
            wiring.options = Some(OptionsText::new(stream.pick::<&str>(&[
                "top-id=colo-disk0",
                "mode=primary,top-id=colo-disk0",
                "mode=secondary",
                "mode=both,top-id=colo-disk0",
                "mode=secondary,top-id=colo-disk0,speed=9",
            ])));
        }
        10 | 11 => wiring.top_id = FILTER,
        _ => wiring.top_id = *stream.pick(&NODES),
    }
}

impl Generator {
    pub(super) fn command(&mut self, side: Side, command: Admin) {
        let wait = !self.operator.chance(Ratio::new(1, 4));
        self.push(Step::Admin { side, command, wait });
    }

    /// Something that an operator does, and in half the cases undoes.
    pub(super) fn operate(&mut self) {
        let side = Side::BOTH[self.operator.weighted(&[1, 4])];
        match self.operator.weighted(&[5, 7, 2, 4, 3, 3, 1, 2]) {
            0 => self.take_away(side),
            1 => {
                let stream = &mut self.operator;
                let user = *stream.pick(&[Name::new("exp1"), Name::new("dev1"), PARENT, EXPORT]);
                let kind = *stream.pick(&UserKind::ALL);
                // Below a quorum nobody else may write.
                let below = if side == Side::Primary { NODES[7] } else { FILTER };
                let node =
                    if stream.chance(Ratio::new(1, 4)) { below } else { *stream.pick(&NODES) };
                self.command(side, Admin::Attach { user, kind, node });
                if self.operator.chance(half()) {
                    self.command(side, Admin::Detach { user });
                }
            }
            2 => {
                let node = *self.operator.pick(&NODES);
                self.command(side, Admin::DeleteNode { node });
            }
            3 => {
                let stream = &mut self.operator;
                let (job, node) = (*stream.pick(&JOBS), *stream.pick(&NODES));
                let kind = *stream.pick(&[JobType::Backup, JobType::Mirror]);
                self.command(side, Admin::StartJob { job, kind, node });
                if self.operator.chance(half()) {
                    self.requests(1);
                    self.command(side, Admin::CancelJob { job });
                }
            }
            4 => {
                let job = *self.operator.pick(&JOBS);
                self.command(side, Admin::CancelJob { job });
            }
            5 => {
                let (node, read_only) = (*self.operator.pick(&NODES), self.operator.chance(half()));
                self.command(side, Admin::Reopen { node, read_only });
            }
            6 => {
                self.command(side, Admin::Quit);
                self.push(Step::Restart(side));
                self.call(side, Verb::Start(side.mode()), true);
            }
            _ => self.replace_volume(side),
        }
    }

    /// A disk of the guest goes, comes, or both; and replicates again.
    fn replace_volume(&mut self, side: Side) {
        if self.operator.chance(Ratio::new(2, 3)) {
            self.command(side, Admin::Remove);
            if self.operator.chance(Ratio::new(1, 3)) {
                self.requests(2);
            }
        }
        self.command(side, Admin::Open);
        if self.operator.chance(Ratio::new(2, 3)) {
            self.call(side, Verb::Start(side.mode()), true);
            self.requests(2);
        }
    }

    /// A device, a drive or an export goes, and mostly comes back where it was.
    fn take_away(&mut self, side: Side) {
        let users = [(GUEST, 4), (EXPORT, 2), (PARENT, 3)];
        let (user, _) = users[self.operator.weighted(&users.map(|(_, weight)| weight))];
        self.command(side, Admin::Detach { user });
        if user == GUEST && self.operator.chance(Ratio::new(1, 4)) {
            return self.command(side, Admin::DeleteNode { node: TOP });
        }
        if !self.operator.chance(Ratio::new(2, 3)) {
            return;
        }
        self.requests(2);
        let (kind, node) = match user {
            GUEST => {
                // Once in a while where the guest does not belong: then it is somebody else.
                let node = *self.operator.pick(&[TOP, TOP, TOP, TOP, NODES[0], NODES[2]]);
                (*self.operator.pick(&[UserKind::Device, UserKind::DriveDevice]), node)
            }
            PARENT => (UserKind::Drive, Name::new("secondary")),
            _ => {
                let node = *self.operator.pick(&[Name::new("secondary"), PARENT]);
                (UserKind::Export, node)
            }
        };
        self.command(side, Admin::Attach { user, kind, node });
    }

    /// Somebody takes checkpoints without draining first: copies are on their way in each of them.
    pub(super) fn checkpoints_under_writes(&mut self) {
        let (at, len) = self.extent();
        let most = *self.operator.pick(&[50_000, 200_000, 1_000_000]);
        for _ in 0..2 + self.operator.below(4) {
            // The same sectors each time: what one write has copied, the next finds changed.
            self.push(Step::Write { side: Side::Primary, at, len, wait: false });
            let ns = self.operator.below(most);
            self.push(Step::Pass(ns));
            self.call(Side::Secondary, Verb::Checkpoint, false);
        }
        self.push(Step::Write { side: Side::Primary, at, len, wait: false });
    }

    /// The guest's device goes while its filter works, and perhaps the backup job after it.
    pub(super) fn unplug(&mut self) {
        self.command(Side::Secondary, Admin::Detach { user: GUEST });
        if self.operator.chance(half()) {
            self.push(Step::Cancel(JobKind::Backup));
        }
        if self.operator.chance(half()) {
            let (user, kind) = (GUEST, UserKind::Device);
            self.command(Side::Secondary, Admin::Attach { user, kind, node: TOP });
        }
    }

    /// Starts that fail for what an operator did, and are tried again when it is undone, or not.
    pub(super) fn failed_starts(&mut self) {
        let side = Side::Secondary;
        let start = Verb::Start(Mode::Secondary);
        let (job, node) = (JOBS[0], *self.operator.pick(&[NODES[0], NODES[1]]));
        match self.operator.below(4) {
            0 => {
                let kind = *self.operator.pick(&[JobType::Backup, JobType::Mirror]);
                self.command(side, Admin::StartJob { job, kind, node });
                self.call(side, start, true);
                if self.operator.chance(half()) {
                    self.command(side, Admin::CancelJob { job });
                }
            }
            1 => {
                self.command(side, Admin::Detach { user: EXPORT });
                self.call(side, start, true);
                let kind = UserKind::Export;
                self.command(side, Admin::Attach { user: EXPORT, kind, node: NODES[0] });
            }
            2 => {
                let disk = *self.operator.pick(&[DiskId::Hidden, DiskId::Active]);
                let how = EmptyFailure::ALL[self.operator.weighted(&[2, 2, 2, 1])];
                self.push(Step::EmptyFails { disk, how, errno: Errno::Io });
                self.call(side, start, true);
            }
            _ => self.call(side, start, false),
        }
    }

    /// Somebody reads what a commit would pull away, and stops before the failover or not.
    pub(super) fn competing_reader(&mut self) {
        let user = Name::new("exp1");
        let node = *self.operator.pick(&[NODES[1], NODES[2]]);
        let kind = *self.operator.pick(&[UserKind::ReadOnlyExport, UserKind::Device]);
        let side = Side::Secondary;
        self.command(side, Admin::Attach { user, kind, node });
        self.call(side, Verb::Stop { failover: true }, true);
        if self.operator.chance(Ratio::new(3, 4)) {
            self.command(side, Admin::Detach { user });
        }
    }
}
