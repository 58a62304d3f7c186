//! Asks an NBD server for things: the client of `colo_core::nbd` on a socket.
//!
//! `cargo run -p colo-core --example nbd_ask -- ADDRESS EXPORT [COMMANDS]...`
//!
//! It is there to try the state machine against other implementations, as `.ci/nbd` does with
//! `qemu-nbd`. Each argument after the export's name is one command, or several with commas between
//! them, which are in flight together; the next argument waits for all of their answers.
//!
//! | command | what it does |
//! |---|---|
//! | `write BYTE AT LEN`, `fua BYTE AT LEN` | writes `LEN` times this byte, the second one durably |
//! | `read BYTE AT LEN` | reads, and fails if there is anything else than this byte |
//! | `zeroes AT LEN`, `trim AT LEN`, `flush` | |
//! | `refused AT LEN` | reads, and fails if that does |
//!
//! It prints the export and each answer, and disconnects in order. The exit code is 0 if everything
//! was answered as it must be, 1 if not, 2 if an argument makes no sense, 74 if the connection fails.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use colo_core::nbd::{Client, ClientEvent, Command, NbdErrno, NbdError};

/// What an answer must be.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Done,
    Only(u8),
    Refused,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, export, batches @ ..] = &arguments[..] else {
        eprintln!("nbd_ask ADDRESS EXPORT [COMMANDS]...: give at least the first two");
        return ExitCode::from(2);
    };
    let parsed: Result<Vec<_>, _> = batches.iter().map(|batch| parse(batch)).collect();
    let batches = match parsed {
        Ok(batches) => batches,
        Err(word) => {
            eprintln!("{word:?} is no command; see the head of this example");
            return ExitCode::from(2);
        }
    };
    let asked = TcpStream::connect(address).and_then(|stream| ask(stream, export, batches));
    match asked {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(74)
        }
    }
}

/// The commands of one argument, or the one that is none.
fn parse(batch: &str) -> Result<Vec<(Command, Expected)>, String> {
    batch.split(',').map(|text| command(text).ok_or_else(|| text.to_owned())).collect()
}

fn command(text: &str) -> Option<(Command, Expected)> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (name, numbers) = words.split_first()?;
    let numbers: Option<Vec<u64>> = numbers.iter().map(|word| word.parse().ok()).collect();
    let of = |byte: u64| u8::try_from(byte).ok();
    let long = |len: u64| u32::try_from(len).ok();
    let command = match (*name, &numbers?[..]) {
        ("write" | "fua", &[byte, at, len]) => {
            let bytes = vec![of(byte)?; long(len)? as usize];
            Command::Write { at, bytes, fua: *name == "fua" }
        }
        ("read", &[byte, at, len]) => {
            return Some((Command::Read { at, len: long(len)? }, Expected::Only(of(byte)?)));
        }
        ("refused", &[at, len]) => {
            return Some((Command::Read { at, len: long(len)? }, Expected::Refused));
        }
        ("zeroes", &[at, len]) => {
            Command::WriteZeroes { at, len: long(len)?, fua: false, no_hole: false }
        }
        ("trim", &[at, len]) => Command::Trim { at, len: long(len)?, fua: false },
        ("flush", &[]) => Command::Flush,
        _ => return None,
    };
    Some((command, Expected::Done))
}

/// One connection from its beginning to its end. Whether all answers were as expected.
fn ask(
    mut stream: TcpStream,
    export: &str,
    batches: Vec<Vec<(Command, Expected)>>,
) -> std::io::Result<bool> {
    stream.set_nodelay(true)?;
    let mut client = Client::new(export);
    let mut batches = batches.into_iter();
    let mut in_flight = BTreeMap::new();
    let mut cookie = 0;
    let mut as_expected = true;
    let mut piece = vec![0; 1 << 16];
    let mut out = Vec::new();
    loop {
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Ready(export) => println!("{export:?}"),
                ClientEvent::Answered { cookie, result } => {
                    let (name, expected) = in_flight.remove(&cookie).expect("it is in flight");
                    let right = is_right(expected, &result);
                    let word = if right { "as expected" } else { "WRONG" };
                    let answer = result.map_or_else(NbdErrno::name, |_| "ok");
                    println!("{name}: {answer}, {word}");
                    as_expected &= right;
                }
                ClientEvent::Closed(NbdError::Left) => return Ok(as_expected),
                ClientEvent::Closed(error) => return Err(std::io::Error::other(error)),
            }
        }
        if client.is_ready() && in_flight.is_empty() {
            match batches.next() {
                Some(batch) => {
                    for (command, expected) in batch {
                        in_flight.insert(cookie, (name(&command), expected));
                        client.submit(cookie, command);
                        cookie += 1;
                    }
                }
                None => client.disconnect(),
            }
        }
        client.poll_transmit(&mut out);
        if !out.is_empty() {
            stream.write_all(&out)?;
            out.clear();
            // What was just sent may have been the end, or been answered without the server.
            continue;
        }
        match stream.read(&mut piece)? {
            0 => client.end(),
            len => client.receive(&piece[..len]),
        }
    }
}

fn is_right(expected: Expected, result: &Result<Vec<u8>, NbdErrno>) -> bool {
    match (expected, result) {
        (Expected::Done, Ok(_)) | (Expected::Refused, Err(_)) => true,
        (Expected::Only(byte), Ok(bytes)) => bytes.iter().all(|other| *other == byte),
        _ => false,
    }
}

fn name(command: &Command) -> String {
    match command {
        Command::Read { at, len } => format!("read {at} {len}"),
        Command::Write { at, bytes, fua: false } => format!("write {at} {}", bytes.len()),
        Command::Write { at, bytes, fua: true } => format!("write durably {at} {}", bytes.len()),
        Command::Flush => "flush".to_owned(),
        Command::Trim { at, len, .. } => format!("trim {at} {len}"),
        Command::WriteZeroes { at, len, .. } => format!("zeroes {at} {len}"),
    }
}
