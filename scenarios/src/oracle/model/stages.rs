//! What the model believes once a stage, a job or a verb has moved: which view is owed, and to whom.

use colo_core::{DiskId, Mode, Stage, UserId, Verb, VerbError};
use colo_sim::world::{Side, Stamp, VolumeView};

use crate::oracle::model::{Model, Owed, in_view, on_disk};
use crate::oracle::register::Register;

impl Model {
    pub(super) fn stage_changed(
        &mut self,
        side: Side,
        from: Stage,
        to: Stage,
        world: VolumeView<'_>,
    ) {
        self.stage[side as usize] = Some(to);
        self.mark_in_doubt &= side == Side::Primary;
        match (side.mode(), to) {
            (Mode::Primary, Stage::Running) => {
                self.leftovers = self.forwarded.pending_writes().collect();
                // Whoever starts vouches that the disks are equal and nothing is on its way; where
                // that is not so, nothing is mirrored.
                for sector in 0..self.primary.len() {
                    let found = on_disk(world, DiskId::Secondary, sector);
                    self.mirrored[sector as usize] = self.primary.may_show(sector, self.now, found)
                        && !self.primary.write_pending(sector)
                        && !self.forwarded.write_pending(sector);
                }
            }
            // A new promise begins; what it is, the answer of the start says.
            (Mode::Secondary, Stage::Running) => {
                self.view = None;
                self.losses.repaired();
            }
            (Mode::Secondary, Stage::Failover) => {
                self.owed = Owed::View;
                if from == Stage::FailoverFailed {
                    self.losses.repaired();
                }
            }
            (Mode::Secondary, Stage::Done) => {
                self.owed = Owed::DiskAlone;
                self.losses.checkpoint = false;
                if from == Stage::Failover {
                    self.losses.repaired();
                }
                if from == Stage::Running {
                    self.stopped_as_planned(world);
                }
            }
            _ => {}
        }
    }

    pub(super) fn verb_answered(
        &mut self,
        side: Side,
        verb: Verb,
        result: Result<(), VerbError>,
        world: VolumeView<'_>,
    ) {
        if side == Side::Primary {
            return;
        }
        let running = self.stage_of(side) == Some(Stage::Running);
        match (verb, result) {
            (Verb::Start(_), Ok(())) if running && self.view.is_none() => {
                // The start took the mark back, if there was one; what waits behind it may set it again.
                let ends = |verb| matches!(verb, Verb::Stop { .. } | Verb::Close);
                let waits = self.verb_open(side, ends).is_some();
                let commands = !self.desks[side as usize].open.is_empty();
                self.spent_perhaps = waits || commands;
                self.forget_mirror_of_lost(world);
                self.checkpointed(world);
            }
            (Verb::Checkpoint, Ok(())) if running => {
                self.losses.checkpoint = false;
                self.checkpointed(world);
            }
            (Verb::Checkpoint, Err(_)) if running => {
                self.losses.checkpoint = true;
                self.view_lost = self.first_change(world);
            }
            (Verb::Stop { failover }, Err(error)) if running => {
                self.losses.backup |= !self.backup;
                self.mark_in_doubt |= failover && matches!(error, VerbError::MarkFailed { .. });
            }
            _ => {}
        }
    }

    /// A checkpoint succeeded: what the guest sees now is its view from here on.
    pub(super) fn checkpointed(&mut self, world: VolumeView<'_>) {
        self.epoch += 1;
        // A failover that was called meanwhile is next.
        let failover = |verb| verb == Verb::Stop { failover: true };
        let next = self.verb_open(Side::Secondary, failover).is_some();
        self.owed = if next { Owed::Perhaps } else { Owed::Nothing };
        self.view_lost = None;
        self.promise_what_is_seen(world);
        let forwarded = &self.forwarded;
        if let Some(view) = &mut self.view {
            view.adopt_pending(forwarded);
        }
    }

    /// The guest goes on from what was forwarded, durable or not.
    pub(super) fn stopped_as_planned(&mut self, world: VolumeView<'_>) {
        let host = world.on(Side::Secondary);
        match host.and_then(|host| host.locate(UserId::Guest, 0)) {
            // The filter was closed with the same verb: there is nothing left to see.
            None => self.view = None,
            Some((DiskId::Secondary, _)) => {
                let mut view = self.forwarded.clone();
                view.abandon(self.now);
                if let Some(old) = &self.view {
                    view.adopt_pending(old);
                    view.adopt_requests(old);
                }
                self.view = Some(view);
            }
            Some(_) => self.promise_what_is_seen(world),
        }
    }

    pub(super) fn promise_what_is_seen(&mut self, world: VolumeView<'_>) {
        let sectors = 0..self.forwarded.len();
        let seen = sectors.map(|sector| {
            // What is on its way may show already, and is not certain for that.
            let seen = in_view(world, sector);
            let pending = self.view.as_ref().is_some_and(|view| view.is_pending(sector, seen));
            let below = || on_disk(world, DiskId::Secondary, sector);
            if pending { below() } else { seen }.unwrap_or(Stamp::ZERO)
        });
        let mut view = Register::new(seen);
        if let Some(old) = &self.view {
            view.adopt_pending(old);
            view.adopt_requests(old);
        }
        self.view = Some(view);
    }
}
