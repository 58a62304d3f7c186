//! Laws of the copy-on-write contents, against a plain vector.

use std::hash::{DefaultHasher, Hasher};

use colo_core::Payload;
use colo_sim::pages::Pages;
use proptest::prelude::*;

fn digest(pages: &Pages) -> u64 {
    let mut hasher = DefaultHasher::new();
    pages.hash_into(&mut hasher);
    hasher.finish()
}

/// Shapes of one page and of several, with sectors that do and do not divide a page.
fn shapes() -> impl Strategy<Value = (u64, usize)> {
    prop::sample::select(vec![(1, 8), (40, 8), (2048, 8), (2049, 8), (100, 512), (70, 1000)])
}

/// Where a write begins, in permille of the disk, its length in sectors, its byte.
type Writes = Vec<(u64, usize, u8)>;

proptest! {
    #[test]
    fn pages_hold_what_a_vector_holds(
        (sectors, size) in shapes(),
        writes in prop::collection::vec((0..1000u64, 1..60usize, any::<u8>()), 0..20),
    ) {
        let (pages, twin) = write_both(Pages::new(sectors, size), &writes);
        prop_assert_eq!(pages.read(0, sectors as u32), Payload::copy_from(&twin));
        for sector in 0..sectors {
            let from = sector as usize * size;
            prop_assert_eq!(pages.sector(sector), &twin[from..from + size]);
        }
    }

    #[test]
    fn a_clone_keeps_what_it_had(
        (sectors, size) in shapes(),
        before in prop::collection::vec((0..1000u64, 1..60usize, any::<u8>()), 0..5),
        after in prop::collection::vec((0..1000u64, 1..60usize, any::<u8>()), 1..5),
    ) {
        let (pages, twin) = write_both(Pages::new(sectors, size), &before);
        let snapshot = pages.clone();
        prop_assert_eq!(&snapshot, &pages);
        let (changed, _) = write_both(pages, &after);
        prop_assert_eq!(snapshot.read(0, sectors as u32), Payload::copy_from(&twin));
        let same = changed.read(0, sectors as u32) == snapshot.read(0, sectors as u32);
        prop_assert_eq!(changed == snapshot, same);
    }

    #[test]
    fn equal_contents_are_equal_however_they_came_about(
        (sectors, size) in shapes(),
        writes in prop::collection::vec((0..1000u64, 1..60usize, any::<u8>()), 0..10),
    ) {
        let (pages, twin) = write_both(Pages::new(sectors, size), &writes);
        let mut again = Pages::new(sectors, size);
        again.write(0, &vec![0; twin.len()]);
        again.write(0, &twin);
        prop_assert_eq!(&again, &pages);
        prop_assert_eq!(digest(&again), digest(&pages));
        again.write(0, &vec![!twin[0]; size]);
        prop_assert_ne!(&again, &pages);
        prop_assert_ne!(digest(&again), digest(&pages));
    }
}

fn write_both(mut pages: Pages, writes: &Writes) -> (Pages, Vec<u8>) {
    let (sectors, size) = (pages.len(), pages.sector_size());
    let mut twin = pages.read(0, sectors as u32).to_vec();
    for &(permille, len, byte) in writes {
        let at = permille * sectors / 1000;
        let len = len.min((sectors - at) as usize);
        let bytes: Vec<u8> = (0..len * size).map(|index| byte.wrapping_add(index as u8)).collect();
        pages.write(at, &bytes);
        twin[at as usize * size..][..bytes.len()].copy_from_slice(&bytes);
    }
    (pages, twin)
}

#[test]
fn a_large_disk_is_empty_until_it_is_written() {
    let mut pages = Pages::new((64 << 20) / 512, 512);
    assert_eq!(pages, pages.clone());
    pages.write(31, &[1; 1024]);
    assert_eq!(pages.sector(31), [1; 512]);
    assert_eq!(pages.sector(32), [1; 512]);
    assert_eq!(pages.sector(33), [0; 512]);
}

#[test]
#[should_panic(expected = "beyond the end")]
fn the_slack_of_the_last_page_is_not_on_the_disk() {
    Pages::new(2049, 8).write(2049, &[1; 8]);
}
