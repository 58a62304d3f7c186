//! One volume of a host: a guest's disk with its block graph, its users, its jobs and its filter.
//!
//! What is asked of it comes one at a time, from the host's queue. Nodes, users and jobs
//! have names of their own in each volume.

use std::collections::VecDeque;

use slotmap::SlotMap;

use crate::admin::{AdminError, OperatorJob, RunningAdmin};
use crate::commit::CommitJob;
use crate::copy_before_write::BackupJob;
use crate::disk::{Errno, Request, RequestId};
use crate::event::{Abort, DiskId, Event, JobKind, Recovery, UserId, UserOp, UserRequest};
use crate::filter::Filter;
use crate::geometry::{Extent, Geometry};
use crate::graph::{Driver, Node, NodeId, User, Users};
use crate::io::{Io, IoId, Leaf, LeafId, Parent, Task};
use crate::name::Name;
use crate::overlay::{EmptyFailure, Mark, Overlay};
use crate::payload::Payload;
use crate::phase::Phase;
use crate::probe::{Probe, Probes};
use crate::quirk::{Quirk, Quirks};
use crate::remote::Remote;
use crate::verb::{Mode, Stage, VerbError};
use crate::verbs::RunningVerb;
use crate::wiring::{FILTER, Format, GUEST, PARENT, TOP, UserKind, Wiring};

/// Room that a volume begins with, for the nodes of a whole graph and for some requests: so that
/// neither moves while it grows. More is no error.
const NODES_USUAL: usize = 8;
const IOS_USUAL: usize = 8;

/// How a volume is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeOptions {
    /// Which side it is.
    pub mode: Mode,
    /// Sizes of its disks.
    pub geometry: Geometry,
    /// Whether the guest's device goes through a quorum: of the local disk and the filter on the
    /// primary, of the filter alone on the secondary. Without one it is the filter itself.
    pub quorum: bool,
    /// Not opened until an operator asks for it.
    pub later: bool,
    /// How the graph on a secondary host is put together; a primary host's is always right.
    pub wiring: Wiring,
    /// Without the filter: write the overlays down and serve the secondary disk.
    pub recover: bool,
    /// How long the primary's requests wait for a lost connection, in nanoseconds; 0: not at all.
    pub reconnect_delay_ns: u64,
    /// Which defects of the seed it has.
    pub quirks: Quirks,
}

/// The nodes of the chain on the secondary host.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chain {
    pub(crate) active: NodeId,
    pub(crate) hidden: NodeId,
    pub(crate) secondary: NodeId,
}

/// Why a volume does nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// Its process died here.
    Aborted,
    /// Its filter or its images could not be opened.
    NotOpened(AdminError),
    /// Its view could not be recovered, or there is none.
    NotRecovered,
    /// It was closed in order, images and all.
    Closed,
}

/// A guest's disk on a host. See the module's head.
#[derive(Debug, Clone)]
pub struct Volume {
    options: VolumeOptions,
    pub(crate) nodes: SlotMap<NodeId, Node>,
    pub(crate) users: Users,
    pub(crate) ios: SlotMap<IoId, Io>,
    pub(crate) leaves: SlotMap<LeafId, Leaf>,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) chain: Chain,
    pub(crate) filter: Option<NodeId>,
    pub(crate) remote: Option<NodeId>,
    pub(crate) backup: Option<BackupJob>,
    pub(crate) commit: Option<CommitJob>,
    /// The filter was closed after it had made a promise about the secondary disk.
    pub(crate) fenced_for_good: bool,
    pub(crate) verb: Option<RunningVerb>,
    /// What the last verb answered, for who called it on all filters.
    pub(crate) answer: Option<Result<(), VerbError>>,
    pub(crate) admin: Option<RunningAdmin>,
    pub(crate) operator_jobs: Vec<OperatorJob>,
    pub(crate) opened: bool,
    pub(crate) opening: Vec<(LeafId, NodeId)>,
    pub(crate) over: Option<Over>,
    absent: bool,
    pub(crate) disk_outbox: VecDeque<(DiskId, Request)>,
    pub(crate) link_outbox: VecDeque<(RequestId, UserOp)>,
    pub(crate) events: VecDeque<Event>,
    probes: Probes,
}

