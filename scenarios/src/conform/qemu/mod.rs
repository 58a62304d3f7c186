//! QEMU itself: its programs, one process of it, and everything that was said to it.

mod log;
mod process;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

pub use log::{Act, Log};
pub(crate) use process::{ALWAYS, IN_ORDER};
pub use process::{Lost, Process};
pub use tools::{Done, Folder};

/// Where QEMU's programs are, and which version they are of.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The emulator.
    pub system: PathBuf,
    /// Makes, checks and commits images.
    pub img: PathBuf,
    /// `7.2.22 (Debian …)`.
    pub version: String,
}

/// There is no usable QEMU.
#[derive(Debug, thiserror::Error)]
#[error(
    "{program} cannot be run: {why}
On Debian and Ubuntu: apt-get install --no-install-recommends qemu-system-x86 qemu-utils
Elsewhere: QEMU for x86_64 with its tools, and --qemu PATH if qemu-system-x86_64 is in no usual place"
)]
pub struct NoQemu {
    program: String,
    why: String,
}

impl Programs {
    /// The emulator at this path, or the usual one; its tools are beside it, or where programs are found.
    ///
    /// # Errors
    /// If one of them cannot be run.
    pub fn find(system: Option<&Path>) -> Result<Self, NoQemu> {
        let named = system.unwrap_or(Path::new("qemu-system-x86_64"));
        let version = version(named)?;
        let beside = |tool: &str| {
            let beside = named.parent().map(|folder| folder.join(tool));
            beside.filter(|path| path.is_file()).unwrap_or_else(|| tool.into())
        };
        let img = beside("qemu-img");
        self::version(&img)?;
        Ok(Self { system: named.to_owned(), img, version })
    }
}

/// What a program says of itself, after the word `version`.
fn version(program: &Path) -> Result<String, NoQemu> {
    let no = |why: String| NoQemu { program: program.display().to_string(), why };
    let output = process::output(Command::new(program).arg("--version"));
    let output = output.map_err(|error| no(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().next().and_then(|line| line.split_once("version "));
    match said {
        Some((_, version)) if output.status.success() => Ok(version.trim().to_owned()),
        _ => Err(no("it does not tell its version".to_owned())),
    }
}
