//! What each sector of a disk may hold, from what was asked and answered.
//!
//! A write that is in flight, or has failed, may or may not be there; two that
//! overlapped in time may be there in either order; one that was answered before
//! another was sent is gone. After a power loss, only what was answered before a
//! successful flush was sent is certain. So each sector keeps the versions that
//! are still possible, and never more than that.

use colo_core::{Extent, UserRequest};
use colo_sim::world::Stamp;

/// A moment: the number of an entry.
pub(crate) type Moment = u32;

const PENDING: Moment = Moment::MAX;

/// One write's mark on one sector.
#[derive(Debug, Clone, Copy)]
struct Version {
    stamp: Stamp,
    submitted: Moment,
    answered: Moment,
    ok: bool,
}

#[derive(Debug, Clone)]
struct Cell {
    first: Version,
    /// Later submissions, in order.
    more: Vec<Version>,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    request: UserRequest,
    extent: Extent,
    submitted: Moment,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Flush,
}

/// The possible contents of a disk, or of what looks like one.
#[derive(Debug, Clone)]
pub(crate) struct Register {
    cells: Vec<Cell>,
    /// When the last flush that succeeded was sent.
    flushed: Moment,
    pending: Vec<Pending>,
}

impl Version {
    fn settled(stamp: Stamp) -> Self {
        Self { stamp, submitted: 0, answered: 0, ok: true }
    }
}

impl Cell {
    fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// When the last write was sent that is certainly there for somebody who looks at `since` or
    /// later. What was answered before that is gone for them. One look at each version: where nobody
    /// flushes there are many.
    fn certain(&self, since: Moment) -> Moment {
        let certain = self.versions().filter(|version| version.ok && version.answered < since);
        certain.map(|version| version.submitted).max().unwrap_or(0)
    }

    /// The versions that somebody who looks at `since` or later may see.
    fn possible(&self, since: Moment) -> impl Iterator<Item = &Version> {
        let certain = self.certain(since);
        self.versions().filter(move |version| version.answered >= certain)
    }

    /// Forgets versions that not even a power loss could bring back.
    fn prune(&mut self, flushed: Moment) {
        let certain = self.certain(flushed);
        self.more.retain(|version| version.answered >= certain);
        if self.first.answered < certain {
            // The write that is certain is still there.
            self.first = self.more.remove(0);
        }
    }
}

impl Register {
    /// A disk that certainly, and durably, holds this.
    pub(crate) fn new(stamps: impl Iterator<Item = Stamp>) -> Self {
        let cell = |stamp| Cell { first: Version::settled(stamp), more: Vec::new() };
        Self { cells: stamps.map(cell).collect(), flushed: 1, pending: Vec::new() }
    }

    /// Number of sectors.
    pub(crate) fn len(&self) -> u64 {
        self.cells.len() as u64
    }

    pub(crate) fn read_submitted(&mut self, now: Moment, request: UserRequest, extent: Extent) {
        self.pending.push(Pending { request, extent, submitted: now, kind: Kind::Read });
    }

    pub(crate) fn flush_submitted(&mut self, now: Moment, request: UserRequest) {
        let extent = Extent::new(0, 0);
        self.pending.push(Pending { request, extent, submitted: now, kind: Kind::Flush });
    }

    pub(crate) fn write_submitted(
        &mut self,
        now: Moment,
        request: UserRequest,
        extent: Extent,
        stamps: impl Iterator<Item = Stamp>,
    ) {
        let reading = self.pending.iter().any(|pending| pending.kind == Kind::Read);
        let cells = &mut self.cells[extent.at as usize..extent.end() as usize];
        for (cell, stamp) in cells.iter_mut().zip(stamps) {
            if cell.more.len() >= 4 && !reading {
                cell.prune(self.flushed);
            }
            cell.more.push(Version { stamp, submitted: now, answered: PENDING, ok: false });
        }
        self.pending.push(Pending { request, extent, submitted: now, kind: Kind::Write });
    }

