//! A summary as a file, to be merged with others later: for campaigns of so many runs that a
//! record of each would fill the disk.
//!
//! What the records would have come to is in it, and nothing more: it cannot be a base, because
//! it does not know every failure.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::SCHEMA;
use crate::summary::Summary;

/// Why a file is no folded campaign that this version reads.
#[derive(Debug, Error)]
pub enum FoldedError {
    /// It is something else, or not whole.
    #[error("this is no folded campaign ({source}); give what a run with --no-records wrote")]
    NotFolded {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The file was written to a schema that this reader does not know.
    #[error(
        "the campaign has schema {found}, this version reads {SCHEMA}; read it with the version that wrote it"
    )]
    Schema {
        /// The schema of the file.
        found: u32,
    },
}

/// The frame, which every version can read.
#[derive(Deserialize)]
struct Frame {
    schema: u32,
}

#[derive(Serialize, Deserialize)]
struct Folded<S> {
    schema: u32,
    folded: S,
}

/// The summary as JSON, with a newline at its end.
pub fn to_folded(summary: &Summary) -> String {
    let folded = Folded { schema: SCHEMA, folded: summary };
    serde_json::to_string(&folded).expect("plain shapes always serialise") + "\n"
}

/// The summary that was written.
///
/// # Errors
/// If it is none, or one of another schema.
pub fn from_folded(text: &str) -> Result<Summary, FoldedError> {
    let not_folded = |source| FoldedError::NotFolded { source };
    let Frame { schema: found } = serde_json::from_str(text).map_err(not_folded)?;
    if found != SCHEMA {
        return Err(FoldedError::Schema { found });
    }
    let Folded { folded, .. } = serde_json::from_str(text).map_err(not_folded)?;
    Ok(folded)
}
