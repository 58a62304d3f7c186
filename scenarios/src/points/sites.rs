//! Every place in the core that asks a disk for something, and what becomes of the request.

use colo_core::{DiskId, Purpose};
use colo_sim::world::{Coverage, DiskOp, Fate, Region, Site};

/// The places: on whose behalf, which disk, for what, where. What is asked otherwise counts as impossible.
const SITES: &[(Purpose, DiskId, DiskOp, Region)] = &[
    // The primary guest, through the quorum.
    (Purpose::Guest, DiskId::Local, DiskOp::Read, Region::Data),
    (Purpose::Guest, DiskId::Local, DiskOp::Write, Region::Data),
    (Purpose::Guest, DiskId::Local, DiskOp::Flush, Region::Data),
    // The secondary guest, through active, hidden and what lies below; past them once it may.
    (Purpose::Guest, DiskId::Active, DiskOp::Read, Region::Data),
    (Purpose::Guest, DiskId::Active, DiskOp::Write, Region::Data),
    (Purpose::Guest, DiskId::Active, DiskOp::Write, Region::Map),
    // A view that becomes owed by a write.
    (Purpose::Guest, DiskId::Active, DiskOp::Write, Region::Header),
    (Purpose::Guest, DiskId::Active, DiskOp::Flush, Region::Data),
    (Purpose::Guest, DiskId::Hidden, DiskOp::Read, Region::Data),
    (Purpose::Guest, DiskId::Secondary, DiskOp::Read, Region::Data),
    (Purpose::Guest, DiskId::Secondary, DiskOp::Write, Region::Data),
    (Purpose::Guest, DiskId::Secondary, DiskOp::Flush, Region::Data),
    // What the primary forwards, and the copies before it.
    (Purpose::Export, DiskId::Secondary, DiskOp::Write, Region::Data),
    (Purpose::Export, DiskId::Secondary, DiskOp::Flush, Region::Data),
    (Purpose::Copy, DiskId::Secondary, DiskOp::Read, Region::Data),
    (Purpose::Copy, DiskId::Hidden, DiskOp::Write, Region::Data),
    // The commit. Where a unit begins or ends within what a write covers, it reads the rest below.
    (Purpose::Commit, DiskId::Active, DiskOp::Read, Region::Data),
    (Purpose::Commit, DiskId::Hidden, DiskOp::Read, Region::Data),
    (Purpose::Commit, DiskId::Secondary, DiskOp::Read, Region::Data),
    (Purpose::Commit, DiskId::Secondary, DiskOp::Write, Region::Data),
    (Purpose::Commit, DiskId::Secondary, DiskOp::Flush, Region::Data),
    (Purpose::Mark, DiskId::Active, DiskOp::Write, Region::Header),
    // Opening reads header and map at once; a recovery makes sure of a mark.
    (Purpose::Opening, DiskId::Active, DiskOp::Read, Region::Header),
    (Purpose::Opening, DiskId::Active, DiskOp::Write, Region::Header),
    (Purpose::Opening, DiskId::Hidden, DiskOp::Read, Region::Header),
    // Verbs: emptying, and making durable what a failover promises.
    (Purpose::Verb, DiskId::Active, DiskOp::Write, Region::Header),
    (Purpose::Verb, DiskId::Active, DiskOp::Write, Region::Map),
    (Purpose::Verb, DiskId::Active, DiskOp::Flush, Region::Data),
    (Purpose::Verb, DiskId::Hidden, DiskOp::Write, Region::Map),
    (Purpose::Verb, DiskId::Hidden, DiskOp::Flush, Region::Data),
    (Purpose::Verb, DiskId::Secondary, DiskOp::Flush, Region::Data),
    // Who quits, or takes a volume away, flushes its disk.
    (Purpose::Admin, DiskId::Local, DiskOp::Flush, Region::Data),
    (Purpose::Admin, DiskId::Secondary, DiskOp::Flush, Region::Data),
];

fn sites() -> impl Iterator<Item = Site> {
    SITES.iter().map(|&(purpose, disk, op, region)| Site { purpose, disk, op, region })
}

fn all() -> impl Iterator<Item = (Site, Fate)> {
    sites().flat_map(|site| Fate::ALL.map(|fate| (site, fate)))
}

/// The places with each fate, and one name for everything else.
pub(super) fn names() -> Vec<String> {
    let names = all().map(|(site, fate)| format!("site/{}/{}", site.name(), fate.name()));
    names.chain(["site/elsewhere".to_owned()]).collect()
}

/// Adds how often each happened.
pub(super) fn count(coverage: &Coverage, hits: &mut [u32]) {
    let mut known = 0;
    for (hits, (site, fate)) in hits.iter_mut().zip(all()) {
        let times = coverage.fates(site, fate);
        *hits += times;
        known += times;
    }
    hits[SITES.len() * Fate::ALL.len()] += coverage.fates_in_all() - known;
}
