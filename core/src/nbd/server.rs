//! The server's side of a connection: it offers exports, then hands each request to its caller.
//!
//! What a client may not ask is answered here, so that every [`ServerEvent::Requested`] lies within
//! its export, aligned and not too large, and writes only where that is permitted. It carries
//! nothing out and puts nothing in order: requests may be answered in any order, and a flush is for
//! the caller to understand.

mod negotiation;
mod transmission;

use std::collections::VecDeque;

use self::negotiation::Negotiation;
use self::transmission::Transmission;
use super::error::{NbdEnd, NbdErrno, NbdError};
use super::inbox::{Inbox, ROOM_KEPT_MAX};
use super::{Command, Export, REPLIES_MAX, REQUESTS_MAX, UNREAD_MAX};

/// What a server's caller gets to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ServerEvent {
    /// The client has chosen the export of this index, and requests will come.
    Chosen(usize),
    /// The client asks for something; it is to be answered once.
    Requested {
        /// The server's own number for it. Two requests of a bad client may carry the same one on
        /// the wire; here each has another.
        cookie: u64,
        /// What it asks for.
        command: Command,
    },
    /// The connection is over; answers go nowhere from now on.
    Closed(NbdEnd),
}

/// A server on one connection.
#[derive(Debug, Clone)]
pub struct Server {
    exports: Vec<Export>,
    phase: Phase,
    inbox: Inbox,
    out: Vec<u8>,
    events: VecDeque<ServerEvent>,
    /// The client's stream has ended.
    ended: bool,
    rising: bool,
}

#[derive(Debug, Clone)]
enum Phase {
    Negotiating(Negotiation),
    Transmitting(Transmission),
    Closed,
}

/// How far one message has brought the server.
enum Step {
    /// The next message is not there whole.
    Waits,
    /// There may be another one.
    Went,
    /// The client has chosen this export, and transmission begins.
    Chosen(usize),
    /// A request is to be carried out.
    Requested { cookie: u64, command: Command },
}

impl Server {
    /// A server that offers these exports. It has its greeting to send.
    ///
    /// Each must be one without a [flaw](Export::flaw), and of another name than the others.
    pub fn new(exports: Vec<Export>) -> Self {
        for (index, export) in exports.iter().enumerate() {
            let flaw = export.flaw();
            assert!(flaw.is_none(), "export {:?}: {}", export.name, flaw.unwrap_or_default());
            let twice = exports[..index].iter().any(|other| other.name == export.name);
            assert!(!twice, "two exports are named {:?}", export.name);
        }
        let mut out = Vec::new();
        let phase = Phase::Negotiating(Negotiation::begin(&mut out));
        let (inbox, events) = (Inbox::default(), VecDeque::new());
        Self { exports, phase, inbox, out, events, ended: false, rising: false }
    }

    /// The same for a client that counts its cookies up, as [`Client`](crate::nbd::Client) does when its caller
    /// does. A request that comes twice ends the connection then: carried out again, after a later one, it
    /// would undo that.
    pub fn with_rising_cookies(self) -> Self {
        Self { rising: true, ..self }
    }

    /// Takes what came from the client, in any pieces.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.ended || self.is_closed() {
            return;
        }
        self.inbox.extend(bytes);
        self.pump();
        if self.inbox.len() > UNREAD_MAX && !self.is_closed() {
            self.close(NbdError::Flooded.into());
        }
    }

    /// The client's stream has ended. What came whole before that is still looked at.
    pub fn end(&mut self) {
        self.ended = true;
        self.pump();
    }

    /// Whether the server reads on. While it does not, bytes should be left where they are.
    pub fn wants_bytes(&self) -> bool {
        let reads = match &self.phase {
            Phase::Negotiating(_) => true,
            Phase::Transmitting(transmission) => transmission.in_flight() < REQUESTS_MAX,
            Phase::Closed => false,
        };
        reads && self.out.len() < REPLIES_MAX
    }

    /// Appends what is to be sent. Call it when the stream takes it, and until it gives nothing.
    pub fn poll_transmit(&mut self, into: &mut Vec<u8>) {
        into.append(&mut self.out);
        self.out.shrink_to(ROOM_KEPT_MAX);
        self.pump();
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// Answers a request, named by the number that it came with: what was read, nothing for other
    /// commands, or why it failed. After the connection closed, answers go nowhere; before that it
    /// is a mistake to answer twice, or with another number of bytes than was asked for.
    pub fn answer(&mut self, cookie: u64, result: Result<Vec<u8>, NbdErrno>) {
        if let Phase::Transmitting(transmission) = &mut self.phase {
            transmission.answer(cookie, result, &mut self.out);
            self.pump();
        }
    }

    /// Bytes of the stream that this holds at the moment, and the room kept for them.
    pub fn bytes_held(&self) -> usize {
        let requests = self.events.iter().map(|event| match event {
            ServerEvent::Requested { command: Command::Write { bytes, .. }, .. } => {
                bytes.capacity()
            }
            _ => 0,
        });
        self.inbox.room() + self.out.capacity() + requests.sum::<usize>()
    }

    fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Reads what can be read.
    fn pump(&mut self) {
        while !self.is_closed() {
            if let Phase::Transmitting(transmission) = &self.phase
                && transmission.is_leaving()
            {
                self.inbox = Inbox::default();
                if transmission.in_flight() == 0 {
                    self.close(NbdEnd::Disconnected);
                }
                return;
            }
            if !self.wants_bytes() {
                return;
            }
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(end) => return self.close(end),
            }
        }
        if self.ended && !self.is_closed() {
            let whole = self.inbox.is_empty() && !self.is_skipping();
            let error = if whole { NbdError::Dropped } else { NbdError::Truncated };
            self.close(error.into());
        }
    }

    /// Reads one message, if there is one.
    fn step(&mut self) -> Result<bool, NbdEnd> {
        let step = match &mut self.phase {
            Phase::Negotiating(negotiation) => {
                negotiation.step(&self.exports, &mut self.inbox, &mut self.out)?
            }
            Phase::Transmitting(transmission) => {
                transmission.step(&mut self.inbox, &mut self.out)?
            }
            Phase::Closed => Step::Waits,
        };
        match step {
            Step::Waits => return Ok(false),
            Step::Went => {}
            Step::Chosen(index) => {
                self.phase =
                    Phase::Transmitting(Transmission::new(&self.exports[index], self.rising));
                self.events.push_back(ServerEvent::Chosen(index));
            }
            Step::Requested { cookie, command } => {
                self.events.push_back(ServerEvent::Requested { cookie, command });
            }
        }
        Ok(true)
    }

    fn is_skipping(&self) -> bool {
        matches!(&self.phase, Phase::Transmitting(transmission) if transmission.is_skipping())
    }

    fn close(&mut self, end: NbdEnd) {
        self.phase = Phase::Closed;
        self.inbox = Inbox::default();
        self.events.push_back(ServerEvent::Closed(end));
    }
}
