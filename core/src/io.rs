//! Requests on their way through the graph.
//!
//! A request lives in one arena from its submission to its answer. A driver
//! either passes it on (the same request, at the next node), or splits it into
//! parts and waits for them; every wait is a state with a name. Answers travel
//! through one queue of tasks, so nothing recurses and the order is the same
//! every time.
//!
//! Overlap (spec section 3): an overlay keeps its requests in order of
//! submission. A serialising request waits for earlier ones on the same sectors,
//! and later ones wait for it. A request only ever waits for an earlier one, so
//! there is no cycle.

use slotmap::new_key_type;

use crate::copy_before_write::{CopyId, CopyWrite};
use crate::disk::{Errno, Op, Request, RequestId};
use crate::event::{DiskId, Event, UserId, UserOp, UserRequest};
use crate::filter::SplitWrite;
use crate::geometry::Extent;
use crate::graph::{Driver, NodeId};
use crate::overlay::{FlushStep, Mark, OverlayWrite};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::Volume;

new_key_type! {
    /// Names a request in the graph.
    pub(crate) struct IoId;
    /// Names a request at a disk or on the link.
    pub(crate) struct LeafId;
}

/// What a request does at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Flush,
    /// Drop everything an overlay holds.
    Empty,
    /// Say in an overlay's header what it is good for.
    Mark(Mark),
}

impl Kind {
    /// Whether it is about certain sectors, and so has to be kept apart from others.
    fn tracked(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::Empty)
    }
}

/// Who gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parent {
    /// A user of the host.
    User(UserId, UserRequest),
    /// A request that was split; `part` is its own name for this piece.
    Io(IoId, u32),
    /// A copy of the copy-before-write filter.
    Copy(NodeId, CopyId),
    /// Copy number `usize` of the commit job.
    CommitCopy(usize),
    /// A flush by the commit job.
    CommitFlush,
    /// The host, which opens its images.
    Opening,
    /// The commit job's mark: everything is below.
    CommitMark,
    /// The same taken back, since it may have been written although it failed.
    CommitUnmark,
    /// The verb that runs.
    Verb,
    /// The operator's command that runs.
    Admin,
}

/// What a request waits for.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Not there yet, or waiting for an overlapping request.
    Entered,
    /// Parts at children or disks.
    Parts,
    /// The pieces of a write to an overlay.
    Overlay(Box<OverlayWrite>),
    /// The steps of an overlay's flush or emptying.
    Flushing(FlushStep),
    /// Copies before a write.
    CopyBeforeWrite(CopyWrite),
    /// The extents of a write after a failed failover.
    Split(SplitWrite),
    /// Children of a quorum: how many succeeded so far, which is being read, what the first said.
    Quorum { succeeded: u32, reading: u32, first: Option<Errno> },
    /// The child's answer to a forwarded write of the primary filter.
    Forwarding,
    /// The header of active, which has to say that its view is owed before more is written.
    Marking,
}

/// A request in the graph.
#[derive(Debug, Clone)]
pub(crate) struct Io {
    pub(crate) node: NodeId,
    pub(crate) kind: Kind,
    pub(crate) extent: Extent,
    pub(crate) payload: Payload,
    pub(crate) parent: Parent,
    pub(crate) serialising: bool,
    pub(crate) state: State,
    /// Parts that have not answered.
    pub(crate) pending: u32,
    pub(crate) error: Option<Errno>,
    /// What a split read has gathered.
    pub(crate) gathered: Vec<u8>,
    /// Requests on the same node that wait for this one, first come first.
    pub(crate) waiters: Vec<IoId>,
}

/// A request at a disk or on the link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) io: IoId,
    pub(crate) part: u32,
}

/// Who waits for a user to have nothing in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DrainWaiter {
    /// The verb that runs.
    Verb,
    /// The backup job, to leave the graph.
    Backup,
    /// The commit job, to finish.
    Commit,
    /// The operator's command that runs.
    Admin,
}

/// Something to do before the host looks outside again.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// An answer for whoever asked.
    Deliver(Parent, Result<Payload, Errno>),
    /// A part of a request was answered without leaving the host.
    PartDone(Leaf, Result<Payload, Errno>),
    /// Look again whether this request may go on.
    Enter(IoId),
    /// Go on with a write that waited for somebody else's copy.
    CopyAdvance(IoId),
    /// A write got the lock of its cluster.
    ClusterUnlocked(IoId, u32),
    /// An overlay's next flush may begin.
    NextFlush(IoId),
    /// A user has nothing in flight.
    Drained(UserId, DrainWaiter),
    /// The backup job is gone.
    BackupGone,
    /// The commit job is gone.
    CommitGone,
}

