//! The numbers of the protocol, and its headers of fixed size.
//!
//! Names are those of the protocol's document without `NBD_`. Everything is in network byte order.
//! Reading says whether the header is there and begins with its magic number, nothing more: what
//! the fields mean is for those who read them.

use super::error::NbdError;
use super::inbox::Inbox;

/// How a server begins.
pub(super) const INIT_MAGIC: u64 = u64::from_be_bytes(*b"NBDMAGIC");
/// How it goes on, and how every option begins.
pub(super) const OPTS_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const REP_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const SIMPLE_REPLY_MAGIC: u32 = 0x6744_6698;

// Handshake flags; a client answers with the same bits.
pub(super) const FLAG_FIXED_NEWSTYLE: u16 = 1 << 0;
pub(super) const FLAG_NO_ZEROES: u16 = 1 << 1;
/// Zeroes after the answer to `OPT_EXPORT_NAME`, unless both sides go without.
pub(super) const ZEROES: usize = 124;

// Transmission flags.
pub(super) const FLAG_HAS_FLAGS: u16 = 1 << 0;
pub(super) const FLAG_READ_ONLY: u16 = 1 << 1;
pub(super) const FLAG_SEND_FLUSH: u16 = 1 << 2;
pub(super) const FLAG_SEND_FUA: u16 = 1 << 3;
pub(super) const FLAG_SEND_TRIM: u16 = 1 << 5;
pub(super) const FLAG_SEND_WRITE_ZEROES: u16 = 1 << 6;

// Options.
pub(super) const OPT_EXPORT_NAME: u32 = 1;
pub(super) const OPT_ABORT: u32 = 2;
pub(super) const OPT_LIST: u32 = 3;
pub(super) const OPT_INFO: u32 = 6;
pub(super) const OPT_GO: u32 = 7;

// Replies to options.
pub(super) const REP_ACK: u32 = 1;
pub(super) const REP_SERVER: u32 = 2;
pub(super) const REP_INFO: u32 = 3;
/// Set in every reply that is an error.
pub(super) const REP_ERROR: u32 = 1 << 31;
pub(super) const REP_ERR_UNSUP: u32 = REP_ERROR | 1;
pub(super) const REP_ERR_INVALID: u32 = REP_ERROR | 3;
pub(super) const REP_ERR_UNKNOWN: u32 = REP_ERROR | 6;
pub(super) const REP_ERR_TOO_BIG: u32 = REP_ERROR | 9;

// What a `REP_INFO` is about.
pub(super) const INFO_EXPORT: u16 = 0;
pub(super) const INFO_NAME: u16 = 1;
pub(super) const INFO_BLOCK_SIZE: u16 = 3;

// Commands.
pub(super) const CMD_READ: u16 = 0;
pub(super) const CMD_WRITE: u16 = 1;
pub(super) const CMD_DISC: u16 = 2;
pub(super) const CMD_FLUSH: u16 = 3;
pub(super) const CMD_TRIM: u16 = 4;
pub(super) const CMD_WRITE_ZEROES: u16 = 6;

// Their flags.
pub(super) const CMD_FLAG_FUA: u16 = 1 << 0;
pub(super) const CMD_FLAG_NO_HOLE: u16 = 1 << 1;

/// Numbers one after the other from the front of a slice.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn bytes(&mut self, len: u32) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len as usize)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }
}

/// An option, as a client sends it: `len` bytes follow.
pub(super) struct OptionHeader {
    pub(super) option: u32,
    pub(super) len: u32,
}

impl OptionHeader {
    pub(super) const LEN: usize = 16;

    pub(super) fn peek(inbox: &Inbox) -> Result<Option<Self>, NbdError> {
        let mut fields = Fields(inbox.unread());
        let (Some(magic), Some(option), Some(len)) = (fields.u64(), fields.u32(), fields.u32())
        else {
            return Ok(None);
        };
        check("an option", OPTS_MAGIC, magic)?;
        Ok(Some(Self { option, len }))
    }

    /// An option whole.
    pub(super) fn write(option: u32, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(OPTS_MAGIC.to_be_bytes());
        out.extend(option.to_be_bytes());
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend(bytes);
    }
}

/// A reply to an option: `len` bytes follow.
pub(super) struct OptionReply {
    pub(super) option: u32,
    pub(super) reply: u32,
    pub(super) len: u32,
}

impl OptionReply {
    pub(super) const LEN: usize = 20;

    pub(super) fn peek(inbox: &Inbox) -> Result<Option<Self>, NbdError> {
        let mut fields = Fields(inbox.unread());
        let (Some(magic), Some(option), Some(reply), Some(len)) =
            (fields.u64(), fields.u32(), fields.u32(), fields.u32())
        else {
            return Ok(None);
        };
        check("the reply to an option", REP_MAGIC, magic)?;
        Ok(Some(Self { option, reply, len }))
    }

    /// A reply whole.
    pub(super) fn write(option: u32, reply: u32, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend(REP_MAGIC.to_be_bytes());
        out.extend(option.to_be_bytes());
        out.extend(reply.to_be_bytes());
        out.extend((bytes.len() as u32).to_be_bytes());
        out.extend(bytes);
    }
}

/// A request; `len` bytes follow if it is a write.
pub(super) struct RequestHeader {
    pub(super) flags: u16,
    pub(super) command: u16,
    pub(super) cookie: u64,
    pub(super) at: u64,
    pub(super) len: u32,
}

impl RequestHeader {
    pub(super) const LEN: usize = 28;

    pub(super) fn peek(inbox: &Inbox) -> Result<Option<Self>, NbdError> {
        let mut fields = Fields(inbox.unread());
        let (Some(magic), Some(flags), Some(command), Some(cookie), Some(at), Some(len)) =
            (fields.u32(), fields.u16(), fields.u16(), fields.u64(), fields.u64(), fields.u32())
        else {
            return Ok(None);
        };
        check("a request", u64::from(REQUEST_MAGIC), u64::from(magic))?;
        Ok(Some(Self { flags, command, cookie, at, len }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(REQUEST_MAGIC.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        out.extend(self.command.to_be_bytes());
        out.extend(self.cookie.to_be_bytes());
        out.extend(self.at.to_be_bytes());
        out.extend(self.len.to_be_bytes());
    }
}

/// A simple reply; what was read follows if the error is 0.
pub(super) struct SimpleReply {
    pub(super) error: u32,
    pub(super) cookie: u64,
}

impl SimpleReply {
    pub(super) const LEN: usize = 16;

    pub(super) fn peek(inbox: &Inbox) -> Result<Option<Self>, NbdError> {
        let mut fields = Fields(inbox.unread());
        let (Some(magic), Some(error), Some(cookie)) = (fields.u32(), fields.u32(), fields.u64())
        else {
            return Ok(None);
        };
        check("a reply", u64::from(SIMPLE_REPLY_MAGIC), u64::from(magic))?;
        Ok(Some(Self { error, cookie }))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend(SIMPLE_REPLY_MAGIC.to_be_bytes());
        out.extend(self.error.to_be_bytes());
        out.extend(self.cookie.to_be_bytes());
    }
}

/// Whether a message begins with its magic number.
pub(super) fn check(of: &'static str, magic: u64, got: u64) -> Result<(), NbdError> {
    if got == magic { Ok(()) } else { Err(NbdError::WrongMagic { of, got }) }
}
