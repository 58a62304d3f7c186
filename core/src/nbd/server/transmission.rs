//! How a server takes requests: what is in order goes to the caller, what is not is answered at once.
//!
//! A request is judged by its header alone, before its payload came. The payload of a write that is
//! refused is thrown away as it comes, and the refusal sent behind it. One that announces more than
//! the export takes is refused and ends the connection, as QEMU's server does: to skip it would let
//! a client keep the connection busy with 4 GiB that nobody wants, and it was told the limit.

use std::collections::BTreeMap;

use super::Step;
use crate::nbd::error::{NbdEnd, NbdErrno, NbdError};
use crate::nbd::inbox::Inbox;
use crate::nbd::wire::{
    CMD_DISC, CMD_FLAG_FUA, CMD_FLAG_NO_HOLE, CMD_FLUSH, CMD_READ, CMD_TRIM, CMD_WRITE,
    CMD_WRITE_ZEROES, RequestHeader, SimpleReply,
};
use crate::nbd::{Command, Export};

#[derive(Debug, Clone)]
pub(super) struct Transmission {
    size: u64,
    block_min: u32,
    block_max: u32,
    read_only: bool,
    /// By the server's own numbers.
    in_flight: BTreeMap<u64, InFlight>,
    /// The number of the next request.
    next: u64,
    /// Whether cookies have to rise, and the highest so far.
    rising: bool,
    highest: Option<u64>,
    skipping: Option<Skipping>,
    /// The client has disconnected.
    leaving: bool,
}

/// A request that the caller has.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    /// The client's number for it.
    cookie: u64,
    /// How many bytes its answer brings if it succeeds.
    answer_len: u32,
}

/// The payload of a refused write, on its way to nowhere.
#[derive(Debug, Clone, Copy)]
struct Skipping {
    left: usize,
    cookie: u64,
    errno: NbdErrno,
}

