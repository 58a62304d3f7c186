//! The folder in which a run's images and sockets are, and the tools that work on them. It goes when dropped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::conform::qemu::process::output;
use crate::conform::qemu::{Act, Log, Programs};

/// See the module's head.
#[derive(Debug)]
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    /// A new one, where temporary files go.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix("colosim-").tempdir()? })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a file of so many bytes, all of them `pattern`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn fill(&self, log: &mut Log, name: &str, bytes: u64, pattern: u8) -> std::io::Result<()> {
        let mut file = File::create(self.file(name))?;
        let block = vec![pattern; 1 << 16];
        for at in (0..bytes).step_by(block.len()) {
            let len = block.len().min((bytes - at) as usize);
            file.write_all(&block[..len])?;
        }
        log.acts.push(Act::Fill { file: name.to_owned(), bytes, pattern });
        Ok(())
    }

    /// What a file holds, whoever writes to it.
    ///
    /// # Errors
    /// If it cannot be read there.
    pub fn read(&self, name: &str, at: u64, bytes: usize) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(self.file(name))?;
        file.seek(SeekFrom::Start(at))?;
        let mut read = vec![0; bytes];
        file.read_exact(&mut read)?;
        Ok(read)
    }

    /// Runs `qemu-img` here.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn img(
        &self,
        programs: &Programs,
        log: &mut Log,
        arguments: &[&str],
    ) -> std::io::Result<Done> {
        let output = output(Command::new(&programs.img).args(arguments).current_dir(self.path()))?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        let command = std::iter::once("qemu-img").chain(arguments.iter().copied());
        log.acts.push(Act::Tool {
            command: command.map(str::to_owned).collect(),
            output: text.clone(),
            status: output.status.code(),
        });
        Ok(Done { status: output.status.code(), printed: text })
    }
}

/// What came of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its exit status, unless a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub printed: String,
}

impl Done {
    /// Whether it did what it was to do.
    pub fn is_ok(&self) -> bool {
        self.status == Some(0)
    }
}
