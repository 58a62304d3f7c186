//! Block nodes: what there is between a user and a disk.
//!
//! A node holds its driver's state and the requests it tracks; what a driver
//! does with a request stands in the file named after it.

use std::collections::VecDeque;

use slotmap::new_key_type;

use crate::bitmap::Bitmap;
use crate::copy_before_write::CopyBeforeWrite;
use crate::event::{DiskId, UserId, UserRequest};
use crate::filter::Filter;
use crate::io::{DrainWaiter, IoId};
use crate::overlay::Overlay;
use crate::remote::Remote;

new_key_type! {
    /// Names a node. A key of a node that is gone is never found again.
    pub struct NodeId;
}

/// One block node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What it does with requests.
    pub(crate) driver: Driver,
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

/// Somebody who sends requests: the guest's device, or the network export.
#[derive(Debug, Clone)]
pub(crate) struct User {
    /// Where its requests go in; nothing once its device lost its medium.
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
    pub(crate) fn new(root: Option<NodeId>) -> Self {
        Self { root, drains: 0, held: VecDeque::new(), in_flight: 0, waiters: Vec::new() }
    }
}

/// The two users of a host.
#[derive(Debug, Clone)]
pub(crate) struct Users {
    pub(crate) guest: User,
    pub(crate) export: User,
}

impl Users {
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
}

impl Node {
    pub(crate) fn new(driver: Driver) -> Self {
        Self { driver, tracked: Vec::new() }
    }

    /// Whether overlapping requests are ordered here: where a copy may be saved
    /// while somebody reads through.
    pub(crate) fn tracks(&self) -> bool {
        matches!(self.driver, Driver::Overlay(_))
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
