//! What the oracle believes, from entries alone.
//!
//! Three registers: what the primary's guest may read, what forwarded writes may
//! have left on the secondary disk, and what the secondary's guest may read (its
//! view). Around them, what was published of stages, jobs and the graph. The model
//! moves with each entry, after the checkers have seen it; contents are looked at
//! only where something ends what was certain before: a checkpoint, a crash.

mod crashed;
mod stages;

use colo_core::{
    Admin, DiskId, Errno, Event, Extent, GraphChange, JobKind, JobState, Layout, Mark, Quirk,
    Reason, Stage, UserId, UserRequest, Verb, VerbId,
};
use colo_sim::world::{Connection, Entry, Side, Stamp, SubmittedOp, VolumeView, What};

use crate::oracle::answers::{self, Expected};
use crate::oracle::desk::Desk;
use crate::oracle::error_report::Losses;
use crate::oracle::networked::Beliefs;
use crate::oracle::register::{Moment, Register};
use crate::run::writer;

/// What the disks owe to a secondary guest whose host went down, or would.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owed {
    /// Nothing: its memory is gone with the host, and its view is void.
    Nothing,
    /// A failover was under way and not promised yet: served right, or refused.
    Perhaps,
    /// Its view: it is the only guest left.
    View,
    /// The secondary disk as it is: the overlays have no say any more.
    DiskAlone,
}

/// A verb without an answer.
#[derive(Debug, Clone)]
pub(crate) struct OpenVerb {
    pub(crate) side: Side,
    pub(crate) id: VerbId,
    pub(crate) verb: Verb,
    pub(crate) called: Moment,
    /// The stage when it was called, and whether nothing else was open on that host then.
    pub(crate) stage: Option<Stage>,
    pub(crate) alone: bool,
    /// Whether it was called on all filters of the host.
    pub(crate) of_all: bool,
    /// What it is to answer, by the table.
    pub(crate) expected: Expected,
}

/// Everything the oracle believes.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) now: Moment,
    pub(crate) primary: Register,
    pub(crate) forwarded: Register,
    /// `None` while the secondary's guest is promised nothing.
    pub(crate) view: Option<Register>,
    /// A checkpoint failed after it had changed the view: which sector, for messages.
    pub(crate) view_lost: Option<u64>,
    pub(crate) owed: Owed,
    pub(crate) stage: [Option<Stage>; 2],
    pub(crate) opened: [bool; 2],
    pub(crate) backup: bool,
    pub(crate) commit: bool,
    pub(crate) copy_filter: bool,
    pub(crate) blocker: bool,
    /// The graphs of both hosts.
    pub(crate) desks: [Desk; 2],
    pub(crate) verbs: Vec<OpenVerb>,
    /// Checkpoints completed, the start's included.
    pub(crate) epoch: u32,
    /// The writer of the primary's and of the secondary's stamps, and the number of the first contents.
    pub(crate) writers: [u8; 2],
    pub(crate) initial: u32,
    /// In which epoch each write of each guest was sent, by its number.
    pub(crate) epochs: [Vec<u32>; 2],
    /// Numbers of the primary guest's writes that were sent at DONE, and the first sector of one that
    /// came to the other side all the same.
    sent_at_done: Vec<u32>,
    pub(crate) forwarded_at_done: Option<u64>,
    /// Since the last start somebody asked for something that may end with overlays marked as spent.
    pub(crate) spent_perhaps: bool,
    /// A failover was refused because it could not mark the overlays, and the disk may say all the same
    /// that their view is owed. A stop or a close has to take that back, and may be unable to.
    pub(crate) mark_in_doubt: bool,
    /// Sectors whose primary contents the secondary disk is to have.
    pub(crate) mirrored: Vec<bool>,
    /// Forwarded writes of the primary's last life that are still on their way.
    leftovers: Vec<(UserRequest, Extent)>,
    /// The secondary guest's requests while it has no view, and whether each wants data moved.
    pub(super) stray: Vec<(UserRequest, bool)>,
    /// Discards without an answer; whatever comes of them, contents stay as they are.
    pub(crate) discards: Vec<UserRequest>,
    /// Since when active has no format layer.
    pub(crate) active_ejected: Option<Moment>,
    /// Whether a disk of this side was ever made to fail.
    pub(crate) faulted: [bool; 2],
    /// The commit job has been ready.
    commit_ready: bool,
    /// Somebody asked the commit job to end before it was ready.
    pub(crate) commit_cancelled: bool,
    /// What get_error has to tell.
    pub(crate) losses: Losses,
    /// Whether the primary has a connection.
    connected: bool,
    /// What roles have told, between two hosts on a network.
    pub(crate) network: Beliefs,
    /// The number of the first write that the primary's guest sent in this life.
    first_of_life: u32,
    /// Somebody asked the backup job to end, or took its device away, in this life of the host.
    pub(crate) backup_disturbed: bool,
}

