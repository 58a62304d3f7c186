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

use std::collections::VecDeque;

use crate::bitmap::Bitmap;
use crate::disk::{Errno, Op};
use crate::event::{DiskId, Event};
use crate::geometry::{Extent, Geometry};
use crate::graph::{Driver, NodeId};
use crate::host::Host;
use crate::io::{Io, IoId, Kind, Parent, State, Task};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::quirk::Quirk;

const MAGIC: [u8; 4] = *b"cOv1";

/// What an overlay's header says of the view that it and those below it hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Mark {
    /// Nothing to a later life: whose view it was needs the memory of that host.
    #[default]
    Void = 0,
    /// The only copy of what a guest was promised: it must be written down.
    Owed = 1,
    /// Nothing any more: the disk below holds everything.
    Retired = 2,
}

impl Mark {
    fn from_byte(byte: u8) -> Result<Self, Errno> {
        [Self::Void, Self::Owed, Self::Retired]
            .into_iter()
            .find(|mark| *mark as u8 == byte)
            .ok_or(Errno::Invalid)
    }
}

/// Where things are on an overlay's disk, in sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Sectors of the allocation map; it begins at sector 1.
    pub map_sectors: u32,
    /// Clusters that one map sector describes.
    pub clusters_per_sector: usize,
    /// First data sector.
    pub data_at: u64,
}

impl Layout {
    /// The layout for disks of this size.
    pub fn new(geometry: &Geometry) -> Self {
        let clusters_per_sector = geometry.sector_size as usize;
        let map_sectors = geometry.blocks(geometry.cluster).div_ceil(clusters_per_sector) as u32;
        Self { map_sectors, clusters_per_sector, data_at: 1 + u64::from(map_sectors) }
    }

    /// Length of the overlay's disk.
    pub fn disk_sectors(&self, geometry: &Geometry) -> u64 {
        self.data_at + geometry.sectors
    }

    /// What a new overlay's disk holds in sector 0; everything else is zero.
    pub fn header(geometry: &Geometry) -> Vec<u8> {
        Self::marked_header(geometry, Mark::Void)
    }

    fn marked_header(geometry: &Geometry, mark: Mark) -> Vec<u8> {
        let mut sector = vec![0; geometry.sector_size as usize];
        sector[..4].copy_from_slice(&MAGIC);
        sector[4] = mark as u8;
        sector
    }
}

/// An overlay's state.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    pub(crate) disk: DiskId,
    pub(crate) backing: NodeId,
    layout: Layout,
    /// What the header says, as far as a write of it succeeded.
    pub(crate) mark: Mark,
    /// A write of the header failed: the disk may say either.
    pub(crate) mark_in_doubt: bool,
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

/// A write, cut at the borders of allocation.
#[derive(Debug, Clone)]
pub(crate) struct OverlayWrite {
    pieces: Vec<Piece>,
    /// Pieces that are not done.
    left: u32,
}

#[derive(Debug, Clone)]
struct Piece {
    extent: Extent,
    step: PieceStep,
}

#[derive(Debug, Clone)]
enum PieceStep {
    /// Waits for the lock of its cluster, or writes where the cluster is already.
    InPlace,
    /// Reads what the guest does not write: `cluster` so far, and parts to come.
    ReadingBacking { cluster: usize, bytes: Vec<u8>, parts: u32, failed: bool },
    /// Writes a whole new cluster, under its lock.
    WritingCluster { cluster: usize },
}

/// A flush or an emptying, step by step.
#[derive(Debug, Clone)]
pub(crate) enum FlushStep {
    /// Behind another flush.
    Queued,
    /// Makes the data durable; then these map sectors are written.
    Data { map: Bitmap, sectors: Bitmap },
    /// Writes map sectors.
    Map { sectors: Bitmap },
    /// Makes the map durable.
    Seal { sectors: Bitmap },
    /// An empty map is durable; whether it counts, the verb decides.
    Prepared,
}

