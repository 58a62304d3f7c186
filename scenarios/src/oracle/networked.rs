//! What is promised across a network: a checkpoint is of both sides, and an answer means that it is done.
//!
//! These are parts of `checkpoint` and `mirror` that show only where two hosts tell each other
//! something. What moves the beliefs is in `model.rs`.

use colo_core::colo::Told;
use colo_core::{Event, Extent, Payload, Stage, UserId, Verb};
use colo_sim::world::{Networked, Side, Stamp, What};

use crate::oracle::model::in_view;
use crate::oracle::register::{Moment, Register};
use crate::oracle::{Findings, Sight};

/// What the roles have told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beliefs {
    /// Since when the secondary takes over.
    pub(crate) taken_over: Option<Moment>,
    /// The primary was let go on alone.
    pub(crate) alone: bool,
    /// The primary holds the secondary for gone, or is gone itself: it takes part in no checkpoint.
    primary_left: bool,
    /// Whether each guest runs.
    runs: [bool; 2],
    /// The epoch whose memory has come to the secondary, and the writes that it knows of.
    received: Option<(u32, Vec<u32>)>,
    /// The last epoch that the secondary's disks took, and the last whose memory its guest got.
    disks: u32,
    memory: u32,
    /// There is a network.
    networked: bool,
    /// The secondary has answered writes of the primary's process.
    answered: bool,
    /// The secondary's process has ended, ever, and after it had.
    died: bool,
    parted: bool,
}

impl Beliefs {
    /// Moves with an entry.
    pub(crate) fn apply(&mut self, now: Moment, side: Side, what: &What) {
        self.networked |= matches!(what, What::Networked(_));
        match (what, side) {
            (What::Networked(Networked::Guest { runs }), _) => self.runs[side as usize] = *runs,
            // Whatever its role says of it.
            (What::Event(Event::Stage { to: Stage::Failover, .. }), Side::Secondary)
                if self.networked =>
            {
                self.taken_over.get_or_insert(now);
            }
            (What::Networked(Networked::Forwarded { ok, .. }), _) => self.answered |= ok,
            (What::Networked(Networked::Told(told)), _) => self.told(now, side, told),
            (
                What::Event(Event::AllAnswered { verb: Verb::Checkpoint, result, .. }),
                Side::Secondary,
            ) => {
                if let Some((epoch, _)) = self.received.take()
                    && result.is_ok()
                {
                    self.disks = epoch;
                }
            }
            (
                What::PowerLost
                | What::ProcessDied
                | What::Event(Event::Exited | Event::Aborted(_)),
                _,
            ) => {
                self.primary_left |= side == Side::Primary;
                self.died |= side == Side::Secondary;
                self.parted |= side == Side::Secondary && self.answered;
                self.runs[side as usize] = false;
                self.received = self.received.take().filter(|_| side == Side::Primary);
            }
            // A new process, with a new memory: what its role counts begins anew.
            (What::Started { .. }, Side::Secondary) => {
                (self.runs[1], self.received) = (true, None);
                (self.disks, self.memory) = (0, 0);
            }
            (What::Started { .. }, Side::Primary) => {
                (self.primary_left, self.answered, self.parted) = (false, false, false);
            }
            _ => {}
        }
    }

    fn told(&mut self, now: Moment, side: Side, told: &Told) {
        match (told, side) {
            (Told::TakesOver, _) => {
                self.taken_over.get_or_insert(now);
            }
            (Told::Granted, Side::Primary) => (self.alone, self.primary_left) = (true, true),
            (Told::PeerLost | Told::Denied, Side::Primary) => self.primary_left = true,
            (Told::Loaded { epoch }, _) => self.memory = *epoch,
            (Told::Received { epoch, writes }, _) => self.received = Some((*epoch, writes.clone())),
            _ => {}
        }
    }
}

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    match (&sight.entry.what, sight.entry.side) {
        (What::Networked(Networked::Forwarded { extent, payload, ok: true }), _) => {
            forwarded(sight, *extent, payload, findings);
        }
        (What::Networked(Networked::Told(Told::Received { epoch, .. })), _) => {
            received(sight, *epoch, findings);
        }
        (What::Networked(Networked::Told(Told::Loaded { epoch })), _) => {
            let disks = sight.model.network.disks;
            if *epoch != disks {
                let message = format!(
                    "the memory of epoch {epoch} was loaded, and the disks are at epoch {disks}"
                );
                findings.report("checkpoint", Side::Secondary, message);
            }
        }
        (What::Networked(Networked::Told(Told::TakesOver)), _) => {
            let Beliefs { disks, memory, .. } = sight.model.network;
            if disks != memory {
                let message = format!(
                    "the secondary takes over with the memory of epoch {memory}, and the disks are at epoch {disks}"
                );
                findings.report("checkpoint", Side::Secondary, message);
            }
        }
        (
            What::Event(Event::VerbAnswered { verb: Verb::Checkpoint, result: Ok(()), .. }),
            Some(Side::Secondary),
        ) => taken(sight, findings),
        _ => {}
    }
}

