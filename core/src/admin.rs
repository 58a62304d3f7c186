//! What an operator can do to a host besides the verbs: users, nodes, jobs, flags, the end.
//!
//! These wait in one queue with the verbs, as commands at QEMU's monitor do: while a
//! verb waits, none of them is taken. The messages are QEMU's.

mod quit;

use serde::{Deserialize, Serialize};

use crate::disk::Errno;
use crate::event::{Abort, Event, JobType, UserId, VerbId};
use crate::graph::{Driver, NodeId, Reason, User};
use crate::io::DrainWaiter;
use crate::name::Name;
use crate::options::OpenError;
use crate::permission::{Conflict, Newcomer};
use crate::probe::Probe;
use crate::quirk::Quirk;
use crate::volume::Volume;
use crate::wiring::{EXPORT, FILTER, GUEST, UserKind};

/// Something that an operator asks of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Admin {
    /// Attach a device, a drive or an export to a node, or to what a drive of that name uses.
    Attach {
        /// Its name.
        user: Name,
        /// What it is.
        kind: UserKind,
        /// Where.
        node: Name,
    },
    /// Take it away.
    Detach {
        /// Its name.
        user: Name,
    },
    /// Delete a node that nobody uses.
    DeleteNode {
        /// Its name.
        node: Name,
    },
    /// Start a job of the operator's own.
    StartJob {
        /// Its name.
        job: Name,
        /// What it does.
        kind: JobType,
        /// From which node.
        node: Name,
    },
    /// Cancel such a job.
    CancelJob {
        /// Its name.
        job: Name,
    },
    /// Make a node read-only, or writable.
    Reopen {
        /// Its name.
        node: Name,
        /// Whether it is to be read-only.
        read_only: bool,
    },
    /// Open the volume: its images and its filter, which joins the registry as the newest.
    Open,
    /// Close the filter and every image of the volume.
    Remove,
    /// End the process in order: all jobs, then everything that is open.
    Quit,
}

impl std::fmt::Display for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attach { user, kind, node } => {
                write!(f, "attach {} {user} to {node}", kind.name())
            }
            Self::Detach { user } => write!(f, "detach {user}"),
            Self::DeleteNode { node } => write!(f, "delete node {node}"),
            Self::StartJob { job, kind, node } => {
                write!(f, "start {} job {job} on {node}", kind.name())
            }
            Self::CancelJob { job } => write!(f, "cancel job {job}"),
            Self::Reopen { node, read_only: true } => write!(f, "reopen {node} read-only"),
            Self::Reopen { node, read_only: false } => write!(f, "reopen {node} read-write"),
            Self::Open => f.write_str("open the volume"),
            Self::Remove => f.write_str("remove the volume"),
            Self::Quit => f.write_str("quit"),
        }
    }
}

/// Why an operator's command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminError {
    /// No node and no drive has this name.
    NotFound {
        /// The name.
        name: Name,
    },
    /// No user has this name.
    NoUser {
        /// The name.
        name: Name,
    },
    /// Somebody has this name already.
    NameTaken {
        /// The name.
        name: Name,
    },
    /// No job has this name.
    NoJob {
        /// The name.
        name: Name,
    },
    /// The node's op blockers say no.
    Busy {
        /// The drive's name, else the node's.
        name: Name,
        /// The blocker.
        reason: Reason,
    },
    /// A device, drive or export uses the node.
    InUse {
        /// The node.
        name: Name,
    },
    /// Another node stands on it.
    HasParents {
        /// The node.
        name: Name,
    },
    /// A mirror needs a node that no other stands on.
    NotRoot,
    /// It is not to be written to.
    ReadOnly,
    /// It cannot become read-only under somebody who writes.
    HasWriter,
    /// Its image cannot be opened that way.
    Reopen {
        /// Why.
        errno: Errno,
    },
    /// Somebody else's use does not allow it.
    Conflict(Conflict),
    /// The filter's options are wrong.
    Options(OpenError),
    /// An image cannot be opened.
    Image {
        /// Why.
        errno: Errno,
    },
}

