//! I/O errors over any disk, addressed or at random, in one engine.
//!
//! # Fault model
//!
//! - **Addressed.** A [`Rule`] names operation, sectors, occurrence and, by a
//!   [`Label`] whose meaning only the owner knows, the moment. Every rule counts every request
//!   that matches it; the first added of those that are ripe fires.
//! - **Random.** [`Rates`] fail requests that no rule has failed, following the wrapper's stream.
//! - **Damage.** A failed write may still land in part: nothing, the first few
//!   sectors, or any subset, all of them included. A failed read or flush changes nothing.
//! - **Latent errors.** Sectors of a [`RuleKind::Latent`] rule cannot be read until a write
//!   over them has succeeded.
//!
//! A request that is to fail is passed down in a form that does only the damage, and the
//! result of its completion is replaced. So it takes as long as it takes, the wrapper needs no
//! clock, and it works on files. Damage in several places is done by one reduced write after the
//! other, each under the request's own id. Without rules and rates it costs one comparison
//! on each side.
//!
//! It keeps the contract: it answers once, and what it calls failed failed. It does
//! not stall, crash or lie; for the last see [`crate::lying`].

use std::collections::VecDeque;
use std::ops::Range;

use colo_core::disk::in_bounds;
use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId};
use serde::{Deserialize, Serialize};

use crate::crash::{Choose, CrashDisk};
use crate::stream::{Ratio, Stream};

/// A tag that the owner of a disk sets, so that rules can name a moment.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Label(pub u32);

/// Which operations a rule is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpKind {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Flushes.
    Flush,
    /// All of them.
    #[default]
    Any,
}

/// Which part of a failed write lands all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Nothing.
    #[default]
    None,
    /// The first sectors, from none to all.
    Prefix,
    /// Any sectors, from none to all.
    Subset,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// Fails the requests that match.
    #[default]
    Fail,
    /// Its sectors cannot be read until they have been written anew. Its operation
    /// and damage mean nothing.
    Latent,
}

/// Which requests fail, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What it does.
    pub kind: RuleKind,
    /// Of which operations.
    pub op: OpKind,
    /// Touching which sectors; `None` is the whole disk. Flushes touch none
    /// and match only `None`.
    pub range: Option<Range<u64>>,
    /// How many matching requests pass first.
    pub skip: u32,
    /// How many it fails; `None` is all until the rule is removed.
    pub times: Option<u32>,
    /// What they are told.
    pub errno: Errno,
    /// What a failed write does.
    pub damage: Damage,
    /// Only while the disk carries this label; `None` is always.
    pub when: Option<Label>,
}

impl Default for Rule {
    /// Every request fails with `EIO`.
    fn default() -> Self {
        Self {
            kind: RuleKind::Fail,
            op: OpKind::Any,
            range: None,
            skip: 0,
            times: None,
            errno: Errno::Io,
            damage: Damage::None,
            when: None,
        }
    }
}

/// How often requests fail at random.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Of reads.
    pub read: Ratio,
    /// Of writes; the damage is drawn, all three alike.
    pub write: Ratio,
    /// Of flushes.
    pub flush: Ratio,
    /// What they are told, each alike; empty is always `EIO`.
    pub errnos: Vec<Errno>,
}

impl Rates {
    /// Whether nothing ever fails at random.
    pub fn is_never(&self) -> bool {
        self.read.is_never() && self.write.is_never() && self.flush.is_never()
    }
}

/// Names a rule on one disk. Never used again after the rule is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Why a request was made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A rule, and nothing of it takes effect.
    Rule,
    /// A rule that lets the first sectors of a write take effect.
    Prefix,
    /// A rule that lets any sectors of a write take effect.
    Subset,
    /// A sector that cannot be read.
    Latent,
    /// Chance.
    Random,
}

impl Cause {
    /// Every one there is, in order.
    pub const ALL: [Self; 5] = [Self::Rule, Self::Prefix, Self::Subset, Self::Latent, Self::Random];

    /// The step of a plan that it comes from, and a detail.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "fault",
            Self::Prefix => "fault-prefix",
            Self::Subset => "fault-subset",
            Self::Latent => "fault-latent",
            Self::Random => "rates",
        }
    }

    fn of(rule: &Rule, op: OpKind) -> Self {
        match (rule.kind, rule.damage) {
            (RuleKind::Latent, _) => Self::Latent,
            (RuleKind::Fail, Damage::Prefix) if op == OpKind::Write => Self::Prefix,
            (RuleKind::Fail, Damage::Subset) if op == OpKind::Write => Self::Subset,
            (RuleKind::Fail, _) => Self::Rule,
        }
    }
}

