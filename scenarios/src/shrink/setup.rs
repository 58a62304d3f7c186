//! Ordinary hosts: sizes, speeds and wiring as they are by default, one after the other.

use colo_core::Wiring;

use crate::plan::{Further, FurtherVolume, Plan, Setup};
use crate::shrink::search::Search;

/// One thing becomes as it is by default. The whole of something goes before its parts.
const ORDINARY: &[fn(&mut Setup)] = &[
    |setup| *setup = Setup::default(),
    |setup| setup.further = Further::default(),
    |setup| setup.further = fewer(&setup.further),
    |setup| setup.further = all(&setup.further, |volume| volume.wiring = Wiring::default()),
    |setup| setup.further = all(&setup.further, |volume| volume.later = false),
    |setup| setup.wiring = Wiring::default(),
    |setup| setup.geometry = Setup::default().geometry,
    |setup| setup.drift_ppm = [0, 0],
    |setup| setup.drift_ppm[0] = 0,
    |setup| setup.drift_ppm[1] = 0,
    |setup| setup.reconnect_delay_ns = 0,
    |setup| setup.disk_delay = Setup::default().disk_delay,
    |setup| setup.link_delay = Setup::default().link_delay,
    |setup| setup.secondary_quorum = Setup::default().secondary_quorum,
    |setup| setup.geometry.sector_size = Setup::default().geometry.sector_size,
    |setup| setup.geometry.sectors = Setup::default().geometry.sectors,
    |setup| setup.geometry.cluster = Setup::default().geometry.cluster,
    |setup| setup.geometry.granule = Setup::default().geometry.granule,
    |setup| setup.geometry.copy_max = Setup::default().geometry.copy_max,
    |setup| setup.geometry.commit_granule = Setup::default().geometry.commit_granule,
    |setup| setup.geometry.commit_max = Setup::default().geometry.commit_max,
    |setup| setup.wiring.guest = Wiring::default().guest,
    |setup| setup.wiring.guest_owns_top = Wiring::default().guest_owns_top,
    |setup| setup.wiring.top_id = Wiring::default().top_id,
    |setup| setup.wiring.options = None,
    |setup| setup.wiring.active = Wiring::default().active,
    |setup| setup.wiring.hidden = Wiring::default().hidden,
    |setup| setup.wiring.hidden_is_short = false,
    |setup| setup.wiring.export = true,
    |setup| setup.wiring.parent = None,
    |setup| setup.wiring.filter_read_only = false,
    |setup| setup.wiring.hidden_read_only = true,
    |setup| setup.wiring.secondary_read_only = false,
    |setup| setup.wiring.hidden_protected = false,
    |setup| setup.wiring.secondary_protected = false,
];

fn all(further: &Further, change: fn(&mut FurtherVolume)) -> Further {
    Further::new(further.iter().map(|volume| {
        let mut volume = *volume;
        change(&mut volume);
        volume
    }))
}

/// All but the last.
fn fewer(further: &Further) -> Further {
    Further::new(further.iter().copied().take(further.iter().count().saturating_sub(1)))
}

pub(super) fn simpler(search: &mut Search<'_>) -> bool {
    let mut changed = false;
    for ordinary in ORDINARY {
        let best = search.best();
        let mut setup = best.setup;
        ordinary(&mut setup);
        // Sizes depend on each other; some only go together.
        if setup != best.setup && setup.geometry.check().is_ok() {
            changed |= search.take(Plan { setup, ..best.clone() });
        }
    }
    changed
}

/// Seeds that are tried in place of a larger one.
const LOW: u64 = 16;

/// A seed that says by its size that nothing depends on it.
pub(super) fn lower_seed(search: &mut Search<'_>) -> bool {
    let mut seeds = 0..search.best().seed.min(LOW);
    seeds.any(|seed| search.take(Plan { seed, ..search.best().clone() }))
}
