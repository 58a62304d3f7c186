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

    pub(crate) fn next_due(&self) -> Option<Time> {
        let open = self.lanes.iter().zip(self.held).filter(|(_, held)| !held);
        open.filter_map(|(lane, _)| lane.front()).map(|(due, _)| *due).min()
    }

    /// The next message that is due.
    pub(crate) fn receive(&mut self, now: Time) -> Option<Message> {
        let due = |lane: &&mut VecDeque<(Time, Message)>| {
            lane.front().filter(|(due, _)| *due <= now).map(|(due, _)| *due)
        };
        let lanes = self.lanes.iter_mut().zip(self.held).filter(|(_, held)| !held);
        let lanes = lanes.map(|(lane, _)| lane);
        let lane = lanes.filter(|lane| due(lane).is_some()).min_by_key(due)?;
        lane.pop_front().map(|(_, message)| message)
    }

    pub(crate) fn lose_all(&mut self) {
        for lane in &mut self.lanes {
            lane.clear();
        }
    }
}
