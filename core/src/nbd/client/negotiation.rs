//! How a client comes to its export: `NBD_OPT_GO`, or `NBD_OPT_EXPORT_NAME` where that is not known.
//!
//! It asks for the sizes of requests, believes them if they can be, and else assumes what the
//! protocol says. It lists nothing and asks for no extension.

use crate::nbd::error::NbdError;
use crate::nbd::inbox::Inbox;
use crate::nbd::wire::{
    FLAG_FIXED_NEWSTYLE, FLAG_NO_ZEROES, FLAG_READ_ONLY, Fields, INFO_BLOCK_SIZE, INFO_EXPORT,
    INIT_MAGIC, OPT_ABORT, OPT_EXPORT_NAME, OPT_GO, OPTS_MAGIC, OptionHeader, OptionReply, REP_ACK,
    REP_ERR_UNSUP, REP_ERROR, REP_INFO, ZEROES, check,
};
use crate::nbd::{Export, OPTION_MAX, PAYLOAD_MAX};

/// What a client assumes of a server that says nothing, for it to work with as many as possible.
const BLOCK_MIN_ASSUMED: u32 = 512;

#[derive(Debug, Clone)]
pub(super) struct Negotiation {
    name: String,
    waits: Waits,
    /// Size and transmission flags, once told.
    described: Option<(u64, u16)>,
    /// Smallest and largest request, once told.
    blocks: Option<(u32, u32)>,
}

/// What the client waits for.
#[derive(Debug, Clone, Copy)]
enum Waits {
    Hello,
    ReplyToGo { no_zeroes: bool },
    Export { no_zeroes: bool },
}

/// How far one message has brought the client.
pub(super) enum Step {
    /// The next message is not there whole.
    Waits,
    /// There may be another one.
    Went,
    /// Transmission begins.
    Agreed { export: Export, features: u16 },
}

impl Negotiation {
    pub(super) fn new(export: &str) -> Self {
        let name = export.to_owned();
        Self { name, waits: Waits::Hello, described: None, blocks: None }
    }

    /// Reads one message, if it is there whole, and answers it.
    pub(super) fn step(&mut self, inbox: &mut Inbox, out: &mut Vec<u8>) -> Result<Step, NbdError> {
        match self.waits {
            Waits::Hello => self.hello(inbox, out),
            Waits::ReplyToGo { no_zeroes } => self.reply(no_zeroes, inbox, out),
            Waits::Export { no_zeroes } => Ok(self.export(no_zeroes, inbox)),
        }
    }

    fn hello(&mut self, inbox: &mut Inbox, out: &mut Vec<u8>) -> Result<Step, NbdError> {
        let mut fields = Fields(inbox.unread());
        let (Some(init), Some(opts), Some(offered)) = (fields.u64(), fields.u64(), fields.u16())
        else {
            return Ok(Step::Waits);
        };
        check("the server's greeting", INIT_MAGIC, init)?;
        check("the server's newstyle negotiation", OPTS_MAGIC, opts)?;
        inbox.skip(18);
        let flags = offered & (FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES);
        out.extend(u32::from(flags).to_be_bytes());
        let no_zeroes = flags & FLAG_NO_ZEROES != 0;
        if flags & FLAG_FIXED_NEWSTYLE == 0 {
            self.ask_by_name(no_zeroes, out);
            return Ok(Step::Went);
        }
        let mut option = (self.name.len() as u32).to_be_bytes().to_vec();
        option.extend(self.name.as_bytes());
        option.extend(1u16.to_be_bytes());
        option.extend(INFO_BLOCK_SIZE.to_be_bytes());
        OptionHeader::write(OPT_GO, &option, out);
        self.waits = Waits::ReplyToGo { no_zeroes };
        Ok(Step::Went)
    }

    /// The one way that every server knows, and that has no error reply.
    fn ask_by_name(&mut self, no_zeroes: bool, out: &mut Vec<u8>) {
        OptionHeader::write(OPT_EXPORT_NAME, self.name.as_bytes(), out);
        self.waits = Waits::Export { no_zeroes };
    }

