//! One process of QEMU, its monitor, and what it prints. It ends with this value, whatever happens.
//!
//! Every wait is bounded: by the socket's timeout, or by a number of looks.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::conform::qemu::{Act, Folder, Log, Programs};

/// How long an answer may take. QEMU's are there in milliseconds.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// How often something that comes by itself is looked for, and how long after the last time.
const LOOKS_MAX: u32 = 6_000;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What every process is started with: a machine that never runs a guest.
pub(crate) const ALWAYS: [&str; 11] = [
    "-machine",
    "q35",
    "-nodefaults",
    "-S",
    "-accel",
    "tcg",
    "-m",
    "64",
    "-display",
    "none",
    "-qmp",
];

/// How a process ends that nothing is wrong with.
pub(crate) const IN_ORDER: &str = "exit status: 0";

/// No answer comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The process has ended: how, and the last that it printed.
    Gone {
        /// `exit status: 0`, `signal: 6 (SIGABRT)`.
        how: String,
        /// Its last words.
        output: String,
    },
    /// It lives and says nothing.
    Silent,
}

/// A running process. See the module's head.
#[derive(Debug)]
pub struct Process {
    host: &'static str,
    child: Child,
    monitor: BufReader<UnixStream>,
    output: File,
    commands: u64,
}

impl Process {
    /// Starts one in a folder and waits for its monitor.
    ///
    /// # Errors
    /// If it cannot be run at all. `Ok(Err(_))` if it ends, or says nothing.
    pub fn start(
        programs: &Programs,
        folder: &Folder,
        log: &mut Log,
        host: &'static str,
        arguments: Vec<String>,
    ) -> std::io::Result<Result<Self, Lost>> {
        let socket = folder.file(&format!("{host}.qmp"));
        let _ = std::fs::remove_file(&socket);
        let printed = folder.file(&format!("{host}.out"));
        let out = File::create(&printed)?;
        let mut child = Command::new(&programs.system)
            .args(ALWAYS)
            .arg(format!("unix:{host}.qmp,server=on,wait=off"))
            .args(&arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        log.acts.push(Act::Start { host, arguments });
        let mut output = File::open(&printed)?;
        let mut connected = None;
        for _ in 0..LOOKS_MAX {
            if let Some(status) = child.try_wait()? {
                let lost = gone(log, host, status, &mut output);
                return Ok(Err(lost));
            }
            if let Ok(stream) = UnixStream::connect(&socket) {
                connected = Some(stream);
                break;
            }
            pause();
        }
        let Some(stream) = connected else {
            end(&mut child);
            return Ok(Err(Lost::Silent));
        };
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let mut process =
            Self { host, child, monitor: BufReader::new(stream), output, commands: 0 };
        let mut greeting = String::new();
        if let Err(lost) = process.line(log, &mut greeting) {
            return Ok(Err(lost));
        }
        Ok(process.ask(log, "qmp_capabilities", json!({})).map(|_| process))
    }

    /// Gives a command and waits for the answer: a value, or the text of the error.
    ///
    /// # Errors
    /// If none comes.
    pub fn command(
        &mut self,
        log: &mut Log,
        command: &str,
        arguments: Value,
    ) -> Result<Result<Value, String>, Lost> {
        let answer = self.ask(log, command, arguments.clone());
        let output = if answer.is_ok() { self.printed() } else { String::new() };
        let said = match &answer {
            Ok(answer) => answer.clone(),
            Err(_) => Err("no answer".to_owned()),
        };
        let (host, command) = (self.host, command.to_owned());
        let act = Act::Command { host, command, arguments, answer: said, output };
        // The end of the process comes after the command that it did not answer.
        let at = log.acts.len() - usize::from(matches!(answer, Err(Lost::Gone { .. })));
        log.acts.insert(at, act);
        answer
    }

    /// Has `qemu-io` do something on a node or drive; what it printed.
    ///
    /// # Errors
    /// If no answer comes.
    pub fn io(&mut self, log: &mut Log, node: &str, command: &str) -> Result<String, Lost> {
        let line = format!("qemu-io {node} \"{command}\"");
        let answer = self.command(log, "human-monitor-command", json!({ "command-line": line }))?;
        let printed = match log.acts.last() {
            Some(Act::Command { output, .. }) => output.clone(),
            _ => String::new(),
        };
        Ok(match answer {
            Ok(Value::String(text)) => printed + &text,
            Ok(_) => printed,
            Err(error) => error,
        })
    }

    /// Gives a command again and again until its answer does not have this text any more.
    ///
    /// # Errors
    /// If no answer comes, or it still has it after half a minute.
    pub fn until_absent(&mut self, log: &mut Log, command: &str, absent: &str) -> Result<(), Lost> {
        let act =
            Act::Until { host: self.host, command: command.to_owned(), absent: absent.to_owned() };
        log.acts.push(act);
        for _ in 0..LOOKS_MAX {
            let answer = self.ask(log, command, json!({}))?;
            if !answer.is_ok_and(|value| value.to_string().contains(absent)) {
                return Ok(());
            }
            pause();
        }
        Err(Lost::Silent)
    }

    /// Kills it, as a host's process dies.
    pub fn kill(mut self, log: &mut Log) {
        log.acts.push(Act::Kill { host: self.host });
        end(&mut self.child);
    }

    /// Waits for the end of a process that was told to end; how.
    pub fn wait(mut self, log: &mut Log) -> Lost {
        self.ended(log)
    }

    fn ask(
        &mut self,
        log: &mut Log,
        command: &str,
        arguments: Value,
    ) -> Result<Result<Value, String>, Lost> {
        self.commands += 1;
        let id = self.commands;
        let mut text = json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        text.push('\n');
        if self.monitor.get_mut().write_all(text.as_bytes()).is_err() {
            return Err(self.ended(log));
        }
        loop {
            let mut line = String::new();
            self.line(log, &mut line)?;
            let Ok(mut answer) = serde_json::from_str::<Value>(&line) else { continue };
            if answer.get("id") != Some(&json!(id)) {
                continue;
            }
            if let Some(error) = answer.get("error") {
                return Ok(Err(error["desc"].as_str().unwrap_or_default().to_owned()));
            }
            return Ok(Ok(answer["return"].take()));
        }
    }

    fn line(&mut self, log: &mut Log, line: &mut String) -> Result<(), Lost> {
        match self.monitor.read_line(line) {
            Ok(0) => Err(self.ended(log)),
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(Lost::Silent)
            }
            Err(_) => Err(self.ended(log)),
        }
    }

