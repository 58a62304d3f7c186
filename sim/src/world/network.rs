//! The world's side of a network: what waits to be carried, and what was.
//!
//! Where two hosts speak over a network, the world still owns processes, disks and time.
//! Somebody else ([`crate::pair`]) takes the primary's requests from here as values, carries
//! them as bytes, and brings them to the secondary, and its answers back. Nothing of one
//! host is to be had from here for the other.

use colo_core::colo::{FrameError, Told};
use colo_core::nbd::NbdEnd;
use colo_core::{
    Clock, Errno, Extent, Payload, RequestId, Time, UserId, UserOp, UserRequest, VolumeId,
};

use crate::pair::Port;
use crate::world::{Forwarded, Side, What, World};

/// A request of the primary's that is to go to the export.
#[derive(Debug, Clone)]
pub struct Departing {
    /// Of which volume.
    pub volume: VolumeId,
    /// Comes back with the answer.
    pub id: RequestId,
    /// What it asks for.
    pub op: UserOp,
}

/// An answer of the export's that is to go back.
#[derive(Debug, Clone)]
pub struct Returning {
    /// Of which volume.
    pub volume: VolumeId,
    /// As it was handed in with the request.
    pub token: u64,
    /// The answer.
    pub result: Result<Payload, Errno>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    pub(super) departing: Vec<Departing>,
    pub(super) returning: Vec<Returning>,
    /// What departed and is not answered.
    pub(super) sent: Vec<Departing>,
}

/// What happened between hosts that share nothing but a network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Networked {
    /// A role has something to tell.
    Told(Told),
    /// A guest goes on, or stands still.
    Guest {
        /// Whether it may send anything.
        runs: bool,
    },
    /// The primary was told what came of a forwarded write.
    Forwarded {
        /// Where.
        extent: Extent,
        /// What was to be written.
        payload: Payload,
        /// Whether it is.
        ok: bool,
    },
    /// A host ended a connection for what had come over it.
    Ended {
        /// To which port it was.
        port: Port,
        /// Why.
        why: Ended,
    },
}

/// Why a host ended a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ended {
    /// A control message could not be read.
    Frame(FrameError),
    /// The NBD peer went away, in order or not.
    Nbd(NbdEnd),
    /// A newer connection of the same client is there.
    Replaced,
    /// What the export offers is not what is needed.
    Unfit,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Nbd(end) => end.fmt(f),
            Self::Replaced => f.write_str("a newer connection of the same client is there"),
            Self::Unfit => f.write_str("the export is not the disk that is replicated to"),
        }
    }
}

impl std::fmt::Display for Networked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Told(Told::Checkpointed { epoch }) => write!(f, "checkpoint {epoch} is complete"),
            Self::Told(Told::Received { epoch, .. }) => write!(f, "memory of epoch {epoch} came"),
            Self::Told(Told::Loaded { epoch }) => write!(f, "memory of epoch {epoch} loaded"),
            Self::Told(Told::PeerLost) => f.write_str("the other host is held for gone"),
            Self::Told(Told::Granted) => f.write_str("the arbiter lets this host go on alone"),
            Self::Told(Told::Denied) => f.write_str("the arbiter lets the other host go on alone"),
            Self::Told(Told::TakesOver) => f.write_str("takes over"),
            Self::Guest { runs: true } => f.write_str("guest goes on"),
            Self::Guest { runs: false } => f.write_str("guest stands still"),
            Self::Forwarded { extent, ok: true, .. } => write!(f, "forwarded write {extent}: ok"),
            Self::Forwarded { extent, ok: false, .. } => {
                write!(f, "forwarded write {extent} failed")
            }
            Self::Ended { port, why } => write!(f, "connection to {} ended: {why}", port.name()),
        }
    }
}

/// What a network takes and brings.
impl World {
    /// What time it is by this host's clock.
    pub fn host_time(&self, side: Side) -> Time {
        self.clock(side).now()
    }

    /// When, at the earliest, this host's clock shows `shown`.
    pub fn world_time(&self, side: Side, shown: Time) -> Time {
        self.clock(side).world_time(shown)
    }

    pub(super) fn departs(&mut self, volume: VolumeId, id: RequestId, op: UserOp) {
        self.desk.departing.push(Departing { volume, id, op });
    }

    /// The primary's requests that are to be sent, in order.
    pub fn take_departing(&mut self) -> Vec<Departing> {
        let departing = std::mem::take(&mut self.desk.departing);
        self.desk.sent.extend(departing.iter().cloned());
        departing
    }

    /// The export's answers that are to be sent, in order.
    pub fn take_returning(&mut self) -> Vec<Returning> {
        std::mem::take(&mut self.desk.returning)
    }

    /// A request has come to the export. Without a process nothing happens.
    pub fn export_requested(&mut self, volume: VolumeId, token: u64, op: UserOp) {
        if self.host(Side::Secondary).is_none() {
            return;
        }
        let (connection, request) = (self.connections, UserRequest(self.requests));
        self.forwarded.push(Forwarded { volume, request, link: RequestId(token), connection });
        self.submit(Side::Secondary, volume, UserId::Export, op);
    }

    /// An answer has come to the primary.
    pub fn link_answered(
        &mut self,
        volume: VolumeId,
        id: RequestId,
        result: Result<Payload, Errno>,
    ) {
        let place = self.desk.sent.iter().position(|sent| (sent.volume, sent.id) == (volume, id));
        let Some(place) = place else { return };
        if let UserOp::Write { at, payload } = self.desk.sent.swap_remove(place).op {
            let sectors = payload.len() / self.options.geometry.sector_size as usize;
            let extent = Extent::new(at, sectors as u32);
            let what = Networked::Forwarded { extent, payload, ok: result.is_ok() };
            self.publish(Some(Side::Primary), volume, What::Networked(what));
        }
        self.with_host(Side::Primary, |host, _| host.link_completed(volume, id, result));
    }

    /// The primary has a connection to every export, or not any more.
    pub fn link_is(&mut self, connected: bool) {
        self.set_connected(connected && self.host(Side::Primary).is_some());
    }

    /// Whether the primary waits for an answer of the export's.
    pub fn link_waits(&self) -> bool {
        !self.desk.sent.is_empty()
    }

    /// Something happened on a host's network.
    pub fn note_networked(&mut self, side: Side, what: Networked) {
        self.publish(Some(side), VolumeId::FIRST, What::Networked(what));
    }
}
