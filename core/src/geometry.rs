//! Sizes, and runs of sectors.

use serde::{Deserialize, Serialize};

/// A run of sectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extent {
    /// First sector.
    pub at: u64,
    /// Number of sectors.
    pub len: u32,
}

impl Extent {
    /// `len` sectors from sector `at`.
    pub fn new(at: u64, len: u32) -> Self {
        Self { at, len }
    }

    /// The sector after the last; the end of all numbers for one that reaches beyond it.
    pub fn end(self) -> u64 {
        self.at.saturating_add(u64::from(self.len))
    }

    /// Whether the two share a sector.
    pub fn overlaps(self, other: Self) -> bool {
        self.at < other.end() && other.at < self.end()
    }

    /// Whether every sector of `other` is in this one.
    pub fn covers(self, other: Self) -> bool {
        self.at <= other.at && other.end() <= self.end()
    }

    /// The blocks of `size` sectors that this touches.
    pub fn blocks(self, size: u32) -> std::ops::Range<usize> {
        let size = u64::from(size);
        (self.at / size) as usize..self.end().div_ceil(size) as usize
    }
}

impl std::fmt::Display for Extent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.len {
            1 => write!(f, "sector {}", self.at),
            _ => write!(f, "sectors {}..{}", self.at, self.end()),
        }
    }
}

/// Sizes of disks and of the units in which they are copied. All but the first in sectors.
///
/// QEMU's own are the default; a campaign uses a few sectors, so that partial,
/// straddling and repeated cases are the common ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// Bytes in a sector, at least 8.
    pub sector_size: u32,
    /// Length of every disk as a guest sees it.
    pub sectors: u64,
    /// Cluster of an overlay: the unit of allocation.
    pub cluster: u32,
    /// Granule of copy-before-write; a whole number of clusters.
    pub granule: u32,
    /// Most that one copy of copy-before-write moves.
    pub copy_max: u32,
    /// Granule of a commit.
    pub commit_granule: u32,
    /// Most that one copy of a commit moves.
    pub commit_max: u32,
}

/// Most copies in flight for one guest write (spec section 3).
pub const COPIES_MAX: u32 = 64;

/// Most copies in flight for one commit (spec section 3).
pub const COMMIT_COPIES_MAX: u32 = 16;

impl Default for Geometry {
    /// 64 MiB of 512-byte sectors, 64 KiB clusters and granules, copies of at most 1 MiB.
    fn default() -> Self {
        Self {
            sector_size: 512,
            sectors: 131_072,
            cluster: 128,
            granule: 128,
            copy_max: 2048,
            commit_granule: 128,
            commit_max: 2048,
        }
    }
}

impl Geometry {
    /// Whether a host can work with these sizes.
    ///
    /// # Errors
    /// What is wrong with them, in a sentence for whoever wrote the plan.
    pub fn check(&self) -> Result<(), String> {
        let positive = [self.cluster, self.granule, self.commit_granule];
        if self.sector_size < 8 || !self.sector_size.is_multiple_of(8) {
            return Err(format!("sector_size is {}, needs a multiple of 8", self.sector_size));
        }
        if self.sectors == 0 || self.sectors > 1 << 24 || positive.contains(&0) {
            return Err("sectors, cluster, granule and commit_granule need at least 1, sectors at most 2^24".into());
        }
        if !self.granule.is_multiple_of(self.cluster) {
            return Err(format!(
                "granule is {}, needs a multiple of the cluster, {}",
                self.granule, self.cluster
            ));
        }
        if self.copy_max < self.granule || self.commit_max < self.commit_granule {
            return Err("copy_max and commit_max need at least one granule".into());
        }
        Ok(())
    }

    /// Everything.
    pub fn whole(&self) -> Extent {
        Extent::new(0, self.sectors as u32)
    }

    /// The `index`-th block of `size` sectors, cut at the end of the disk.
    pub fn block(&self, index: usize, size: u32) -> Extent {
        let at = index as u64 * u64::from(size);
        Extent::new(at, (self.sectors - at).min(u64::from(size)) as u32)
    }

    /// Number of blocks of `size` sectors, a last short one included.
    pub fn blocks(&self, size: u32) -> usize {
        self.sectors.div_ceil(u64::from(size)) as usize
    }

    /// Bytes in `sectors` sectors.
    pub fn bytes(&self, sectors: u32) -> usize {
        sectors as usize * self.sector_size as usize
    }
}
