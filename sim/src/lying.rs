//! Disks that break the contract on purpose.
//!
//! # Fault model
//!
//! A [`Lie`] is told on every so many-th request that it can be told on: writes that are
//! lost, rot or go elsewhere, reads of the wrong or of old contents, flushes that are
//! skipped, answers that come twice or never. All of them are reported as success.
//!
//! They are not faults that a storage engine has to survive. They exist to prove the
//! net: the contract suite, and the oracle of whatever is tested, must notice each of
//! them. Honest errors are [`crate::faulty`]'s.

use colo_core::disk::in_bounds;
use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId};
use serde::{Deserialize, Serialize};

use crate::crash::{Choose, CrashDisk};
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
    /// A read returns what was there before the last write.
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

/// A disk that lies. See the module's head.
#[derive(Debug, Clone)]
pub struct Lying<D> {
    inner: D,
    lie: Lie,
    every: u32,
    chances: u32,
    told: u64,
    /// The contents without the last write.
    old: Pages,
    last_write: Option<(u64, Payload)>,
    /// Requests below whose answer is a lie.
    pending: Vec<(RequestId, Answer)>,
    /// An answer to be given again.
    again: Option<Completion>,
}

#[derive(Debug, Clone)]
enum Answer {
    /// This instead.
    Is(Payload),
    Twice,
    Never,
}

impl<D: Disk> Lying<D> {
    /// Tells `lie` on every `every`-th request it can be told on; `inner` must be all zero.
    pub fn new(inner: D, lie: Lie, every: u32) -> Self {
        assert!(every > 0, "a lie on every 0th request");
        let old = Pages::new(inner.len(), inner.sector_size());
        Self {
            inner,
            lie,
            every,
            chances: 0,
            told: 0,
            old,
            last_write: None,
            pending: Vec::new(),
            again: None,
        }
    }

    /// The disk below.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The disk below.
    pub fn inner_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// How many lies were told so far.
    pub fn told(&self) -> u64 {
        self.told
    }

    fn lies_on(&mut self, op: &Op) -> bool {
        if !in_bounds(op, self.len(), self.sector_size()) || !self.lie.can_be_told_on(op) {
            return false;
        }
        self.chances += 1;
        self.chances.is_multiple_of(self.every)
    }

    /// The operation that is passed down in place of `op`, and what is answered.
    fn twist(&mut self, op: Op) -> (Op, Option<Answer>) {
        let harmless = Op::Read { at: 0, len: 1 };
        let done = Some(Answer::Is(Payload::EMPTY));
        match (self.lie, op) {
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
                (harmless, Some(Answer::Is(self.old.read(at, len))))
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
        if at + len < self.len() { at + 1 } else { at.saturating_sub(1) }
    }

    /// Keeps the contents without the last write.
    fn remember(&mut self, op: &Op) {
        if self.lie == Lie::StaleRead
            && let Op::Write { at, payload, .. } = op
            && in_bounds(op, self.len(), self.sector_size())
            && let Some((at, payload)) = self.last_write.replace((*at, payload.clone()))
        {
            self.old.write(at, &payload);
        }
    }
}

impl<D: Disk> Disk for Lying<D> {
    fn sector_size(&self) -> usize {
        self.inner.sector_size()
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn submit(&mut self, request: Request) {
        let Request { id, op } = request;
        self.remember(&op);
        if !self.lies_on(&op) {
            return self.inner.submit(Request { id, op });
        }
        self.told += 1;
        let (op, answer) = self.twist(op);
        self.pending.extend(answer.map(|answer| (id, answer)));
        self.inner.submit(Request { id, op });
    }

    fn poll(&mut self) -> Option<Completion> {
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

impl<D: CrashDisk> CrashDisk for Lying<D> {
    fn power_loss(&mut self, choose: &mut Choose<'_>) {
        self.inner.power_loss(choose);
        self.pending.clear();
        self.again = None;
    }

    fn process_death(&mut self, choose: &mut Choose<'_>) {
        self.inner.process_death(choose);
        self.pending.clear();
        self.again = None;
    }
}
