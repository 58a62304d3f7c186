//! Names of nodes, users and jobs.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most bytes in a name. QEMU's node names may have 31; these lie inline in every error and entry.
pub const NAME_MAX: usize = 15;

/// The name of a node, of who uses one, or of a job. Short, and copied like a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Name {
    bytes: [u8; NAME_MAX],
    len: u8,
}

impl Name {
    /// A name written in the program.
    ///
    /// # Panics
    /// If it is longer than [`NAME_MAX`].
    pub const fn new(text: &str) -> Self {
        assert!(text.len() <= NAME_MAX, "a name of the program fits");
        let mut bytes = [0; NAME_MAX];
        let mut at = 0;
        while at < text.len() {
            bytes[at] = text.as_bytes()[at];
            at += 1;
        }
        Self { bytes, len: text.len() as u8 }
    }

    /// A name from outside, unless it is too long.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() <= NAME_MAX).then(|| Self::new(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("it was made of text")
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(&self.bytes[..usize::from(self.len)]);
        state.write_u8(self.len);
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("the name {text:?} is longer than {NAME_MAX} bytes"))
        })
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
