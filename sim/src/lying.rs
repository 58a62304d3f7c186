//! Disks that break the contract on purpose.
//!
//! # Fault model
//!
//! A [`LieRule`] tells a [`Lie`] on some of the requests that it can be told on: writes that
//! are lost, rot or go elsewhere, reads of the wrong or of old contents, flushes that are
//! skipped, answers that come twice or never. All of them are reported as success.
//!
//! They are not faults that a storage engine has to survive. They exist to prove the
//! net: the contract suite, and the oracle of whatever is tested, must notice each of
//! them. Honest errors are [`crate::faulty`]'s.
//!
//! A request that is lied on is passed down all the same, if need be as a harmless read, so
//! that it takes as long as it would have taken. Without a rule the wrapper costs one
//! comparison on each side.

use colo_core::disk::in_bounds;
use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId};
use serde::{Deserialize, Serialize};

use crate::crash::{Choose, CrashDisk};
use crate::faulty::OpKind;
use crate::pages::Pages;

/// A way to break the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lie {
    /// A write changes nothing.
    LostWrite,
    /// A write changes the sectors beside its own.
    MisdirectedWrite,
    /// A read returns the sectors beside those it asks for.
    MisdirectedRead,
    /// A write goes bad in one bit.
    BitRot,
    /// A read returns what its sectors held before they were last written.
    StaleRead,
    /// A flush makes nothing durable.
    SkippedFlush,
    /// A write with `fua` is written without.
    IgnoredFua,
    /// A request is answered twice.
    DoubleAnswer,
    /// A request is not answered.
    NoAnswer,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LostWrite,
        Self::MisdirectedWrite,
        Self::MisdirectedRead,
        Self::BitRot,
        Self::StaleRead,
        Self::SkippedFlush,
        Self::IgnoredFua,
        Self::DoubleAnswer,
        Self::NoAnswer,
    ];

    /// Its name in plans and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostWrite => "lost-write",
            Self::MisdirectedWrite => "misdirected-write",
            Self::MisdirectedRead => "misdirected-read",
            Self::BitRot => "bit-rot",
            Self::StaleRead => "stale-read",
            Self::SkippedFlush => "skipped-flush",
            Self::IgnoredFua => "ignored-fua",
            Self::DoubleAnswer => "double-answer",
            Self::NoAnswer => "no-answer",
        }
    }

    fn can_be_told_on(self, op: &Op) -> bool {
        match self {
            Self::LostWrite | Self::MisdirectedWrite | Self::BitRot => {
                matches!(op, Op::Write { .. })
            }
            Self::MisdirectedRead | Self::StaleRead => matches!(op, Op::Read { .. }),
            Self::SkippedFlush => matches!(op, Op::Flush),
            Self::IgnoredFua => matches!(op, Op::Write { fua: true, .. }),
            Self::DoubleAnswer | Self::NoAnswer => true,
        }
    }
}

/// Which requests are lied on, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LieRule {
    /// How.
    pub lie: Lie,
    /// How many requests that it could be told on pass first.
    pub skip: u32,
    /// After those, each so many-th is lied on, the next one first.
    pub every: u32,
    /// How many in all; `None` is without end.
    pub times: Option<u32>,
}

/// One request that was lied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Told {
    /// How.
    pub lie: Lie,
    /// What the request was: never [`OpKind::Any`].
    pub op: OpKind,
    /// Its first sector; 0 of a flush.
    pub at: u64,
    /// Its sectors; 0 of a flush.
    pub len: u64,
}

/// A disk that can be made to lie. See the module's head.
#[derive(Debug, Clone)]
pub struct Lying<D> {
    inner: D,
    rules: Vec<Armed>,
    told_count: u64,
    told: Vec<Told>,
    /// Kept for reads of old contents only.
    history: Option<Box<History>>,
    /// Requests below whose answer is a lie.
    pending: Vec<(RequestId, Answer)>,
    /// An answer to be given again.
    again: Option<Completion>,
}

/// A rule at work.
#[derive(Debug, Clone)]
struct Armed {
    rule: LieRule,
    chances: u32,
    told: u32,
}

