//! The client's side of a connection: an export is chosen, then commands go out and answers come.
//!
//! It believes no reply that it did not ask for. It does not judge the export that it gets, nor
//! whether a command fits it: that is the caller's, who sees [`ClientEvent::Ready`]. It repeats
//! nothing and connects to nothing anew; what was in flight when the connection closed may have
//! been done or not.

mod negotiation;

use std::collections::{BTreeMap, VecDeque};

use self::negotiation::{Negotiation, Step};
use super::error::{NbdErrno, NbdError};
use super::inbox::{Inbox, ROOM_KEPT_MAX};
use super::wire::{
    CMD_DISC, CMD_FLAG_FUA, CMD_FLAG_NO_HOLE, CMD_FLUSH, CMD_READ, CMD_TRIM, CMD_WRITE,
    CMD_WRITE_ZEROES, FLAG_SEND_FLUSH, FLAG_SEND_FUA, FLAG_SEND_TRIM, FLAG_SEND_WRITE_ZEROES,
    RequestHeader, SimpleReply,
};
use super::{Command, Export};

/// What a client's caller gets to know.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientEvent {
    /// Commands may be submitted to this export. The server's word is reported as it is: whether it
    /// is large enough, or read-only, is for the caller to look at.
    Ready(Export),
    /// A command is done, or failed.
    Answered {
        /// As it was submitted.
        cookie: u64,
        /// What was read, nothing for other commands, or why it failed.
        result: Result<Vec<u8>, NbdErrno>,
    },
    /// The connection is over; commands in flight are not answered any more.
    Closed(NbdError),
}

/// A client on one connection.
#[derive(Debug, Clone)]
pub struct Client {
    phase: Phase,
    inbox: Inbox,
    out: Vec<u8>,
    events: VecDeque<ClientEvent>,
    /// The caller wants to go.
    leaving: bool,
    /// The server's stream has ended.
    ended: bool,
}

#[derive(Debug, Clone)]
enum Phase {
    Negotiating(Negotiation),
    Transmitting(Transmission),
    Closed,
}

#[derive(Debug, Clone)]
struct Transmission {
    /// Transmission flags: what the server says it can do.
    features: u16,
    /// How many bytes each request's answer brings if it succeeds.
    in_flight: BTreeMap<u64, u32>,
}

impl Client {
    /// A client that wants this export. It waits for the server to begin.
    pub fn new(export: &str) -> Self {
        Self {
            phase: Phase::Negotiating(Negotiation::new(export)),
            inbox: Inbox::default(),
            out: Vec::new(),
            events: VecDeque::new(),
            leaving: false,
            ended: false,
        }
    }

    /// Takes what came from the server, in any pieces.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !self.ended && !self.is_closed() {
            self.inbox.extend(bytes);
            self.pump();
        }
    }

    /// The server's stream has ended.
    pub fn end(&mut self) {
        self.ended = true;
        self.pump();
    }

    /// Appends what is to be sent.
    pub fn poll_transmit(&mut self, into: &mut Vec<u8>) {
        into.append(&mut self.out);
        self.out.shrink_to(ROOM_KEPT_MAX);
    }

    /// What happened, in order.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Sends a command. Its cookie is the caller's, and unique among those in flight.
    ///
    /// What the server does not offer, such as a flush, is not sent but answered with
    /// [`NbdErrno::NotSup`]. After the connection closed, commands go nowhere; before it is ready or
    /// after [`Client::disconnect`] it is a mistake to submit one.
    pub fn submit(&mut self, cookie: u64, command: Command) {
        let transmission = match &mut self.phase {
            Phase::Transmitting(transmission) => transmission,
            Phase::Closed => return,
            Phase::Negotiating(_) => panic!("command {cookie} was submitted before Ready"),
        };
        assert!(!self.leaving, "command {cookie} was submitted after disconnect");
        assert!(
            !transmission.in_flight.contains_key(&cookie),
            "command {cookie} was submitted while another of this cookie is in flight"
        );
        let (header, payload) = encode(cookie, &command);
        if !offered(transmission.features, &header) {
            let result = Err(NbdErrno::NotSup);
            self.events.push_back(ClientEvent::Answered { cookie, result });
            return;
        }
        header.write(&mut self.out);
        self.out.extend(payload);
        let answer_len = if header.command == CMD_READ { header.len } else { 0 };
        transmission.in_flight.insert(cookie, answer_len);
    }

    /// Leaves in order, with `NBD_CMD_DISC`: as soon as an export is agreed on if that is still
    /// under way. What is in flight may still be answered; then comes [`NbdError::Left`].
    pub fn disconnect(&mut self) {
        if self.leaving || self.is_closed() {
            return;
        }
        self.leaving = true;
        if matches!(self.phase, Phase::Transmitting(_)) {
            self.send_disconnect();
        }
        self.pump();
    }

    /// Whether commands may be submitted.
    pub fn is_ready(&self) -> bool {
        !self.leaving && matches!(self.phase, Phase::Transmitting(_))
    }

    /// Bytes of the stream that this holds at the moment, and the room kept for them.
    pub fn bytes_held(&self) -> usize {
        let answers = self.events.iter().map(|event| match event {
            ClientEvent::Answered { result: Ok(bytes), .. } => bytes.capacity(),
            _ => 0,
        });
        self.inbox.room() + self.out.capacity() + answers.sum::<usize>()
    }

    fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    fn send_disconnect(&mut self) {
        RequestHeader { flags: 0, command: CMD_DISC, cookie: 0, at: 0, len: 0 }
            .write(&mut self.out);
    }

    /// Reads what can be read.
    fn pump(&mut self) {
        loop {
            match self.step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.close(error),
            }
        }
        if self.ended && !self.is_closed() {
            let error = match (self.leaving, self.inbox.is_empty()) {
                (_, false) => NbdError::Truncated,
                (true, true) => NbdError::Left,
                (false, true) => NbdError::Dropped,
            };
            self.close(error);
        }
    }

    /// Reads one message, if there is one.
    fn step(&mut self) -> Result<bool, NbdError> {
        match &mut self.phase {
            Phase::Negotiating(negotiation) => {
                match negotiation.step(&mut self.inbox, &mut self.out)? {
                    Step::Waits => Ok(false),
                    Step::Went => Ok(true),
                    Step::Agreed { export, features } => {
                        self.agree(export, features);
                        Ok(true)
                    }
                }
            }
            Phase::Transmitting(transmission) => {
                if self.leaving && transmission.in_flight.is_empty() {
                    return Err(NbdError::Left);
                }
                let Some(event) = transmission.answer(&mut self.inbox)? else {
                    return Ok(false);
                };
                self.events.push_back(event);
                Ok(true)
            }
            Phase::Closed => Ok(false),
        }
    }

    fn agree(&mut self, export: Export, features: u16) {
        let in_flight = BTreeMap::new();
        self.phase = Phase::Transmitting(Transmission { features, in_flight });
        if self.leaving {
            self.send_disconnect();
        } else {
            self.events.push_back(ClientEvent::Ready(export));
        }
    }

    fn close(&mut self, error: NbdError) {
        self.phase = Phase::Closed;
        self.inbox = Inbox::default();
        self.events.push_back(ClientEvent::Closed(error));
    }
}

