//! Why a request failed, and why a connection ended.
//!
//! An [`NbdErrno`] answers one request, and the connection goes on. An [`NbdError`] ends the
//! connection: the peer broke the protocol, refused, or went away. An [`NbdEnd`] adds the ways in
//! which a server sees a client leave in order.

use std::fmt;

/// Why a request failed, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NbdErrno {
    /// `NBD_EPERM`: a write to what is read-only.
    Perm,
    /// `NBD_EIO`: the medium or the path to it failed.
    Io,
    /// `NBD_ENOMEM`: the server has no memory for it.
    NoMem,
    /// `NBD_EINVAL`: the request makes no sense, or lies outside the export.
    Inval,
    /// `NBD_ENOSPC`: no room, or a write past the end.
    NoSpc,
    /// `NBD_EOVERFLOW`: too large to be answered in one piece.
    Overflow,
    /// `NBD_ENOTSUP`: the server does not offer this.
    NotSup,
    /// `NBD_ESHUTDOWN`: the server is going; the client is to disconnect.
    Shutdown,
}

impl NbdErrno {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Self::Perm => 1,
            Self::Io => 5,
            Self::NoMem => 12,
            Self::Inval => 22,
            Self::NoSpc => 28,
            Self::Overflow => 75,
            Self::NotSup => 95,
            Self::Shutdown => 108,
        }
    }

    /// What a number other than 0 stands for. One that the protocol does not know is an `EINVAL`.
    pub fn of_number(number: u32) -> Self {
        match number {
            1 => Self::Perm,
            5 => Self::Io,
            12 => Self::NoMem,
            28 => Self::NoSpc,
            75 => Self::Overflow,
            95 => Self::NotSup,
            108 => Self::Shutdown,
            _ => Self::Inval,
        }
    }

    /// The name a block-layer engineer would use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perm => "EPERM",
            Self::Io => "EIO",
            Self::NoMem => "ENOMEM",
            Self::Inval => "EINVAL",
            Self::NoSpc => "ENOSPC",
            Self::Overflow => "EOVERFLOW",
            Self::NotSup => "ENOTSUP",
            Self::Shutdown => "ESHUTDOWN",
        }
    }
}

impl fmt::Display for NbdErrno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a connection was ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NbdError {
    /// A message does not begin as it must; from here on nothing in the stream can be found.
    WrongMagic {
        /// Which message.
        of: &'static str,
        /// What was there.
        got: u64,
    },
    /// A client set handshake flags that were not offered.
    UnknownFlags {
        /// Those flags.
        flags: u32,
    },
    /// Something is announced that is longer than anyone needs.
    Oversized {
        /// What it is.
        what: &'static str,
        /// Bytes announced.
        len: u32,
        /// Bytes permitted.
        max: u32,
    },
    /// A request has a smaller cookie than one before it, or the same, and the client was to count up: it
    /// has come twice, perhaps.
    CookieUsed {
        /// The cookie.
        cookie: u64,
    },
    /// A server answered another option than the one it was asked.
    WrongOption {
        /// The option asked.
        asked: u32,
        /// The option answered.
        got: u32,
    },
    /// A server answered an option with a reply that this option does not have.
    UnexpectedReply {
        /// The type of the reply.
        reply: u32,
    },
    /// The reply to an option does not have the form that its type demands.
    Malformed {
        /// Which reply.
        what: &'static str,
    },
    /// A server agreed to an export without having said how large it is.
    Undescribed,
    /// A server announced sizes of requests that cannot be.
    BlockSizes {
        /// Smallest.
        min: u32,
        /// Preferred.
        preferred: u32,
        /// Largest.
        max: u32,
    },
    /// The server refuses the export.
    Refused {
        /// The type of its reply.
        reply: u32,
        /// What it says in words, perhaps nothing.
        message: String,
    },
    /// A client asked for an export that is not there, in the one way that has no error reply.
    NoSuchExport {
        /// What it asked for.
        name: String,
    },
    /// A reply to a request that is not in flight: never asked, or answered before.
    UnknownCookie {
        /// The cookie it carries.
        cookie: u64,
    },
    /// More was handed in than a server keeps unread; see [`super::Server::wants_bytes`].
    Flooded,
    /// The stream ended within a message.
    Truncated,
    /// The stream ended between two messages, without a word.
    Dropped,
    /// This side, a client, disconnected in order; nothing is wrong.
    Left,
}

impl fmt::Display for NbdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongMagic { of, got } => {
                write!(f, "{of} begins with {got:#x}, which is not its magic number; is this NBD?")
            }
            Self::UnknownFlags { flags } => {
                write!(f, "the client set handshake flags that it was not offered: {flags:#x}")
            }
            Self::Oversized { what, len, max } => {
                write!(f, "{what} of {len} bytes is announced, at most {max} are permitted")
            }
            Self::CookieUsed { cookie } => {
                write!(f, "the client sent request {cookie} again, or after a later one")
            }
            Self::WrongOption { asked, got } => {
                write!(f, "the server answered option {got}, it was asked option {asked}")
            }
            Self::UnexpectedReply { reply } => {
                write!(f, "the server answered NBD_OPT_GO with a reply of type {reply:#x}")
            }
            Self::Malformed { what } => write!(f, "{what} from the server is malformed"),
            Self::Undescribed => f.write_str(
                "the server agreed to the export without NBD_INFO_EXPORT, so its size is not known",
            ),
            Self::BlockSizes { min, preferred, max } => write!(
                f,
                "the server announced impossible block sizes: smallest {min}, preferred {preferred}, \
                 largest {max} bytes"
            ),
            Self::Refused { reply, message } => {
                write!(f, "the server refuses the export: {}", refusal(*reply))?;
                // A peer's words may hold anything; a terminal must not obey them.
                if message.is_empty() { Ok(()) } else { write!(f, " ({})", message.escape_debug()) }
            }
            Self::NoSuchExport { name } => {
                write!(f, "the client asked for the export {name:?}, which is not offered")
            }
            Self::UnknownCookie { cookie } => {
                write!(f, "the server answered request {cookie}, which is not in flight")
            }
            Self::Flooded => f.write_str("more bytes were handed in than are kept unread"),
            Self::Truncated => f.write_str("the peer ended the connection within a message"),
            Self::Dropped => f.write_str("the peer ended the connection without disconnecting"),
            Self::Left => f.write_str("disconnected in order"),
        }
    }
}

impl std::error::Error for NbdError {}

/// What the type of an error reply means, and what to do.
fn refusal(reply: u32) -> String {
    let known = match reply & !super::wire::REP_ERROR {
        1 => "the option is not supported",
        2 => "its policy forbids it",
        3 => "the option is malformed",
        4 => "not on its platform",
        5 => "it wants TLS, which this client does not speak; allow the export without TLS",
        6 => "there is no export of this name; ask for one that it lists",
        7 => "it is shutting down; try again later",
        8 => "it wants block sizes to be asked for",
        9 => "the option is too long",
        _ => return format!("an error of type {reply:#x}"),
    };
    known.to_owned()
}

/// How a server's connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NbdEnd {
    /// The client disconnected in order, and all its requests are answered.
    Disconnected,
    /// The client ended the negotiation in order.
    Aborted,
    /// The client broke the protocol or went away.
    Failed(NbdError),
}

impl From<NbdError> for NbdEnd {
    fn from(error: NbdError) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for NbdEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("the client disconnected in order"),
            Self::Aborted => f.write_str("the client ended the negotiation in order"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}