/// What was written, as of submission.
#[derive(Debug, Clone)]
struct History {
    now: Pages,
    /// Of each sector, what it held before it was last written.
    before: Pages,
}

#[derive(Debug, Clone)]
enum Answer {
    /// This instead.
    Is(Payload),
    Twice,
    Never,
}

impl<D: Disk> Lying<D> {
    /// `inner`, until a rule is added.
    pub fn honest(inner: D) -> Self {
        Self {
            inner,
            rules: Vec::new(),
            told_count: 0,
            told: Vec::new(),
            history: None,
            pending: Vec::new(),
            again: None,
        }
    }

    /// Tells `lie` on every `every`-th request it can be told on; `inner` must be all zero.
    pub fn new(inner: D, lie: Lie, every: u32) -> Self {
        assert!(every > 0, "a lie on every 0th request");
        let zeroes = Pages::new(inner.len(), inner.sector_size());
        let mut lying = Self::honest(inner);
        lying.add_rule(LieRule { lie, skip: every - 1, every, times: None }, zeroes);
        lying
    }

    /// Adds a rule, after those that are there; `contents` is what a reader of the disk sees now.
    pub fn add_rule(&mut self, rule: LieRule, contents: Pages) {
        assert!(rule.every > 0, "a lie on every 0th request");
        if rule.lie == Lie::StaleRead && self.history.is_none() {
            let before = contents.clone();
            self.history = Some(Box::new(History { now: contents, before }));
        }
        self.rules.push(Armed { rule, chances: 0, told: 0 });
    }

    /// The disk below.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The disk below. If it is made to forget its requests, [`Lying::forget_in_flight`] must follow.
    pub fn inner_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// How many lies were told so far.
    pub fn told(&self) -> u64 {
        self.told_count
    }

    /// The requests that were lied on since this was last asked, in order of submission.
    pub fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// Whether an answer waits to be given again, whatever the time.
    pub fn answers_again(&self) -> bool {
        self.again.is_some()
    }

    /// Forgets the requests in flight, because the disk below was made to.
    pub fn forget_in_flight(&mut self) {
        self.pending.clear();
        self.again = None;
    }

    /// Counts the request on every rule, and gives the lie of the first that is told on it.
    fn lie_on(&mut self, op: &Op) -> Option<Lie> {
        if !in_bounds(op, self.len(), self.sector_size()) {
            return None;
        }
        let (target, disk) = (target(op, self.sector_size()), self.len());
        let history = self.history.as_deref();
        let mut told = None;
        for Armed { rule, chances, told: times } in &mut self.rules {
            // There has to be another place, or another time, to take the contents from.
            let possible = match rule.lie {
                Lie::MisdirectedRead | Lie::MisdirectedWrite => target.2 < disk,
                Lie::StaleRead => history.is_some_and(|history| history.differs(target)),
                _ => true,
            };
            if !possible || !rule.lie.can_be_told_on(op) {
                continue;
            }
            *chances = chances.saturating_add(1);
            let turn = chances.checked_sub(rule.skip + 1);
            let ripe = turn.is_some_and(|turn| turn.is_multiple_of(rule.every));
            if ripe && told.is_none() && rule.times.is_none_or(|most| *times < most) {
                *times += 1;
                let (op, at, len) = target;
                told = Some(Told { lie: rule.lie, op, at, len });
            }
        }
        self.told.extend(told);
        self.told_count += u64::from(told.is_some());
        told.map(|told| told.lie)
    }

