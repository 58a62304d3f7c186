//! Names of nodes, users and jobs.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes in a name. QEMU's node names may have 31; these lie inline in every error and entry.
pub const NAME_MAX: usize = 15;

/// The name of a node, of who uses one, or of a job.
pub type Name = Text<NAME_MAX>;

/// At most `MAX` bytes of text, below 256, copied like a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<const MAX: usize> {
    bytes: [u8; MAX],
    len: u8,
}

impl<const MAX: usize> Text<MAX> {
    /// A text written in the program.
    ///
    /// # Panics
    /// If it is too long.
    pub const fn new(text: &str) -> Self {
        assert!(text.len() <= MAX && MAX < 256, "a text of the program fits");
        let mut bytes = [0; MAX];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        Self { bytes, len: text.len() as u8 }
    }

    /// A text from outside, unless it is too long.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= MAX).then(|| Self::new(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("it was made of text")
    }
}

impl<const MAX: usize> std::fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const MAX: usize> std::fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl<const MAX: usize> std::hash::Hash for Text<MAX> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(&self.bytes[..usize::from(self.len)]);
        state.write_u8(self.len);
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is longer than {MAX} bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_its_text() {
        let name = Name::parse("colo-disk0").expect("it fits");
        assert_eq!(name.as_str(), "colo-disk0");
        assert_eq!(name, Name::new("colo-disk0"));
        assert_ne!(name, Name::new("colo-disk"));
        assert_eq!(Name::parse("sixteen-bytes-it"), None);
    }
}
