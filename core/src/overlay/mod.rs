//! The overlay driver: a disk image that holds what differs from its backing node.
//!
//! On its disk: one header sector, the allocation map (one byte a cluster, zero
//! for not allocated), then the data at their guest position. The map in memory
//! is the truth while the host lives; it is persisted at a flush, and only for
//! clusters whose data was flushed before (data before map), so that a power
//! loss never leaves a cluster that claims contents it does not have.
//!
//! A write to part of an unallocated cluster fills the rest from the backing
//! node, under a lock of that cluster; later writes to it wait in order.

mod flush;
mod layout;
mod mark;
mod write;

use std::collections::VecDeque;

use crate::bitmap::Bitmap;
use crate::disk::{Errno, Op};
use crate::event::DiskId;
use crate::geometry::{Extent, Geometry};
use crate::graph::{Driver, NodeId};
use crate::io::{Io, IoId, Kind, State};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::Volume;

pub use flush::EmptyFailure;
pub(crate) use flush::FlushStep;
use layout::MAGIC;
pub use layout::{Layout, Mark};
pub(crate) use write::OverlayWrite;

/// An overlay's state.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    pub(crate) disk: DiskId,
    pub(crate) backing: NodeId,
    pub(crate) can_be_emptied: bool,
    /// How its next emptying fails.
    pub(crate) fails_next: Option<(EmptyFailure, Errno)>,
    layout: Layout,
    /// What the header says, as far as a write of it succeeded.
    pub(crate) mark: Mark,
    /// A write of the header failed: the disk may say either.
    pub(crate) mark_in_doubt: bool,
    /// What it may say is that the view is owed.
    pub(crate) owed_in_doubt: bool,
    /// Allocated clusters.
    pub(crate) map: Bitmap,
    /// Map sectors that differ from the disk's.
    map_dirty: Bitmap,
    locks: Vec<ClusterLock>,
    flushing: bool,
    flush_queue: VecDeque<IoId>,
}

/// One cluster that is being allocated, and who comes next.
#[derive(Debug, Clone)]
struct ClusterLock {
    cluster: usize,
    queue: VecDeque<(IoId, u32)>,
}

impl Overlay {
    pub(crate) fn new(disk: DiskId, backing: NodeId, geometry: &Geometry) -> Self {
        let layout = Layout::new(geometry);
        Self {
            disk,
            backing,
            can_be_emptied: true,
            fails_next: None,
            layout,
            mark: Mark::Void,
            mark_in_doubt: false,
            owed_in_doubt: false,
            map: Bitmap::new(geometry.blocks(geometry.cluster)),
            map_dirty: Bitmap::new(layout.map_sectors as usize),
            locks: Vec::new(),
            flushing: false,
            flush_queue: VecDeque::new(),
        }
    }

    /// What to read when opening: header and map in one.
    pub(crate) fn opening_read(&self) -> Op {
        Op::Read { at: 0, len: 1 + self.layout.map_sectors }
    }

    /// Takes the header and the map as they were read.
    pub(crate) fn open(&mut self, geometry: &Geometry, bytes: &[u8]) -> Result<(), Errno> {
        if bytes[..4] != MAGIC {
            return Err(Errno::Invalid);
        }
        self.mark = Mark::from_byte(bytes[4])?;
        let map = &bytes[geometry.sector_size as usize..];
        for cluster in (0..self.map.len()).filter(|&cluster| map[cluster] != 0) {
            self.map.set(cluster..cluster + 1);
        }
        Ok(())
    }

    /// Whether a sector is here, and where on the disk.
    pub(crate) fn locate(&self, geometry: &Geometry, sector: u64) -> Option<u64> {
        let cluster = (sector / u64::from(geometry.cluster)) as usize;
        self.map.get(cluster).then_some(self.layout.data_at + sector)
    }

    /// The guest's sectors that a run of this overlay's disk holds; `None` for header and map.
    pub(crate) fn guest_extent(&self, on_disk: Extent) -> Option<Extent> {
        (on_disk.at >= self.layout.data_at)
            .then(|| Extent::new(on_disk.at - self.layout.data_at, on_disk.len))
    }