/// The stamp of a sector that readers of a whole disk see.
pub(crate) fn on_disk(world: VolumeView<'_>, disk: DiskId, sector: u64) -> Option<Stamp> {
    Stamp::of(world.peek_disk(disk, sector))
}

/// The stamp of a write's first sector.
fn first_stamp(payload: &[u8], extent: Extent) -> Option<Stamp> {
    payload.chunks(payload.len() / extent.len as usize).next().and_then(Stamp::of)
}

/// What the secondary's guest would read in a sector now.
pub(crate) fn in_view(world: VolumeView<'_>, sector: u64) -> Option<Stamp> {
    world.peek(Side::Secondary, UserId::Guest, sector).and_then(Stamp::of)
}

impl Model {
    pub(crate) fn new(world: VolumeView<'_>) -> Self {
        let sectors = world.options().geometry.sectors;
        let stamps =
            |disk| (0..sectors).map(move |s| on_disk(world, disk, s).expect("disks begin whole"));
        Self {
            now: 2,
            primary: Register::new(stamps(DiskId::Local)),
            forwarded: Register::new(stamps(DiskId::Secondary)),
            view: None,
            view_lost: None,
            owed: Owed::Nothing,
            mark_in_doubt: false,
            stage: [None; 2],
            opened: [false; 2],
            backup: false,
            commit: false,
            copy_filter: false,
            blocker: false,
            desks: [Desk::new(), Desk::new()],
            verbs: Vec::new(),
            epoch: 0,
            writers: Side::BOTH.map(|side| writer(side, world.id())),
            initial: Stamp::initial(world.id()),
            epochs: [vec![0], vec![0]],
            sent_at_done: Vec::new(),
            forwarded_at_done: None,
            spent_perhaps: false,
            mirrored: vec![false; sectors as usize],
            leftovers: Vec::new(),
            stray: Vec::new(),
            discards: Vec::new(),
            active_ejected: None,
            faulted: [false; 2],
            commit_ready: false,
            commit_cancelled: false,
            losses: Losses::default(),
            connected: false,
            network: Beliefs::default(),
            first_of_life: 0,
            backup_disturbed: false,
        }
    }

    /// The register that a user's requests are about.
    fn register(&mut self, side: Side, user: UserId) -> Option<&mut Register> {
        match (side, user) {
            (Side::Primary, _) => Some(&mut self.primary),
            (Side::Secondary, UserId::Export) => Some(&mut self.forwarded),
            (Side::Secondary, UserId::Guest) if self.guest_has_view() => self.view.as_mut(),
            (Side::Secondary, UserId::Guest) => None,
        }
    }

    /// The same, to look at.
    pub(crate) fn register_of(&self, side: Side, user: UserId) -> Option<&Register> {
        match (side, user) {
            (Side::Primary, _) => Some(&self.primary),
            (Side::Secondary, UserId::Export) => Some(&self.forwarded),
            (Side::Secondary, UserId::Guest) if self.guest_has_view() => self.view.as_ref(),
            (Side::Secondary, UserId::Guest) => None,
        }
    }

    /// Not before the start: then its requests are refused, whatever is owed from before.
    fn guest_has_view(&self) -> bool {
        self.stage_of(Side::Secondary) != Some(Stage::None)
    }

    pub(crate) fn stage_of(&self, side: Side) -> Option<Stage> {
        self.stage[side as usize]
    }

