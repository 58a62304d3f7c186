//! Sizes and speeds of a plan's world.

use colo_core::{Geometry, Wiring};
use colo_sim::stream::{Ratio, Stream};
use colo_sim::world::Delay;

use crate::generate::half;
use crate::generate::operate::wiring;
use crate::plan::{Further, FurtherVolume, Setup};

pub(super) fn draw(stream: &mut Stream) -> Setup {
    let cluster = *stream.pick(&[1u32, 2, 2, 3, 4]);
    let granule = cluster * *stream.pick(&[1u32, 2, 2, 4]);
    let commit_granule = *stream.pick(&[1u32, 2, 4, 5, 8]);
    let sector_size = *stream.pick(&[8u32, 8, 8, 8, 8, 8, 16, 64]);
    let geometry = Geometry {
        sector_size,
        sectors: stream.range(8..=40),
        cluster,
        granule,
        copy_max: granule * *stream.pick(&[1u32, 2, 16]),
        commit_granule,
        commit_max: commit_granule * *stream.pick(&[1u32, 2, 16]),
    };
    let slow = stream.chance(Ratio::new(1, 4));
    Setup {
        geometry,
        secondary_quorum: stream.chance(half()),
        wiring: Wiring::default(),
        further: Further::default(),
        reconnect_delay_ns: *stream.pick(&[0, 0, 300_000, 5_000_000]),
        disk_delay: Delay { min_ns: 20_000, max_ns: if slow { 2_000_000 } else { 200_000 } },
        link_delay: Delay { min_ns: 10_000, max_ns: *stream.pick(&[20_000, 100_000, 1_000_000]) },
        pair: None,
        drift_ppm: [stream.range(0..=400) as i32 - 200, stream.range(0..=400) as i32 - 200],
    }
}

/// Most guests have one disk; what volumes do to each other shows with two, and three.
pub(super) fn further(stream: &mut Stream, quorum: bool) -> Further {
    let count = stream.weighted(&[24, 4, 1]);
    Further::new((0..count).map(|_| FurtherVolume {
        wiring: wiring(stream, quorum),
        later: stream.chance(Ratio::new(1, 8)),
    }))
}