impl std::fmt::Display for AdminError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound { name } => {
                write!(f, "Cannot find device='{name}' nor node-name='{name}'")
            }
            Self::NoUser { name } => write!(f, "Device '{name}' not found"),
            Self::NameTaken { name } => write!(f, "Duplicate ID '{name}'"),
            Self::NoJob { name } => write!(f, "Job '{name}' not found"),
            Self::Busy { name, reason } => write!(f, "Node '{name}' is busy: {reason}"),
            Self::InUse { name } => write!(f, "Node {name} is in use"),
            Self::HasParents { name } => write!(f, "Block device {name} is in use"),
            Self::NotRoot => f.write_str("Need a root block node"),
            Self::ReadOnly => f.write_str("Block node is read-only"),
            Self::HasWriter => {
                f.write_str("Cannot make block node read-only, there is a writer on it")
            }
            Self::Reopen { errno } => write!(f, "Could not reopen file: {}", errno.sentence()),
            Self::Conflict(conflict) => conflict.fmt(f),
            Self::Options(error) => error.fmt(f),
            Self::Image { errno } => write!(f, "Could not open image: {}", errno.sentence()),
        }
    }
}

impl std::error::Error for AdminError {}

/// A command that waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningAdmin {
    id: VerbId,
    admin: Admin,
    wait: AdminWait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AdminWait {
    /// For the user that is taken away to have nothing in flight.
    Drained(UserId),
    /// For the filter to be closed.
    Closed,
    /// The end of the volume: for this user to have nothing in flight; then the jobs end.
    Quiet(UserId),
    /// The end of the volume: for the jobs to end.
    Jobs,
    /// The end of the volume: for a disk to be flushed.
    Flushed,
}

/// A job of the operator's own. It holds its node and copies nothing itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperatorJob {
    name: Name,
    kind: JobType,
    node: NodeId,
}

/// The commands, each answered at once or when what it waits for has come.
impl Volume {
    pub(crate) fn admin_begin(&mut self, id: VerbId, admin: Admin) {
        self.admin = Some(RunningAdmin { id, admin, wait: AdminWait::Closed });
        match admin {
            Admin::Attach { user, kind, node } => {
                let result = self.attach(user, kind, node);
                self.admin_answer(result);
            }
            Admin::Detach { user } => self.detach(user),
            Admin::DeleteNode { node } => self.delete_node(node),
            Admin::StartJob { job, kind, node } => {
                let result = self.start_job(job, kind, node);
                self.admin_answer(result);
            }
            Admin::CancelJob { job } => {
                let result = self.end_operator_jobs(|other| other.name == job);
                let found = if result { Ok(()) } else { Err(AdminError::NoJob { name: job }) };
                self.admin_answer(found);
            }
            Admin::Reopen { node, read_only } => {
                let result = self.reopen(node, read_only);
                self.admin_answer(result);
            }
            Admin::Open => self.admin_answer(Err(AdminError::NameTaken { name: FILTER })),
            Admin::Remove => self.admin_answer(Err(AdminError::NotFound { name: GUEST })),
            Admin::Quit => unreachable!("a host quits, not one of its volumes"),
        }
    }

    fn admin_answer(&mut self, result: Result<(), AdminError>) {
        let running = self.admin.take().expect("a command answers once");
        if result.is_err() {
            self.probe(Probe::AdminRefused);
        }
        let (id, admin) = (running.id, running.admin);
        self.events.push_back(Event::AdminAnswered { id, admin, result });
    }

    fn admin_waits_for(&mut self, wait: AdminWait) {
        self.admin.as_mut().expect("only a running command waits").wait = wait;
    }

    /// The node that a drive of this name uses, else the node of this name.
    pub(crate) fn lookup(&self, name: Name) -> Option<NodeId> {
        let drive = self.users.attached().find(|(user, _)| user.kind.named() && user.name == name);
        drive.map(|(_, root)| root).or_else(|| self.node_named(name))
    }

    pub(crate) fn node_named(&self, name: Name) -> Option<NodeId> {
        self.nodes.iter().find(|(_, node)| node.name == name).map(|(id, _)| id)
    }

    /// What a message calls a node: the drive on it, else the node.
    pub(crate) fn shown_name(&self, node: NodeId) -> Name {
        let drive = self.users.attached().find(|(user, root)| user.kind.named() && *root == node);
        drive.map_or(self.nodes[node].name, |(user, _)| user.name)
    }

    /// Whether another node stands on this one.
    pub(crate) fn has_parents(&self, node: NodeId) -> bool {
        !self.parents_of(node).is_empty()
    }

    /// What blocks operations on a node, oldest first.
    pub(crate) fn blocked(&self, node: NodeId) -> Option<Reason> {
        self.nodes[node].blockers.first().copied()
    }

