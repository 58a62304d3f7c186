//! Every place in the core that asks a disk for something, and what becomes of the request.

use colo_sim::world::{Coverage, Fate, Site};

fn all() -> impl Iterator<Item = (Site, Fate)> {
    Site::all().flat_map(|site| Fate::ALL.map(|fate| (site, fate)))
}

pub(super) fn names() -> Vec<String> {
    all().map(|(site, fate)| format!("site/{}/{}", site.name(), fate.name())).collect()
}

/// Adds how often each happened.
pub(super) fn count(coverage: &Coverage, hits: &mut [u32]) {
    for (hits, (site, fate)) in hits.iter_mut().zip(all()) {
        *hits += coverage.fates(site, fate);
    }
}