    /// The verb that is under way on this side, oldest first.
    pub(crate) fn verb_open(&self, side: Side, wanted: impl Fn(Verb) -> bool) -> Option<OpenVerb> {
        self.verbs.iter().find(|open| open.side == side && wanted(open.verb)).cloned()
    }

    /// Whether a verb that replaces the view is under way: between its call and its
    /// answer the view is neither the old nor the new one.
    pub(crate) fn view_changing(&self) -> bool {
        let changes = |verb| !matches!(verb, Verb::GetError | Verb::Stop { failover: true });
        self.verb_open(Side::Secondary, changes).is_some()
    }

    /// Whether a verb or a command of this side waits for its answer.
    pub(crate) fn is_asked(&self, side: Side) -> bool {
        self.verbs.iter().any(|open| open.side == side)
            || !self.desks[side as usize].open.is_empty()
    }

    /// Something happened that this volume's model makes nothing of but a moment.
    pub(crate) fn note_entry(&mut self) {
        self.now += 1;
    }

    /// Takes an entry in; `world` is as it was just after it. `beside` says whether anything is asked
    /// of another volume of that host, or of all.
    pub(crate) fn apply(&mut self, entry: &Entry, world: VolumeView<'_>, beside: bool) {
        self.note_entry();
        let side = entry.side.unwrap_or(Side::Primary);
        self.network.apply(self.now, side, &entry.what);
        if matches!(entry.what, What::Event(_) | What::Administered { .. }) {
            let waits = self.verbs.iter().any(|open| open.side == side);
            let alone = !waits && !beside && self.opened[side as usize];
            self.desks[side as usize].apply(&entry.what, alone);
        }
        match &entry.what {
            What::Submitted { user, request, op } => self.submitted(side, *user, *request, op),
            What::Called { id, verb } => {
                let alone = !beside && !self.is_asked(side);
                self.called(side, *id, *verb, alone, world);
            }
            // Its turn has come: nothing else is under way on its host.
            What::Event(Event::VerbBegun { id, verb }) => {
                self.called(side, *id, *verb, true, world);
                self.verbs.last_mut().expect("it was just called").of_all = true;
            }
            What::Event(Event::Opened(Ok(()))) => {
                self.opened[side as usize] = true;
                if side == Side::Secondary {
                    self.chain_opened(world);
                }
                if !beside {
                    self.expect_first(side, world);
                }
            }
            What::Event(event) => self.event(side, event, world),
            What::Started { recover } => self.started(side, *recover, world),
            What::PowerLost => self.ended(side, world, true),
            What::ProcessDied => self.ended(side, world, false),
            What::Fault { .. } | What::EmptyingFails { .. } => {
                self.faulted[side as usize] = true;
            }
            What::Administered { admin: Admin::Quit, .. } if side == Side::Secondary => {
                self.spent_perhaps = true;
                self.backup_disturbed = true;
                if !beside && self.opened[side as usize] {
                    self.commit_ends(side, 1);
                }
            }
            What::Administered { .. } | What::CancelAsked(JobKind::Backup) => {
                self.backup_disturbed |= side == Side::Secondary;
                self.spent_perhaps |= side == Side::Secondary;
            }
            What::Connection(change) => {
                self.connected =
                    *change == Connection::Up || self.connected && *change != Connection::Down;
                self.losses.forwarding |= *change == Connection::Down;
            }
            What::Step(_)
            | What::CalledAll { .. }
            | What::Networked(_)
            | What::CancelAsked(_)
            | What::Disk { .. }
            | What::Unasked { .. } => {}
            What::Lie { .. } => unreachable!("the oracle looks away"),
        }
    }

    /// Something is called that ends the commit job at once, unless a request is waited for first.
    fn commit_ends(&mut self, side: Side, commands: usize) {
        let waits = self.view.as_ref().is_some_and(Register::waits);
        let quiet = !waits && !self.forwarded.waits() && self.stray.is_empty();
        if quiet && !self.commit_cancelled {
            self.desks[side as usize].commit_must_end(commands);
        }
    }