impl Transmission {
    /// Reads one reply, if it is there whole.
    fn answer(&mut self, inbox: &mut Inbox) -> Result<Option<ClientEvent>, NbdError> {
        let Some(SimpleReply { error, cookie }) = SimpleReply::peek(inbox)? else {
            return Ok(None);
        };
        let Some(&answer_len) = self.in_flight.get(&cookie) else {
            return Err(NbdError::UnknownCookie { cookie });
        };
        let payload_len = if error == 0 { answer_len as usize } else { 0 };
        let Some(reply) = inbox.take(SimpleReply::LEN + payload_len) else {
            return Ok(None);
        };
        self.in_flight.remove(&cookie);
        let result = match error {
            0 => Ok(reply[SimpleReply::LEN..].to_vec()),
            number => Err(NbdErrno::of_number(number)),
        };
        Ok(Some(ClientEvent::Answered { cookie, result }))
    }
}

/// A command as it goes over the wire: its header, and what follows.
fn encode(cookie: u64, command: &Command) -> (RequestHeader, &[u8]) {
    let flag = |set: bool, flag: u16| if set { flag } else { 0 };
    let header = |command, flags, at, len| RequestHeader { flags, command, cookie, at, len };
    match command {
        Command::Read { at, len } => (header(CMD_READ, 0, *at, *len), &[]),
        Command::Write { at, bytes, fua } => {
            let len = u32::try_from(bytes.len()).expect("a write is shorter than 4 GiB");
            (header(CMD_WRITE, flag(*fua, CMD_FLAG_FUA), *at, len), bytes)
        }
        Command::Flush => (header(CMD_FLUSH, 0, 0, 0), &[]),
        Command::Trim { at, len, fua } => {
            (header(CMD_TRIM, flag(*fua, CMD_FLAG_FUA), *at, *len), &[])
        }
        Command::WriteZeroes { at, len, fua, no_hole } => {
            let flags = flag(*fua, CMD_FLAG_FUA) | flag(*no_hole, CMD_FLAG_NO_HOLE);
            (header(CMD_WRITE_ZEROES, flags, *at, *len), &[])
        }
    }
}

/// Whether a server with these transmission flags lets this request be sent.
fn offered(features: u16, header: &RequestHeader) -> bool {
    let fua = if header.flags & CMD_FLAG_FUA == 0 { 0 } else { FLAG_SEND_FUA };
    let command = match header.command {
        CMD_FLUSH => FLAG_SEND_FLUSH,
        CMD_TRIM => FLAG_SEND_TRIM,
        CMD_WRITE_ZEROES => FLAG_SEND_WRITE_ZEROES,
        _ => 0,
    };
    features & (command | fua) == command | fua
}