    fn ended(&mut self, log: &mut Log) -> Lost {
        for _ in 0..LOOKS_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) => return gone(log, self.host, status, &mut self.output),
                Ok(None) => pause(),
                Err(_) => break,
            }
        }
        Lost::Silent
    }

    fn printed(&mut self) -> String {
        read_on(&mut self.output)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process of somebody else's takes the time that it takes.
#[expect(
    clippy::disallowed_methods,
    reason = "QEMU runs in real time; how often it is looked at is counted"
)]
fn pause() {
    std::thread::sleep(LOOK_AGAIN);
}

/// What a tool printed that ends by itself; killed if it has not ended in half a minute.
pub(super) fn output(command: &mut Command) -> std::io::Result<Output> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    for _ in 0..LOOKS_MAX {
        if child.try_wait()?.is_some() {
            return child.wait_with_output();
        }
        pause();
    }
    end(&mut child);
    Err(std::io::Error::new(ErrorKind::TimedOut, "it has not ended in half a minute"))
}

fn end(child: &mut Child) {
    // It may be gone already, and then nothing is left to do.
    let _ = child.kill();
    let _ = child.wait();
}

fn gone(log: &mut Log, host: &'static str, status: ExitStatus, output: &mut File) -> Lost {
    let (how, output) = (status.to_string(), read_on(output));
    log.acts.push(Act::Ended { host, how: how.clone(), output: output.clone() });
    Lost::Gone { how, output }
}

fn read_on(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read was not printed, as far as anybody can tell.
    let _ = file.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
