//! The options of a filter, from the text that opens it (spec 2.1, 2.1a).
//!
//! The form is QEMU's: `key=value` pairs behind commas, a comma in a value
//! doubled. A later pair replaces an earlier one of the same key.

use crate::name::Name;
use crate::verb::Mode;

/// What a filter is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilterOptions {
    /// Which side it is on.
    pub mode: Mode,
    /// The name of the root above it; on the secondary side only.
    pub top_id: Option<Name>,
}

/// Why a filter could not be opened, with the seed's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenError {
    /// M1.
    MissingMode,
    /// M2.
    TopIdOnPrimary,
    /// M3.
    MissingTopId,
    /// M4.
    InvalidMode,
    /// An option that no filter has, by its name, cut if it is long.
    UnknownOption {
        /// Which.
        key: Name,
    },
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MissingMode => f.write_str("Missing the option mode"),
            Self::TopIdOnPrimary => f.write_str("The primary side does not support option top-id"),
            Self::MissingTopId => f.write_str("Missing the option top-id"),
            Self::InvalidMode => {
                f.write_str("The option mode's value should be primary or secondary")
            }
            Self::UnknownOption { key } => {
                write!(f, "Block format 'replication' does not support the option '{key}'")
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl FilterOptions {
    /// Reads the options of a filter.
    ///
    /// # Errors
    /// The first thing wrong, in the seed's order: mode present, its value with the
    /// rule for `top-id`, then options that are not known.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        let pairs = pairs(text);
        let value = |wanted: &str| {
            pairs.iter().rev().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str())
        };
        let top_id = value("top-id");
        let options = match value("mode").ok_or(OpenError::MissingMode)? {
            "primary" if top_id.is_some() => return Err(OpenError::TopIdOnPrimary),
            "primary" => Self { mode: Mode::Primary, top_id: None },
            // A name that is too long for any node is one that names none.
            "secondary" => Self {
                mode: Mode::Secondary,
                top_id: Some(cut(top_id.ok_or(OpenError::MissingTopId)?)),
            },
            _ => return Err(OpenError::InvalidMode),
        };
        let unknown = pairs.iter().find(|(key, _)| key != "mode" && key != "top-id");
        unknown.map_or(Ok(options), |(key, _)| Err(OpenError::UnknownOption { key: cut(key) }))
    }
}

fn cut(text: &str) -> Name {
    let mut end = text.len().min(crate::name::NAME_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Name::new(&text[..end])
}

/// The pairs in order; a key without `=` has the value `on`, as in QEMU.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut fields = vec![String::new()];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != ',' {
            fields.last_mut().expect("there is a field").push(c);
        } else if rest.next_if_eq(&',').is_some() {
            fields.last_mut().expect("there is a field").push(',');
        } else {
            fields.push(String::new());
        }
    }
    let pair = |field: String| match field.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (field, "on".to_owned()),
    };
    fields.into_iter().filter(|field| !field.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_the_seeds_order() {
        let top_id = Some(Name::new("colo-disk0"));
        let secondary = FilterOptions { mode: Mode::Secondary, top_id };
        let unknown = |key| Err(OpenError::UnknownOption { key: Name::new(key) });
        let cases = [
            ("mode=primary", Ok(FilterOptions { mode: Mode::Primary, top_id: None })),
            ("mode=secondary,top-id=colo-disk0", Ok(secondary)),
            ("top-id=colo-disk0,mode=primary,mode=secondary", Ok(secondary)),
            ("", Err(OpenError::MissingMode)),
            ("top-id=x,speed=1", Err(OpenError::MissingMode)),
            ("mode=primary,top-id=x,speed=1", Err(OpenError::TopIdOnPrimary)),
            ("mode=secondary,speed=1", Err(OpenError::MissingTopId)),
            ("mode=both,top-id=x,speed=1", Err(OpenError::InvalidMode)),
            ("mode=Primary", Err(OpenError::InvalidMode)),
            ("mode", Err(OpenError::InvalidMode)),
            ("mode=primary,speed=1", unknown("speed")),
            ("mode=secondary,top-id=colo-disk0,Mode=x", unknown("Mode")),
        ];
        for (text, expected) in cases {
            assert_eq!(FilterOptions::parse(text), expected, "{text}");
        }
        let comma = FilterOptions::parse("mode=secondary,top-id=a,,b").expect("a doubled comma");
        assert_eq!(comma.top_id, Some(Name::new("a,b")));
    }
}