    fn called(&mut self, side: Side, id: VerbId, verb: Verb, alone: bool, world: VolumeView<'_>) {
        let (called, stage) = (self.now, self.stage_of(side));
        let ends = matches!(verb, Verb::Stop { .. } | Verb::Close);
        self.spent_perhaps |= ends && side == Side::Secondary;
        if matches!(verb, Verb::Start(_)) {
            self.desks[side as usize].start_called();
        }
        let decided = alone && self.opened[side as usize];
        let expected = match stage.filter(|_| decided) {
            Some(stage) => answers::expect(self, world, side, stage, verb),
            None => Expected::Anything,
        };
        let committing = decided && stage == Some(Stage::Failover);
        if committing && (side, verb) == (Side::Secondary, Verb::Close) {
            self.commit_ends(side, 0);
        }
        let of_all = false;
        self.verbs.push(OpenVerb { side, id, verb, called, stage, alone, of_all, expected });
        if (side, verb) == (Side::Secondary, Verb::Stop { failover: true })
            && stage == Some(Stage::Running)
        {
            self.owed = Owed::Perhaps;
        }
    }

    fn submitted(&mut self, side: Side, user: UserId, request: UserRequest, op: &SubmittedOp) {
        let now = self.now;
        if let SubmittedOp::Write(extent, payload) = op
            && user == UserId::Guest
        {
            let epoch = self.epoch;
            self.epochs[side as usize].push(epoch);
            if side == Side::Primary {
                if self.stage_of(side) == Some(Stage::Done) {
                    self.sent_at_done.extend(first_stamp(payload, *extent).map(Stamp::number));
                }
                self.losses.forwarding |= !self.connected;
                // What is left of the primary's last life may still overtake this write.
                let overtaken = self.leftovers.iter().any(|(_, other)| other.overlaps(*extent));
                let mirrored = self.stage_of(side) == Some(Stage::Running) && !overtaken;
                self.mirrored[extent.at as usize..extent.end() as usize].fill(mirrored);
            }
            debug_assert!(!payload.is_empty(), "a write has contents");
        }
        if let SubmittedOp::Discard(_) = op {
            self.discards.push(request);
            return;
        }
        if let SubmittedOp::Write(extent, payload) = op
            && user == UserId::Export
            && let Some(stamp) = first_stamp(payload, *extent)
            && stamp.writer() == self.writers[Side::Primary as usize]
            && self.sent_at_done.contains(&stamp.number())
        {
            self.forwarded_at_done.get_or_insert(extent.at);
        }
        if let SubmittedOp::Write(extent, payload) = op
            && user == UserId::Export
            && first_stamp(payload, *extent).is_some_and(|stamp| self.is_of_last_life(stamp))
        {
            // It was on its way when that life ended, and comes over what is sent in this one.
            self.leftovers.push((request, *extent));
            self.mirrored[extent.at as usize..extent.end() as usize].fill(false);
        }
        let Some(register) = self.register(side, user) else {
            self.stray.push((request, !matches!(op, SubmittedOp::Flush)));
            return;
        };
        match op {
            SubmittedOp::Read(extent) => register.read_submitted(now, request, *extent),
            SubmittedOp::Write(extent, payload) => {
                let size = payload.len() / extent.len as usize;
                let stamps = payload
                    .chunks(size)
                    .map(|sector| Stamp::of(sector).expect("guests write whole stamps"));
                register.write_submitted(now, request, *extent, stamps);
            }
            SubmittedOp::Flush => register.flush_submitted(now, request),
            SubmittedOp::Discard(_) => unreachable!("a discard is about no contents"),
        }
    }

    fn is_of_last_life(&self, stamp: Stamp) -> bool {
        stamp.writer() == self.writers[Side::Primary as usize]
            && stamp.number() < self.first_of_life
    }

