//! Contents that say who wrote them.
//!
//! Every eight bytes of a sector hold the same number: writer, running number of
//! the write, and the sector it was meant for. So a reader can tell whose data it
//! sees, from when, whether it is in its place, and whether it is torn.

use colo_core::VolumeId;

/// Whose write, which, and for which sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(pub u64);

impl Stamp {
    /// The stamp of a sector of zeroes.
    pub const ZERO: Self = Self(0);

    /// A stamp; `writer` below 16, `number` below 2^28.
    pub fn new(writer: u8, number: u32, sector: u64) -> Self {
        assert!(writer < 16 && number < 1 << 28, "writer {writer}, number {number}");
        Self(u64::from(writer) << 60 | u64::from(number) << 32 | (sector & 0xffff_ffff))
    }

    /// The number of the write of writer 0 that a volume begins with; zeroes are nobody's.
    pub fn initial(volume: VolumeId) -> u32 {
        1 + u32::from(volume.0)
    }

    /// Who wrote it.
    pub fn writer(self) -> u8 {
        (self.0 >> 60) as u8
    }

    /// Which of the writer's writes it was.
    pub fn number(self) -> u32 {
        (self.0 >> 32) as u32 & 0x0fff_ffff
    }

    /// Where it belongs.
    pub fn sector(self) -> u64 {
        self.0 & 0xffff_ffff
    }

    /// The stamp of a sector, or `None` if its eight-byte words differ: it is torn.
    #[inline]
    pub fn of(sector: &[u8]) -> Option<Self> {
        let (words, rest) = sector.as_chunks::<8>();
        debug_assert!(rest.is_empty() && !words.is_empty(), "sectors are whole words");
        let first = words[0];
        words.iter().all(|word| *word == first).then(|| Self(u64::from_le_bytes(first)))
    }

    /// Fills `bytes`, sectors of `sector_size`, with the stamps of one write from `sector` on.
    pub fn fill(bytes: &mut [u8], sector_size: usize, writer: u8, number: u32, sector: u64) {
        for (index, bytes) in bytes.chunks_exact_mut(sector_size).enumerate() {
            let stamp = Self::new(writer, number, sector + index as u64).0.to_le_bytes();
            for word in bytes.as_chunks_mut::<8>().0 {
                *word = stamp;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_says_what_it_was_made_of() {
        let mut bytes = [0; 96];
        Stamp::fill(&mut bytes, 32, 2, 77, 5);
        for (index, sector) in bytes.chunks(32).enumerate() {
            let stamp = Stamp::of(sector).expect("it is whole");
            assert_eq!((stamp.writer(), stamp.number(), stamp.sector()), (2, 77, 5 + index as u64));
        }
        assert_eq!(Stamp::of(&bytes[16..48]), None, "two sectors mixed are torn");
    }
}
