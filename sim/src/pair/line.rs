//! A control connection that is made again whenever it is lost, and the messages on it.

use colo_core::Time;
use colo_core::colo::{FrameError, Message, Reader};

use crate::pair::network::{Connection, Port};
use crate::pair::wire::Wire;

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

    pub(super) fn dialled(&mut self, now: Time, wire: &Wire<'_>) {
        self.next = now.after(wire.answer_ns);
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
            said: Said::default(),
        }
    }

    /// Dials if there is no connection and it is time to.
    pub(super) fn dial_if_due(&mut self, now: Time, wire: &mut Wire<'_>) {
        if self.up || !self.redial.is_due(now) {
            return;
        }
        if let Some(unanswered) = self.connection.take() {
            wire.give_up(unanswered);
            self.redial.lost(now);
        }
        self.connection = Some(wire.dial(self.port, self.redial.in_vain()));
        self.redial.dialled(now, wire);
    }

    /// When [`Line::dial_if_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.up).then_some(self.redial.deadline())
    }

    pub(super) fn is(&self, connection: Connection) -> bool {
        self.connection == Some(connection)
    }

    pub(super) fn connected(&mut self) {
        (self.up, self.reader) = (true, Reader::default());
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
    pub(super) fn send(&mut self, message: &Message, wire: &mut Wire<'_>) {
        if let Some(connection) = self.connection.filter(|_| self.up) {
            wire.send_message(self.port, connection, message, &mut self.said);
        }
    }

    /// The messages that are whole now. Only with them it is sure that there is somebody: some are let in,
    /// and sent away at once.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
        self.redial.made();
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