    fn event(&mut self, side: Side, event: &Event, world: VolumeView<'_>) {
        let now = self.now;
        match event {
            Event::Answered { user, request, result } => {
                self.stray.retain(|(other, _)| other != request);
                self.discards.retain(|other| other != request);
                self.leftovers.retain(|(other, _)| other != request);
                let extent_of = self.forwarded.pending_write(*request);
                let forwarded =
                    self.forwarded.pending(*request).filter(|(_, extent)| extent.len > 0);
                if let (Some((submitted, extent)), Some(view)) = (forwarded, &mut self.view) {
                    view.adopted_answered(extent, submitted, now);
                }
                if *user == UserId::Export && result.is_err() {
                    self.losses.forwarding = true;
                    let unprotected = !self.copy_filter && self.stage_of(side) != Some(Stage::None);
                    let fences = !world.options().quirks.has(Quirk::UnfencedExport);
                    let fenced =
                        fences && unprotected && *result == Err(Errno::Io) && extent_of.is_some();
                    self.losses.fenced |= fenced && self.stage_of(side).is_some();
                }
                if *user == UserId::Guest && *result == Err(Errno::NoMedium) {
                    self.forget_mirror_of(*request);
                }
                if let Some(register) = self.register(side, *user) {
                    register.answered(now, *request, result.is_ok());
                }
            }
            Event::VerbAnswered { id, verb, result } => {
                self.verb_answered(side, *verb, *result, world);
                self.verbs.retain(|open| (open.side, open.id) != (side, *id));
            }
            Event::Stage { from, to, .. } => self.stage_changed(side, *from, *to, world),
            Event::Job { kind, state } => {
                let runs = !matches!(state, JobState::Concluded(_));
                self.job_changed(*kind, *state);
                match kind {
                    JobKind::Backup => self.backup = runs,
                    JobKind::Commit => self.commit = runs,
                }
            }
            Event::Blocker { reason: Reason::InternalBackup, set, .. } => self.blocker = *set,
            Event::Graph(GraphChange::CopyFilterInserted) => self.copy_filter = true,
            Event::Graph(GraphChange::CopyFilterRemoved) => self.copy_filter = false,
            Event::Graph(GraphChange::FilterClosed) => {
                self.stage[side as usize] = None;
                if side == Side::Secondary && self.owed == Owed::Nothing {
                    self.view = None;
                }
            }
            Event::Recovered(recovery) if recovery.serves() => self.recovered(*recovery, world),
            Event::AdminAnswered { admin: Admin::Remove, result: Ok(()), .. }
            | Event::Opened(Err(_))
            | Event::Aborted(_)
            | Event::Exited
            | Event::OpenRefused(_)
            | Event::Recovered(_) => {
                self.ended(side, world, false);
            }
            Event::Ejected(disk) => {
                self.faulted[side as usize] = true;
                if *disk == DiskId::Active {
                    self.active_ejected = Some(now);
                }
            }
            Event::Graph(GraphChange::Pivoted)
            | Event::Blocker { .. }
            | Event::ReadOnly { .. }
            | Event::AdminAnswered { .. }
            | Event::Opened(Ok(()))
            | Event::OpenBegun
            | Event::VerbBegun { .. }
            | Event::AllAnswered { .. }
            | Event::Emptied(_) => {}
        }
    }

    fn job_changed(&mut self, kind: JobKind, state: JobState) {
        match (kind, state) {
            (JobKind::Commit, JobState::Started) => {
                (self.commit_ready, self.commit_cancelled) = (false, false);
            }
            (JobKind::Commit, JobState::Ready) => self.commit_ready = true,
            (JobKind::Commit, JobState::Cancelling) => {
                self.commit_cancelled |= !self.commit_ready;
            }
            (JobKind::Backup, JobState::Concluded(_)) => {
                let ends = |verb| matches!(verb, Verb::Stop { .. } | Verb::Close | Verb::Start(_));
                // A stop that fails after it has ended the job is told, too.
                let ended = self.verb_open(Side::Secondary, ends).is_some();
                self.losses.backup |= !ended;
                self.losses.perhaps |= ended && self.backup_disturbed;
            }
            _ => {}
        }
    }

    /// Whether this request, which moves data, was sent by a guest that has no view.
    pub(crate) fn is_stray(&self, request: UserRequest) -> bool {
        self.stray.contains(&(request, true))
    }

    /// The first sector that is not as the view says, if any.
    pub(crate) fn first_change(&self, world: VolumeView<'_>) -> Option<u64> {
        let view = self.view.as_ref()?;
        (0..view.len()).find(|&sector| !view.may_show(sector, self.now, in_view(world, sector)))
    }

