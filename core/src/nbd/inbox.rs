//! The bytes that came and are not read yet.
//!
//! They come in any pieces and are read in whole messages. Nothing is moved more than once on
//! average, however small the pieces are. Who fills it bounds it; it knows no protocol.

/// Room that a buffer keeps when it is empty, in bytes.
pub(super) const ROOM_KEPT_MAX: usize = 1 << 16;

/// A queue of bytes, read from the front as slices.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// How many of them are read.
    read: usize,
}

impl Inbox {
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.read >= self.bytes.len() / 2 {
            self.bytes.drain(..self.read);
            self.read = 0;
            self.bytes.shrink_to(ROOM_KEPT_MAX.max(self.bytes.len() + bytes.len()));
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Everything that is not read yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.read
    }

    /// Bytes that it has room for, used or not.
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads `len` bytes, if so many are there.
    pub(super) fn take(&mut self, len: usize) -> Option<&[u8]> {
        if len > self.len() {
            return None;
        }
        self.read += len;
        Some(&self.bytes[self.read - len..self.read])
    }

    /// Throws away up to `len` bytes, and says how many that were.
    pub(super) fn skip(&mut self, len: usize) -> usize {
        let skipped = len.min(self.len());
        self.read += skipped;
        skipped
    }
}