    /// A request is answered; nothing happens if it is not one of this register's.
    pub(crate) fn answered(&mut self, now: Moment, request: UserRequest, ok: bool) {
        let Some(place) = self.pending.iter().position(|pending| pending.request == request) else {
            return;
        };
        let Pending { extent, submitted, kind, .. } = self.pending.remove(place);
        match kind {
            Kind::Read => {}
            Kind::Flush if ok => self.flushed = self.flushed.max(submitted),
            Kind::Flush => {}
            Kind::Write => {
                for cell in &mut self.cells[extent.at as usize..extent.end() as usize] {
                    let own = cell.more.iter_mut().find(|version| version.submitted == submitted);
                    if let Some(version) = own {
                        (version.answered, version.ok) = (now, ok);
                    }
                }
            }
        }
    }

    /// When a pending request was sent, and what it is about.
    pub(crate) fn pending(&self, request: UserRequest) -> Option<(Moment, Extent)> {
        let pending = self.pending.iter().find(|pending| pending.request == request)?;
        Some((pending.submitted, pending.extent))
    }

    /// What a pending write is about.
    pub(crate) fn pending_write(&self, request: UserRequest) -> Option<Extent> {
        let mut writes = self.pending_writes();
        writes.find(|(other, _)| *other == request).map(|(_, extent)| extent)
    }

    /// Whether anything is unanswered.
    pub(crate) fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The writes that are unanswered.
    pub(crate) fn pending_writes(&self) -> impl Iterator<Item = (UserRequest, Extent)> {
        let writes = self.pending.iter().filter(|pending| pending.kind == Kind::Write);
        writes.map(|pending| (pending.request, pending.extent))
    }

    /// Whether any write is unanswered.
    pub(crate) fn writes_pending(&self) -> bool {
        self.pending.iter().any(|pending| pending.kind == Kind::Write)
    }

    /// Whether a write to this sector is unanswered.
    pub(crate) fn write_pending(&self, sector: u64) -> bool {
        self.cells[sector as usize].more.iter().any(|version| version.answered == PENDING)
    }

    /// Whether this is the contents of a write to the sector that is unanswered.
    pub(crate) fn is_pending(&self, sector: u64, stamp: Option<Stamp>) -> bool {
        let more = &self.cells[sector as usize].more;
        more.iter().any(|version| version.answered == PENDING && Some(version.stamp) == stamp)
    }

    /// Whether a write of this contents was answered.
    pub(crate) fn was_answered(&self, sector: u64, stamp: Stamp) -> bool {
        let mut versions = self.cells[sector as usize].versions();
        versions.any(|version| version.answered != PENDING && version.stamp == stamp)
    }

    /// Whether this write, or a later one of the same writer, has come to the sector.
    pub(crate) fn has_seen(&self, sector: u64, stamp: Stamp) -> bool {
        let mut versions = self.cells[sector as usize].versions();
        versions.any(|version| {
            let seen = version.stamp;
            seen.writer() == stamp.writer() && seen.number() >= stamp.number()
        })
    }

    /// The process is gone: what was in flight may have come through, or not.
    pub(crate) fn abandon(&mut self, now: Moment) {
        self.pending.clear();
        for version in self.cells.iter_mut().flat_map(|cell| &mut cell.more) {
            if version.answered == PENDING {
                version.answered = now;
            }
        }
    }

    /// A write that was adopted from another register is answered there: here it may be seen, or not.
    pub(crate) fn adopted_answered(&mut self, extent: Extent, submitted: Moment, now: Moment) {
        for cell in &mut self.cells[extent.at as usize..extent.end() as usize] {
            let own = cell.more.iter_mut().find(|version| version.submitted == submitted);
            if let Some(version) = own.filter(|version| version.answered == PENDING) {
                version.answered = now;
            }
        }
    }