    /// A guest without a device wrote nothing, here or there.
    fn forget_mirror_of(&mut self, request: UserRequest) {
        if let Some(extent) = self.primary.pending_write(request) {
            self.mirrored[extent.at as usize..extent.end() as usize].fill(false);
        }
    }

    /// The secondary starts anew: writes that its last life lost are not mirrored.
    fn forget_mirror_of_lost(&mut self, world: VolumeView<'_>) {
        for sector in 0..self.primary.len() {
            let found = on_disk(world, DiskId::Secondary, sector);
            let there = self.primary.may_show(sector, self.now, found);
            self.mirrored[sector as usize] &= there && !self.primary.write_pending(sector);
        }
    }

    fn started(&mut self, side: Side, recover: bool, world: VolumeView<'_>) {
        self.desks[side as usize].started(side, recover, world);
        if side == Side::Secondary {
            self.active_ejected = None;
        } else {
            self.first_of_life = self.epochs[side as usize].len() as u32;
        }
        self.stage[side as usize] = (!recover).then_some(Stage::None);
        if side == Side::Secondary {
            if self.owed == Owed::DiskAlone
                && let Some(view) = self.view.take()
            {
                // What is forwarded from now on goes to that disk, and no guest looks at it.
                self.forwarded = view;
            }
            self.settle_disk(side, DiskId::Secondary, world, false);
            if recover && self.view.is_none() {
                // Somebody may be served from that disk, and what it sends till then is held back.
                self.view = Some(self.forwarded.clone());
            }
        }
    }

    /// What was called while the images were read is carried out now.
    fn expect_first(&mut self, side: Side, world: VolumeView<'_>) {
        // A recovery has begun already, before any of it.
        let Some(stage) = self.stage_of(side) else { return };
        let desk = &mut self.desks[side as usize];
        let Some(first) = self.verbs.iter().position(|open| open.side == side) else {
            return desk.expect_first();
        };
        if desk.open.iter().all(|command| command.id > self.verbs[first].id) {
            let verb = self.verbs[first].verb;
            self.verbs[first].expected = answers::expect(self, world, side, stage, verb);
            let open = &mut self.verbs[first];
            (open.stage, open.alone) = (Some(stage), true);
        }
    }

    /// The crash came after everything was written down, if the chain says so; now that it was
    /// opened, that is durable.
    fn chain_opened(&mut self, world: VolumeView<'_>) {
        let retired = Layout::mark(world.peek_disk(DiskId::Active, 0)) == Some(Mark::Retired);
        if self.owed != Owed::View || !retired || !self.disk_holds_view(world) {
            return;
        }
        self.owed = Owed::DiskAlone;
        self.settle_view_as_durable(world);
        let replicates = self.stage_of(Side::Secondary) == Some(Stage::None);
        if let Some(mut view) = self.view.take_if(|_| replicates) {
            view.adopt_pending(&self.forwarded);
            view.adopt_requests(&self.forwarded);
            self.forwarded = view;
        }
    }

    /// The view was written down and flushed: what is durable is certain.
    fn settle_view_as_durable(&mut self, world: VolumeView<'_>) {
        let Some(view) = &mut self.view else { return };
        for sector in 0..view.len() {
            let disk = world.disk(DiskId::Secondary).medium();
            let durable = Stamp::of(disk.peek_durable(sector)).unwrap_or(Stamp::ZERO);
            view.settle_below_pending(sector, durable);
        }
    }

    /// Whether the secondary disk alone holds the view, but for what is just being forwarded.
    fn disk_holds_view(&self, world: VolumeView<'_>) -> bool {
        let Some(view) = &self.view else { return false };
        (0..view.len()).all(|sector| {
            let found = on_disk(world, DiskId::Secondary, sector);
            view.may_survive(sector, found) || self.forwarded.is_pending(sector, found)
        })
    }

    /// The extent of a request's write or read, and when it was sent.
    pub(crate) fn pending(
        &self,
        side: Side,
        user: UserId,
        request: UserRequest,
    ) -> Option<(Moment, Extent)> {
        self.register_of(side, user)?.pending(request)
    }
}