impl Volume {
    /// Opens a volume over its disks. It reads its images first.
    pub(crate) fn new(options: VolumeOptions) -> Self {
        let mut nodes = SlotMap::with_capacity_and_key(NODES_USUAL);
        let (mut filter, mut remote) = (None, None);
        let mut refused = None;
        let mut chain = Chain::default();
        let users = match options.mode {
            Mode::Primary => {
                let node = |name, driver| Node::new(Name::new(name), driver);
                let local = nodes.insert(node("local", Driver::Raw(DiskId::Local)));
                let other = nodes.insert(node("remote", Driver::Remote(Remote::default())));
                remote = Some(other);
                let replication = Filter::new(Mode::Primary, other, None);
                let replication = Driver::Replication(Box::new(replication));
                let mut root = nodes.insert(Node::new(FILTER, replication));
                filter = Some(root);
                if options.quorum {
                    root = nodes.insert(Node::new(TOP, Driver::Quorum(vec![local, root])));
                }
                Users::new(User::new(GUEST, UserKind::Device, Some(root)))
            }
            Mode::Secondary => {
                let wiring = &options.wiring;
                chain = Self::open_chain(&mut nodes, &options);
                let mut root = chain.active;
                if !options.recover {
                    let opened = wiring.filter_options();
                    refused = opened.err();
                    let top_id = opened.ok().and_then(|options| options.top_id);
                    let replication = Filter::new(Mode::Secondary, chain.active, top_id);
                    let replication = Driver::Replication(Box::new(replication));
                    root = nodes.insert(Node::new(FILTER, replication));
                    nodes[root].read_only = wiring.filter_read_only;
                    filter = Some(root);
                }
                if options.quorum {
                    root = nodes.insert(Node::new(TOP, Driver::Quorum(vec![root])));
                    nodes[root].read_only = wiring.filter_read_only && !options.recover;
                }
                let mut users = Users::new(User::new(GUEST, wiring.guest, Some(root)));
                users.guest.owns = wiring.guest_owns_top && !options.recover;
                users.guest.writes &= !nodes[root].read_only;
                let exported = !options.recover && wiring.export && !wiring.secondary_read_only;
                users.export.root = exported.then_some(chain.secondary);
                if let Some(kind) = wiring.parent.filter(|_| !options.recover) {
                    let mut parent = User::new(PARENT, kind, Some(chain.secondary));
                    parent.writes &= !wiring.secondary_read_only;
                    users.others.push(parent);
                }
                users
            }
        };
        let mut volume = Self::with_graph(options, nodes, users);
        (volume.chain, volume.filter, volume.remote) = (chain, filter, remote);
        match refused {
            Some(error) => {
                volume.events.push_back(Event::OpenRefused(error));
                volume.over = Some(Over::NotOpened(AdminError::Options(error)));
            }
            None => volume.open_begin(),
        }
        volume
    }

    /// A volume of which nothing is open: no node, nobody who uses one.
    pub(crate) fn absent(options: VolumeOptions) -> Self {
        let guest = User::new(GUEST, options.wiring.guest, None);
        let volume = Self::with_graph(options, SlotMap::with_key(), Users::new(guest));
        Self { opened: true, absent: true, ..volume }
    }

    fn with_graph(options: VolumeOptions, nodes: SlotMap<NodeId, Node>, users: Users) -> Self {
        Self {
            options,
            nodes,
            users,
            ios: SlotMap::with_capacity_and_key(IOS_USUAL),
            leaves: SlotMap::with_key(),
            tasks: VecDeque::with_capacity(IOS_USUAL),
            chain: Chain::default(),
            filter: None,
            remote: None,
            backup: None,
            commit: None,
            fenced_for_good: false,
            verb: None,
            answer: None,
            admin: None,
            operator_jobs: Vec::new(),
            opened: false,
            opening: Vec::new(),
            over: None,
            absent: false,
            disk_outbox: VecDeque::new(),
            link_outbox: VecDeque::new(),
            events: VecDeque::new(),
            probes: Probes::default(),
        }
    }