    fn allocate(&mut self, cluster: usize) {
        self.map.set(cluster..cluster + 1);
        let sector = cluster / self.layout.clusters_per_sector;
        self.map_dirty.set(sector..sector + 1);
    }

    /// Lets the next one have the cluster's lock; nobody waiting, the lock goes.
    fn unlock(&mut self, cluster: usize) -> Option<(IoId, u32)> {
        let place = self.locks.iter().position(|lock| lock.cluster == cluster);
        let place = place.expect("a lock that is released is held");
        let next = self.locks[place].queue.pop_front();
        if next.is_none() {
            self.locks.swap_remove(place);
        }
        next
    }

    /// The bytes of one map sector.
    fn map_bytes(&self, map: &Bitmap, sectors: std::ops::Range<usize>) -> Vec<u8> {
        let per_sector = self.layout.clusters_per_sector;
        let clusters = sectors.start * per_sector..sectors.end * per_sector;
        clusters.map(|cluster| u8::from(cluster < map.len() && map.get(cluster))).collect()
    }
}

/// How far from `at` the allocation status in all of `maps` together stays the same, and which it is.
///
/// The seed's `bdrv_is_allocated_above`: true if any of the layers holds it. The
/// length is maximal within `extent` (the seed's need not be).
pub(crate) fn allocated_prefix(
    geometry: &Geometry,
    maps: &[&Bitmap],
    extent: Extent,
) -> (bool, u32) {
    let in_any = |cluster: usize| maps.iter().any(|map| map.get(cluster));
    let mut clusters = extent.blocks(geometry.cluster);
    let first = clusters.next().expect("an extent has a sector");
    let allocated = in_any(first);
    let end = clusters.find(|&cluster| in_any(cluster) != allocated);
    let end = end.map_or(extent.end(), |cluster| cluster as u64 * u64::from(geometry.cluster));
    (allocated, (end - extent.at) as u32)
}

/// Reads: split by allocation, each part from here or from the backing node.
impl Volume {
    pub(crate) fn overlay_begin(&mut self, id: IoId) {
        match self.ios[id].kind {
            Kind::Read => self.overlay_read(id),
            Kind::Write => self.overlay_write(id),
            Kind::Flush | Kind::Empty => self.flush_queued(id),
            Kind::Mark(mark) => self.overlay_mark(id, mark),
        }
    }

    pub(crate) fn overlay(&self, node: NodeId) -> &Overlay {
        match &self.nodes[node].driver {
            Driver::Overlay(overlay) => overlay,
            _ => unreachable!("an overlay's request is on an overlay"),
        }
    }

    pub(crate) fn overlay_mut(&mut self, node: NodeId) -> &mut Overlay {
        match &mut self.nodes[node].driver {
            Driver::Overlay(overlay) => overlay,
            _ => unreachable!("an overlay's request is on an overlay"),
        }
    }

    fn overlay_read(&mut self, id: IoId) {
        let geometry = *self.geometry();
        let Io { node, extent, .. } = self.ios[id];
        self.ios[id].state = State::Parts;
        let mut rest = extent;
        while rest.len > 0 {
            let overlay = self.overlay(node);
            let (allocated, len) = allocated_prefix(&geometry, &[&overlay.map], rest);
            let (disk, backing, data_at) = (overlay.disk, overlay.backing, overlay.layout.data_at);
            let whole = len == extent.len;
            if !whole && self.ios[id].gathered.is_empty() {
                self.probe(Probe::SplitRead);
                self.ios[id].gathered = vec![0; geometry.bytes(extent.len)];
            }
            let part = (rest.at - extent.at) as u32;
            if allocated {
                self.send_to_disk(id, part, disk, Op::Read { at: data_at + rest.at, len });
            } else {
                let extent = Extent::new(rest.at, len);
                self.send_to_node(id, part, backing, Kind::Read, extent, Payload::EMPTY);
            }
            rest = Extent::new(rest.at + u64::from(len), rest.len - len);
        }
    }
}
