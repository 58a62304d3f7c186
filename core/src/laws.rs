//! Laws of allocation, each against a twin that asks sector by sector.
//!
//! What the whole crate may see only; the public structures have theirs in the
//! tests next door.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::bitmap::Bitmap;
use crate::disk::Errno;
use crate::event::DiskId;
use crate::geometry::{Extent, Geometry};
use crate::graph::{NodeId, allocated_granules};
use crate::overlay::{Layout, Overlay, allocated_prefix};

/// The same cases in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0xA110C),
        ..ProptestConfig::default()
    }
}

/// Which clusters are allocated in each of the layers, more bits than any disk here has clusters.
type Layers = Vec<Vec<bool>>;

const CLUSTERS_MAX: usize = 64;

fn layers() -> impl Strategy<Value = Layers> {
    // Runs of a few clusters are as common as single ones.
    let run = (any::<bool>(), 1..6usize).prop_map(|(bit, count)| vec![bit; count]);
    let layer = prop::collection::vec(run, CLUSTERS_MAX).prop_map(|runs| runs.concat());
    prop::collection::vec(layer, 1..=2)
}

fn geometry(sectors: u64, cluster: u32) -> Geometry {
    Geometry { sector_size: 8, sectors, cluster, granule: cluster, ..Geometry::default() }
}

fn maps(geometry: &Geometry, layers: &Layers) -> Vec<Bitmap> {
    let map_of = |layer: &Vec<bool>| {
        let mut map = Bitmap::new(geometry.blocks(geometry.cluster));
        for cluster in (0..map.len()).filter(|&cluster| layer[cluster]) {
            map.set(cluster..cluster + 1);
        }
        map
    };
    layers.iter().map(map_of).collect()
}

/// Whether any layer holds this sector.
fn held(geometry: &Geometry, layers: &Layers, sector: u64) -> bool {
    layers.iter().any(|layer| layer[(sector / u64::from(geometry.cluster)) as usize])
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_prefix_is_as_long_as_the_sectors_agree(
        sectors in 1..=CLUSTERS_MAX as u64,
        cluster in 1..9u32,
        layers in layers(),
        at: u64,
        len: u32,
    ) {
        let geometry = geometry(sectors, cluster);
        let at = at % sectors;
        let extent = Extent::new(at, 1 + len % (sectors - at) as u32);
        let maps = maps(&geometry, &layers);
        let maps: Vec<&Bitmap> = maps.iter().collect();
        let first = held(&geometry, &layers, at);
        let agree = (at..extent.end()).take_while(|&s| held(&geometry, &layers, s) == first);
        let twin = (first, agree.count() as u32);
        prop_assert_eq!(allocated_prefix(&geometry, &maps, extent), twin);
    }

    #[test]
    fn a_granule_is_allocated_if_a_sector_of_it_is(
        sectors in 1..=CLUSTERS_MAX as u64,
        cluster in 1..9u32,
        granule in 1..20u32,
        layers in layers(),
    ) {
        let geometry = geometry(sectors, cluster);
        let maps = maps(&geometry, &layers);
        let maps: Vec<&Bitmap> = maps.iter().collect();
        let granules = allocated_granules(&geometry, &maps, granule);
        let count = sectors.div_ceil(u64::from(granule)) as usize;
        let mut twin = vec![false; count];
        for sector in (0..sectors).filter(|&sector| held(&geometry, &layers, sector)) {
            twin[(sector / u64::from(granule)) as usize] = true;
        }
        let found: Vec<bool> = (0..granules.len()).map(|index| granules.get(index)).collect();
        prop_assert_eq!(found, twin);
    }

    #[test]
    fn an_opened_overlay_holds_what_its_map_says(
        sectors in 1..=CLUSTERS_MAX as u64,
        cluster in 1..9u32,
        noise in prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 8 + CLUSTERS_MAX + 8),
    ) {
        let geometry = geometry(sectors, cluster);
        let layout = Layout::new(&geometry);
        let clusters = geometry.blocks(cluster);
        // What is behind the last cluster's byte, and in the header behind the mark, says nothing.
        let mut bytes = noise[..(1 + layout.map_sectors as usize) * 8].to_vec();
        bytes[..5].copy_from_slice(&Layout::header(&geometry)[..5]);
        let mut overlay = Overlay::new(DiskId::Active, NodeId::default(), &geometry);
        prop_assert_eq!(overlay.open(&geometry, &bytes), Ok(()));
        prop_assert_eq!(overlay.map.len(), clusters);
        for sector in 0..sectors {
            let allocated = bytes[8 + (sector / u64::from(cluster)) as usize] != 0;
            let place = allocated.then_some(layout.data_at + sector);
            prop_assert_eq!(overlay.locate(&geometry, sector), place);
            let place = Extent::new(layout.data_at + sector, 1);
            prop_assert_eq!(overlay.guest_extent(place), Some(Extent::new(sector, 1)));
        }
        for sector in 0..layout.data_at {
            prop_assert_eq!(overlay.guest_extent(Extent::new(sector, 1)), None);
        }
    }

    #[test]
    fn what_is_no_overlay_is_not_opened(place in 0..4usize, change in 1..=u8::MAX) {
        let geometry = geometry(16, 2);
        let mut bytes = Layout::header(&geometry);
        bytes.extend([1; 8]);
        bytes[place] ^= change;
        let mut overlay = Overlay::new(DiskId::Hidden, NodeId::default(), &geometry);
        prop_assert_eq!(overlay.open(&geometry, &bytes), Err(Errno::Invalid));
        prop_assert!(overlay.map.none());
    }
}
