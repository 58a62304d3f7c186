//! Records in, reports out.
//!
//! A run of one plan leaves one [`Record`]; a [`Summary`] folds any number of
//! them in constant memory; every sink ([`terminal`], [`json`], [`junit`],
//! [`markdown`], [`html`], [`annotations`]) is a pure function of that summary and of the wall
//! time the caller measured. This crate knows nothing of the simulator: it reads
//! no clock, draws nothing, opens no file and judges no plan.

mod annotations;
mod base;
mod coverage;
mod digest;
mod figures;
mod folded;
mod grid;
mod html;
mod json;
mod junit;
mod lines;
mod lines_file;
mod markdown;
mod perfetto;
mod proof;
mod record;
mod records_file;
mod stages;
mod summary;
mod tally;
mod terminal;
mod timeline;
mod timing;

pub use annotations::{annotation, annotations};
pub use base::{Base, Compared};
pub use coverage::{Group, Point};
pub use digest::RunsDigest;
pub use folded::{FoldedError, from_folded, to_folded};
pub use html::{Page, html};
pub use json::json;
pub use junit::junit;
pub use lines::{Lines, LinesOfFile, NeverLines, NeverPart, Reached};
pub use lines_file::{LinesError, lines_from_lcov, regions_from_json};
pub use markdown::markdown;
pub use perfetto::{Slice, Track, perfetto};
pub use proof::{Found, Kill, KillMatrix, Proof};
pub use record::{Abort, Counts, Explained, Header, Record, SCHEMA, Shrunk, Violation};
pub use records_file::{ReadError, RecordWriter, Records, WriteError, read_records};
pub use summary::{Broken, Defect, KEPT_MAX, OfRun, Run, Summary, Verdict};
pub use terminal::terminal;
pub use timeline::{Content, Kind, Label, Lane, Moment, Strip, Timeline, Writer};
pub use timing::Timing;
