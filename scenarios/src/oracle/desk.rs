//! What an operator may know of one host's graph: its nodes, who uses them, what blocks them.
//!
//! A twin of the core's graph, moved by commands and answers. It reasons by rule
//! ("a copy-before-write filter lets nobody write below it"), not by computing
//! permissions, and it holds the texts of the answers a second time.

mod answers;

use colo_core::{
    Admin, DiskId, Event, FILTER, Format, GUEST, GraphChange, JobKind, JobState, JobType, Name,
    PARENT, Reason, TOP, UserKind, Wiring,
};
use colo_core::{EXPORT, VerbId};
use colo_sim::world::{Side, VolumeView, What};

pub(crate) const LOCAL: Name = Name::new("local");
pub(crate) const REMOTE: Name = Name::new("remote");
pub(crate) const SECONDARY: Name = Name::new("secondary");
pub(crate) const HIDDEN: Name = Name::new("hidden");
pub(crate) const ACTIVE: Name = Name::new("active");
const COPY_FILTER: Name = Name::new("cbw");

/// A command without an answer, and what it is to answer if that was certain when it was given.
#[derive(Debug, Clone)]
pub(crate) struct OpenCommand {
    pub(crate) id: VerbId,
    admin: Admin,
    pub(crate) expected: Option<Result<(), String>>,
}

/// Somebody who uses a node.
#[derive(Debug, Clone, Copy)]
struct Attached {
    name: Name,
    kind: UserKind,
    node: Name,
    writes: bool,
    /// On the secondary disk: above what copies before it is written to.
    covered: bool,
}

/// Whether such a user writes. Written anew: the core has this, too, and may be wrong.
fn writes(kind: UserKind) -> bool {
    !matches!(kind, UserKind::Drive | UserKind::ReadOnlyExport)
}

/// Whether a node can be looked up by its name.
fn is_drive(kind: UserKind) -> bool {
    matches!(kind, UserKind::Drive | UserKind::DriveDevice)
}