    fn open_chain(nodes: &mut SlotMap<NodeId, Node>, options: &VolumeOptions) -> Chain {
        let wiring = &options.wiring;
        let mut open = |disk: DiskId, format: Format, backing, read_only, protected| {
            let driver = match format {
                Format::Raw => Driver::Raw(disk),
                Format::Overlay | Format::Fixed => {
                    let mut overlay = Overlay::new(disk, backing, &options.geometry);
                    overlay.can_be_emptied = format == Format::Overlay;
                    Driver::Overlay(Box::new(overlay))
                }
            };
            let mut node = Node::new(Name::new(disk.name()), driver);
            // A recovery opens what it needs for writing.
            node.read_only = read_only && !options.recover;
            node.protected = protected;
            nodes.insert(node)
        };
        let (read_only, protected) = (wiring.secondary_read_only, wiring.secondary_protected);
        let none = NodeId::default();
        let secondary = open(DiskId::Secondary, Format::Raw, none, read_only, protected);
        let (read_only, protected) = (wiring.hidden_read_only, wiring.hidden_protected);
        let hidden = open(DiskId::Hidden, wiring.hidden, secondary, read_only, protected);
        let read_only = wiring.filter_read_only;
        let active = open(DiskId::Active, wiring.active, hidden, read_only, false);
        Chain { active, hidden, secondary }
    }

    /// Whether active and hidden are overlays, one on the other.
    pub(crate) fn chain_is_whole(&self) -> bool {
        let overlay = |node| {
            let node = self.nodes.get(node);
            node.is_some_and(|node| matches!(node.driver, Driver::Overlay(_)))
        };
        overlay(self.chain.active) && overlay(self.chain.hidden)
    }

    /// The sizes it works with.
    pub fn geometry(&self) -> &Geometry {
        &self.options.geometry
    }

    /// How it was set up.
    pub fn options(&self) -> &VolumeOptions {
        &self.options
    }

    /// Whether it has this defect of the seed.
    pub(crate) fn quirk(&self, quirk: Quirk) -> bool {
        self.options.quirks.has(quirk)
    }

    pub(crate) fn probe(&mut self, probe: Probe) {
        self.probes.hit(probe);
    }

    /// How often each probe was hit.
    pub fn probes(&self) -> &Probes {
        &self.probes
    }

    /// The next request for a disk.
    pub(crate) fn poll_disk(&mut self) -> Option<(DiskId, Request)> {
        self.disk_outbox.pop_front()
    }

    /// The next request for the other host's export.
    pub(crate) fn poll_link(&mut self) -> Option<(RequestId, UserOp)> {
        self.link_outbox.pop_front()
    }

    /// Whether anything happened.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Hands over what happened, and goes on with a queue that is empty.
    pub(crate) fn swap_events(&mut self, empty: &mut VecDeque<Event>) {
        std::mem::swap(&mut self.events, empty);
    }

    /// What happened, in order.
    pub(crate) fn take_events(&mut self) -> impl Iterator<Item = Event> {
        self.events.drain(..)
    }

    /// The filter's stage, unless it was closed.
    pub fn stage(&self) -> Option<Stage> {
        self.filter().map(|filter| filter.stage)
    }

    /// What it is in the middle of.
    pub fn phase(&self) -> Phase {
        if !self.opened {
            return Phase::Opening;
        }
        if let Some(commit) = &self.commit {
            return Phase::Commit(commit.phase);
        }
        if self.verb_empties() {
            return Phase::Checkpoint;
        }
        if self.backup.is_some_and(|job| job.cancelling) {
            return Phase::BackupCancelling;
        }
        self.stage().map_or(Phase::Bare, Phase::Stage)
    }

    /// Whether nothing is under way: no request, no verb, no commit.
    pub(crate) fn idle(&self) -> bool {
        self.opened && self.ios.is_empty() && !self.is_asked() && self.commit.is_none()
    }

    /// Whether its images were read.
    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    /// Whether nothing of it is open.
    pub fn is_absent(&self) -> bool {
        self.absent
    }

    /// Whether nothing is left to be closed: the end of a recovery may have come first.
    pub(crate) fn has_ended(&self) -> bool {
        self.absent || self.over == Some(Over::Closed)
    }

    /// Whether a verb or a command is under way.
    pub(crate) fn is_asked(&self) -> bool {
        self.verb.is_some() || self.admin.is_some()
    }

