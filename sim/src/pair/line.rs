//! A control connection that is made again whenever it is lost, and the messages on it.

use colo_core::Time;
use colo_core::colo::{FrameError, Message, Reader};

use crate::pair::network::{Connection, Port};
use crate::pair::wire::Wire;

/// How long somebody waits who was not let in, or not answered, before trying again.
pub(super) const REDIAL_NS: u64 = 300_000;

/// The connection to a port. See the module's head.
#[derive(Debug)]
pub(super) struct Line {
    port: Port,
    connection: Option<Connection>,
    up: bool,
    reader: Reader,
    /// When to try again, or to give up waiting for an answer.
    next: Time,
}

impl Line {
    pub(super) fn new(port: Port) -> Self {
        Self { port, connection: None, up: false, reader: Reader::default(), next: Time::ZERO }
    }

    /// Dials if there is no connection and it is time to.
    pub(super) fn dial_if_due(&mut self, now: Time, wire: &mut Wire<'_>) {
        if self.up || now < self.next {
            return;
        }
        if let Some(unanswered) = self.connection.take() {
            wire.close(unanswered);
        }
        self.connection = Some(wire.dial(self.port));
        self.next = now.after(REDIAL_NS);
    }

    /// When [`Line::dial_if_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Time> {
        (!self.up).then_some(self.next)
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
        self.next = now.after(REDIAL_NS);
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
    pub(super) fn send(&self, message: &Message, wire: &mut Wire<'_>) {
        if let Some(connection) = self.connection.filter(|_| self.up) {
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            wire.send(self.port, connection, bytes);
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
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