/// One request that was made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fired {
    /// By which rule; `None` is at random.
    pub rule: Option<RuleId>,
    /// Why.
    pub cause: Cause,
    /// Which request.
    pub id: RequestId,
    /// What it was: never [`OpKind::Any`].
    pub op: OpKind,
    /// Its first sector; 0 of a flush.
    pub at: u64,
    /// Its sectors; 0 of a flush.
    pub len: u64,
    /// What it was told.
    pub errno: Errno,
    /// How many of a write's sectors land all the same.
    pub landed: u64,
}

/// A disk whose requests can be made to fail. See the module's head.
#[derive(Debug, Clone)]
pub struct Faulty<D> {
    inner: D,
    stream: Stream,
    /// Whether any rule or rate is set.
    armed: bool,
    rules: Vec<Armed>,
    rules_added: u32,
    rates: Rates,
    label: Label,
    /// Requests below whose completion needs attention.
    watched: Vec<Watched>,
    fired: Vec<Fired>,
    fired_count: u64,
}

/// A rule at work.
#[derive(Debug, Clone)]
struct Armed {
    id: RuleId,
    rule: Rule,
    /// Requests that matched.
    matched: u32,
    /// Requests that were failed.
    failed: u32,
    /// Of a latent rule: what still cannot be read, in order.
    bad: Vec<Range<u64>>,
}

#[derive(Debug, Clone)]
struct Watched {
    id: RequestId,
    fate: Fate,
}

/// What a watched completion means.
#[derive(Debug, Clone)]
enum Fate {
    /// It is answered with this instead.
    Fail(Errno),
    /// It is one of several reduced writes; the next follows, then the error.
    Damage { errno: Errno, fua: bool, left: VecDeque<(u64, Payload)> },
    /// If it succeeds these sectors can be read again.
    Heal(Range<u64>),
}

/// That a request is to fail, and how.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    /// By which rule; `None` is at random.
    rule: Option<RuleId>,
    cause: Cause,
    errno: Errno,
    damage: Damage,
}

/// What a request is about.
#[derive(Debug, Clone, Copy)]
struct Target {
    op: OpKind,
    at: u64,
    end: u64,
}

impl Target {
    fn of(op: &Op, sector_size: usize) -> Self {
        match op {
            Op::Read { at, len } => Self { op: OpKind::Read, at: *at, end: at + u64::from(*len) },
            Op::Write { at, payload, .. } => {
                Self { op: OpKind::Write, at: *at, end: at + (payload.len() / sector_size) as u64 }
            }
            Op::Flush => Self { op: OpKind::Flush, at: 0, end: 0 },
        }
    }

    fn touches(self, range: &Range<u64>) -> bool {
        self.at < range.end && range.start < self.end
    }
}

impl<D: Disk> Faulty<D> {
    /// `inner` without faults. What is random about those that come follows `stream`.
    pub fn new(inner: D, stream: Stream) -> Self {
        Self {
            inner,
            stream,
            armed: false,
            rules: Vec::new(),
            rules_added: 0,
            rates: Rates::default(),
            label: Label::default(),
            watched: Vec::new(),
            fired: Vec::new(),
            fired_count: 0,
        }
    }

    /// The disk below.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The disk below. If it is made to forget its requests, [`Faulty::forget_in_flight`] must follow.
    pub fn inner_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// Adds a rule, after those that are there.
    pub fn add_rule(&mut self, rule: Rule) -> RuleId {
        let id = RuleId(self.rules_added);
        self.rules_added += 1;
        let bad = match rule.kind {
            RuleKind::Fail => Vec::new(),
            RuleKind::Latent => vec![rule.range.clone().unwrap_or(0..self.inner.len())],
        };
        self.rules.push(Armed { id, rule, matched: 0, failed: 0, bad });
        self.armed = true;
        id
    }

    /// Removes a rule; false if it is gone already. Requests it has failed stay failed.
    pub fn remove_rule(&mut self, id: RuleId) -> bool {
        let before = self.rules.len();
        self.rules.retain(|armed| armed.id != id);
        self.arm();
        self.rules.len() < before
    }