    /// Requests in flight in the graph.
    pub fn requests_in_flight(&self) -> usize {
        self.ios.len()
    }

    /// Whether a user's requests are neither in flight nor held back.
    pub fn quiet(&self, user: UserId) -> bool {
        let user = self.users.get(user);
        user.in_flight == 0 && user.held.is_empty()
    }

    /// Requests that wait for a drained section to end.
    pub(crate) fn held_requests(&self) -> impl Iterator<Item = (UserId, UserRequest)> {
        let held =
            |user| self.users.get(user).held.iter().map(move |(request, _)| (user, *request));
        [UserId::Guest, UserId::Export].into_iter().flat_map(held)
    }

    /// Whether somebody of this name uses a node.
    pub fn is_attached(&self, user: UserId) -> bool {
        self.users.get(user).root.is_some()
    }

    /// The next emptying of this overlay fails, in this way. Nothing happens to what is no overlay.
    pub(crate) fn fail_emptying(&mut self, disk: DiskId, failure: EmptyFailure, errno: Errno) {
        if let Some(overlay) = self.overlay_of(disk) {
            self.overlay_mut(overlay).fails_next = Some((failure, errno));
        }
    }

    /// This overlay loses its format layer: its contents stay, and nothing reaches them any more.
    pub(crate) fn eject(&mut self, disk: DiskId) {
        if let Some(node) = self.overlay_of(disk) {
            self.eject_node(node);
        }
    }

    pub(crate) fn eject_node(&mut self, node: NodeId) {
        if !std::mem::replace(&mut self.nodes[node].ejected, true) {
            let disk = self.overlay(node).disk;
            self.events.push_back(Event::Ejected(disk));
        }
    }

    fn overlay_of(&self, disk: DiskId) -> Option<NodeId> {
        let node = match disk {
            DiskId::Hidden => self.chain.hidden,
            DiskId::Active => self.chain.active,
            DiskId::Local | DiskId::Secondary => return None,
        };
        let overlay = matches!(self.nodes.get(node)?.driver, Driver::Overlay(_));
        overlay.then_some(node)
    }

    /// Where a reader of this user's device would find `sector` now, if anywhere.
    pub fn locate(&self, user: UserId, sector: u64) -> Option<(DiskId, u64)> {
        let belongs = || match user {
            UserId::Guest => self.guest_root(),
            UserId::Export => self.export_root(),
        };
        // Where its device was taken away, as if it were back.
        let mut node = self.users.get(user).root.or_else(belongs)?;
        loop {
            match &self.nodes[node].driver {
                Driver::Raw(disk) => return Some((*disk, sector)),
                Driver::Overlay(overlay) => match overlay.locate(self.geometry(), sector) {
                    Some(at) => return Some((overlay.disk, at)),
                    None => node = overlay.backing,
                },
                Driver::CopyBeforeWrite(filter) => node = filter.source,
                Driver::Replication(filter) => node = filter.child,
                Driver::Quorum(children) => node = *children.first()?,
                Driver::Remote(_) => return None,
            }
        }
    }

    /// The guest's sectors that a run of sectors of a disk holds; `None` for an overlay's header and map.
    pub fn guest_extent(&self, disk: DiskId, on_disk: Extent) -> Option<Extent> {
        let overlay = match disk {
            DiskId::Local | DiskId::Secondary => return Some(on_disk),
            DiskId::Hidden => self.chain.hidden,
            DiskId::Active => self.chain.active,
        };
        match &self.nodes.get(overlay)?.driver {
            Driver::Overlay(overlay) => overlay.guest_extent(on_disk),
            _ => None,
        }
    }

    /// Whether an overlay that is open holds a sector, and does not pass on to what is below it.
    pub fn overlay_holds(&self, disk: DiskId, sector: u64) -> Option<bool> {
        match &self.nodes[self.overlay_of(disk)?].driver {
            Driver::Overlay(overlay) => Some(overlay.locate(self.geometry(), sector).is_some()),
            _ => None,
        }
    }

    /// Whether a job runs, or waits for its last requests.
    pub fn job_runs(&self, kind: JobKind) -> bool {
        match kind {
            JobKind::Backup => self.backup.is_some(),
            JobKind::Commit => self.commit.is_some(),
        }
    }

