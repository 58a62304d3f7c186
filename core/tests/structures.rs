//! Laws of the small structures, each against a plain and slow twin.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use colo_core::bitmap::Bitmap;
use colo_core::{Extent, Geometry, Layout, Payload};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x57A7E),
        ..ProptestConfig::default()
    }
}

/// Two numbers as a range within `len`, perhaps an empty one.
fn range(a: usize, b: usize, len: usize) -> std::ops::Range<usize> {
    let (a, b) = (a % (len + 1), b % (len + 1));
    a.min(b)..a.max(b)
}

/// A run of at least one of `sectors` sectors.
fn extent((at, len): (u64, u32), sectors: u64) -> Extent {
    let at = at % sectors;
    Extent::new(at, 1 + len % (sectors - at) as u32)
}

fn sectors_of(extent: Extent) -> BTreeSet<u64> {
    (extent.at..extent.end()).collect()
}

fn digest(parts: &[&Payload]) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// What is done to a bitmap.
#[derive(Debug, Clone, Copy)]
enum Change {
    Set(usize, usize),
    Clear(usize, usize),
    ClearAll,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        8 => any::<(usize, usize)>().prop_map(|(a, b)| Change::Set(a, b)),
        8 => any::<(usize, usize)>().prop_map(|(a, b)| Change::Clear(a, b)),
        1 => Just(Change::ClearAll),
    ];
    prop::collection::vec(change, 0..12)
}

