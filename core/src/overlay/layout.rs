//! What an overlay's disk looks like: header, map, data.

use crate::disk::Errno;
use crate::geometry::Geometry;

pub(super) const MAGIC: [u8; 4] = *b"cOv1";

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
    pub(super) fn from_byte(byte: u8) -> Result<Self, Errno> {
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

    /// What the header in an overlay's sector 0 says, unless it is none.
    pub fn mark(sector: &[u8]) -> Option<Mark> {
        let byte = sector.strip_prefix(&MAGIC)?.first()?;
        Mark::from_byte(*byte).ok()
    }

    pub(super) fn marked_header(geometry: &Geometry, mark: Mark) -> Vec<u8> {
        let mut sector = vec![0; geometry.sector_size as usize];
        sector[..4].copy_from_slice(&MAGIC);
        sector[4] = mark as u8;
        sector
    }
}