impl Volume {
    /// A user's request comes in.
    pub(crate) fn submit(&mut self, user: UserId, request: UserRequest, op: UserOp) {
        let drained = self.users.get(user).drains > 0;
        if drained {
            self.probe(Probe::RequestHeldByDrain);
            self.users.get_mut(user).held.push_back((request, op));
            return;
        }
        self.begin(user, request, op);
        self.work();
    }

    fn begin(&mut self, user: UserId, request: UserRequest, op: UserOp) {
        let Some(root) = self.users.get(user).root else {
            self.events.push_back(Event::Answered { user, request, result: Err(Errno::NoMedium) });
            return;
        };
        if self.nodes.values().any(|node| node.ejected) && self.stands_on_ejected(root) {
            self.probe(Probe::RequestMeetsEjected);
            self.events.push_back(Event::Answered { user, request, result: Err(Errno::NoMedium) });
            return;
        }
        let (kind, extent, payload) = match op {
            UserOp::Read(extent) => (Kind::Read, extent, Payload::EMPTY),
            UserOp::Write { at, payload } => {
                let sectors = payload.len() / self.geometry().sector_size as usize;
                (Kind::Write, Extent::new(at, sectors as u32), payload)
            }
            UserOp::Flush => (Kind::Flush, Extent::new(0, 0), Payload::EMPTY),
            UserOp::Discard(extent) => return self.discard(user, request, extent),
        };
        if user == UserId::Export && kind == Kind::Write && self.fenced() {
            self.probe(Probe::ForwardFenced);
            let result = Err(Errno::Io);
            self.events.push_back(Event::Answered { user, request, result });
            return;
        }
        let whole = extent.len as usize * self.geometry().sector_size as usize;
        let cut = kind == Kind::Write && payload.len() != whole;
        if cut
            || kind != Kind::Flush && (extent.len == 0 || !self.geometry().whole().covers(extent))
        {
            let result = Err(Errno::Invalid);
            self.events.push_back(Event::Answered { user, request, result });
            return;
        }
        self.users.get_mut(user).in_flight += 1;
        self.spawn(root, kind, extent, payload, Parent::User(user, request));
    }

    /// Whether a node is ejected, or any below it: then a device or an export on it has no medium, whatever
    /// layer the request would end at (seen on QEMU).
    fn stands_on_ejected(&self, node: NodeId) -> bool {
        let Some(found) = self.nodes.get(node) else { return false };
        found.ejected || found.children().iter().any(|&child| self.stands_on_ejected(child))
    }

    /// A discard is a hint. Neither the filter nor the quorum passes it on: it is dropped, with success,
    /// whatever the stage (spec 2.5).
    fn discard(&mut self, user: UserId, request: UserRequest, extent: Extent) {
        self.probe(Probe::DiscardDropped);
        let fits = extent.len > 0 && self.geometry().whole().covers(extent);
        let result = if fits { Ok(Payload::EMPTY) } else { Err(Errno::Invalid) };
        self.events.push_back(Event::Answered { user, request, result });
    }

    /// Sends a new request to a node.
    pub(crate) fn spawn(
        &mut self,
        node: NodeId,
        kind: Kind,
        extent: Extent,
        payload: Payload,
        parent: Parent,
    ) -> IoId {
        self.spawn_with(node, kind, extent, payload, parent, kind == Kind::Empty)
    }

    /// Sends a new request to a node; a serialising one keeps overlapping ones apart.
    pub(crate) fn spawn_with(
        &mut self,
        node: NodeId,
        kind: Kind,
        extent: Extent,
        payload: Payload,
        parent: Parent,
        serialising: bool,
    ) -> IoId {
        let io = self.ios.insert(Io {
            node,
            kind,
            extent,
            payload,
            parent,
            serialising,
            state: State::Entered,
            pending: 0,
            error: None,
            gathered: Vec::new(),
            waiters: Vec::new(),
        });
        self.arrive(io);
        io
    }

    /// A request arrives at its node, new or passed on.
    fn arrive(&mut self, id: IoId) {
        let io = &self.ios[id];
        let (node, tracked) = (io.node, io.kind.tracked());
        if tracked && self.nodes[node].tracks() {
            self.nodes[node].tracked.push(id);
            self.enter(id);
        } else {
            self.dispatch(id);
        }
    }

