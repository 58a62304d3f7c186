//! A control connection that is made again whenever it is lost, and the messages on it.

use colo_core::Time;
use colo_core::colo::{FrameError, Message, Reader};

use crate::pair::network::{Connection, Port};
use crate::pair::wire::Wire;

/// How long somebody waits for an answer.
const ANSWER_NS: u64 = 3_000_000;

/// How long somebody waits before trying again; twice as long after each time that it was in vain.
const REDIAL_NS: u64 = 100_000;

/// How often that is doubled at most.
const DOUBLED_MAX: u32 = 4;

/// When to dial.
#[derive(Debug, Default)]
pub(super) struct Redial {
    next: Time,
    in_vain: u32,
}

impl Redial {
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.next <= now
    }

    pub(super) fn dialled(&mut self, now: Time) {
        self.next = now.after(ANSWER_NS);
    }

    pub(super) fn made(&mut self) {
        self.in_vain = 0;
    }

    pub(super) fn lost(&mut self, now: Time) {
        self.next = now.after(REDIAL_NS << self.in_vain);
        self.in_vain = DOUBLED_MAX.min(self.in_vain + 1);
    }

    /// Whether it was tried often, so that who knows whether anybody will ever be there.
    pub(super) fn in_vain(&self) -> bool {
        self.in_vain == DOUBLED_MAX
    }

    pub(super) fn deadline(&self) -> Time {
        self.next
    }
}

/// What was last said to somebody, beside heartbeats. Who waits for something says the same again and
/// again, and may never be heard.
#[derive(Debug, Default)]
pub(super) struct Said(Option<Message>);

impl Said {
    /// Whether this says something that was not just said.
    pub(super) fn is_new(&mut self, message: &Message) -> bool {
        use Message::{Alive, Heartbeat, Hello, Lease, Renew};
        match message {
            Heartbeat { .. } | Alive { .. } | Renew { .. } | Lease { .. } | Hello { .. } => false,
            _ if self.0.as_ref() == Some(message) => false,
            _ => {
                self.0 = Some(message.clone());
                true
            }
        }
    }
}

/// The connection to a port. See the module's head.
#[derive(Debug)]
pub(super) struct Line {
    port: Port,
    connection: Option<Connection>,
    up: bool,
    reader: Reader,
    redial: Redial,
    /// Since when something that was sent has no answer.
    unanswered: Option<Time>,
    said: Said,
}

impl Line {
    pub(super) fn new(port: Port) -> Self {
        Self {
            port,
            connection: None,
            up: false,
            reader: Reader::default(),
            redial: Redial::default(),
            unanswered: None,
            said: Said::default(),
        }
    }

    /// Dials if there is no connection and it is time to. What is lost under a connection to the arbiter is
    /// never sent again, and nothing after it arrives: one without answers is given up. (Of the other host's
    /// silence its role takes care.)
    pub(super) fn dial_if_due(&mut self, now: Time, wire: &mut Wire<'_>) {
        if self.silence().is_some_and(|silence| silence <= now)
            && let Some(silent) = self.connection
        {
            wire.give_up(silent);
            self.lost(now);
        }
        if self.up || !self.redial.is_due(now) {
            return;
        }
        if let Some(unanswered) = self.connection.take() {
            wire.give_up(unanswered);
            self.redial.lost(now);
        }
        self.connection = Some(wire.dial(self.port, self.redial.in_vain()));
        self.redial.dialled(now);
    }

    /// When [`Line::dial_if_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.up { self.silence() } else { Some(self.redial.deadline()) }
    }

    fn silence(&self) -> Option<Time> {
        let asked = self.unanswered.filter(|_| self.up && self.port == Port::Arbiter);
        asked.map(|asked| asked.after(ANSWER_NS))
    }

    pub(super) fn is(&self, connection: Connection) -> bool {
        self.connection == Some(connection)
    }

    pub(super) fn connected(&mut self) {
        (self.up, self.reader, self.unanswered) = (true, Reader::default(), None);
    }

    /// It is over; whether it was ever there.
    pub(super) fn lost(&mut self, now: Time) -> bool {
        self.connection = None;
        self.redial.lost(now);
        std::mem::replace(&mut self.up, false)
    }

    /// Ends it.
    pub(super) fn close(&mut self, now: Time, wire: &mut Wire<'_>) {
        if let Some(connection) = self.connection {
            wire.close(connection);
            self.lost(now);
        }
    }

    /// Sends, or does not: what has no connection is lost.
    pub(super) fn send(&mut self, now: Time, message: &Message, wire: &mut Wire<'_>) {
        if let Some(connection) = self.connection.filter(|_| self.up) {
            if !matches!(message, Message::Hello { .. }) {
                self.unanswered.get_or_insert(now);
            }
            wire.send_message(self.port, connection, message, &mut self.said);
        }
    }

    /// The messages that are whole now. Only with them it is sure that there is somebody: some are let in,
    /// and sent away at once.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
        self.redial.made();
        self.unanswered = None;
        read_all(&mut self.reader, bytes)
    }
}

/// All messages that are whole now.
pub(super) fn read_all(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
    reader.receive(bytes);
    let mut messages = Vec::new();
    while let Some(message) = reader.next_message()? {
        messages.push(message);
    }
    Ok(messages)
}
