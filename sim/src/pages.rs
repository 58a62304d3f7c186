//! The contents of a disk, in pages that are shared until they are written.
//!
//! Cloning costs one reference count, whatever the size, so that a world can be
//! forked at every event. A disk that fits into one page is one page of exactly
//! its size; a larger one has a table of pages, and those that were never
//! written do not exist.
//!
//! It knows neither requests nor time nor what is durable: see [`crate::sim_disk`].

use std::hash::Hasher;
use std::sync::Arc;

use colo_core::Payload;

/// Most bytes in a page, and so in a sector.
pub const PAGE_BYTES_MAX: usize = 16 * 1024;

static ZEROES: [u8; PAGE_BYTES_MAX] = [0; PAGE_BYTES_MAX];

/// Sectors of bytes, zero at first.
#[derive(Debug, Clone)]
pub struct Pages {
    sectors: u64,
    sector_size: usize,
    store: Store,
}

#[derive(Debug, Clone)]
enum Store {
    One(Arc<[u8]>),
    /// `1 << page_shift` sectors in each page, the last one included; `None` is all zero.
    Many {
        page_shift: u32,
        pages: Arc<[Option<Arc<[u8]>>]>,
    },
}

impl Pages {
    /// `sectors` zero sectors of `sector_size` bytes.
    pub fn new(sectors: u64, sector_size: usize) -> Self {
        assert!(
            (1..=PAGE_BYTES_MAX).contains(&sector_size),
            "a sector of {sector_size} bytes does not fit into a page"
        );
        let bytes = sectors.checked_mul(sector_size as u64).expect("the disk's size overflows");
        let store = if bytes <= PAGE_BYTES_MAX as u64 {
            Store::One(zero_page(bytes as usize))
        } else {
            let page_shift = (PAGE_BYTES_MAX / sector_size).ilog2();
            let count = sectors.div_ceil(1 << page_shift);
            Store::Many { page_shift, pages: (0..count).map(|_| None).collect() }
        };
        Self { sectors, sector_size, store }
    }

    /// Length in sectors.
    pub fn len(&self) -> u64 {
        self.sectors
    }

    /// Whether there is not even one sector.
    pub fn is_empty(&self) -> bool {
        self.sectors == 0
    }

    /// Bytes in a sector.
    pub fn sector_size(&self) -> usize {
        self.sector_size
    }

    /// The contents of one sector.
    #[inline]
    pub fn sector(&self, sector: u64) -> &[u8] {
        self.head(sector, 1)
    }

    /// The contents of `len` sectors from `at` on.
    #[inline]
    pub fn read(&self, at: u64, len: u32) -> Payload {
        let bytes = len as usize * self.sector_size;
        let head = self.head(at, u64::from(len));
        if head.len() == bytes {
            return Payload::copy_from(head);
        }
        let mut whole = Vec::with_capacity(bytes);
        while whole.len() < bytes {
            let done = (whole.len() / self.sector_size) as u64;
            whole.extend_from_slice(self.head(at + done, u64::from(len) - done));
        }
        Payload::from(whole)
    }

    /// Replaces the contents of whole sectors from `at` on.
    #[inline]
    pub fn write(&mut self, at: u64, bytes: &[u8]) {
        let sector_size = self.sector_size;
        debug_assert!(bytes.len().is_multiple_of(sector_size), "{} bytes of sectors", bytes.len());
        match &mut self.store {
            Store::One(page) => {
                let from = at as usize * sector_size;
                Arc::make_mut(page)[from..from + bytes.len()].copy_from_slice(bytes);
            }
            Store::Many { page_shift, pages } => {
                assert!(
                    at + (bytes.len() / sector_size) as u64 <= self.sectors,
                    "a write beyond the end of the disk"
                );
                write_many(Arc::make_mut(pages), *page_shift, sector_size, at, bytes);
            }
        }
    }

    /// Feeds the geometry and the contents to `hasher`: equal pages feed the same.
    pub fn hash_into(&self, hasher: &mut impl Hasher) {
        hasher.write_u64(self.sectors);
        hasher.write_u64(self.sector_size as u64);
        match &self.store {
            Store::One(page) => hasher.write(page),
            Store::Many { pages, .. } => {
                for (index, page) in pages.iter().enumerate() {
                    let bytes = page_bytes(page.as_ref());
                    if !is_zero(bytes) {
                        hasher.write_u64(index as u64);
                        hasher.write(bytes);
                    }
                }
            }
        }
    }

    /// The first of `len` sectors from `at` on that lie in one page.
    #[inline]
    fn head(&self, at: u64, len: u64) -> &[u8] {
        match &self.store {
            Store::One(page) => {
                let from = at as usize * self.sector_size;
                &page[from..from + len as usize * self.sector_size]
            }
            Store::Many { page_shift, pages } => {
                assert!(at < self.sectors, "sector {at} is beyond the end of the disk");
                let within = at & ((1 << page_shift) - 1);
                let count = len.min((1 << page_shift) - within) as usize * self.sector_size;
                let from = within as usize * self.sector_size;
                &page_bytes(pages[(at >> page_shift) as usize].as_ref())[from..from + count]
            }
        }
    }
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        if self.sectors != other.sectors || self.sector_size != other.sector_size {
            return false;
        }
        match (&self.store, &other.store) {
            (Store::One(a), Store::One(b)) => Arc::ptr_eq(a, b) || a == b,
            (Store::Many { pages: a, .. }, Store::Many { pages: b, .. }) => {
                Arc::ptr_eq(a, b)
                    || a.iter().zip(b.iter()).all(|(a, b)| same_page(a.as_ref(), b.as_ref()))
            }
            _ => unreachable!("the same geometry has the same layout"),
        }
    }
}

impl Eq for Pages {}

fn write_many(
    pages: &mut [Option<Arc<[u8]>>],
    page_shift: u32,
    sector_size: usize,
    mut at: u64,
    mut bytes: &[u8],
) {
    while !bytes.is_empty() {
        let within = at & ((1 << page_shift) - 1);
        let room = ((1 << page_shift) - within) as usize * sector_size;
        let (now, later) = bytes.split_at(bytes.len().min(room));
        let page = pages[(at >> page_shift) as usize]
            .get_or_insert_with(|| zero_page(sector_size << page_shift));
        let from = within as usize * sector_size;
        Arc::make_mut(page)[from..from + now.len()].copy_from_slice(now);
        at += (now.len() / sector_size) as u64;
        bytes = later;
    }
}

fn zero_page(bytes: usize) -> Arc<[u8]> {
    std::iter::repeat_n(0, bytes).collect()
}

fn page_bytes(page: Option<&Arc<[u8]>>) -> &[u8] {
    page.map_or(&ZEROES[..], |page| page)
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes == &ZEROES[..bytes.len()]
}

fn same_page(a: Option<&Arc<[u8]>>, b: Option<&Arc<[u8]>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (Some(page), None) | (None, Some(page)) => is_zero(page),
        (None, None) => true,
    }
}