    /// Lets a tracked request through unless an earlier one on the same sectors is in its way.
    pub(crate) fn enter(&mut self, id: IoId) {
        let io = &self.ios[id];
        let (extent, serialising, kind) = (io.extent, io.serialising, io.kind);
        let earlier = self.nodes[io.node].tracked.iter().take_while(|&&other| other != id);
        let in_the_way = earlier.copied().find(|&other| {
            let other = &self.ios[other];
            (serialising || other.serialising) && extent.overlaps(other.extent)
        });
        let Some(other) = in_the_way else {
            return self.dispatch(id);
        };
        self.probe(Probe::OverlapWait);
        match (kind, self.ios[other].kind) {
            (Kind::Read, Kind::Write) => self.probe(Probe::ReadWaitsForCopy),
            (Kind::Write, Kind::Read) => self.probe(Probe::CopyWaitsForRead),
            (Kind::Empty, _) => self.probe(Probe::EmptyWaits),
            _ => {}
        }
        self.ios[other].waiters.push(id);
    }

    /// The driver of the node takes the request.
    fn dispatch(&mut self, id: IoId) {
        let node = &self.nodes[self.ios[id].node];
        if node.ejected {
            self.probe(Probe::RequestMeetsEjected);
            return self.finish(id, Err(Errno::NoMedium));
        }
        if node.read_only && self.ios[id].kind == Kind::Write {
            self.probe(Probe::WriteMeetsReadOnly);
            return self.finish(id, Err(Errno::NotPermitted));
        }
        match &self.nodes[self.ios[id].node].driver {
            Driver::Raw(disk) => {
                let disk = *disk;
                self.raw_begin(id, disk);
            }
            Driver::Overlay(_) => self.overlay_begin(id),
            Driver::CopyBeforeWrite(_) => self.copy_begin(id),
            Driver::Replication(_) => self.filter_begin(id),
            Driver::Quorum(_) => self.quorum_begin(id),
            Driver::Remote(_) => self.remote_begin(id),
        }
    }

    /// The same request goes on to another node: its driver has nothing to add.
    pub(crate) fn pass_on(&mut self, id: IoId, node: NodeId) {
        self.ios[id].node = node;
        self.arrive(id);
    }

    /// A part of a request goes to a disk.
    pub(crate) fn send_to_disk(&mut self, io: IoId, part: u32, disk: DiskId, op: Op) {
        let leaf = self.leaves.insert(Leaf { io, part });
        self.ios[io].pending += 1;
        self.disk_outbox.push_back((disk, Request { id: leaf_request(leaf), op }));
    }

    /// A part of a request goes to another node.
    pub(crate) fn send_to_node(
        &mut self,
        io: IoId,
        part: u32,
        node: NodeId,
        kind: Kind,
        extent: Extent,
        payload: Payload,
    ) {
        self.ios[io].pending += 1;
        self.spawn(node, kind, extent, payload, Parent::Io(io, part));
    }

    /// A disk answered.
    pub(crate) fn disk_completed(&mut self, id: RequestId, result: Result<Payload, Errno>) {
        let id = request_leaf(id);
        let leaf = self.leaves.remove(id).expect("a disk answers each request once");
        if self.over.is_some() {
            return;
        }
        if self.opening.is_empty() {
            self.part_done(leaf.io, leaf.part, result);
        } else {
            self.opening_read(id, result);
        }
        self.work();
    }

    /// A part of a request is answered.
    fn part_done(&mut self, id: IoId, part: u32, result: Result<Payload, Errno>) {
        let io = &mut self.ios[id];
        assert!(io.pending > 0, "an answer that nobody waits for");
        io.pending -= 1;
        if let Err(errno) = result {
            io.error.get_or_insert(errno);
        }
        match io.state {
            State::Entered => unreachable!("a request that has not begun has no parts"),
            State::Parts => self.parts_done(id, part, result),
            State::Overlay(_) => self.overlay_piece_done(id, part, result),
            State::Flushing(_) => self.flush_step_done(id),
            State::CopyBeforeWrite(_) => self.copy_written(id, result),
            State::Split(_) => self.split_extent_done(id),
            State::Quorum { .. } => self.quorum_child_done(id, part, result),
            State::Forwarding => self.forward_done(id, result),
            State::Marking => self.write_marked(id),
        }
    }

    /// A part of a plain request: gather a read, answer when all parts have.
    fn parts_done(&mut self, id: IoId, part: u32, result: Result<Payload, Errno>) {
        let sector_size = self.geometry().sector_size as usize;
        let io = &mut self.ios[id];
        if io.kind != Kind::Read || io.error.is_some() {
            if io.pending == 0 {
                let answer = io.error.map_or(Ok(Payload::EMPTY), Err);
                self.finish(id, answer);
            }
            return;
        }
        let bytes = result.expect("no error was recorded");
        if io.gathered.is_empty() {
            return self.finish(id, Ok(bytes));
        }
        let from = part as usize * sector_size;
        io.gathered[from..from + bytes.len()].copy_from_slice(&bytes);
        if io.pending == 0 {
            let gathered = std::mem::take(&mut io.gathered);
            self.finish(id, Ok(Payload::from(gathered)));
        }
    }

