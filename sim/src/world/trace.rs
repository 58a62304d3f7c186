//! The digest of a run, and its entries if somebody wants to read them.
//!
//! The digest covers every entry in full: two runs with the same digest did the
//! same. It depends on no platform: numbers go in as little-endian bytes, sizes
//! as 64 bits.

use std::hash::{Hash, Hasher};

use twox_hash::XxHash3_64;

use crate::world::entry::Entry;

/// A rolling digest, and the entries if they are kept.
#[derive(Clone)]
pub struct Trace {
    digest: Digest,
    entries: u64,
    kept: Option<Vec<Entry>>,
}

impl Trace {
    /// An empty trace; `keep` to read it later, at a price.
    pub fn new(keep: bool) -> Self {
        Self { digest: Digest::default(), entries: 0, kept: keep.then(Vec::new) }
    }

    /// Takes an entry in.
    pub(crate) fn record(&mut self, entry: &Entry) {
        self.entries += 1;
        entry.hash(&mut self.digest);
        if let Some(kept) = &mut self.kept {
            kept.push(entry.clone());
        }
    }

    /// The digest of everything so far.
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// How many entries there were.
    pub fn len(&self) -> u64 {
        self.entries
    }

    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entries, if they were kept.
    pub fn entries(&self) -> &[Entry] {
        self.kept.as_deref().unwrap_or_default()
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trace({} entries, digest {:016x})", self.entries, self.digest())
    }
}

const CHUNK: usize = 512;

/// A 64-bit digest, the same on every machine. Collects small pieces before it hashes them.
#[derive(Clone)]
pub struct Digest {
    hasher: XxHash3_64,
    chunk: [u8; CHUNK],
    used: usize,
}

impl Default for Digest {
    fn default() -> Self {
        Self { hasher: XxHash3_64::with_seed(0), chunk: [0; CHUNK], used: 0 }
    }
}

impl Hasher for Digest {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        if self.used + bytes.len() > CHUNK {
            self.hasher.write(&self.chunk[..self.used]);
            self.used = 0;
            if bytes.len() > CHUNK {
                return self.hasher.write(bytes);
            }
        }
        self.chunk[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    #[inline]
    fn write_u16(&mut self, i: u16) {
        self.write(&i.to_le_bytes());
    }

    #[inline]
    fn write_u32(&mut self, i: u32) {
        self.write(&i.to_le_bytes());
    }

    #[inline]
    fn write_u64(&mut self, i: u64) {
        self.write(&i.to_le_bytes());
    }

    #[inline]
    fn write_usize(&mut self, i: usize) {
        self.write_u64(i as u64);
    }

    #[inline]
    fn write_isize(&mut self, i: isize) {
        // Discriminants of enums come this way; they are all below 256.
        self.write_u8(u8::try_from(i).expect("an enum of the trace has few variants"));
    }

    fn finish(&self) -> u64 {
        let mut hasher = self.hasher.clone();
        hasher.write(&self.chunk[..self.used]);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_does_not_depend_on_how_the_bytes_come() {
        let bytes: Vec<u8> = (0..2000u32).flat_map(u32::to_le_bytes).collect();
        let digest = |sizes: &[usize]| {
            let (mut digest, mut rest, mut turn) = (Digest::default(), &bytes[..], 0);
            while !rest.is_empty() {
                let size = sizes[turn % sizes.len()].min(rest.len());
                digest.write(&rest[..size]);
                rest = &rest[size..];
                turn += 1;
            }
            digest.finish()
        };
        let whole = digest(&[8000]);
        assert_eq!(whole, XxHash3_64::oneshot(&bytes));
        for sizes in [&[1usize][..], &[3, 511, 512, 513], &[4, 8, 2000]] {
            assert_eq!(digest(sizes), whole, "pieces of {sizes:?}");
        }
    }
}