/// The part number of a piece's answer: which piece, and which of its requests.
const PART_WRITE: u32 = 0;
const PART_HEAD: u32 = 1;
const PART_TAIL: u32 = 2;

fn part(piece: u32, what: u32) -> u32 {
    piece * 4 + what
}

impl Overlay {
    pub(crate) fn new(disk: DiskId, backing: NodeId, geometry: &Geometry) -> Self {
        let layout = Layout::new(geometry);
        Self {
            disk,
            backing,
            layout,
            mark: Mark::Void,
            mark_in_doubt: false,
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
impl Host {
    pub(crate) fn overlay_begin(&mut self, id: IoId) {
        match self.ios[id].kind {
            Kind::Read => self.overlay_read(id),
            Kind::Write => self.overlay_write(id),
            Kind::Flush | Kind::Empty => self.flush_queued(id),
            Kind::Mark(mark) => self.overlay_mark(id, mark),
        }
    }

    /// Writes the header, one sector and thus all or nothing, and waits until it is durable.
    fn overlay_mark(&mut self, id: IoId, mark: Mark) {
        let payload = Payload::from(Layout::marked_header(self.geometry(), mark));
        let disk = self.overlay(self.ios[id].node).disk;
        self.ios[id].state = State::Parts;
        self.send_to_disk(id, 0, disk, Op::Write { at: 0, payload, fua: true });
    }

    /// The header was written, or may have been.
    pub(crate) fn overlay_marked(&mut self, node: NodeId, mark: Mark, ok: bool) {
        if ok {
            self.overlay_mut(node).mark = mark;
        } else {
            self.probe(Probe::MarkFailed);
        }
        self.overlay_mut(node).mark_in_doubt = !ok;
    }

    /// Marks the chain, in the header of active, for whoever must answer.
    pub(crate) fn mark_chain(&mut self, mark: Mark, parent: Parent) {
        let none = Extent::new(0, 0);
        self.spawn(self.chain.active, Kind::Mark(mark), none, Payload::EMPTY, parent);
    }

    /// What the chain says of itself; nothing where marks are not kept.
    pub(crate) fn chain_mark(&self) -> Option<Mark> {
        (!self.quirk(Quirk::UnmarkedOverlays)).then(|| self.overlay(self.chain.active).mark)
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

/// Writes: allocated runs in place, every other cluster under its lock.
impl Host {
    fn overlay_write(&mut self, id: IoId) {
        let geometry = *self.geometry();
        let Io { node, extent, .. } = self.ios[id];
        let mut pieces = Vec::new();
        let mut rest = extent;
        while rest.len > 0 {
            let (allocated, mut len) =
                allocated_prefix(&geometry, &[&self.overlay(node).map], rest);
            if !allocated {
                let cluster_left =
                    geometry.cluster - (rest.at % u64::from(geometry.cluster)) as u32;
                len = len.min(cluster_left);
            }
            pieces.push(Piece { extent: Extent::new(rest.at, len), step: PieceStep::InPlace });
            rest = Extent::new(rest.at + u64::from(len), rest.len - len);
        }
        let count = pieces.len() as u32;
        self.ios[id].state = State::Overlay(Box::new(OverlayWrite { pieces, left: count }));
        for piece in 0..count {
            self.overlay_piece_begin(id, piece);
        }
    }

    fn piece(&mut self, id: IoId, piece: u32) -> &mut Piece {
        match &mut self.ios[id].state {
            State::Overlay(write) => &mut write.pieces[piece as usize],
            _ => unreachable!("a piece belongs to a write"),
        }
    }

    fn overlay_piece_begin(&mut self, id: IoId, piece: u32) {
        let extent = self.piece(id, piece).extent;
        let cluster = extent.blocks(self.geometry().cluster).start;
        let overlay = self.overlay_mut(self.ios[id].node);
        if overlay.map.get(cluster) {
            return self.overlay_write_in_place(id, piece);
        }
        if let Some(lock) = overlay.locks.iter_mut().find(|lock| lock.cluster == cluster) {
            lock.queue.push_back((id, piece));
            return self.probe(Probe::ClusterLocked);
        }
        overlay.locks.push(ClusterLock { cluster, queue: VecDeque::new() });
        self.overlay_allocate(id, piece, cluster);
    }

    /// The lock of the piece's cluster is ours now.
    pub(crate) fn overlay_piece_locked(&mut self, id: IoId, piece: u32) {
        let node = self.ios[id].node;
        let cluster = self.piece(id, piece).extent.blocks(self.geometry().cluster).start;
        if !self.overlay(node).map.get(cluster) {
            return self.overlay_allocate(id, piece, cluster);
        }
        self.probe(Probe::AllocatedWhileWaiting);
        self.overlay_unlock(node, cluster);
        self.overlay_write_in_place(id, piece);
    }

    fn overlay_unlock(&mut self, node: NodeId, cluster: usize) {
        if let Some((io, piece)) = self.overlay_mut(node).unlock(cluster) {
            self.tasks.push_back(Task::ClusterUnlocked(io, piece));
        }
    }

    fn overlay_write_in_place(&mut self, id: IoId, piece: u32) {
        let extent = self.piece(id, piece).extent;
        let payload = self.slice(id, extent);
        self.overlay_write_data(id, piece, extent.at, payload);
    }

    fn overlay_write_data(&mut self, id: IoId, piece: u32, at: u64, payload: Payload) {
        let overlay = self.overlay(self.ios[id].node);
        let (disk, at) = (overlay.disk, overlay.layout.data_at + at);
        self.send_to_disk(id, part(piece, PART_WRITE), disk, Op::Write { at, payload, fua: false });
    }

    /// The part of a write's payload that belongs to `extent`.
    pub(crate) fn slice(&self, id: IoId, extent: Extent) -> Payload {
        let io = &self.ios[id];
        let sector_size = self.geometry().sector_size as usize;
        let from = (extent.at - io.extent.at) as usize * sector_size;
        io.payload.slice(from, from + extent.len as usize * sector_size)
    }

    /// Allocates the cluster: at once if the guest writes all of it, else after reading the rest.
    fn overlay_allocate(&mut self, id: IoId, piece: u32, cluster: usize) {
        let geometry = *self.geometry();
        let extent = self.piece(id, piece).extent;
        let whole = geometry.block(cluster, geometry.cluster);
        if extent == whole {
            self.piece(id, piece).step = PieceStep::WritingCluster { cluster };
            let payload = self.slice(id, extent);
            return self.overlay_write_data(id, piece, extent.at, payload);
        }
        self.probe(Probe::PartialCluster);
        let head = Extent::new(whole.at, (extent.at - whole.at) as u32);
        let tail = Extent::new(extent.end(), (whole.end() - extent.end()) as u32);
        let mut bytes = vec![0; geometry.bytes(whole.len)];
        let from = geometry.bytes(head.len);
        bytes[from..from + geometry.bytes(extent.len)].copy_from_slice(&self.slice(id, extent));
        let parts = u32::from(head.len > 0) + u32::from(tail.len > 0);
        self.piece(id, piece).step =
            PieceStep::ReadingBacking { cluster, bytes, parts, failed: false };
        let backing = self.overlay(self.ios[id].node).backing;
        for (what, side) in [(PART_HEAD, head), (PART_TAIL, tail)] {
            if side.len > 0 {
                self.send_to_node(id, part(piece, what), backing, Kind::Read, side, Payload::EMPTY);
            }
        }
    }

    pub(crate) fn overlay_piece_done(
        &mut self,
        id: IoId,
        part: u32,
        result: Result<Payload, Errno>,
    ) {
        let (piece, what) = (part / 4, part % 4);
        if what != PART_WRITE {
            return self.overlay_backing_read(id, piece, what, result);
        }
        if let PieceStep::WritingCluster { cluster } = self.piece(id, piece).step {
            let node = self.ios[id].node;
            if result.is_ok() {
                self.overlay_mut(node).allocate(cluster);
            } else {
                self.probe(Probe::AllocatingWriteFailed);
            }
            self.overlay_unlock(node, cluster);
        }
        self.overlay_piece_ended(id);
    }

    fn overlay_backing_read(
        &mut self,
        id: IoId,
        piece: u32,
        what: u32,
        result: Result<Payload, Errno>,
    ) {
        let node = self.ios[id].node;
        let PieceStep::ReadingBacking { cluster, bytes, parts, failed } =
            &mut self.piece(id, piece).step
        else {
            unreachable!("only a partial cluster reads its backing node");
        };
        let cluster = *cluster;
        *parts -= 1;
        match result {
            Ok(old) if what == PART_HEAD => bytes[..old.len()].copy_from_slice(&old),
            Ok(old) => {
                let from = bytes.len() - old.len();
                bytes[from..].copy_from_slice(&old);
            }
            Err(_) => *failed = true,
        }
        if *parts > 0 {
            return;
        }
        if *failed {
            self.probe(Probe::PartialReadFailed);
            self.overlay_unlock(node, cluster);
            return self.overlay_piece_ended(id);
        }
        let payload = Payload::from(std::mem::take(bytes));
        self.piece(id, piece).step = PieceStep::WritingCluster { cluster };
        let at = cluster as u64 * u64::from(self.geometry().cluster);
        self.overlay_write_data(id, piece, at, payload);
    }

    fn overlay_piece_ended(&mut self, id: IoId) {
        let io = &mut self.ios[id];
        let State::Overlay(write) = &mut io.state else {
            unreachable!("a piece belongs to a write")
        };
        write.left -= 1;
        if write.left == 0 {
            let answer = io.error.map_or(Ok(Payload::EMPTY), Err);
            self.finish(id, answer);
        }
    }
}

/// Flush: data, then the map sectors that changed, then seal them. One at a time.
/// Emptying takes the same steps, with an empty map.
impl Host {
    fn flush_queued(&mut self, id: IoId) {
        self.ios[id].state = State::Flushing(FlushStep::Queued);
        let overlay = self.overlay_mut(self.ios[id].node);
        if overlay.flushing {
            overlay.flush_queue.push_back(id);
            return self.probe(Probe::FlushWaits);
        }
        overlay.flushing = true;
        self.flush_begin(id);
    }

    pub(crate) fn flush_begin(&mut self, id: IoId) {
        let Io { node, kind, .. } = self.ios[id];
        let overlay = self.overlay_mut(node);
        let (map, sectors) = if kind == Kind::Empty {
            let mut all = Bitmap::new(overlay.map_dirty.len());
            all.set(0..overlay.map_dirty.len());
            overlay.map_dirty.clear_all();
            (Bitmap::new(overlay.map.len()), all)
        } else {
            let clean = Bitmap::new(overlay.map_dirty.len());
            (overlay.map.clone(), std::mem::replace(&mut overlay.map_dirty, clean))
        };
        let disk = overlay.disk;
        if kind == Kind::Empty {
            return self.flush_write_map(id, &map, sectors);
        }
        self.ios[id].state = State::Flushing(FlushStep::Data { map, sectors });
        self.send_to_disk(id, 0, disk, Op::Flush);
    }

    fn flush_write_map(&mut self, id: IoId, map: &Bitmap, sectors: Bitmap) {
        if !sectors.none() && self.ios[id].kind == Kind::Flush {
            self.probe(Probe::FlushWritesMap);
        }
        let node = self.ios[id].node;
        let mut from = sectors.next_set(0);
        while let Some(first) = from {
            let end = first + sectors.run(first, sectors.len());
            let overlay = self.overlay(node);
            let payload = Payload::from(overlay.map_bytes(map, first..end));
            let (disk, at) = (overlay.disk, 1 + first as u64);
            self.send_to_disk(id, 0, disk, Op::Write { at, payload, fua: false });
            from = sectors.next_set(end);
        }
        self.ios[id].state = State::Flushing(FlushStep::Map { sectors });
    }

    pub(crate) fn flush_step_done(&mut self, id: IoId) {
        let io = &mut self.ios[id];
        if io.pending > 0 {
            return;
        }
        let error = io.error;
        let State::Flushing(step) = std::mem::replace(&mut io.state, State::Entered) else {
            unreachable!("a flush's part belongs to a flush")
        };
        match (step, error) {
            (FlushStep::Data { sectors, .. }, None) if sectors.none() => self.flush_end(id, None),
            (FlushStep::Data { map, sectors }, None) => self.flush_write_map(id, &map, sectors),
            (FlushStep::Map { sectors }, None) => {
                let disk = self.overlay(self.ios[id].node).disk;
                self.ios[id].state = State::Flushing(FlushStep::Seal { sectors });
                self.send_to_disk(id, 0, disk, Op::Flush);
            }
            (FlushStep::Seal { .. }, None) if self.empties_are_prepared(id) => {
                self.ios[id].state = State::Flushing(FlushStep::Prepared);
                self.verb_prepared(id);
            }
            (FlushStep::Seal { .. }, None) => self.flush_end(id, None),
            (FlushStep::Prepared, _) => unreachable!("a prepared emptying has no parts"),
            (FlushStep::Queued, _) => unreachable!("a flush that waits has no parts"),
            (FlushStep::Data { sectors, .. } | FlushStep::Seal { sectors }, Some(_)) => {
                self.flush_end(id, Some(sectors));
            }
            (FlushStep::Map { sectors }, Some(_)) => {
                self.probe(Probe::MapWriteFailed);
                self.flush_end(id, Some(sectors));
            }
        }
    }

    /// Ends a flush or an emptying; on failure these map sectors are dirty again.
    fn flush_end(&mut self, id: IoId, failed: Option<Bitmap>) {
        let Io { node, kind, error, .. } = self.ios[id];
        let overlay = self.overlay_mut(node);
        if let Some(sectors) = failed {
            let mut next = sectors.next_set(0);
            while let Some(sector) = next {
                overlay.map_dirty.set(sector..sector + 1);
                next = sectors.next_set(sector + 1);
            }
        } else if kind == Kind::Empty {
            overlay.map.clear_all();
            overlay.map_dirty.clear_all();
            let disk = overlay.disk;
            self.events.push_back(Event::Emptied(disk));
        }
        let overlay = self.overlay_mut(node);
        match overlay.flush_queue.pop_front() {
            Some(next) => self.tasks.push_back(Task::NextFlush(next)),
            None => overlay.flushing = false,
        }
        if kind == Kind::Empty && error.is_some() {
            self.probe(Probe::EmptyFailed);
        }
        self.finish(id, error.map_or(Ok(Payload::EMPTY), Err));
    }

    /// Whether this is an emptying that takes effect together with another one.
    fn empties_are_prepared(&self, id: IoId) -> bool {
        self.ios[id].kind == Kind::Empty && !self.quirk(Quirk::TornCheckpoint)
    }

    /// A prepared emptying takes effect: the overlay is empty from this instant on.
    pub(crate) fn empty_commit(&mut self, id: IoId) {
        self.flush_end(id, None);
    }

    /// A prepared emptying is given up: the map in memory stays the truth, and is written anew
    /// at the next flush.
    pub(crate) fn empty_abort(&mut self, id: IoId) {
        let mut all = Bitmap::new(self.overlay(self.ios[id].node).map_dirty.len());
        all.set(0..all.len());
        self.flush_end(id, Some(all));
    }

    /// Empties an overlay for the verb that runs.
    pub(crate) fn empty_for_verb(&mut self, node: NodeId) {
        let whole = self.geometry().whole();
        self.spawn(node, Kind::Empty, whole, Payload::EMPTY, Parent::Verb);
    }
}