    /// The process dies here, as QEMU's would.
    pub(crate) fn abort(&mut self, reason: Abort) {
        self.over = Some(Over::Aborted);
        self.events.push_back(Event::Aborted(reason));
    }
}

/// Opening, and recovery after a crash.
impl Volume {
    fn open_begin(&mut self) {
        self.users.guest.drains = 1;
        self.users.export.drains = 1;
        if self.options.mode == Mode::Primary {
            return self.open_done();
        }
        for node in [self.chain.hidden, self.chain.active] {
            let Driver::Overlay(overlay) = &self.nodes[node].driver else { continue };
            let (disk, op) = (overlay.disk, overlay.opening_read());
            let leaf = self.leaves.insert(Leaf { io: IoId::default(), part: 0 });
            self.opening.push((leaf, node));
            self.disk_outbox.push_back((disk, Request { id: crate::io::leaf_request(leaf), op }));
        }
        if self.opening.is_empty() {
            self.open_done();
        }
    }

    /// An image's header and map were read, if this is such a request.
    pub(crate) fn opening_read(&mut self, leaf: LeafId, result: Result<Payload, Errno>) {
        let place = self.opening.iter().position(|(other, _)| *other == leaf);
        let (_, node) = self.opening.swap_remove(place.expect("the host is opening this image"));
        let geometry = self.options.geometry;
        let opened = result.and_then(|bytes| self.overlay_mut(node).open(&geometry, &bytes));
        if let Err(errno) = opened {
            self.not_opened(errno);
        } else if self.opening.is_empty() && self.over.is_none() {
            self.open_read();
        }
    }

    /// A mark that says retired may have come from a process that died while it wrote it, and lie
    /// in the disk's cache only. Whoever acts on it must not be proved wrong by a power loss.
    fn open_read(&mut self) {
        match self.chain_mark() {
            Some(Mark::Retired) => self.mark_chain(Mark::Retired, Parent::Opening),
            _ => self.open_done(),
        }
    }

    pub(crate) fn open_marked(&mut self, result: Result<Payload, Errno>) {
        match result {
            Ok(_) => self.open_done(),
            Err(errno) => self.not_opened(errno),
        }
    }

    fn not_opened(&mut self, errno: Errno) {
        self.events.push_back(Event::Opened(Err(errno)));
        self.over = Some(Over::NotOpened(AdminError::Image { errno }));
    }

    fn open_done(&mut self) {
        self.opened = true;
        self.events.push_back(Event::Opened(Ok(())));
        if self.options.recover {
            return self.recover();
        }
        self.drain_end(UserId::Guest);
        self.drain_end(UserId::Export);
    }

    /// Writes the view down if it is owed; whoever keeps no marks does so in any case.
    fn recover(&mut self) {
        if !self.chain_is_whole() {
            return self.recovered(Recovery::Refused);
        }
        match self.chain_mark() {
            None | Some(Mark::Owed) => self.commit_start(),
            Some(Mark::Void) => self.recovered(Recovery::Refused),
            Some(Mark::Retired) => {
                self.pivot();
                self.recovered(Recovery::DiskAlone);
            }
        }
    }

    pub(crate) fn recovery_committed(&mut self, result: Result<(), Errno>) {
        self.recovered(match result {
            Ok(()) => Recovery::Committed,
            Err(errno) => Recovery::Failed(errno),
        });
    }

    fn recovered(&mut self, recovery: Recovery) {
        if recovery.serves() {
            self.drain_end(UserId::Guest);
            self.drain_end(UserId::Export);
        } else {
            self.over = Some(Over::NotRecovered);
        }
        self.events.push_back(Event::Recovered(recovery));
    }

    /// Takes the closed filter out of the primary's quorum; without one the device has no medium left.
    pub(crate) fn quorum_drop_child(&mut self, child: NodeId) {
        let Some(root) = self.users.guest.root.filter(|&root| root != child) else {
            self.users.guest.root = None;
            return;
        };
        if let Driver::Quorum(children) = &mut self.nodes[root].driver {
            children.retain(|&other| other != child);
        }
    }
}
