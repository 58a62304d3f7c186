//! How a server comes to terms with a client: options in, replies out, until one chooses an export.
//!
//! Every option that is not known is refused by itself, and the client may go on. The sizes of
//! requests are told with every `NBD_OPT_INFO` and `NBD_OPT_GO`, asked for or not; a client that
//! does not look at them gets `EINVAL` for what is not aligned, and is not turned away before.

use super::Step;
use crate::nbd::error::{NbdEnd, NbdError};
use crate::nbd::inbox::Inbox;
use crate::nbd::wire::{
    FLAG_FIXED_NEWSTYLE, FLAG_HAS_FLAGS, FLAG_NO_ZEROES, FLAG_READ_ONLY, FLAG_SEND_FLUSH,
    FLAG_SEND_FUA, FLAG_SEND_TRIM, FLAG_SEND_WRITE_ZEROES, Fields, INFO_BLOCK_SIZE, INFO_EXPORT,
    INFO_NAME, INIT_MAGIC, OPT_ABORT, OPT_EXPORT_NAME, OPT_GO, OPT_INFO, OPT_LIST, OPTS_MAGIC,
    OptionHeader, OptionReply, REP_ACK, REP_ERR_INVALID, REP_ERR_TOO_BIG, REP_ERR_UNKNOWN,
    REP_ERR_UNSUP, REP_INFO, REP_SERVER, ZEROES,
};
use crate::nbd::{Export, NAME_MAX, OPTION_MAX};

const FLAGS_OFFERED: u16 = FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES;

/// Size of requests that serves most best, in bytes, where the export lets it be.
const BLOCK_PREFERRED: u32 = 4096;

#[derive(Debug, Clone)]
pub(super) struct Negotiation {
    /// What the client's flags say of the zeroes, once they came.
    no_zeroes: Option<bool>,
}

impl Negotiation {
    /// The server speaks first.
    pub(super) fn begin(out: &mut Vec<u8>) -> Self {
        out.extend(INIT_MAGIC.to_be_bytes());
        out.extend(OPTS_MAGIC.to_be_bytes());
        out.extend(FLAGS_OFFERED.to_be_bytes());
        Self { no_zeroes: None }
    }

    /// Reads one message, if it is there whole, and answers it.
    pub(super) fn step(
        &mut self,
        exports: &[Export],
        inbox: &mut Inbox,
        out: &mut Vec<u8>,
    ) -> Result<Step, NbdEnd> {
        let Some(no_zeroes) = self.no_zeroes else {
            return self.client_flags(inbox);
        };
        let Some(OptionHeader { option, len }) = OptionHeader::peek(inbox)? else {
            return Ok(Step::Waits);
        };
        if len > OPTION_MAX {
            if option != OPT_EXPORT_NAME {
                OptionReply::write(option, REP_ERR_TOO_BIG, b"the option is too long", out);
            }
            return Err(NbdError::Oversized { what: "an option", len, max: OPTION_MAX }.into());
        }
        let Some(message) = inbox.take(OptionHeader::LEN + len as usize) else {
            return Ok(Step::Waits);
        };
        let message = &message[OptionHeader::LEN..];
        match option {
            OPT_EXPORT_NAME => by_name(exports, message, no_zeroes, out),
            OPT_ABORT => {
                OptionReply::write(option, REP_ACK, &[], out);
                Err(NbdEnd::Aborted)
            }
            OPT_LIST => {
                list(exports, message, out);
                Ok(Step::Went)
            }
            OPT_INFO | OPT_GO => Ok(by_option(exports, option, message, out)),
            _ => {
                OptionReply::write(option, REP_ERR_UNSUP, b"the option is not known", out);
                Ok(Step::Went)
            }
        }
    }

    fn client_flags(&mut self, inbox: &mut Inbox) -> Result<Step, NbdEnd> {
        let Some(flags) = Fields(inbox.unread()).u32() else {
            return Ok(Step::Waits);
        };
        inbox.skip(4);
        let unknown = flags & !u32::from(FLAGS_OFFERED);
        if unknown != 0 {
            return Err(NbdError::UnknownFlags { flags: unknown }.into());
        }
        self.no_zeroes = Some(flags & u32::from(FLAG_NO_ZEROES) != 0);
        Ok(Step::Went)
    }
}

