//! What the three processes tell one another, and how it stands on the wire.
//!
//! A frame is a length, four bytes with the most significant first, and so many bytes of
//! JSON. Each frame names the version of the protocol. Whoever reads trusts nothing: a
//! length beyond [`FRAME_MAX`], a text that is no message and another version end the
//! connection, and nothing is allocated before it has come.

use serde::{Deserialize, Serialize};

/// The version spoken here.
pub const VERSION: u32 = 1;

/// Most bytes of a frame's text.
pub const FRAME_MAX: usize = 4096;

/// Bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// One of the three processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// Runs the guest whose writes are forwarded.
    Primary,
    /// Keeps the last checkpoint and may take over.
    Secondary,
    /// Decides who goes on alone. It has no guest and no disk.
    Arbiter,
}

impl Node {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Arbiter];

    /// The name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Arbiter => "arbiter",
        }
    }
}

/// What one process tells another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// The first message of whoever connects: who it is, and which life of that process.
    Hello {
        /// Who.
        node: Node,
        /// Another number for each life of a process.
        life: u32,
    },
    /// The secondary's filter runs, or does not any more.
    Ready {
        /// Whether it runs.
        replicating: bool,
    },
    /// The primary is there.
    Heartbeat {
        /// Counts up.
        number: u32,
    },
    /// The secondary is there, and will not take over for the time of a lease.
    Alive {
        /// Of the heartbeat.
        number: u32,
        /// Of the process that says so: no other has promised anything.
        life: u32,
    },
    /// The primary's guest stands still and is drained; the secondary's is to do the same.
    CheckpointRequest {
        /// The epoch that is to begin.
        epoch: u32,
    },
    /// The secondary's guest stands still and is drained.
    CheckpointReply {
        /// The epoch asked for.
        epoch: u32,
        /// Whether the secondary has no error to tell.
        ok: bool,
    },
    /// What the primary's guest has in its memory, or what stands for it.
    VmState {
        /// The epoch that begins.
        epoch: u32,
        /// How many writes the guest has sent to each volume.
        writes: Vec<u32>,
    },
    /// The secondary has loaded that, and its disks are at the epoch, or not.
    CheckpointDone {
        /// The epoch.
        epoch: u32,
        /// Whether it is.
        ok: bool,
    },
    /// There will be no checkpoint; the old epoch goes on.
    Abandon {
        /// The epoch that does not begin.
        epoch: u32,
    },
    /// Replication is to end as planned; the primary's guest stands still.
    Stop,
    /// The secondary has stopped, or could not.
    Stopped {
        /// Whether it has.
        ok: bool,
    },
    /// The secondary is told to take over: the primary's guest is to stand still for good.
    Yield,
    /// It does.
    Yielded,
    /// To the arbiter: the primary asks for a lease.
    Renew {
        /// Of the heartbeat that goes with it.
        number: u32,
    },
    /// The arbiter answers: the guest may run for the time of a lease from when it was asked for.
    Lease {
        /// Of the renewal.
        number: u32,
        /// Whether it may.
        granted: bool,
    },
    /// To the arbiter: the primary gives its lease back, and asks for none any more.
    Release,
    /// To the arbiter: the other one is gone; may this one go on alone?
    Claim,
    /// It may, and nobody else ever.
    Granted,
    /// It may not, ever.
    Denied,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<M> {
    version: u32,
    message: M,
}

/// Why a connection was ended by whoever read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FrameError {
    /// A frame is announced that is longer than any message.
    TooLong,
    /// A frame holds no message.
    NoMessage,
    /// A frame is of another version.
    Version,
    /// The message may not come from there, or not now.
    Unexpected,
}

impl FrameError {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::TooLong, Self::NoMessage, Self::Version, Self::Unexpected];
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "a frame of more than {FRAME_MAX} bytes was announced"),
            Self::NoMessage => f.write_str("a frame holds no message of this protocol"),
            Self::Version => write!(f, "a frame is not of version {VERSION}"),
            Self::Unexpected => f.write_str("a message came that this peer may not send"),
        }
    }
}

impl Message {
    /// Appends its frame.
    ///
    /// # Panics
    /// If it is longer than [`FRAME_MAX`]: only a list of more volumes than there can be makes it so.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let envelope = Envelope { version: VERSION, message: self };
        let text = serde_json::to_vec(&envelope).expect("a message is made of names and numbers");
        assert!(text.len() <= FRAME_MAX, "a message fits in a frame");
        into.extend((text.len() as u32).to_be_bytes());
        into.extend(text);
    }
}

/// Takes messages out of a stream of bytes, however it is cut.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// More has come. Call [`Reader::next_message`] until it has nothing before the next call, so that no
    /// more than one frame is ever kept.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if all of it has come.
    ///
    /// # Errors
    /// Why the connection has to be ended. What follows in the stream has no meaning then.
    pub fn next_message(&mut self) -> Result<Option<Message>, FrameError> {
        let Some((length, rest)) = self.buffer.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length > FRAME_MAX {
            return Err(FrameError::TooLong);
        }
        let Some(text) = rest.get(..length) else { return Ok(None) };
        let message = parse(text)?;
        self.buffer.drain(..LENGTH_BYTES + length);
        Ok(Some(message))
    }

    /// Bytes that wait for the rest of their frame.
    pub fn kept(&self) -> usize {
        self.buffer.len()
    }
}

fn parse(text: &[u8]) -> Result<Message, FrameError> {
    let envelope: Envelope<serde_json::Value> =
        serde_json::from_slice(text).map_err(|_| FrameError::NoMessage)?;
    if envelope.version != VERSION {
        return Err(FrameError::Version);
    }
    serde_json::from_value(envelope.message).map_err(|_| FrameError::NoMessage)
}