fn changed(len: usize, changes: &[Change]) -> (Bitmap, Vec<bool>) {
    let (mut bits, mut twin) = (Bitmap::new(len), vec![false; len]);
    for &change in changes {
        match change {
            Change::Set(a, b) => {
                bits.set(range(a, b, len));
                twin[range(a, b, len)].fill(true);
            }
            Change::Clear(a, b) => {
                bits.clear(range(a, b, len));
                twin[range(a, b, len)].fill(false);
            }
            Change::ClearAll => {
                bits.clear_all();
                twin.fill(false);
            }
        }
    }
    (bits, twin)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_bitmap_holds_what_a_vector_of_bools_holds(len in 0..200usize, changes in changes()) {
        let (bits, twin) = changed(len, &changes);
        prop_assert_eq!((bits.len(), bits.is_empty()), (len, len == 0));
        prop_assert_eq!((0..len).map(|index| bits.get(index)).collect::<Vec<_>>(), &twin[..]);
        prop_assert_eq!(bits.none(), !twin.contains(&true));
        for from in 0..=len {
            let next = twin[from..].iter().position(|&bit| bit).map(|skipped| from + skipped);
            prop_assert_eq!(bits.next_set(from), next);
        }
        prop_assert_eq!(bits.next_set(len + 1), None);
    }

    #[test]
    fn a_run_ends_where_the_bits_change(
        len in 1..200usize,
        changes in changes(),
        from: usize,
        past: usize,
    ) {
        let (bits, twin) = changed(len, &changes);
        let from = from % len;
        let end = from + 1 + past % (len - from);
        let run = twin[from..end].iter().take_while(|&&bit| bit == twin[from]).count();
        prop_assert_eq!(bits.run(from, end), run);
    }

    #[test]
    fn bitmaps_of_the_same_bits_are_equal(
        len in 1..200usize,
        changes in changes(),
        other: usize,
    ) {
        let (bits, twin) = changed(len, &changes);
        let mut again = Bitmap::new(len);
        for index in (0..len).filter(|&index| twin[index]) {
            again.set(index..index + 1);
        }
        prop_assert_eq!(&again, &bits);
        let other = other % len;
        if twin[other] { again.clear(other..other + 1) } else { again.set(other..other + 1) }
        prop_assert_ne!(&again, &bits);
    }

    // Lengths on both sides of the inline limit, and cuts that cross it.
    #[test]
    fn a_payload_holds_what_a_vector_holds(
        bytes in prop::collection::vec(any::<u8>(), 0..120),
        cuts: [(usize, usize); 3],
    ) {
        let mut payload = Payload::copy_from(&bytes);
        prop_assert_eq!(&Payload::from(bytes.clone()), &payload);
        let mut twin = bytes;
        for (a, b) in cuts {
            prop_assert_eq!(payload.as_slice(), &twin[..]);
            prop_assert_eq!(&*payload, &twin[..]);
            prop_assert_eq!((payload.len(), payload.is_empty()), (twin.len(), twin.is_empty()));
            prop_assert_eq!(&payload.clone(), &payload);
            let range = range(a, b, twin.len());
            payload = payload.slice(range.start, range.end);
            twin = twin[range].to_vec();
        }
        prop_assert_eq!(payload.as_slice(), &twin[..]);
    }

    #[test]
    fn payloads_of_the_same_bytes_are_equal_wherever_they_lie(
        bytes in prop::collection::vec(any::<u8>(), 1..120),
        around in prop::collection::vec(any::<u8>(), 0..60),
        other: usize,
        change in 1..=u8::MAX,
    ) {
        let alone = Payload::copy_from(&bytes);
        let longer = Payload::from([&around[..], &bytes[..], &around[..]].concat());
        let cut = longer.slice(around.len(), around.len() + bytes.len());
        prop_assert_eq!(&cut, &alone);
        prop_assert_eq!(digest(&[&cut]), digest(&[&alone]));
        let mut changed = bytes.clone();
        changed[other % bytes.len()] ^= change;
        let changed = Payload::from(changed);
        prop_assert_ne!(&changed, &cut);
        prop_assert_ne!(digest(&[&changed]), digest(&[&cut]));
        let shorter = alone.slice(0, bytes.len() - 1);
        prop_assert_ne!(&shorter, &cut);
        prop_assert_ne!(digest(&[&shorter]), digest(&[&cut]));
    }

    #[test]
    fn a_hash_tells_where_one_payload_ends_and_the_next_begins(
        bytes in prop::collection::vec(any::<u8>(), 1..120),
        border: usize,
        other: usize,
    ) {
        let (border, other) = (border % (bytes.len() + 1), other % (bytes.len() + 1));
        let two = |border| {
            let (first, second) = bytes.split_at(border);
            digest(&[&Payload::copy_from(first), &Payload::copy_from(second)])
        };
        prop_assert_eq!(two(border) == two(other), border == other);
    }

    #[test]
    fn zeroes_are_zero(len in 0..120usize) {
        let zeroes = Payload::zeroes(len);
        prop_assert_eq!(zeroes.as_slice(), &vec![0; len][..]);
        prop_assert_eq!(zeroes == Payload::EMPTY, len == 0);
    }

    #[test]
    fn extents_are_sets_of_sectors(a: (u64, u32), b: (u64, u32), sectors in 1..60u64) {
        let (a, b) = (extent(a, sectors), extent(b, sectors));
        let (set_a, set_b) = (sectors_of(a), sectors_of(b));
        prop_assert_eq!(a.overlaps(b), !set_a.is_disjoint(&set_b));
        prop_assert_eq!(a.covers(b), set_a.is_superset(&set_b));
        prop_assert_eq!(a.end(), set_a.last().map_or(0, |last| last + 1));
    }

    #[test]
    fn an_extent_touches_the_blocks_of_its_sectors(
        a: (u64, u32),
        sectors in 1..200u64,
        size in 1..20u32,
    ) {
        let extent = extent(a, sectors);
        let touched = sectors_of(extent).into_iter().map(|s| (s / u64::from(size)) as usize);
        let touched: BTreeSet<usize> = touched.collect();
        prop_assert_eq!(extent.blocks(size).collect::<BTreeSet<_>>(), touched);
    }

    #[test]
    fn the_blocks_are_the_disk_cut_into_pieces(sectors in 1..200u64, size in 1..220u32) {
        let geometry = Geometry { sectors, ..Geometry::default() };
        let all: Vec<u64> = (0..sectors).collect();
        let twin: Vec<&[u64]> = all.chunks(size as usize).collect();
        prop_assert_eq!(geometry.blocks(size), twin.len());
        for (index, piece) in twin.into_iter().enumerate() {
            let block = geometry.block(index, size);
            prop_assert_eq!((block.at..block.end()).collect::<Vec<_>>(), piece);
            prop_assert_eq!(block.blocks(size), index..index + 1);
            prop_assert!(geometry.whole().covers(block));
        }
    }

    #[test]
    fn every_sector_of_an_overlay_has_one_use(
        sectors in 1..300u64,
        cluster in 1..20u32,
        eights in 1..4u32,
    ) {
        let geometry = Geometry {
            sector_size: eights * 8, sectors, cluster, granule: cluster, ..Geometry::default()
        };
        prop_assert_eq!(geometry.check(), Ok(()));
        let layout = Layout::new(&geometry);
        let per_sector = layout.clusters_per_sector as u64;
        let header = std::iter::once(0);
        let map = (0..sectors).map(|s| 1 + s / u64::from(cluster) / per_sector);
        let map: BTreeSet<u64> = map.collect();
        let places = (0..sectors).map(|s| layout.data_at + s);
        let all: Vec<u64> = header.chain(map.iter().copied()).chain(places).collect();
        let distinct: BTreeSet<u64> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), distinct.len(), "two uses of one sector");
        prop_assert_eq!(map.len(), layout.map_sectors as usize);
        prop_assert_eq!(distinct.last(), Some(&(layout.disk_sectors(&geometry) - 1)));
        prop_assert_eq!(distinct.len() as u64, layout.disk_sectors(&geometry));
        prop_assert_eq!(Layout::header(&geometry).len(), geometry.bytes(1));
    }
}