/// `NBD_OPT_EXPORT_NAME`: there is no error reply to it.
fn by_name(
    exports: &[Export],
    name: &[u8],
    no_zeroes: bool,
    out: &mut Vec<u8>,
) -> Result<Step, NbdEnd> {
    let Some(index) = find(exports, name) else {
        let name = String::from_utf8_lossy(name).into_owned();
        return Err(NbdError::NoSuchExport { name }.into());
    };
    out.extend(exports[index].size.to_be_bytes());
    out.extend(transmission_flags(&exports[index]).to_be_bytes());
    if !no_zeroes {
        out.extend([0; ZEROES]);
    }
    Ok(Step::Chosen(index))
}

fn list(exports: &[Export], message: &[u8], out: &mut Vec<u8>) {
    if !message.is_empty() {
        let why = b"NBD_OPT_LIST has nothing to say";
        return OptionReply::write(OPT_LIST, REP_ERR_INVALID, why, out);
    }
    for export in exports {
        let mut entry = (export.name.len() as u32).to_be_bytes().to_vec();
        entry.extend(export.name.as_bytes());
        OptionReply::write(OPT_LIST, REP_SERVER, &entry, out);
    }
    OptionReply::write(OPT_LIST, REP_ACK, &[], out);
}

/// `NBD_OPT_INFO`, and `NBD_OPT_GO`, which is the same and then begins.
fn by_option(exports: &[Export], option: u32, message: &[u8], out: &mut Vec<u8>) -> Step {
    let Some((name, wants_name)) = wishes(message) else {
        OptionReply::write(option, REP_ERR_INVALID, b"the option is malformed", out);
        return Step::Went;
    };
    let Some(index) = find(exports, name) else {
        OptionReply::write(option, REP_ERR_UNKNOWN, b"there is no export of this name", out);
        return Step::Went;
    };
    describe(&exports[index], option, wants_name, out);
    OptionReply::write(option, REP_ACK, &[], out);
    if option == OPT_GO { Step::Chosen(index) } else { Step::Went }
}

/// The export's name, and whether it is to be told again.
fn wishes(message: &[u8]) -> Option<(&[u8], bool)> {
    let mut fields = Fields(message);
    let len = fields.u32().filter(|len| *len <= NAME_MAX)?;
    let name = fields.bytes(len)?;
    let count = fields.u16()?;
    let mut wants_name = false;
    for _ in 0..count {
        wants_name |= fields.u16()? == INFO_NAME;
    }
    fields.0.is_empty().then_some((name, wants_name))
}

fn describe(export: &Export, option: u32, wants_name: bool, out: &mut Vec<u8>) {
    let mut described = INFO_EXPORT.to_be_bytes().to_vec();
    described.extend(export.size.to_be_bytes());
    described.extend(transmission_flags(export).to_be_bytes());
    OptionReply::write(option, REP_INFO, &described, out);
    if wants_name {
        let mut name = INFO_NAME.to_be_bytes().to_vec();
        name.extend(export.name.as_bytes());
        OptionReply::write(option, REP_INFO, &name, out);
    }
    let mut sizes = INFO_BLOCK_SIZE.to_be_bytes().to_vec();
    for size in [export.block_min, preferred(export), export.block_max] {
        sizes.extend(size.to_be_bytes());
    }
    OptionReply::write(option, REP_INFO, &sizes, out);
}

/// A power of two from the smallest to the largest request.
fn preferred(export: &Export) -> u32 {
    (1 << export.block_max.ilog2()).min(BLOCK_PREFERRED).max(export.block_min)
}

fn transmission_flags(export: &Export) -> u16 {
    FLAG_HAS_FLAGS
        | FLAG_SEND_FLUSH
        | FLAG_SEND_FUA
        | FLAG_SEND_TRIM
        | FLAG_SEND_WRITE_ZEROES
        | if export.read_only { FLAG_READ_ONLY } else { 0 }
}

fn find(exports: &[Export], name: &[u8]) -> Option<usize> {
    exports.iter().position(|export| export.name.as_bytes() == name)
}