    /// Whether somebody who looked at `since` or later may have seen this.
    pub(crate) fn may_show(&self, sector: u64, since: Moment, stamp: Option<Stamp>) -> bool {
        let Some(stamp) = stamp else { return false };
        let cell = &self.cells[sector as usize];
        // Most sectors have one version, which nothing can have replaced.
        if cell.more.is_empty() {
            return cell.first.stamp == stamp;
        }
        cell.possible(since).any(|version| version.stamp == stamp)
    }

    /// Whether this may be left after a power loss.
    pub(crate) fn may_survive(&self, sector: u64, stamp: Option<Stamp>) -> bool {
        self.may_show(sector, self.flushed, stamp)
    }

    /// What somebody who looks at `since` or later may see, for a message.
    pub(crate) fn possible(&self, sector: u64, since: Moment) -> Vec<Stamp> {
        self.cells[sector as usize].possible(since).map(|version| version.stamp).collect()
    }

    /// What may be left after a power loss, for a message.
    pub(crate) fn survivors(&self, sector: u64) -> Vec<Stamp> {
        self.possible(sector, self.flushed)
    }

    /// Takes over who waits for an answer.
    pub(crate) fn adopt_requests(&mut self, other: &Self) {
        self.pending.extend(&other.pending);
    }

    /// Whether a write of this stamp was sent, and was not answered before `since`.
    pub(crate) fn recent(&self, sector: u64, since: Moment, stamp: Option<Stamp>) -> bool {
        let recent = |version: &Version| Some(version.stamp) == stamp && version.answered >= since;
        self.cells[sector as usize].versions().any(recent)
    }

    /// The sector certainly and durably holds this from now on.
    pub(crate) fn settle(&mut self, sector: u64, stamp: Stamp) {
        let cell = &mut self.cells[sector as usize];
        cell.more.clear();
        cell.first = Version::settled(stamp);
    }

    /// The same, but for writes that are unanswered.
    pub(crate) fn settle_below_pending(&mut self, sector: u64, stamp: Stamp) {
        let cell = &mut self.cells[sector as usize];
        cell.more.retain(|version| version.answered == PENDING);
        cell.first = Version::settled(stamp);
    }

    /// The sector certainly holds this from now on; what a power loss may leave, it may leave still.
    pub(crate) fn resolve(&mut self, sector: u64, stamp: Stamp, now: Moment) {
        let cell = &mut self.cells[sector as usize];
        for version in cell.more.iter_mut().filter(|version| version.answered == PENDING) {
            version.answered = now;
        }
        let (submitted, answered) = (now + 1, now + 1);
        cell.more.push(Version { stamp, submitted, answered, ok: true });
    }