    fn busy(&self, node: NodeId) -> Result<(), AdminError> {
        match self.blocked(node) {
            Some(reason) => Err(AdminError::Busy { name: self.shown_name(node), reason }),
            None => Ok(()),
        }
    }

    fn user_named(&self, name: Name) -> Option<&User> {
        let all = [&self.users.guest, &self.users.export].into_iter().chain(&self.users.others);
        all.into_iter().find(|user| user.name == name && user.root.is_some())
    }

    fn attach(&mut self, name: Name, kind: UserKind, node: Name) -> Result<(), AdminError> {
        let taken =
            self.user_named(name).is_some() || kind.named() && self.node_named(name).is_some();
        if taken {
            return Err(AdminError::NameTaken { name });
        }
        let root = self.lookup(node).ok_or(AdminError::NotFound { name: node })?;
        if kind.writes() && self.nodes[root].read_only {
            return Err(AdminError::ReadOnly);
        }
        let newcomer = Newcomer::User { name, writes: kind.writes() };
        if kind != UserKind::Drive
            && let Some(conflict) = self.conflict(root, newcomer)
        {
            return Err(AdminError::Conflict(conflict));
        }
        // The guest and the export go where they belong, or they are somebody else.
        let slot = match name {
            GUEST if Some(root) == self.guest_root() => &mut self.users.guest,
            EXPORT if Some(root) == self.export_root() => &mut self.users.export,
            _ => {
                self.users.others.push(User::new(name, kind, Some(root)));
                return Ok(());
            }
        };
        (slot.kind, slot.writes, slot.owns, slot.root) = (kind, kind.writes(), false, Some(root));
        Ok(())
    }

    /// Where the guest's device belongs: the root above the filter, or above what is recovered.
    pub(crate) fn guest_root(&self) -> Option<NodeId> {
        let recovers = self.options().recover;
        let images = [self.chain.active, self.chain.secondary].into_iter();
        let mut images = images.filter(|&node| recovers && self.nodes.contains_key(node));
        let below = self.filter.or_else(|| images.next())?;
        let is_quorum = |node: &NodeId| matches!(self.nodes[*node].driver, Driver::Quorum(_));
        Some(self.parents_of(below).into_iter().find(is_quorum).unwrap_or(below))
    }

    /// Where the export belongs: above the secondary disk and what copies before it writes.
    pub(crate) fn export_root(&self) -> Option<NodeId> {
        let bare = self.nodes.contains_key(self.chain.secondary).then_some(self.chain.secondary)?;
        Some(self.backup.map_or(bare, |job| job.filter))
    }

    fn detach(&mut self, name: Name) {
        let Some(user) = self.user_named(name) else {
            return self.admin_answer(Err(AdminError::NoUser { name }));
        };
        let (kind, root) = (user.kind, user.root.expect("it is attached"));
        // Removing a drive asks; removing a device or an export does not.
        if kind == UserKind::Drive
            && let Err(error) = self.busy(root)
        {
            return self.admin_answer(Err(error));
        }
        let id = match name {
            _ if self.users.guest.name == name && self.users.guest.root.is_some() => UserId::Guest,
            _ if self.users.export.name == name && self.users.export.root.is_some() => {
                UserId::Export
            }
            _ => {
                self.users.others.retain(|user| user.name != name);
                return self.detached(kind, root, false);
            }
        };
        self.admin_waits_for(AdminWait::Drained(id));
        self.drain_begin(id, DrainWaiter::Admin);
    }

    fn user_drained(&mut self, id: UserId) {
        let user = self.users.get_mut(id);
        let (kind, owns) = (user.kind, user.owns);
        let root = user.root.take().expect("it was attached till now");
        self.drain_end(id);
        self.detached(kind, root, owns);
    }

    fn detached(&mut self, kind: UserKind, root: NodeId, owns: bool) {
        if kind == UserKind::DriveDevice {
            self.cancel_jobs_of(root);
        }
        if owns && !self.has_parents(root) && self.nodes.contains_key(root) {
            return self.node_goes(root);
        }
        self.admin_answer(Ok(()));
    }

    /// The device's drive goes, and with it the jobs of its node.
    fn cancel_jobs_of(&mut self, node: NodeId) {
        self.end_operator_jobs(|job| job.node == node);
        if self.backup.is_some_and(|job| job.filter == node) {
            self.probe(Probe::BackupCancelledByDevice);
            self.backup_cancel();
        }
    }