    /// Sets how often requests fail at random from now on.
    pub fn set_rates(&mut self, rates: Rates) {
        self.rates = rates;
        self.arm();
    }

    /// Removes all rules and rates. Requests that were failed stay failed.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.set_rates(Rates::default());
    }

    /// Sets the tag that [`Rule::when`] is compared with.
    pub fn set_label(&mut self, label: Label) {
        self.label = label;
    }

    /// How many requests were made to fail so far.
    pub fn fired(&self) -> u64 {
        self.fired_count
    }

    /// The requests that were made to fail since this was last asked, in order of submission.
    pub fn drain_fired(&mut self) -> impl ExactSizeIterator<Item = Fired> + '_ {
        self.fired.drain(..)
    }

    /// Forgets the requests in flight, because the disk below was made to.
    pub fn forget_in_flight(&mut self) {
        self.watched.clear();
    }

    fn arm(&mut self) {
        self.armed = !self.rules.is_empty() || !self.rates.is_never();
    }

    fn submit_armed(&mut self, request: Request) {
        let sector_size = self.inner.sector_size();
        if !in_bounds(&request.op, self.inner.len(), sector_size) {
            return self.inner.submit(request);
        }
        let target = Target::of(&request.op, sector_size);
        let by_rule = self.fire_rule(target);
        let Some(Verdict { rule, cause, errno, damage }) =
            by_rule.or_else(|| self.fire_at_random(target.op))
        else {
            if target.op == OpKind::Write && self.is_bad(target) {
                let fate = Fate::Heal(target.at..target.end);
                self.watched.push(Watched { id: request.id, fate });
            }
            return self.inner.submit(request);
        };
        let (id, op, at, len) = (request.id, target.op, target.at, target.end - target.at);
        let landed = self.submit_failing(request, target, errno, damage);
        self.fired.push(Fired { rule, cause, id, op, at, len, errno, landed });
        self.fired_count += 1;
    }

    /// Counts the request on every rule and gives the first that fires.
    fn fire_rule(&mut self, target: Target) -> Option<Verdict> {
        let mut fires = None;
        for armed in &mut self.rules {
            if armed.is_ripe(target, self.label) && fires.is_none() {
                armed.failed += 1;
                let Rule { errno, damage, .. } = armed.rule;
                let cause = Cause::of(&armed.rule, target.op);
                fires = Some(Verdict { rule: Some(armed.id), cause, errno, damage });
            }
        }
        fires
    }

    fn fire_at_random(&mut self, op: OpKind) -> Option<Verdict> {
        if self.rates.is_never() {
            return None;
        }
        let rate = match op {
            OpKind::Read => self.rates.read,
            OpKind::Write => self.rates.write,
            OpKind::Flush => self.rates.flush,
            OpKind::Any => unreachable!("no request is of any kind"),
        };
        if !self.stream.chance(rate) {
            return None;
        }
        let errno = match self.rates.errnos.as_slice() {
            [] => Errno::Io,
            errnos => *self.stream.pick(errnos),
        };
        let damage = *self.stream.pick(&[Damage::None, Damage::Prefix, Damage::Subset]);
        Some(Verdict { rule: None, cause: Cause::Random, errno, damage })
    }

    /// Passes down what is left of a failing request; gives the number of sectors that land.
    fn submit_failing(
        &mut self,
        request: Request,
        target: Target,
        errno: Errno,
        damage: Damage,
    ) -> u64 {
        let Request { id, op } = request;
        let Op::Write { at, payload, fua } = op else {
            // A read is harmless as it is; so is one sector of it in place of a flush.
            let op = if matches!(op, Op::Flush) { Op::Read { at: 0, len: 1 } } else { op };
            self.watched.push(Watched { id, fate: Fate::Fail(errno) });
            self.inner.submit(Request { id, op });
            return 0;
        };
        let mut runs = self.damage_runs(target.end - target.at, damage);
        let landed = runs.iter().map(|run| run.end - run.start).sum();
        let size = self.inner.sector_size();
        let cut = |run: Range<u64>| {
            (at + run.start, payload.slice(run.start as usize * size, run.end as usize * size))
        };
        let first = runs.pop_front().map(cut);
        let left: VecDeque<_> = runs.into_iter().map(cut).collect();
        let fate =
            if left.is_empty() { Fate::Fail(errno) } else { Fate::Damage { errno, fua, left } };
        self.watched.push(Watched { id, fate });
        let op = match first {
            None => Op::Read { at, len: 1 },
            Some((at, payload)) => Op::Write { at, payload, fua },
        };
        self.inner.submit(Request { id, op });
        landed
    }

    /// Draws which of `len` sectors land.
    fn damage_runs(&mut self, len: u64, damage: Damage) -> VecDeque<Range<u64>> {
        let mut runs: VecDeque<Range<u64>> = VecDeque::new();
        match damage {
            Damage::None => {}
            Damage::Prefix => {
                let landed = self.stream.range(0..=len);
                runs.extend((landed > 0).then_some(0..landed));
            }
            Damage::Subset => {
                let mut bits = 0;
                for sector in 0..len {
                    if sector % 64 == 0 {
                        bits = self.stream.next_u64();
                    }
                    if bits >> (sector % 64) & 1 == 0 {
                        continue;
                    }
                    match runs.back_mut() {
                        Some(run) if run.end == sector => run.end += 1,
                        _ => runs.push_back(sector..sector + 1),
                    }
                }
            }
        }
        runs
    }

    fn is_bad(&self, target: Target) -> bool {
        self.rules.iter().any(|armed| armed.bad.iter().any(|bad| target.touches(bad)))
    }

    fn heal(&mut self, written: &Range<u64>) {
        for armed in &mut self.rules {
            let pieces = armed.bad.iter().flat_map(|bad| {
                [bad.start..bad.end.min(written.start), bad.start.max(written.end)..bad.end]
            });
            armed.bad = pieces.filter(|piece| piece.start < piece.end).collect();
        }
    }

    /// Decides what a watched completion is answered with; `None` if more of it is to come.
    fn settle(&mut self, position: usize, completion: Completion) -> Option<Completion> {
        let id = completion.id;
        if let Fate::Damage { fua, left, .. } = &mut self.watched[position].fate
            && let Some((at, payload)) = left.pop_front()
        {
            let op = Op::Write { at, payload, fua: *fua };
            self.inner.submit(Request { id, op });
            return None;
        }
        match self.watched.swap_remove(position).fate {
            Fate::Fail(errno) | Fate::Damage { errno, .. } => {
                Some(Completion { id, result: Err(errno) })
            }
            Fate::Heal(written) => {
                if completion.result.is_ok() {
                    self.heal(&written);
                }
                Some(completion)
            }
        }
    }
}