/// The primary is told that a write is done: then it is. A process that is gone may have answered what the
/// disk has lost since.
fn forwarded(sight: &Sight<'_>, extent: Extent, payload: &Payload, findings: &mut Findings) {
    let register = &sight.model.forwarded;
    let size = payload.len() / extent.len as usize;
    for (sector, bytes) in (extent.at..extent.end()).zip(payload.chunks(size)) {
        let Some(stamp) = Stamp::of(bytes).filter(|stamp| *stamp != Stamp::ZERO) else { continue };
        let arrived = sight.model.network.died || register.has_seen(sector, stamp);
        let pending = register.is_pending(sector, Some(stamp));
        if (pending || !arrived) && !register.was_answered(sector, stamp) {
            let message = format!(
                "the primary was told that its write to sector {sector} is done, and the secondary has not answered it"
            );
            return findings.report_at("mirror", Side::Primary, sector, message);
        }
    }
}

/// The memory of an epoch came: the one after that of the disks, on which nothing is under way any more.
fn received(sight: &Sight<'_>, epoch: u32, findings: &mut Findings) {
    let (model, beliefs) = (sight.model, &sight.model.network);
    let disks = beliefs.disks;
    if epoch <= disks {
        let message =
            format!("the memory of epoch {epoch} came, and the disks are at epoch {disks} already");
        findings.report("checkpoint", Side::Secondary, message);
    }
    if beliefs.parted {
        let message = format!(
            "the memory of epoch {epoch} came to another life of the secondary than has answered the primary's writes"
        );
        findings.report("checkpoint", Side::Secondary, message);
    }
    if let Some((_, extent)) = model.forwarded.pending_writes().next() {
        let message = format!(
            "the memory of epoch {epoch} came while the primary's write of {extent} is under way"
        );
        findings.report_at("checkpoint", Side::Secondary, extent.at, message);
    }
    let runs = beliefs.runs[Side::Secondary as usize];
    if runs || model.register_of(Side::Secondary, UserId::Guest).is_some_and(Register::waits) {
        let message = format!(
            "the memory of epoch {epoch} came while the secondary's guest {}",
            if runs { "runs" } else { "has requests under way" },
        );
        findings.report("checkpoint", Side::Secondary, message);
    }
}

/// The secondary's disks took a checkpoint: of the moment of the memory, while the primary stands still.
fn taken(sight: &Sight<'_>, findings: &mut Findings) {
    let (model, beliefs) = (sight.model, &sight.model.network);
    let Some((epoch, writes)) = &beliefs.received else { return };
    let known = writes.get(usize::from(sight.world.id().0)).copied().unwrap_or(0);
    for sector in 0..model.forwarded.len() {
        let Some(seen) = in_view(sight.world, sector) else { continue };
        let newer = seen.writer() == model.writers[Side::Primary as usize] && seen.number() > known;
        if newer {
            let message = format!(
                "after checkpoint {epoch} sector {sector} shows {}, and the memory that came knows of {known} writes",
                model.describe(sector, Some(seen)),
            );
            return findings.report_at("checkpoint", Side::Secondary, sector, message);
        }
    }
    if beliefs.primary_left {
        return;
    }
    if beliefs.runs[Side::Primary as usize] || model.primary.writes_pending() {
        let message = format!(
            "checkpoint {epoch} was taken while the primary's guest {}",
            if beliefs.runs[0] { "runs" } else { "has writes under way" },
        );
        findings.report("checkpoint", Side::Secondary, message);
    }
}
