//! The bytes a request carries: cheap to clone, cheap to cut.
//!
//! Small ones lie inline, because in a campaign nearly all are a few short
//! sectors; larger ones share one buffer between the pieces that a request is
//! split into. It never grows and is never changed in place.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

const INLINE_MAX: usize = 40;

/// An immutable run of bytes.
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    Shared { bytes: Arc<[u8]>, start: u32, len: u32 },
}

impl Payload {
    /// No bytes: what a write or a flush answers.
    pub const EMPTY: Self = Self(Repr::Inline { len: 0, bytes: [0; INLINE_MAX] });

    /// A copy of `bytes`.
    pub fn copy_from(bytes: &[u8]) -> Self {
        if bytes.len() <= INLINE_MAX {
            let mut inline = [0; INLINE_MAX];
            inline[..bytes.len()].copy_from_slice(bytes);
            return Self(Repr::Inline { len: bytes.len() as u8, bytes: inline });
        }
        Self(Repr::Shared { bytes: Arc::from(bytes), start: 0, len: bytes.len() as u32 })
    }

    /// `len` zero bytes.
    pub fn zeroes(len: usize) -> Self {
        if len <= INLINE_MAX {
            return Self(Repr::Inline { len: len as u8, bytes: [0; INLINE_MAX] });
        }
        Self::copy_from(&vec![0; len])
    }

    /// The bytes from `start` up to `end`, sharing the buffer where there is one.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        assert!(start <= end && end <= self.len(), "slice {start}..{end} of {}", self.len());
        match &self.0 {
            Repr::Inline { bytes, .. } => Self::copy_from(&bytes[start..end]),
            Repr::Shared { bytes, start: from, .. } if end - start > INLINE_MAX => {
                Self(Repr::Shared {
                    bytes: Arc::clone(bytes),
                    start: from + start as u32,
                    len: (end - start) as u32,
                })
            }
            Repr::Shared { .. } => Self::copy_from(&self.as_slice()[start..end]),
        }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..*len as usize],
            Repr::Shared { bytes, start, len } => {
                &bytes[*start as usize..*start as usize + *len as usize]
            }
        }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Inline { len, .. } => *len as usize,
            Repr::Shared { len, .. } => *len as usize,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::copy_from(&bytes)
    }
}

impl std::ops::Deref for Payload {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Payload {}

impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.len() as u32);
        state.write(self.as_slice());
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}