impl Armed {
    /// Whether this request is to fail; counts it if it matches.
    fn is_ripe(&mut self, target: Target, label: Label) -> bool {
        let rule = &self.rule;
        let matches = match rule.kind {
            RuleKind::Fail => {
                (rule.op == OpKind::Any || rule.op == target.op)
                    && rule.range.as_ref().is_none_or(|range| target.touches(range))
            }
            RuleKind::Latent => {
                target.op == OpKind::Read && self.bad.iter().any(|bad| target.touches(bad))
            }
        };
        if !matches || rule.when.is_some_and(|when| when != label) {
            return false;
        }
        self.matched = self.matched.saturating_add(1);
        self.matched > rule.skip && rule.times.is_none_or(|times| self.failed < times)
    }
}

impl<D: Disk> Disk for Faulty<D> {
    fn sector_size(&self) -> usize {
        self.inner.sector_size()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    #[inline]
    fn submit(&mut self, request: Request) {
        if self.armed { self.submit_armed(request) } else { self.inner.submit(request) }
    }

    #[inline]
    fn poll(&mut self) -> Option<Completion> {
        loop {
            let completion = self.inner.poll()?;
            let watched = self.watched.iter().position(|watched| watched.id == completion.id);
            match watched {
                None => return Some(completion),
                Some(position) => {
                    if let Some(answer) = self.settle(position, completion) {
                        return Some(answer);
                    }
                }
            }
        }
    }
}

impl<D: CrashDisk> CrashDisk for Faulty<D> {
    /// Rules, rates and label stay. Of a damaged write, what was not passed down is lost.
    fn power_loss(&mut self, choose: &mut Choose<'_>) {
        self.inner.power_loss(choose);
        self.forget_in_flight();
    }

    fn process_death(&mut self, choose: &mut Choose<'_>) {
        self.inner.process_death(choose);
        self.forget_in_flight();
    }
}
