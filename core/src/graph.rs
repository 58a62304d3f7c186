//! Block nodes: what there is between a user and a disk.
//!
//! A node holds its driver's state and the requests it tracks; what a driver
//! does with a request stands in the file named after it.

use std::collections::VecDeque;

use slotmap::new_key_type;

use crate::bitmap::Bitmap;
use crate::copy_before_write::CopyBeforeWrite;
use crate::event::{DiskId, JobType, UserId, UserRequest};
use crate::filter::Filter;
use crate::io::{DrainWaiter, IoId};
use crate::name::Name;
use crate::overlay::Overlay;
use crate::remote::Remote;
use crate::volume::Volume;
use crate::wiring::{EXPORT, UserKind};

new_key_type! {
    /// Names a node. A key of a node that is gone is never found again.
    pub struct NodeId;
}

/// One block node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: Name,
    /// What it does with requests.
    pub(crate) driver: Driver,
    pub(crate) read_only: bool,
    /// Its image cannot be opened for writing.
    pub(crate) protected: bool,
    /// Its format layer is gone: every request fails.
    pub(crate) ejected: bool,
    /// Why operations on it are refused.
    pub(crate) blockers: Vec<Reason>,
    /// Tracked requests in order of submission; only overlays track (see `io`).
    pub(crate) tracked: Vec<IoId>,
}

/// What a node does with requests.
#[derive(Debug, Clone)]
pub(crate) enum Driver {
    /// Straight to a disk.
    Raw(DiskId),
    /// Copy-on-write over a backing node.
    Overlay(Box<Overlay>),
    /// Saves old contents before a write.
    CopyBeforeWrite(Box<CopyBeforeWrite>),
    /// The replication filter.
    Replication(Box<Filter>),
    /// Several children that hold the same.
    Quorum(Vec<NodeId>),
    /// The other host's export, over the link.
    Remote(Remote),
}

/// Why an operation on a node is refused: what blocks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The filter's own blocker on the top (M23).
    InternalBackup,
    /// A block job that uses the node.
    Job(JobType),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InternalBackup => f.write_str("Block device is in use by internal backup job"),
            Self::Job(job) => write!(f, "block device is in use by block job: {}", job.name()),
        }
    }
}

/// Somebody who uses a node: a device, a drive, an export. Two of them send requests.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: Name,
    pub(crate) kind: UserKind,
    /// Whether it writes: not if its node was read-only when it came.
    pub(crate) writes: bool,
    /// Whether its node is there only as long as it is.
    pub(crate) owns: bool,
    /// Where its requests go in; nothing while it is detached or its device lost its medium.
    pub(crate) root: Option<NodeId>,
    /// How many drained sections hold it back.
    pub(crate) drains: u32,
    /// Requests that arrived meanwhile.
    pub(crate) held: VecDeque<(UserRequest, crate::event::UserOp)>,
    /// Requests on their way.
    pub(crate) in_flight: u32,
    /// Who waits for that to be none.
    pub(crate) waiters: Vec<DrainWaiter>,
}

impl User {
    pub(crate) fn new(name: Name, kind: UserKind, root: Option<NodeId>) -> Self {
        Self {
            name,
            kind,
            writes: kind.writes(),
            owns: false,
            root,
            drains: 0,
            held: VecDeque::new(),
            in_flight: 0,
            waiters: Vec::new(),
        }
    }
}

/// The users of a host.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    pub(crate) guest: User,
    pub(crate) export: User,
    /// Those that only use a node and send nothing.
    pub(crate) others: Vec<User>,
}

impl Users {
    /// A guest, an export that is not attached, and nobody else.
    pub(crate) fn new(guest: User) -> Self {
        Self { guest, export: User::new(EXPORT, UserKind::Export, None), others: Vec::new() }
    }

    pub(crate) fn get(&self, id: UserId) -> &User {
        match id {
            UserId::Guest => &self.guest,
            UserId::Export => &self.export,
        }
    }

    pub(crate) fn get_mut(&mut self, id: UserId) -> &mut User {
        match id {
            UserId::Guest => &mut self.guest,
            UserId::Export => &mut self.export,
        }
    }

    /// Those that are attached, in a fixed order.
    pub(crate) fn attached(&self) -> impl Iterator<Item = (&User, NodeId)> {
        let all = [&self.guest, &self.export].into_iter().chain(&self.others);
        all.filter_map(|user| user.root.map(|root| (user, root)))
    }

    /// Whoever uses a node that is gone uses nothing any more.
    pub(crate) fn forget(&mut self, node: NodeId) {
        for user in [&mut self.guest, &mut self.export] {
            user.root = user.root.filter(|root| *root != node);
        }
        self.others.retain(|user| user.root != Some(node));
    }

    /// Moves whoever uses `from` to `to`.
    pub(crate) fn repoint(&mut self, from: NodeId, to: NodeId) {
        let all = [&mut self.guest, &mut self.export].into_iter().chain(&mut self.others);
        for user in all.filter(|user| user.root == Some(from)) {
            user.root = Some(to);
        }
    }
}

impl Node {
    pub(crate) fn new(name: Name, driver: Driver) -> Self {
        Self {
            name,
            driver,
            read_only: false,
            protected: false,
            ejected: false,
            blockers: Vec::new(),
            tracked: Vec::new(),
        }
    }

    /// The nodes it stands on.
    pub(crate) fn children(&self) -> Vec<NodeId> {
        match &self.driver {
            Driver::Raw(_) | Driver::Remote(_) => Vec::new(),
            Driver::Overlay(overlay) => vec![overlay.backing],
            Driver::CopyBeforeWrite(filter) => vec![filter.source, filter.target],
            Driver::Replication(filter) => vec![filter.child],
            Driver::Quorum(children) => children.clone(),
        }
    }

    /// Whether overlapping requests are ordered here: where a copy may be saved
    /// while somebody reads through.
    pub(crate) fn tracks(&self) -> bool {
        matches!(self.driver, Driver::Overlay(_))
    }
}

impl Volume {
    /// The nodes that stand on this one.
    pub(crate) fn parents_of(&self, node: NodeId) -> Vec<NodeId> {
        let parents = self.nodes.iter().filter(|(_, other)| other.children().contains(&node));
        parents.map(|(id, _)| id).collect()
    }
}

/// Clusters allocated in any of `maps`, as granules of `granule` sectors.
pub(crate) fn allocated_granules(
    geometry: &crate::geometry::Geometry,
    maps: &[&Bitmap],
    granule: u32,
) -> Bitmap {
    let mut granules = Bitmap::new(geometry.blocks(granule));
    for map in maps {
        let mut next = map.next_set(0);
        while let Some(cluster) = next {
            granules.set(geometry.block(cluster, geometry.cluster).blocks(granule));
            next = map.next_set(cluster + 1);
        }
    }
    granules
}