    /// Whatever `other` has in flight may come to this disk too.
    pub(crate) fn adopt_pending(&mut self, other: &Self) {
        for (cell, theirs) in self.cells.iter_mut().zip(&other.cells) {
            let in_flight = theirs.more.iter().filter(|version| version.answered == PENDING);
            cell.more.extend(in_flight);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn stamp(number: u32) -> Stamp {
        Stamp::new(1, number, 0)
    }

    fn register() -> Register {
        Register::new(std::iter::once(stamp(0)))
    }

    fn write(register: &mut Register, now: Moment, number: u32) {
        let extent = Extent::new(0, 1);
        register.write_submitted(now, UserRequest(number), extent, std::iter::once(stamp(number)));
    }

    /// Pair by pair: a version is gone if another that is certainly there was sent after it was answered.
    fn possible_by_pairs(cell: &Cell, since: Moment) -> Vec<Stamp> {
        let replaced = |older: &Version, by: &Version| {
            by.ok && by.answered < since && older.answered < by.submitted
        };
        let gone = |older: &Version| cell.versions().any(|by| replaced(older, by));
        cell.versions().filter(|version| !gone(version)).map(|version| version.stamp).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(0x0c01_051a),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_possible_is_what_no_pair_of_versions_forbids(
            steps in proptest::collection::vec((0..8u8, any::<proptest::sample::Index>()), 1..60),
        ) {
            let mut register = register();
            let (mut now, mut open) = (2, Vec::new());
            for (number, (what, which)) in (1..).zip(steps) {
                now += 1;
                match what {
                    0..4 => {
                        write(&mut register, now, number);
                        open.push(UserRequest(number));
                    }
                    4..6 if !open.is_empty() => {
                        let request = open.swap_remove(which.index(open.len()));
                        register.answered(now, request, what == 4 || number % 2 == 0);
                    }
                    6 => {
                        register.flush_submitted(now, UserRequest(number));
                        open.push(UserRequest(number));
                    }
                    7 if number % 5 == 0 => {
                        register.abandon(now);
                        register.resolve(0, stamp(number), now);
                        open.clear();
                        now += 3;
                    }
                    _ => {}
                }
                for since in [0, 1, register.flushed, now / 2, now, now + 1] {
                    let expected = possible_by_pairs(&register.cells[0], since);
                    prop_assert_eq!(register.possible(0, since), &expected[..]);
                    for number in 0..=number {
                        let shown = register.may_show(0, since, Some(stamp(number)));
                        prop_assert_eq!(shown, expected.contains(&stamp(number)));
                    }
                }
            }
        }
    }

    fn possible(register: &Register, since: Moment) -> Vec<u32> {
        register.possible(0, since).into_iter().map(Stamp::number).collect()
    }

    #[test]
    fn a_write_in_flight_may_or_may_not_be_there() {
        let mut register = register();
        write(&mut register, 2, 1);
        assert_eq!(possible(&register, 3), [0, 1]);
        register.answered(4, UserRequest(1), true);
        assert_eq!(possible(&register, 5), [1]);
        assert_eq!(possible(&register, 3), [0, 1], "a reader that began before the answer");
    }

    #[test]
    fn a_failed_write_stays_possible_until_it_is_overwritten() {
        let mut register = register();
        write(&mut register, 2, 1);
        register.answered(3, UserRequest(1), false);
        assert_eq!(possible(&register, 4), [0, 1]);
        write(&mut register, 5, 2);
        register.answered(6, UserRequest(2), true);
        assert_eq!(possible(&register, 7), [2]);
    }

    #[test]
    fn writes_that_overlap_in_time_may_be_there_in_either_order() {
        let mut register = register();
        write(&mut register, 2, 1);
        write(&mut register, 3, 2);
        register.answered(4, UserRequest(2), true);
        register.answered(5, UserRequest(1), true);
        assert_eq!(possible(&register, 6), [1, 2]);
    }

    #[test]
    fn only_what_was_answered_before_a_flush_is_certain_after_a_power_loss() {
        let mut register = register();
        write(&mut register, 2, 1);
        register.answered(3, UserRequest(1), true);
        register.flush_submitted(4, UserRequest(9));
        write(&mut register, 5, 2);
        register.answered(6, UserRequest(2), true);
        let survivors = |register: &Register| {
            register.survivors(0).into_iter().map(Stamp::number).collect::<Vec<_>>()
        };
        assert_eq!(survivors(&register), [0, 1, 2]);
        register.answered(7, UserRequest(9), true);
        assert_eq!(survivors(&register), [1, 2]);
    }

    #[test]
    fn pruning_loses_nothing_that_is_possible() {
        let mut register = register();
        for number in 1..40 {
            let now = number * 10;
            write(&mut register, now, number);
            register.answered(now + 1, UserRequest(number), !number.is_multiple_of(3));
            if number.is_multiple_of(7) {
                register.flush_submitted(now + 2, UserRequest(1000 + number));
                register.answered(now + 3, UserRequest(1000 + number), true);
            }
        }
        assert_eq!(possible(&register, 1000), [38, 39]);
        let survivors: Vec<_> = register.survivors(0).into_iter().map(Stamp::number).collect();
        assert_eq!(survivors, [35, 36, 37, 38, 39]);
    }
}