    /// The operation that is passed down in place of `op`, and what is answered.
    fn twist(&mut self, lie: Lie, op: Op) -> (Op, Option<Answer>) {
        let harmless = Op::Read { at: 0, len: 1 };
        let done = Some(Answer::Is(Payload::EMPTY));
        match (lie, op) {
            (Lie::LostWrite | Lie::SkippedFlush, _) => (harmless, done),
            (Lie::MisdirectedWrite, Op::Write { at, payload, fua }) => {
                let len = (payload.len() / self.sector_size()) as u64;
                (Op::Write { at: self.beside(at, len), payload, fua }, None)
            }
            (Lie::MisdirectedRead, Op::Read { at, len }) => {
                (Op::Read { at: self.beside(at, u64::from(len)), len }, None)
            }
            (Lie::BitRot, Op::Write { at, payload, fua }) => {
                let mut bytes = payload.as_slice().to_vec();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x10;
                (Op::Write { at, payload: Payload::from(bytes), fua }, None)
            }
            (Lie::StaleRead, Op::Read { at, len }) => {
                let history = self.history.as_deref().expect("it is kept for this lie");
                (harmless, Some(Answer::Is(history.before.read(at, len))))
            }
            (Lie::IgnoredFua, Op::Write { at, payload, .. }) => {
                (Op::Write { at, payload, fua: false }, None)
            }
            (Lie::DoubleAnswer, op) => (op, Some(Answer::Twice)),
            (Lie::NoAnswer, op) => (op, Some(Answer::Never)),
            (lie, op) => unreachable!("{lie:?} cannot be told on {op:?}"),
        }
    }

    /// Where a request of `len` sectors at `at` goes by mistake: one further, or one less at the end.
    fn beside(&self, at: u64, len: u64) -> u64 {
        if at + len < self.len() { at + 1 } else { at - 1 }
    }

    fn submit_lying(&mut self, request: Request) {
        let Request { id, op } = request;
        if let Op::Write { at, payload, .. } = &op
            && in_bounds(&op, self.len(), self.sector_size())
            && let Some(history) = &mut self.history
        {
            history.write(*at, payload);
        }
        let Some(lie) = self.lie_on(&op) else {
            return self.inner.submit(Request { id, op });
        };
        let (op, answer) = self.twist(lie, op);
        self.pending.extend(answer.map(|answer| (id, answer)));
        self.inner.submit(Request { id, op });
    }

    fn poll_lying(&mut self) -> Option<Completion> {
        if let Some(completion) = self.again.take() {
            return Some(completion);
        }
        loop {
            let completion: Completion = self.inner.poll()?;
            let position = self.pending.iter().position(|(id, _)| *id == completion.id);
            let Some(position) = position else { return Some(completion) };
            let result: Result<Payload, Errno> = match self.pending.swap_remove(position).1 {
                Answer::Is(payload) => Ok(payload),
                Answer::Twice => {
                    self.again = Some(completion.clone());
                    completion.result
                }
                Answer::Never => continue,
            };
            return Some(Completion { id: completion.id, result });
        }
    }
}

impl History {
    fn write(&mut self, at: u64, payload: &Payload) {
        let len = (payload.len() / self.now.sector_size()) as u32;
        self.before.write(at, &self.now.read(at, len));
        self.now.write(at, payload);
    }

    /// Whether these sectors once held something else.
    fn differs(&self, (_, at, len): (OpKind, u64, u64)) -> bool {
        (at..at + len).any(|sector| self.now.sector(sector) != self.before.sector(sector))
    }
}

/// What a request is, and on which sectors.
fn target(op: &Op, sector_size: usize) -> (OpKind, u64, u64) {
    match op {
        Op::Read { at, len } => (OpKind::Read, *at, u64::from(*len)),
        Op::Write { at, payload, .. } => (OpKind::Write, *at, (payload.len() / sector_size) as u64),
        Op::Flush => (OpKind::Flush, 0, 0),
    }
}

impl<D: Disk> Disk for Lying<D> {
    fn sector_size(&self) -> usize {
        self.inner.sector_size()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    #[inline]
    fn submit(&mut self, request: Request) {
        if self.rules.is_empty() { self.inner.submit(request) } else { self.submit_lying(request) }
    }

    #[inline]
    fn poll(&mut self) -> Option<Completion> {
        if self.told_count == 0 { self.inner.poll() } else { self.poll_lying() }
    }
}

impl<D: CrashDisk> CrashDisk for Lying<D> {
    /// Rules stay, and what is known of old contents.
    fn power_loss(&mut self, choose: &mut Choose<'_>) {
        self.inner.power_loss(choose);
        self.forget_in_flight();
    }

    fn process_death(&mut self, choose: &mut Choose<'_>) {
        self.inner.process_death(choose);
        self.forget_in_flight();
    }
}
