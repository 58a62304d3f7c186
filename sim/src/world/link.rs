//! The connection between the hosts: ordered in each direction, delayed, held or cut.
//!
//! Requests of the primary go one way, answers the other, as over TCP: nothing
//! overtakes in one direction, and when the connection is lost, so is everything
//! on it. What a lost connection means to a request is the core's business.

use std::collections::VecDeque;

use colo_core::{Errno, Payload, RequestId, Time, UserOp, VolumeId};

use crate::stream::Stream;

/// How long a message takes, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The fastest.
    pub min_ns: u64,
    /// The slowest.
    pub max_ns: u64,
}

/// What arrives.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Request(VolumeId, RequestId, UserOp),
    Answer(VolumeId, RequestId, Result<Payload, Errno>),
}

#[derive(Debug, Clone)]
pub(crate) struct Link {
    delay: Delay,
    stream: Stream,
    /// Requests of the primary, then answers of the secondary.
    lanes: [VecDeque<(Time, Message)>; 2],
    /// Whether nothing arrives of what either side sends.
    pub(crate) held: [bool; 2],
    pub(crate) cut: bool,
}

impl Link {
    pub(crate) fn new(delay: Delay, stream: Stream) -> Self {
        Self { delay, stream, lanes: Default::default(), held: [false; 2], cut: false }
    }

    pub(crate) fn send(&mut self, now: Time, message: Message) {
        let delay = self.stream.range(self.delay.min_ns..=self.delay.max_ns);
        let lane = &mut self.lanes[usize::from(matches!(message, Message::Answer(..)))];
        let after = lane.back().map_or(Time::ZERO, |(due, _)| *due);
        lane.push_back((now.after(delay).max(after), message));
    }

    /// When something arrives in this direction, if it is not held back.
    pub(crate) fn next_due(&self, lane: usize) -> Option<Time> {
        let (due, _) = self.lanes[lane].front()?;
        (!self.held[lane]).then_some(*due)
    }

    /// The next message of this direction.
    ///
    /// # Panics
    /// If nothing is on its way there.
    pub(crate) fn receive(&mut self, lane: usize) -> Message {
        let first = self.lanes[lane].pop_front();
        first.map(|(_, message)| message).expect("something is on its way")
    }

    pub(crate) fn lose_all(&mut self) {
        for lane in &mut self.lanes {
            lane.clear();
        }
    }
}
