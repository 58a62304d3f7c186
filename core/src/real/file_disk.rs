//! A disk in a file, or on a block device node.
//!
//! Requests are carried out when the disk is polled, oldest first, so that
//! submitting never blocks. Not for speed: it is the proof that the core, the
//! contract and the simulation speak of real storage.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::disk::{Completion, Disk, Errno, Op, Request, in_bounds};
use crate::payload::Payload;

/// Sectors in a file, read and written by position; a flush is `fdatasync`.
#[derive(Debug)]
pub struct FileDisk {
    file: File,
    sector_size: usize,
    sectors: u64,
    queue: VecDeque<Request>,
}

impl FileDisk {
    /// Creates the file, or empties it, and gives it `sectors` zero sectors of `sector_size` bytes.
    ///
    /// # Errors
    /// Whatever the operating system says about creating or sizing the file.
    pub fn create(path: &Path, sector_size: usize, sectors: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(sectors * sector_size as u64)?;
        Ok(Self { file, sector_size, sectors, queue: VecDeque::new() })
    }

    /// Opens a file that exists. A last part shorter than a sector is not used.
    ///
    /// # Errors
    /// Whatever the operating system says about opening the file.
    pub fn open(path: &Path, sector_size: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let sectors = file.metadata()?.len() / sector_size as u64;
        Ok(Self { file, sector_size, sectors, queue: VecDeque::new() })
    }

    fn carry_out(&self, op: &Op) -> Result<Payload, Errno> {
        if !in_bounds(op, self.sectors, self.sector_size) {
            return Err(Errno::Invalid);
        }
        let position = |at: u64| at * self.sector_size as u64;
        match op {
            Op::Read { at, len } => {
                let mut bytes = vec![0; *len as usize * self.sector_size];
                self.file.read_exact_at(&mut bytes, position(*at)).map_err(|e| errno(&e))?;
                Ok(Payload::from(bytes))
            }
            Op::Write { at, payload, fua } => {
                self.file.write_all_at(payload, position(*at)).map_err(|e| errno(&e))?;
                if *fua {
                    self.file.sync_data().map_err(|e| errno(&e))?;
                }
                Ok(Payload::EMPTY)
            }
            Op::Flush => {
                self.file.sync_data().map_err(|e| errno(&e))?;
                Ok(Payload::EMPTY)
            }
        }
    }
}

impl Disk for FileDisk {
    fn sector_size(&self) -> usize {
        self.sector_size
    }

    fn len(&self) -> u64 {
        self.sectors
    }

    fn submit(&mut self, request: Request) {
        self.queue.push_back(request);
    }

    fn poll(&mut self) -> Option<Completion> {
        let request = self.queue.pop_front()?;
        Some(Completion { id: request.id, result: self.carry_out(&request.op) })
    }
}

fn errno(error: &io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Errno::NoSpace,
        io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => Errno::Invalid,
        _ => Errno::Io,
    }
}
