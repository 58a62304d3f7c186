//! The primary's lease, its heartbeats, and when it holds the secondary for gone.

use std::collections::VecDeque;

use super::{Phase, Primary};
use crate::clock::Time;
use crate::colo::Effect;
use crate::colo::message::{Message, Node};

/// Heartbeats whose answer may still come. With more unanswered the oldest are given up.
const HEARTBEATS_MAX: usize = 64;

impl Primary {
    /// When [`Primary::timeout`] is to be called, if ever.
    pub fn deadline(&self) -> Option<Time> {
        if matches!(self.phase, Phase::Alone { .. } | Phase::Fenced | Phase::Stopped) {
            return None;
        }
        let lease = (!self.paused).then_some(self.lease);
        let checkpoint = self.next_checkpoint.filter(|_| self.phase == Phase::Together);
        let first = [lease, self.silence(), checkpoint].into_iter().flatten().min();
        Some(first.map_or(self.next_beat, |first| first.min(self.next_beat)))
    }

    /// When the secondary will have been silent for too long. One that has stopped as planned may be.
    fn silence(&self) -> Option<Time> {
        let listens = !self.is_apart() && self.phase != Phase::Stopping;
        let heard = self.heard.filter(|_| listens)?;
        Some(heard.after(self.options.lease_ns))
    }

    /// Time has passed. Calling it too early, or without need, changes nothing.
    pub fn timeout(&mut self, now: Time) {
        if matches!(self.phase, Phase::Alone { .. } | Phase::Fenced | Phase::Stopped) {
            return;
        }
        if self.next_beat <= now {
            self.beat(now);
        }
        if self.silence().is_some_and(|silence| silence <= now) {
            self.peer_lost(now);
        }
        if self.next_checkpoint.is_some_and(|at| at <= now) {
            self.plan_checkpoint(now);
            self.checkpoint(now);
        }
        self.settle_guest(now);
    }

    fn beat(&mut self, now: Time) {
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        self.next_beat = now.after(self.options.beat_ns());
        let claims = self.phase == Phase::Claiming;
        if claims {
            // The first claim may have been lost.
            self.send(Node::Arbiter, Message::Claim);
        } else {
            self.send(Node::Secondary, Message::Heartbeat { number });
            self.send(Node::Arbiter, Message::Renew { number });
            self.ask();
        }
        for (unanswered, used) in [(&mut self.beats, !claims), (&mut self.renewals, !claims)] {
            if used {
                unanswered.push_back((number, now));
            }
            if unanswered.len() > HEARTBEATS_MAX {
                unanswered.pop_front();
            }
        }
    }

    /// Whether the secondary's process is another one than that to which was replicated: what that one had
    /// answered may be gone with it.
    pub(super) fn is_another(&mut self, life: u32) -> bool {
        let known = self.peer.replace(life);
        self.ready[0] && known.is_some_and(|known| known != life)
    }

    /// Whether what this life of the secondary promises counts. It knows nothing of what an earlier one
    /// did, which may have taken over and died: but not while there is a lease.
    pub(super) fn trusts(&mut self, now: Time, life: u32) -> bool {
        if self.trusted != Some(life) && now < self.lease {
            (self.trusted, self.met) = (Some(life), None);
        }
        if self.trusted == Some(life) {
            return true;
        }
        if self.met.is_none_or(|(met, _)| met != life) {
            self.met = Some((life, now));
        }
        false
    }

    /// The arbiter has let nobody else go on, when it was asked and so after this life was met.
    pub(super) fn meets(&mut self, asked: Option<Time>) {
        if let Some((life, _)) =
            self.met.take_if(|(_, since)| asked.is_some_and(|asked| asked >= *since))
        {
            self.trusted = Some(life);
        }
    }

    /// From when it was asked for: whoever gave the lease reckons from later.
    pub(super) fn lease_from(&mut self, now: Time, sent: Option<Time>) {
        if let Some(sent) = sent {
            self.lease = self.lease.max(sent.after(self.options.lease_ns));
            self.settle_guest(now);
        }
    }

    /// Lets the guest run or stand still, as it may and must now.
    pub(super) fn settle_guest(&mut self, now: Time) {
        let runs = match self.phase {
            Phase::Together | Phase::Claiming => now < self.lease,
            Phase::Alone { .. } | Phase::Stopped => true,
            _ => false,
        };
        if runs == self.paused {
            self.paused = !runs;
            self.effects.push_back(if runs { Effect::Resume } else { Effect::Pause });
        }
    }
}

/// When the message of this number was sent; older ones are not waited for any more.
pub(super) fn answered(unanswered: &mut VecDeque<(u32, Time)>, number: u32) -> Option<Time> {
    let place = unanswered.iter().position(|(other, _)| *other == number)?;
    let (_, sent) = unanswered[place];
    unanswered.drain(..=place);
    Some(sent)
}