    fn has_user(&self, node: NodeId) -> bool {
        self.users.attached().any(|(_, root)| root == node)
    }

    fn delete_node(&mut self, name: Name) {
        let Some(node) = self.node_named(name) else {
            return self.admin_answer(Err(AdminError::NotFound { name }));
        };
        let refused = if self.has_user(node) {
            Err(AdminError::InUse { name })
        } else if let Err(busy) = self.busy(node) {
            Err(busy)
        } else if self.has_parents(node) {
            Err(AdminError::HasParents { name: self.shown_name(node) })
        } else {
            Ok(())
        };
        match refused {
            Ok(()) => self.node_goes(node),
            Err(_) => self.admin_answer(refused),
        }
    }

    /// A root leaves the graph, and the filter below it with it.
    fn node_goes(&mut self, node: NodeId) {
        let blocked = self.blocked(node).is_some();
        if blocked && self.quirk(Quirk::BlockedTopDeleted) {
            return self.abort(Abort::BlockedNodeDeleted);
        }
        let above_filter = self.filter.is_some_and(|filter| self.is_below(node, filter));
        if above_filter {
            self.admin_waits_for(AdminWait::Closed);
            return self.close_begin();
        }
        self.nodes.remove(node);
        self.admin_answer(Ok(()));
    }

    fn start_job(&mut self, name: Name, kind: JobType, node: Name) -> Result<(), AdminError> {
        if self.operator_jobs.iter().any(|job| job.name == name) {
            return Err(AdminError::NameTaken { name });
        }
        let node = self.lookup(node).ok_or(AdminError::NotFound { name: node })?;
        if kind == JobType::Mirror && self.has_parents(node) {
            return Err(AdminError::NotRoot);
        }
        self.busy(node)?;
        self.operator_jobs.push(OperatorJob { name, kind, node });
        self.block(node, Reason::Job(kind));
        Ok(())
    }

    /// Ends the operator's jobs that are meant; whether there was one.
    fn end_operator_jobs(&mut self, meant: impl Fn(&OperatorJob) -> bool) -> bool {
        let (ended, kept) = self.operator_jobs.iter().partition::<Vec<_>, _>(|job| meant(job));
        self.operator_jobs = kept;
        for job in &ended {
            self.unblock(job.node, Reason::Job(job.kind));
        }
        !ended.is_empty()
    }

    /// A node leaves the graph: who used it uses nothing, and its jobs have nothing to work on.
    pub(crate) fn forget_node(&mut self, node: NodeId) {
        self.users.forget(node);
        self.end_operator_jobs(|job| job.node == node);
    }

    pub(crate) fn block(&mut self, node: NodeId, reason: Reason) {
        let name = self.nodes[node].name;
        self.nodes[node].blockers.push(reason);
        self.events.push_back(Event::Blocker { node: name, reason, set: true });
    }

    pub(crate) fn unblock(&mut self, node: NodeId, reason: Reason) {
        let Some(found) = self.nodes.get_mut(node) else { return };
        let Some(place) = found.blockers.iter().position(|other| *other == reason) else { return };
        found.blockers.remove(place);
        let name = found.name;
        self.events.push_back(Event::Blocker { node: name, reason, set: false });
    }

    fn reopen(&mut self, name: Name, read_only: bool) -> Result<(), AdminError> {
        let node = self.node_named(name).ok_or(AdminError::NotFound { name })?;
        if !matches!(self.nodes[node].driver, Driver::Raw(_) | Driver::Overlay(_)) {
            return Err(AdminError::Reopen { errno: Errno::Invalid });
        }
        if self.nodes[node].ejected {
            return Err(AdminError::Reopen { errno: Errno::NoMedium });
        }
        if read_only && self.has_writer(node) {
            return Err(AdminError::HasWriter);
        }
        if !read_only && self.nodes[node].protected {
            return Err(AdminError::Reopen { errno: Errno::Access });
        }
        self.set_read_only(node, read_only);
        Ok(())
    }

    pub(crate) fn set_read_only(&mut self, node: NodeId, read_only: bool) {
        let found = &mut self.nodes[node];
        if found.read_only != read_only {
            found.read_only = read_only;
            let name = found.name;
            self.events.push_back(Event::ReadOnly { node: name, on: read_only });
        }
    }
}
