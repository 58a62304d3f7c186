//! The NBD protocol, both sides, as state machines over bytes.
//!
//! This is how a primary host reaches the disks of its secondary: [`Client`] and [`Server`] take the
//! bytes that came, in any pieces, and give the bytes that are to go and what happened. They follow
//! the protocol's own document, `doc/proto.md` of the reference implementation
//! (<https://github.com/NetworkBlockDevice/nbd>): fixed newstyle negotiation with `NBD_OPT_LIST`,
//! `INFO`, `GO`, `ABORT` and `EXPORT_NAME`; then read, write, flush, FUA, trim, write zeroes and
//! disconnect.
//!
//! What they deliberately do not do: open sockets, read a clock, carry out a command, or wait. A peer
//! that says nothing for an hour is the caller's to judge. There are simple replies only:
//! `NBD_OPT_STRUCTURED_REPLY`, `EXTENDED_HEADERS`, the metadata contexts and `STARTTLS` are answered
//! with `NBD_REP_ERR_UNSUP`, as any option that nobody knows, and clients go on without them. An
//! export is found by its exact name; there is no other default export than one named "".
//!
//! # Pumping
//!
//! After whatever is handed in, ask `poll_event` and `poll_transmit` again until both have nothing:
//! taking the one may make room for the other. When the peer's stream has ended, say so with `end`.
//! `Closed` is the last event. What was to be sent before it is still there to be taken; from then
//! on nothing is accepted, and requests that were not answered will not be.
//!
//! # Memory
//!
//! The peer is not trusted. No number that it announces makes anything grow: only bytes that it has
//! sent do, up to fixed bounds.
//!
//! - An option, or the reply to one, is at most [`OPTION_MAX`] bytes long; a longer one ends the
//!   connection.
//! - A client keeps one reply until it is whole. Its payload is as long as the caller's own read.
//! - A server has at most [`REQUESTS_MAX`] requests in flight. As QEMU's it reads no further then,
//!   and [`Server::wants_bytes`] says so: what comes is left in the socket. It does the same when
//!   [`REPLIES_MAX`] bytes wait to be sent, so that a client that never reads gets no answers made
//!   for it. A caller that hands bytes in all the same has them kept up to [`UNREAD_MAX`]; more ends
//!   the connection.
//!
//! A server so holds at most `REQUESTS_MAX` payloads and as many answers, each of no more than its
//! export's `block_max`, the replies and the unread bytes; its buffers may have twice that room.

mod client;
mod error;
mod inbox;
mod server;
mod wire;

pub use client::{Client, ClientEvent};
pub use error::{NbdEnd, NbdErrno, NbdError};
pub use server::{Server, ServerEvent};

/// Longest option, and longest reply to an option, in bytes without its header. A name is at most
/// 4,096 bytes long; the rest is room for what else an option says.
pub const OPTION_MAX: u32 = 8192;

/// Longest name of an export, in bytes.
pub const NAME_MAX: u32 = 4096;

/// Largest payload that a server may offer to take in one request, in bytes: what the protocol lets
/// a client assume where nothing is said.
pub const PAYLOAD_MAX: u32 = 32 << 20;

/// Requests that a server has in flight at most; QEMU's `MAX_NBD_REQUESTS`.
pub const REQUESTS_MAX: usize = 16;

/// A server reads no further request while so many bytes of replies wait to be sent.
pub const REPLIES_MAX: usize = 1 << 20;

/// Bytes that a server keeps unread at most: the largest write, and some more.
pub const UNREAD_MAX: usize = PAYLOAD_MAX as usize + (1 << 20);

/// What a server offers under a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Export {
    /// How clients ask for it, at most [`NAME_MAX`] bytes without a NUL.
    pub name: String,
    /// Length in bytes, a multiple of `block_min`.
    pub size: u64,
    /// Requests must be aligned to so many bytes, a power of two up to 65,536.
    pub block_min: u32,
    /// Largest payload of one request in bytes, a multiple of `block_min`.
    pub block_max: u32,
    /// Whether everything that writes is refused.
    pub read_only: bool,
}

impl Export {
    /// Why a [`Server`] could not offer this, if it could not.
    pub fn flaw(&self) -> Option<&'static str> {
        let multiple = |value: u64| value.is_multiple_of(u64::from(self.block_min));
        if self.name.len() > NAME_MAX as usize || self.name.contains('\0') {
            Some("the name of an export has at most 4,096 bytes, and no NUL")
        } else if !self.block_min.is_power_of_two() || self.block_min > 1 << 16 {
            Some("the smallest block of an export is a power of two from 1 to 65,536 bytes")
        } else if self.block_max < self.block_min
            || self.block_max > PAYLOAD_MAX
            || !multiple(u64::from(self.block_max))
        {
            Some("the largest request of an export is a multiple of its block, and at most 32 MiB")
        } else if !multiple(self.size) {
            Some("the size of an export is a multiple of its smallest block")
        } else {
            None
        }
    }
}

/// What a client asks for. Positions and lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    /// `NBD_CMD_READ`; the answer has `len` bytes.
    Read {
        /// First byte.
        at: u64,
        /// Number of bytes.
        len: u32,
    },
    /// `NBD_CMD_WRITE`.
    Write {
        /// First byte.
        at: u64,
        /// The new contents.
        bytes: Vec<u8>,
        /// Durable before it is answered.
        fua: bool,
    },
    /// `NBD_CMD_FLUSH`: every write that was answered before this is made durable.
    Flush,
    /// `NBD_CMD_TRIM`: these bytes are of no use any more, and may become anything.
    Trim {
        /// First byte.
        at: u64,
        /// Number of bytes; may be more than the export's `block_max`.
        len: u32,
        /// What it changes is durable before it is answered.
        fua: bool,
    },
    /// `NBD_CMD_WRITE_ZEROES`.
    WriteZeroes {
        /// First byte.
        at: u64,
        /// Number of bytes; may be more than the export's `block_max`.
        len: u32,
        /// Durable before it is answered.
        fua: bool,
        /// The room stays allocated: a later write there must not fail for want of it.
        no_hole: bool,
    },
}