/// One host's graph. See the module's head.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    /// Nothing of the volume is open.
    pub(crate) absent: bool,
    wiring: Wiring,
    nodes: Vec<Name>,
    users: Vec<Attached>,
    /// An operator's command to open it is being carried out, even if it could not be.
    opening: bool,
    /// The guest has the device that it was started with.
    guest_is_attached: bool,
    /// The export is where forwarded writes go in.
    export_is_attached: bool,
    jobs: Vec<(Name, JobType, Name)>,
    pub(crate) read_only: Vec<Name>,
    ejected: Vec<Name>,
    /// The root that a start has blocked.
    blocked_top: Option<Name>,
    pub(crate) backup: bool,
    /// Somebody has asked the backup job to end.
    cancelling: bool,
    commit: bool,
    commit_cancelling: bool,
    /// Nothing kept quit or close from cancelling the commit at once.
    pub(crate) quits_commit: bool,
    /// What was read-only when the last start was called, and what when the backup job's was.
    read_only_at_start: Vec<Name>,
    read_only_before: Vec<Name>,
    /// As published.
    pub(crate) blockers: Vec<(Name, Reason)>,
    pub(crate) open: Vec<OpenCommand>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            absent: true,
            wiring: Wiring::default(),
            nodes: Vec::new(),
            users: Vec::new(),
            opening: false,
            guest_is_attached: false,
            export_is_attached: false,
            jobs: Vec::new(),
            read_only: Vec::new(),
            ejected: Vec::new(),
            blocked_top: None,
            backup: false,
            cancelling: false,
            commit: false,
            commit_cancelling: false,
            quits_commit: false,
            read_only_at_start: Vec::new(),
            read_only_before: Vec::new(),
            blockers: Vec::new(),
            open: Vec::new(),
        }
    }

    /// The process is gone, and with it who waited for an answer.
    pub(crate) fn ended(&mut self) {
        self.open.clear();
        self.opening = false;
        self.clear();
    }

    /// Nothing of the volume is open.
    pub(crate) fn clear(&mut self) {
        let Self { nodes, read_only, .. } = self;
        for list in [nodes, read_only, &mut self.ejected, &mut self.read_only_before] {
            list.clear();
        }
        self.absent = true;
        (self.guest_is_attached, self.export_is_attached) = (false, false);
        self.users.clear();
        self.jobs.clear();
        self.blockers.clear();
        (self.blocked_top, self.backup, self.commit) = (None, false, false);
        (self.cancelling, self.commit_cancelling, self.quits_commit) = (false, false, false);
    }

    /// The volume is opened: its graph is what the options say.
    pub(crate) fn started(&mut self, side: Side, recover: bool, world: VolumeView<'_>) {
        self.clear();
        self.absent = false;
        self.opening = self.open.first().is_some_and(|open| open.admin == Admin::Open);
        self.guest_is_attached = true;
        let options = world.options();
        let Self { nodes, read_only, .. } = self;
        if side == Side::Primary {
            nodes.extend([LOCAL, REMOTE, FILTER, TOP]);
            self.attach(GUEST, UserKind::Device, (TOP, true));
            return;
        }
        self.wiring = world.setup().wiring;
        let wiring = self.wiring;
        nodes.extend([SECONDARY, HIDDEN, ACTIVE]);
        nodes.extend((!recover).then_some(FILTER));
        nodes.extend(options.secondary_quorum.then_some(TOP));
        if !recover {
            read_only.extend(wiring.hidden_read_only.then_some(HIDDEN));
            read_only.extend(wiring.secondary_read_only.then_some(SECONDARY));
        }
        if wiring.filter_read_only && !recover {
            read_only.extend([ACTIVE, FILTER]);
            read_only.extend(options.secondary_quorum.then_some(TOP));
        }
        let root = *self.nodes.last().expect("it has nodes");
        self.attach(GUEST, wiring.guest, (root, true));
        if recover {
            return;
        }
        if wiring.export && !wiring.secondary_read_only {
            self.attach(EXPORT, UserKind::Export, (SECONDARY, true));
        }
        if let Some(kind) = wiring.parent {
            self.attach(PARENT, kind, (SECONDARY, true));
        }
    }

    fn attach(&mut self, name: Name, kind: UserKind, (node, itself): (Name, bool)) {
        let writes = writes(kind) && !self.is_read_only(node);
        let covered = node == SECONDARY && self.backup && !itself;
        // Of several drives on a node the guest's own is named first, and then the export.
        let place = match name {
            GUEST if node == self.root() => 0,
            EXPORT if node == SECONDARY && covered == self.backup => {
                self.export_is_attached = true;
                usize::from(self.users.first().is_some_and(|user| user.name == GUEST))
            }
            _ => self.users.len(),
        };
        self.users.insert(place, Attached { name, kind, node, writes, covered });
    }

    /// Takes in what happened on this host; `alone`: no verb of it is open.
    pub(crate) fn apply(&mut self, what: &What, alone: bool) {
        match what {
            What::Administered { id, admin } => {
                let alone = alone && self.open.is_empty();
                let expected = alone.then(|| self.expect(*admin)).flatten();
                self.open.push(OpenCommand { id: *id, admin: *admin, expected });
            }
            What::Event(event) => self.event(event),
            _ => {}
        }
    }

    /// The first command that waits is carried out now.
    pub(crate) fn expect_first(&mut self) {
        // The volume is open now for the sake of an `Open` that was given before.
        if let Some(&OpenCommand { admin, .. }) = self.open.first()
            && admin != Admin::Open
        {
            self.open[0].expected = self.expect(admin);
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::AdminAnswered { id, admin, result } => {
                self.open.retain(|open| open.id != *id);
                self.opening &= *admin != Admin::Open;
                if result.is_ok() {
                    self.done(*admin);
                }
            }
            Event::ReadOnly { node, on: true } => self.read_only.push(*node),
            Event::ReadOnly { node, on: false } => self.read_only.retain(|other| other != node),
            Event::Blocker { node, reason, set: true } => self.blockers.push((*node, *reason)),
            Event::Blocker { node, reason, set: false } => {
                let place = self.blockers.iter().position(|other| *other == (*node, *reason));
                place.map(|place| self.blockers.remove(place));
            }
            Event::Ejected(DiskId::Hidden) => self.ejected.push(HIDDEN),
            Event::Ejected(_) => self.ejected.push(ACTIVE),
            Event::Job { kind: JobKind::Backup, state: JobState::Started } => {
                self.backup = true;
                let below = self.users.iter_mut().filter(|user| user.node == SECONDARY);
                below.for_each(|user| user.covered = true);
                self.read_only_before.clone_from(&self.read_only_at_start);
                self.blocked_top = self.lookup(self.wiring.top_id).map(|(node, _)| node);
            }
            Event::Job { kind: JobKind::Backup, state: JobState::Cancelling } => {
                self.cancelling = true;
            }
            Event::Job { kind: JobKind::Backup, state: JobState::Concluded(_) } => {
                (self.backup, self.cancelling) = (false, false);
                self.users.iter_mut().for_each(|user| user.covered = false);
                self.blocked_top = None;
                let refused = |node: &Name| self.is_ejected(*node) || self.has_writer(*node);
                if self.read_only_before.iter().any(refused) {
                    self.read_only_before.clear();
                }
            }
            Event::Job { kind: JobKind::Commit, state } => {
                self.quits_commit = false;
                self.commit_cancelling = match state {
                    JobState::Cancelling => true,
                    JobState::Ready => self.commit_cancelling,
                    JobState::Started | JobState::Concluded(_) => false,
                };
                // What it writes to stays writable.
                self.read_only_before.retain(|node| *node != SECONDARY);
                self.commit = !matches!(state, JobState::Concluded(_));
            }
            Event::Graph(GraphChange::Pivoted) => {
                self.users.retain(|user| user.node != HIDDEN);
                for user in self.users.iter_mut().filter(|user| user.node == ACTIVE) {
                    user.node = SECONDARY;
                }
                self.nodes.retain(|node| ![ACTIVE, HIDDEN].contains(node));
                self.jobs.retain(|(_, _, node)| ![ACTIVE, HIDDEN].contains(node));
            }
            Event::Graph(GraphChange::FilterClosed) => self.closed(),
            _ => {}
        }
    }

    fn closed(&mut self) {
        let primary = self.nodes.contains(&LOCAL);
        let gone: &[Name] =
            if primary { &[FILTER, REMOTE] } else { &[FILTER, TOP, ACTIVE, HIDDEN] };
        self.guest_is_attached = false;
        self.nodes.retain(|node| !gone.contains(node));
        self.users.retain(|user| !gone.contains(&user.node));
        self.jobs.retain(|(_, _, node)| !gone.contains(node));
    }

    /// What a command that succeeded has changed.
    fn done(&mut self, admin: Admin) {
        match admin {
            Admin::Attach { user, kind, node } => {
                if let Some(place) = self.lookup(node) {
                    self.attach(user, kind, place);
                }
            }
            Admin::Detach { user } => {
                let place = self.users.iter().position(|other| other.name == user);
                let Some(place) = place else { return };
                let Attached { kind, node, .. } = self.users.remove(place);
                self.guest_is_attached &= user != GUEST;
                self.export_is_attached &= user != EXPORT;
                if kind == UserKind::DriveDevice {
                    self.jobs.retain(|(_, _, other)| *other != node);
                }
            }
            Admin::DeleteNode { node } => self.nodes.retain(|other| *other != node),
            Admin::StartJob { job, kind, node } => {
                let node = self.lookup(node).map_or(node, |(node, _)| node);
                self.jobs.push((job, kind, node));
            }
            Admin::CancelJob { job } => self.jobs.retain(|(name, _, _)| *name != job),
            Admin::Reopen { node, .. } => {
                self.read_only_before.retain(|other| *other != node);
                self.read_only_at_start.retain(|other| *other != node);
            }
            Admin::Remove => self.clear(),
            Admin::Open | Admin::Quit => {}
        }
    }

    /// The node that a drive of this name uses, else the node of this name; and whether it is
    /// named itself, and not through a drive that goes through what is above it.
    pub(crate) fn lookup(&self, name: Name) -> Option<(Name, bool)> {
        let drive = self.users.iter().find(|user| is_drive(user.kind) && user.name == name);
        match drive {
            None if name == COPY_FILTER => self.backup.then_some((SECONDARY, false)),
            Some(user) => Some((user.node, !user.covered)),
            None => self.nodes.contains(&name).then_some((name, true)),
        }
    }

    fn is_node(&self, name: Name) -> bool {
        self.nodes.contains(&name) || name == COPY_FILTER && self.backup
    }

    /// What a message calls the node.
    fn shown(&self, (node, itself): (Name, bool)) -> Name {
        let covered = self.backup && node == SECONDARY && !itself;
        let on =
            |user: &&Attached| is_drive(user.kind) && user.node == node && user.covered == covered;
        let drive = self.users.iter().find(on);
        drive.map_or(if covered { COPY_FILTER } else { node }, |user| user.name)
    }

    /// Why operations on a node are refused.
    fn blocked(&self, node: Name) -> Option<&'static str> {
        let job = |kind| match kind {
            JobType::Backup => "block device is in use by block job: backup",
            JobType::Mirror => "block device is in use by block job: mirror",
            JobType::Commit => "block device is in use by block job: commit",
        };
        let own = self.jobs.iter().find(|(_, _, on)| *on == node);
        own.map(|(_, kind, _)| job(*kind)).or_else(|| match node {
            SECONDARY | HIDDEN | ACTIVE if self.commit => Some(job(JobType::Commit)),
            _ if !self.backup => None,
            _ if Some(node) == self.blocked_top => {
                Some("Block device is in use by internal backup job")
            }
            SECONDARY | HIDDEN => Some(job(JobType::Backup)),
            _ => None,
        })
    }

    fn busy(&self, place: (Name, bool)) -> Option<String> {
        let reason = self.blocked(place.0)?;
        Some(format!("Node '{}' is busy: {reason}", self.shown(place)))
    }

    fn is_read_only(&self, node: Name) -> bool {
        self.read_only.contains(&node)
    }

    /// The root above the filter.
    fn root(&self) -> Name {
        if self.nodes.contains(&TOP) { TOP } else { FILTER }
    }

    fn writes_to(&self, nodes: &[Name]) -> bool {
        self.users.iter().any(|user| user.writes && nodes.contains(&user.node))
    }

    /// Whether anybody writes to one of the images.
    fn has_writer(&self, node: Name) -> bool {
        let filter = self.nodes.contains(&FILTER) && !self.is_read_only(FILTER);
        match node {
            SECONDARY if self.commit => true,
            LOCAL => self.writes_to(&[LOCAL, TOP]),
            HIDDEN => self.backup || self.writes_to(&[HIDDEN]),
            // A recovery's quorum stands on active itself.
            ACTIVE if !self.nodes.contains(&FILTER) => self.writes_to(&[ACTIVE, TOP]),
            ACTIVE => filter || self.writes_to(&[ACTIVE]),
            _ if self.nodes.contains(&ACTIVE) => self.writes_to(&[node]),
            // After the pivot the filter, or who recovers, stands on the secondary disk itself.
            _ => filter || self.writes_to(&[node, self.root()]),
        }
    }

    /// Why a newcomer cannot have this node.
    fn conflict(&self, user: Name, writes: bool, place: (Name, bool)) -> Option<String> {
        let (node, itself) = place;
        let bare_quorum = self.nodes.contains(&TOP) && !self.nodes.contains(&FILTER);
        let formats = [self.wiring.active, self.wiring.hidden];
        let whole = |layers| formats.iter().take(layers).all(|format| *format != Format::Raw);
        let (permission, unshared) = match node {
            SECONDARY if writes && itself && self.backup => ("write", "cbw"),
            // Without a filter the quorum stands on active, and after the pivot on the disk.
            SECONDARY if writes && bare_quorum && !self.nodes.contains(&ACTIVE) => ("write", "top"),
            ACTIVE if writes && bare_quorum => ("write", "top"),
            HIDDEN if writes && bare_quorum && whole(1) => ("write", "active"),
            HIDDEN if self.commit => ("consistent read", "commit job"),
            SECONDARY if writes && bare_quorum && whole(2) => ("write", "hidden"),
            LOCAL | FILTER if writes && self.nodes.contains(&TOP) => ("write", "top"),
            _ => return None,
        };
        Some(format!(
            "Permission conflict on node '{node}': permissions '{permission}' are both required by '{user}' and unshared by '{unshared}'"
        ))
    }

    /// Why a commit cannot start: somebody relies on hidden, which is neither its top nor its base.
    pub(crate) fn commit_conflict(&self) -> Option<String> {
        let reads = |user: &&Attached| user.node == HIDDEN && user.kind != UserKind::Drive;
        let user = self.users.iter().find(reads)?.name;
        Some(format!(
            "Permission conflict on node 'hidden': permissions 'consistent read' are both required by '{user}' and unshared by 'commit job'"
        ))
    }

    /// Quit or close is called as one of so many commands, and no request of anybody is in flight.
    pub(crate) fn commit_must_end(&mut self, commands: usize) {
        self.quits_commit = self.commit && !self.commit_cancelling && self.open.len() == commands;
    }

    /// A start is called: what is read-only now is to be so again if it fails.
    pub(crate) fn start_called(&mut self) {
        let images = [HIDDEN, SECONDARY].into_iter();
        self.read_only_at_start = images.filter(|&node| self.is_read_only(node)).collect();
    }

    /// The blockers that the running backup job and the filter owe, as they are to be published.
    pub(crate) fn blockers_are_right(&self) -> bool {
        if !self.backup && !self.commit && self.jobs.is_empty() {
            return self.blockers.is_empty();
        }
        let job = |kind| Reason::Job(kind);
        let own = self.jobs.iter().map(|(_, kind, node)| (*node, job(*kind)));
        let mut due: Vec<_> = own.collect();
        if self.backup {
            due.extend(self.blocked_top.map(|top| (top, Reason::InternalBackup)));
            due.extend([COPY_FILTER, SECONDARY, HIDDEN].map(|n| (n, job(JobType::Backup))));
        }
        if self.commit {
            due.extend([SECONDARY, HIDDEN, ACTIVE].map(|node| (node, job(JobType::Commit))));
        }
        let mut published = self.blockers.clone();
        due.sort_unstable();
        published.sort_unstable();
        due == published
    }

    /// Whether hidden and the secondary disk can be written to.
    pub(crate) fn images_are_writable(&self) -> bool {
        ![HIDDEN, SECONDARY].into_iter().any(|node| self.is_read_only(node))
    }

    /// Whether the backup job goes on though the device of its disk is this user, which goes.
    pub(crate) fn outlives(&self, user: Name) -> bool {
        let device = |other: &&Attached| {
            other.name == user && other.kind == UserKind::DriveDevice && other.covered
        };
        self.backup && !self.cancelling && self.users.iter().any(|other| device(&other))
    }

    /// Whether the guest's device is there, with everything below it, and no command may change that.
    pub(crate) fn guest_has_medium(&self) -> bool {
        self.guest_is_attached && self.ejected.is_empty() && self.open.is_empty()
    }

    /// Whether an operator's command to open it is being carried out.
    pub(crate) fn is_being_opened(&self) -> bool {
        self.opening
    }

    /// Whether forwarded writes reach the secondary disk, and no command may change that.
    pub(crate) fn export_has_medium(&self) -> bool {
        self.export_is_attached && self.ejected.is_empty() && self.open.is_empty()
    }

    pub(crate) fn is_ejected(&self, node: Name) -> bool {
        self.ejected.contains(&node)
    }

    /// What must be read-only again once the backup job is gone, and is not.
    pub(crate) fn left_writable(&self) -> Option<Name> {
        let judged = self.nodes.contains(&ACTIVE) && !self.backup;
        let left = |node: &&Name| judged && !self.is_read_only(**node);
        self.read_only_before.iter().find(left).copied()
    }

    /// What a failed start has left writable that was not.
    pub(crate) fn changed_by_start(&self) -> Option<Name> {
        let before = &self.read_only_at_start;
        let refused = before.iter().any(|&node| self.is_ejected(node));
        before.iter().copied().find(|&node| !refused && !self.is_read_only(node))
    }
}
