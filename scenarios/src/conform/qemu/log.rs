//! Everything that was said to QEMU, and what it answered: enough to say it again without us.

use serde_json::Value;

/// One thing that was done.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A step of the plan begins.
    Step(String),
    /// A file was made: all of this byte.
    Fill {
        /// Its name.
        file: String,
        /// Its length.
        bytes: u64,
        /// With what.
        pattern: u8,
    },
    /// A tool was run, in the folder of the images.
    Tool {
        /// Program and arguments.
        command: Vec<String>,
        /// What it printed.
        output: String,
        /// Its exit status, unless a signal ended it.
        status: Option<i32>,
    },
    /// A process was started, in the folder of the images.
    Start {
        /// Which.
        host: &'static str,
        /// Without those that every process gets.
        arguments: Vec<String>,
    },
    /// A command was given.
    Command {
        /// To which.
        host: &'static str,
        /// Its name.
        command: String,
        /// Its arguments.
        arguments: Value,
        /// The answer: a value or the text of the error.
        answer: Result<Value, String>,
        /// What the process printed meanwhile.
        output: String,
    },
    /// A command was given again and again until this was in no answer any more.
    Until {
        /// To which.
        host: &'static str,
        /// Its name.
        command: String,
        /// The text.
        absent: String,
    },
    /// A process was killed.
    Kill {
        /// Which.
        host: &'static str,
    },
    /// A process ended by itself.
    Ended {
        /// Which.
        host: &'static str,
        /// Its exit status, or the signal.
        how: String,
        /// The last that it printed.
        output: String,
    },
    /// A file's contents were compared with this.
    Look {
        /// Its name.
        file: String,
        /// First byte.
        at: u64,
        /// How many of them.
        bytes: usize,
        /// What is there, as runs of equal sectors.
        said: String,
    },
}

/// In order.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Everything.
    pub acts: Vec<Act>,
}