impl Transmission {
    pub(super) fn new(export: &Export, rising: bool) -> Self {
        Self {
            size: export.size,
            block_min: export.block_min,
            block_max: export.block_max,
            read_only: export.read_only,
            in_flight: BTreeMap::new(),
            next: 0,
            rising,
            highest: None,
            skipping: None,
            leaving: false,
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving
    }

    pub(super) fn is_skipping(&self) -> bool {
        self.skipping.is_some()
    }

    /// Reads one request, if it is there whole.
    pub(super) fn step(&mut self, inbox: &mut Inbox, out: &mut Vec<u8>) -> Result<Step, NbdEnd> {
        if let Some(skipping) = self.skipping {
            return Ok(self.skip(skipping, inbox, out));
        }
        let Some(header) = RequestHeader::peek(inbox)? else {
            return Ok(Step::Waits);
        };
        let RequestHeader { command, cookie, len, .. } = header;
        if command == CMD_WRITE && len > self.block_max {
            reply(cookie, Err(NbdErrno::Inval), out);
            return Err(NbdError::Oversized { what: "a write", len, max: self.block_max }.into());
        }
        // Nobody answers a disconnect, so its cookie is none.
        let counts = self.rising && command != CMD_DISC;
        if counts && self.highest.is_some_and(|highest| cookie <= highest) {
            return Err(NbdError::CookieUsed { cookie }.into());
        }
        let payload_len = if command == CMD_WRITE { len as usize } else { 0 };
        if let Err(errno) = self.judge(&header) {
            self.highest = Some(cookie);
            inbox.skip(RequestHeader::LEN);
            self.skipping = Some(Skipping { left: payload_len, cookie, errno });
            return Ok(Step::Went);
        }
        let Some(message) = inbox.take(RequestHeader::LEN + payload_len) else {
            return Ok(Step::Waits);
        };
        self.highest = Some(cookie);
        if command == CMD_DISC {
            self.leaving = true;
            return Ok(Step::Went);
        }
        Ok(self.admit(&header, &message[RequestHeader::LEN..]))
    }

    fn skip(&mut self, mut skipping: Skipping, inbox: &mut Inbox, out: &mut Vec<u8>) -> Step {
        skipping.left -= inbox.skip(skipping.left);
        if skipping.left > 0 {
            self.skipping = Some(skipping);
            return Step::Waits;
        }
        self.skipping = None;
        reply(skipping.cookie, Err(skipping.errno), out);
        Step::Went
    }

    /// Whether a request may be carried out. The errors are those that the protocol's document asks
    /// for; it says nothing of empty ranges, which are `EINVAL` as what is not aligned. (QEMU's
    /// server answers `EINVAL` to all of this, and lets what is empty or not aligned pass.)
    fn judge(&self, header: &RequestHeader) -> Result<(), NbdErrno> {
        let RequestHeader { flags, command, at, len, .. } = *header;
        let (flags_known, writes) = match command {
            // There is no reply to a disconnect, so whatever it says besides is of no interest.
            CMD_DISC => return Ok(()),
            CMD_READ | CMD_FLUSH => (CMD_FLAG_FUA, false),
            CMD_WRITE | CMD_TRIM => (CMD_FLAG_FUA, true),
            CMD_WRITE_ZEROES => (CMD_FLAG_FUA | CMD_FLAG_NO_HOLE, true),
            _ => return Err(NbdErrno::Inval),
        };
        if flags & !flags_known != 0 {
            return Err(NbdErrno::Inval);
        }
        if command == CMD_FLUSH {
            return if at == 0 && len == 0 { Ok(()) } else { Err(NbdErrno::Inval) };
        }
        if writes && self.read_only {
            return Err(NbdErrno::Perm);
        }
        if len == 0 || (command == CMD_READ && len > self.block_max) {
            return Err(NbdErrno::Inval);
        }
        if at.checked_add(u64::from(len)).is_none_or(|end| end > self.size) {
            let out_of_room = matches!(command, CMD_WRITE | CMD_WRITE_ZEROES);
            return Err(if out_of_room { NbdErrno::NoSpc } else { NbdErrno::Inval });
        }
        let aligned =
            at.is_multiple_of(u64::from(self.block_min)) && len.is_multiple_of(self.block_min);
        if aligned { Ok(()) } else { Err(NbdErrno::Inval) }
    }

    /// Gives a request its number and lets it go to the caller.
    fn admit(&mut self, header: &RequestHeader, payload: &[u8]) -> Step {
        let RequestHeader { flags, at, len, .. } = *header;
        let fua = flags & CMD_FLAG_FUA != 0;
        let command = match header.command {
            CMD_READ => Command::Read { at, len },
            CMD_WRITE => Command::Write { at, bytes: payload.to_vec(), fua },
            CMD_FLUSH => Command::Flush,
            CMD_TRIM => Command::Trim { at, len, fua },
            CMD_WRITE_ZEROES => {
                let no_hole = flags & CMD_FLAG_NO_HOLE != 0;
                Command::WriteZeroes { at, len, fua, no_hole }
            }
            other => unreachable!("command {other} was judged to be none of these"),
        };
        let answer_len = if header.command == CMD_READ { len } else { 0 };
        let cookie = self.next;
        self.next += 1;
        self.in_flight.insert(cookie, InFlight { cookie: header.cookie, answer_len });
        Step::Requested { cookie, command }
    }

    pub(super) fn answer(
        &mut self,
        cookie: u64,
        result: Result<Vec<u8>, NbdErrno>,
        out: &mut Vec<u8>,
    ) {
        let request = self.in_flight.remove(&cookie);
        let Some(InFlight { cookie: client_cookie, answer_len }) = request else {
            panic!("request {cookie} was answered, which is not in flight");
        };
        if let Ok(bytes) = &result {
            assert_eq!(
                bytes.len(),
                answer_len as usize,
                "request {cookie} was answered with another number of bytes than it asks for"
            );
        }
        reply(client_cookie, result, out);
    }
}

fn reply(cookie: u64, result: Result<Vec<u8>, NbdErrno>, out: &mut Vec<u8>) {
    let (error, bytes) = match result {
        Ok(bytes) => (0, bytes),
        Err(errno) => (errno.number(), Vec::new()),
    };
    SimpleReply { error, cookie }.write(out);
    out.extend(bytes);
}
