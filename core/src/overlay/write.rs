//! Writes to an overlay: allocated runs in place, every other cluster under its lock.

use std::collections::VecDeque;

use crate::disk::{Errno, Op};
use crate::geometry::Extent;
use crate::graph::NodeId;
use crate::io::{Io, IoId, Kind, State, Task};
use crate::overlay::{ClusterLock, allocated_prefix};
use crate::payload::Payload;
use crate::probe::Probe;
use crate::volume::Volume;

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

/// The part number of a piece's answer: which piece, and which of its requests.
const PART_WRITE: u32 = 0;
const PART_HEAD: u32 = 1;
const PART_TAIL: u32 = 2;

fn part(piece: u32, what: u32) -> u32 {
    piece * 4 + what
}

impl Volume {
    pub(super) fn overlay_write(&mut self, id: IoId) {
        let geometry = *self.geometry();
        let Io { node, extent, .. } = self.ios[id];
        if allocated_prefix(&geometry, &[&self.overlay(node).map], extent) == (true, extent.len) {
            // The common case needs no pieces: the request as it is, where it belongs.
            let overlay = self.overlay(node);
            let (disk, at) = (overlay.disk, overlay.layout.data_at + extent.at);
            let payload = self.ios[id].payload.clone();
            self.ios[id].state = State::Parts;
            return self.send_to_disk(id, 0, disk, Op::Write { at, payload, fua: false });
        }
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
