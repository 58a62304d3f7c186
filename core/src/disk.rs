//! The block device seam: requests go in at once, completions come out later.
//!
//! Everything the core stores goes through [`Disk`]. The trait says nothing of
//! time: a simulated disk answers when its world says so, a file when it is
//! polled. What every disk must promise is written here once and checked by one
//! contract suite that runs on all of them.

use serde::{Deserialize, Serialize};

use crate::payload::Payload;

/// Names one request on one disk. Chosen by the submitter, never reused while in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Why a request failed, named after the errno it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Errno {
    /// `EIO`: the medium or the path to it failed.
    #[serde(rename = "EIO")]
    Io,
    /// `ENOSPC`: no room for the data.
    #[serde(rename = "ENOSPC")]
    NoSpace,
    /// `ENOMEDIUM`: there is nothing in the drive.
    #[serde(rename = "ENOMEDIUM")]
    NoMedium,
    /// `EINVAL`: the range is not on the disk, or a length does not fit.
    #[serde(rename = "EINVAL")]
    Invalid,
    /// `ECANCELED`: given up before it was done.
    #[serde(rename = "ECANCELED")]
    Cancelled,
    /// `EPERM`: a write to what is read-only.
    #[serde(rename = "EPERM")]
    NotPermitted,
    /// `EACCES`: the image's own protection forbids it.
    #[serde(rename = "EACCES")]
    Access,
}

impl Errno {
    /// The name a block-layer engineer would use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "EIO",
            Self::NoSpace => "ENOSPC",
            Self::NoMedium => "ENOMEDIUM",
            Self::Invalid => "EINVAL",
            Self::Cancelled => "ECANCELED",
            Self::NotPermitted => "EPERM",
            Self::Access => "EACCES",
        }
    }

    /// The operating system's sentence for it, as messages of the seed quote it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Io => "Input/output error",
            Self::NoSpace => "No space left on device",
            Self::NoMedium => "No medium found",
            Self::Invalid => "Invalid argument",
            Self::Cancelled => "Operation canceled",
            Self::NotPermitted => "Operation not permitted",
            Self::Access => "Permission denied",
        }
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a request asks for. Positions and lengths are in sectors of [`Disk::sector_size`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// Read `len` sectors from sector `at`.
    Read {
        /// First sector.
        at: u64,
        /// Number of sectors, at least one.
        len: u32,
    },
    /// Write whole sectors from sector `at` on; durable before the answer if `fua`.
    Write {
        /// First sector.
        at: u64,
        /// The new contents, a whole number of sectors, at least one.
        payload: Payload,
        /// Force unit access: this write is on stable storage when it is answered.
        fua: bool,
    },
    /// Make every write that was answered before this submission durable.
    Flush,
}

/// A request, as it is handed to a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Comes back in the completion.
    pub id: RequestId,
    /// What to do.
    pub op: Op,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Completion {
    /// The request that is answered.
    pub id: RequestId,
    /// The data of a read, an empty payload of a write or a flush, or why it failed.
    pub result: Result<Payload, Errno>,
}

/// A block device that takes requests at once and reports completions later.
///
/// Submitting neither blocks nor fails: every failure arrives as a completion,
/// a range that is not on the disk included ([`Errno::Invalid`]).
///
/// # Contract
/// - Every request is answered exactly once, in any order. It is answered when
///   [`Disk::poll`] returns its completion.
/// - Each sector of a read holds what the last write answered before the
///   submission left there, or what a write in flight at the same time put there.
///   Of writes in flight together either may be the last, sector by sector.
/// - A sector changes as a whole; a request of several sectors may be seen, and
///   may be left by a crash, with any subset of them done.
/// - A failed write may have changed any subset of its sectors. A failed read or
///   flush changes nothing.
/// - After a flush is answered with success, every write answered before its
///   submission survives a power loss. So does a write with `fua` once it is
///   answered with success. After a process death the next user's flush covers
///   whatever landed.
pub trait Disk {
    /// Bytes in a sector.
    fn sector_size(&self) -> usize;

    /// Length in sectors.
    fn len(&self) -> u64;

    /// Whether there is not even one sector.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a request. Its answer comes from [`Disk::poll`].
    fn submit(&mut self, request: Request);

    /// The next answer that is due, or `None` if none is yet.
    fn poll(&mut self) -> Option<Completion>;
}

/// Whether `op` lies on a disk of `len` sectors of `sector_size` bytes.
pub fn in_bounds(op: &Op, len: u64, sector_size: usize) -> bool {
    let fits = |at: u64, sectors: u64| {
        sectors > 0 && at.checked_add(sectors).is_some_and(|end| end <= len)
    };
    match op {
        Op::Read { at, len: sectors } => fits(*at, u64::from(*sectors)),
        Op::Write { at, payload, .. } => {
            payload.len().is_multiple_of(sector_size)
                && fits(*at, (payload.len() / sector_size) as u64)
        }
        Op::Flush => true,
    }
}