    fn reply(
        &mut self,
        no_zeroes: bool,
        inbox: &mut Inbox,
        out: &mut Vec<u8>,
    ) -> Result<Step, NbdError> {
        let Some(OptionReply { option, reply, len }) = OptionReply::peek(inbox)? else {
            return Ok(Step::Waits);
        };
        if option != OPT_GO {
            return Err(NbdError::WrongOption { asked: OPT_GO, got: option });
        }
        if len > OPTION_MAX {
            return Err(NbdError::Oversized { what: "a reply to an option", len, max: OPTION_MAX });
        }
        let Some(message) = inbox.take(OptionReply::LEN + len as usize) else {
            return Ok(Step::Waits);
        };
        let message = &message[OptionReply::LEN..];
        match reply {
            REP_ACK if message.is_empty() => {
                let (size, features) = self.described.ok_or(NbdError::Undescribed)?;
                Ok(self.agreed(size, features))
            }
            REP_ACK => Err(NbdError::Malformed { what: "NBD_REP_ACK" }),
            REP_INFO => {
                self.told(message)?;
                Ok(Step::Went)
            }
            REP_ERR_UNSUP => {
                self.ask_by_name(no_zeroes, out);
                Ok(Step::Went)
            }
            _ if reply & REP_ERROR != 0 => {
                OptionHeader::write(OPT_ABORT, &[], out);
                let message = String::from_utf8_lossy(message).into_owned();
                Err(NbdError::Refused { reply, message })
            }
            _ => Err(NbdError::UnexpectedReply { reply }),
        }
    }

    /// One piece of information. What was not asked for, and is not known, is of no interest.
    fn told(&mut self, message: &[u8]) -> Result<(), NbdError> {
        let mut fields = Fields(message);
        match fields.u16() {
            Some(INFO_EXPORT) => {
                let (Some(size), Some(features), []) = (fields.u64(), fields.u16(), fields.0)
                else {
                    return Err(NbdError::Malformed { what: "NBD_INFO_EXPORT" });
                };
                self.described = Some((size, features));
            }
            Some(INFO_BLOCK_SIZE) => {
                let (Some(min), Some(preferred), Some(max), []) =
                    (fields.u32(), fields.u32(), fields.u32(), fields.0)
                else {
                    return Err(NbdError::Malformed { what: "NBD_INFO_BLOCK_SIZE" });
                };
                if !possible(min, preferred, max) {
                    return Err(NbdError::BlockSizes { min, preferred, max });
                }
                self.blocks = Some((min, max));
            }
            Some(_) => {}
            None => return Err(NbdError::Malformed { what: "NBD_REP_INFO" }),
        }
        Ok(())
    }

    /// The answer to `NBD_OPT_EXPORT_NAME`. A server that does not want to ends the stream instead.
    fn export(&mut self, no_zeroes: bool, inbox: &mut Inbox) -> Step {
        let zeroes = if no_zeroes { 0 } else { ZEROES };
        let Some(message) = inbox.take(10 + zeroes) else {
            return Step::Waits;
        };
        let mut fields = Fields(message);
        let (Some(size), Some(features)) = (fields.u64(), fields.u16()) else {
            unreachable!("ten bytes are a size and flags");
        };
        self.agreed(size, features)
    }

    fn agreed(&mut self, size: u64, features: u16) -> Step {
        // A size that no blocks of 512 bytes can make tells of a server that takes single bytes.
        let assumed_min =
            if size.is_multiple_of(u64::from(BLOCK_MIN_ASSUMED)) { BLOCK_MIN_ASSUMED } else { 1 };
        let (block_min, block_max) = self.blocks.unwrap_or((assumed_min, PAYLOAD_MAX));
        let export = Export {
            name: std::mem::take(&mut self.name),
            size,
            block_min,
            block_max,
            read_only: features & FLAG_READ_ONLY != 0,
        };
        Step::Agreed { export, features }
    }
}

/// What the protocol demands of the sizes of requests. A largest one of all ones means no limit.
fn possible(min: u32, preferred: u32, max: u32) -> bool {
    min.is_power_of_two()
        && min <= 1 << 16
        && preferred.is_power_of_two()
        && preferred >= min
        && max >= min
        && (max == u32::MAX || max.is_multiple_of(min))
}
