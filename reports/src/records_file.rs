//! Records as a file: JSON lines, a [`Header`] first and then one [`Record`] a line.
//!
//! The writer hands over whole lines, so that a run which is killed spoils at
//! most the last one; the reader tells such a stump from a line that is wrong,
//! and everything before it counts. Neither opens or names a file.

use std::io::{self, BufRead, Write};

use serde::Serialize;
use thiserror::Error;

use crate::record::{Header, Record, SCHEMA};

/// A line could not be written. Nothing after it was.
#[derive(Debug, Error)]
#[error("could not write line {line} of the records: {source}; make room, or choose another place")]
pub struct WriteError {
    /// The line, counted from 1.
    pub line: u64,
    /// What the operating system said.
    pub source: io::Error,
}

/// Why a records file, or one line of it, cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Reading itself failed.
    #[error("could not read line {line} of the records: {source}; try again from a good copy")]
    Io {
        /// The line, counted from 1.
        line: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is not even a header.
    #[error("the records file is empty; run the plans again")]
    Empty,
    /// The first line is not a header.
    #[error(
        "line 1 is no header, so this is no records file ({}); give a file that a run wrote",
        said(source)
    )]
    NoHeader {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The file was written to a schema that this reader does not know.
    #[error(
        "line 1: the records have schema {found}, this version reads 1 to {SCHEMA}; read them with the version that wrote them"
    )]
    Schema {
        /// The schema of the file.
        found: u32,
    },
    /// The last line stops in the middle: the run was killed while it wrote.
    #[error(
        "line {line} breaks off: the run was stopped while it wrote; the records before it are whole, run the rest again"
    )]
    Truncated {
        /// The line, counted from 1.
        line: u64,
    },
    /// A header in the middle: files were put one behind the other.
    #[error(
        "line {line} is a second header; give the files one by one, they are merged by name of point"
    )]
    SecondHeader {
        /// The line, counted from 1.
        line: u64,
    },
    /// A line that is whole but no record.
    #[error("line {line} is no record ({}); remove the line, or run the plans again", said(source))]
    NoRecord {
        /// The line, counted from 1.
        line: u64,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A record counts more points than its header names.
    #[error(
        "line {line} counts {found} coverage points, the header names {named}; the lines are of different runs"
    )]
    Points {
        /// The line, counted from 1.
        line: u64,
        /// Points in the record.
        found: usize,
        /// Points in the header.
        named: usize,
    },
}

/// Writes a records file, each line in one piece.
#[derive(Debug)]
pub struct RecordWriter<W: Write> {
    to: W,
    line: u64,
    buffer: Vec<u8>,
}

impl<W: Write> RecordWriter<W> {
    /// Starts a file with its header.
    ///
    /// # Errors
    /// If the header cannot be written.
    pub fn new(to: W, header: &Header) -> Result<Self, WriteError> {
        let mut writer = Self { to, line: 0, buffer: Vec::new() };
        writer.write_line(header)?;
        Ok(writer)
    }

    /// Appends one record.
    ///
    /// # Errors
    /// If the line cannot be written.
    pub fn write(&mut self, record: &Record) -> Result<(), WriteError> {
        self.write_line(record)
    }

    /// Flushes and gives back what was written to.
    ///
    /// # Errors
    /// If what is still buffered cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.to.flush().map_err(|source| WriteError { line: self.line, source })?;
        Ok(self.to)
    }

    fn write_line(&mut self, line: &impl Serialize) -> Result<(), WriteError> {
        self.line += 1;
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, line).expect("plain shapes always serialise");
        self.buffer.push(b'\n');
        self.to.write_all(&self.buffer).map_err(|source| WriteError { line: self.line, source })
    }
}

/// Reads the header of a records file and gives the records one by one.
///
/// # Errors
/// If there is no header, or one of a schema that is not known here.
pub fn read_records<R: BufRead>(mut from: R) -> Result<(Header, Records<R>), ReadError> {
    let mut buffer = Vec::new();
    match read_line(&mut from, &mut buffer, 1)? {
        Line::End => return Err(ReadError::Empty),
        Line::Whole | Line::Stump => {}
    }
    let header: Header = serde_json::from_slice(&buffer).map_err(|source| {
        if buffer.starts_with(b"{\"schema\"") && source.is_eof() {
            return ReadError::Truncated { line: 1 };
        }
        ReadError::NoHeader { source }
    })?;
    if !(1..=SCHEMA).contains(&header.schema) {
        return Err(ReadError::Schema { found: header.schema });
    }
    let named = header.points.len();
    Ok((header, Records { from, buffer, line: 1, named, over: false }))
}

/// The records of a file, in its order.
///
/// A line that is no record is an error for that line and the next call goes on
/// behind it; a stump at the end or a failing read is the last thing it gives.
#[derive(Debug)]
pub struct Records<R: BufRead> {
    from: R,
    buffer: Vec<u8>,
    line: u64,
    named: usize,
    over: bool,
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            self.line += 1;
            match read_line(&mut self.from, &mut self.buffer, self.line) {
                Err(error) => {
                    self.over = true;
                    return Some(Err(error));
                }
                Ok(Line::End) => self.over = true,
                Ok(_) if self.buffer.trim_ascii().is_empty() => {}
                Ok(Line::Whole) => return Some(self.parse()),
                Ok(Line::Stump) => {
                    self.over = true;
                    // Whole but for its newline: an editor's doing, not a crash.
                    let line = self.line;
                    return Some(self.parse().map_err(|error| match error {
                        ReadError::NoRecord { .. } => ReadError::Truncated { line },
                        other => other,
                    }));
                }
            }
        }
        None
    }
}

impl<R: BufRead> Records<R> {
    fn parse(&self) -> Result<Record, ReadError> {
        let line = self.line;
        let record: Record =
            serde_json::from_slice(&self.buffer).map_err(
                |source| match serde_json::from_slice::<Header>(&self.buffer) {
                    Ok(_) => ReadError::SecondHeader { line },
                    Err(_) => ReadError::NoRecord { line, source },
                },
            )?;
        if record.points.len() > self.named {
            let (found, named) = (record.points.len(), self.named);
            return Err(ReadError::Points { line, found, named });
        }
        Ok(record)
    }
}

/// What the parser says without the number of the line: it has only ever seen one.
fn said(error: &serde_json::Error) -> String {
    error.to_string().replace(&format!(" at line {} ", error.line()), " at ")
}

enum Line {
    /// Ends in a newline.
    Whole,
    /// Something, but the file ends before the newline.
    Stump,
    /// The file ended before.
    End,
}

fn read_line(from: &mut impl BufRead, into: &mut Vec<u8>, line: u64) -> Result<Line, ReadError> {
    into.clear();
    from.read_until(b'\n', into).map_err(|source| ReadError::Io { line, source })?;
    Ok(match into.last() {
        None => Line::End,
        Some(b'\n') => Line::Whole,
        Some(_) => Line::Stump,
    })
}