    /// A request is done: wake who waited for it, and tell who asked.
    pub(crate) fn finish(&mut self, id: IoId, result: Result<Payload, Errno>) {
        let io = self.ios.remove(id).expect("a request ends once");
        assert_eq!(io.pending, 0, "a request ends with all its parts answered");
        if let Kind::Mark(mark) = io.kind {
            self.overlay_marked(io.node, mark, result.is_ok());
        }
        if io.kind.tracked()
            && let Some(node) = self.nodes.get_mut(io.node)
            && node.tracks()
        {
            let place = node.tracked.iter().position(|&other| other == id);
            node.tracked.remove(place.expect("a tracked request is on its node's list"));
            if io.kind == Kind::Write {
                self.commit_sees_write(io.node, io.extent);
            }
        }
        self.tasks.extend(io.waiters.into_iter().map(Task::Enter));
        self.tasks.push_back(Task::Deliver(io.parent, result));
    }

    /// Does everything there is to do until only the outside can go on.
    pub(crate) fn work(&mut self) {
        while let Some(task) = self.tasks.pop_front() {
            if self.over.is_some() {
                return self.tasks.clear();
            }
            match task {
                Task::Deliver(parent, result) => self.deliver(parent, result),
                Task::PartDone(leaf, result) => self.part_done(leaf.io, leaf.part, result),
                Task::Enter(io) => self.enter(io),
                Task::CopyAdvance(io) => self.copy_advance(io),
                Task::ClusterUnlocked(io, piece) => self.overlay_piece_locked(io, piece),
                Task::NextFlush(io) => self.flush_begin(io),
                Task::Drained(user, waiter) => self.drained(user, waiter),
                Task::BackupGone => {
                    self.verb_backup_gone();
                    self.admin_jobs_end();
                }
                Task::CommitGone => {
                    self.verb_commit_gone();
                    self.admin_jobs_end();
                }
            }
        }
    }

    fn deliver(&mut self, parent: Parent, result: Result<Payload, Errno>) {
        match parent {
            Parent::User(user, request) => self.answer_user(user, request, result),
            Parent::Io(io, part) => self.part_done(io, part, result),
            Parent::Copy(node, copy) => self.copy_step_done(node, copy, result),
            Parent::CommitCopy(copy) => self.commit_copy_step_done(copy, result),
            Parent::CommitFlush => self.commit_flushed(result),
            Parent::Opening => self.open_marked(result),
            Parent::CommitMark => self.commit_marked(result),
            Parent::CommitUnmark => self.commit_unmarked(),
            Parent::Verb => self.verb_io_done(result),
            Parent::Admin => self.quit_flushed(),
        }
    }

    fn answer_user(&mut self, id: UserId, request: UserRequest, result: Result<Payload, Errno>) {
        self.events.push_back(Event::Answered { user: id, request, result });
        let user = self.users.get_mut(id);
        user.in_flight -= 1;
        if user.in_flight == 0 {
            let waiters = std::mem::take(&mut user.waiters);
            self.tasks.extend(waiters.into_iter().map(|waiter| Task::Drained(id, waiter)));
        }
    }

    /// Holds a user's new requests back and says when none is in flight.
    pub(crate) fn drain_begin(&mut self, id: UserId, waiter: DrainWaiter) {
        let user = self.users.get_mut(id);
        user.drains += 1;
        if user.in_flight == 0 {
            self.tasks.push_back(Task::Drained(id, waiter));
        } else {
            user.waiters.push(waiter);
            self.probe(Probe::DrainWaits);
        }
    }

    /// Lets a user's requests go on, those held back first.
    pub(crate) fn drain_end(&mut self, id: UserId) {
        let user = self.users.get_mut(id);
        assert!(user.drains > 0, "a drained section ends once");
        user.drains -= 1;
        while self.users.get(id).drains == 0 {
            let Some((request, op)) = self.users.get_mut(id).held.pop_front() else { break };
            self.begin(id, request, op);
        }
    }

    fn drained(&mut self, user: UserId, waiter: DrainWaiter) {
        assert_eq!(self.users.get(user).in_flight, 0, "drained means nothing in flight");
        match waiter {
            DrainWaiter::Verb => self.verb_drained(),
            DrainWaiter::Backup => self.backup_drained(),
            DrainWaiter::Commit => self.commit_drained(),
            DrainWaiter::Admin => self.admin_drained(),
        }
    }
}

pub(crate) fn leaf_request(leaf: LeafId) -> RequestId {
    RequestId(slotmap::Key::data(&leaf).as_ffi())
}

pub(crate) fn request_leaf(request: RequestId) -> LeafId {
    slotmap::KeyData::from_ffi(request.0).into()
}
