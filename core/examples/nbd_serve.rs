//! Serves a disk in memory over NBD: the server of `colo_core::nbd` on a socket.
//!
//! `cargo run -p colo-core --example nbd_serve -- SIZE [read-only]`
//!
//! It is there to try the state machine against other implementations, as `.ci/nbd` does with QEMU's
//! tools, and is not meant to keep anything. The first line that it prints is the address of its
//! export `disk`, on a port that the system chooses. It has no threads, so clients are served one
//! after the other until somebody ends it; how each connection ended goes to stderr. Everything is
//! "durable" at once, as there is nothing beneath.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;

use colo_core::nbd::{Command, Export, NbdEnd, Server, ServerEvent};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (size, read_only) = match &arguments[..] {
        [size] => (size, false),
        [size, word] if word == "read-only" => (size, true),
        _ => {
            eprintln!("nbd_serve SIZE [read-only]: give the size in bytes");
            return ExitCode::from(2);
        }
    };
    let Ok(size) = size.parse() else {
        eprintln!("{size:?} is not a number of bytes");
        return ExitCode::from(2);
    };
    let export =
        Export { name: "disk".to_owned(), size, block_min: 512, block_max: 1 << 20, read_only };
    if let Some(flaw) = export.flaw() {
        eprintln!("{flaw}; give another size");
        return ExitCode::from(2);
    }
    match serve(&export) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(74)
        }
    }
}

/// One client after the other.
fn serve(export: &Export) -> std::io::Result<()> {
    let mut disk = vec![0; usize::try_from(export.size).map_err(std::io::Error::other)?];
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("nbd://{}/{}", listener.local_addr()?, export.name);
    std::io::stdout().flush()?;
    for stream in listener.incoming() {
        match connection(export, &mut disk, stream?) {
            Ok(end) => eprintln!("connection closed: {end}"),
            Err(error) => eprintln!("connection lost: {error}"),
        }
    }
    Ok(())
}

/// From the greeting to the end.
fn connection(export: &Export, disk: &mut [u8], mut stream: TcpStream) -> std::io::Result<NbdEnd> {
    stream.set_nodelay(true)?;
    let mut server = Server::new(vec![export.clone()]);
    let mut piece = vec![0; 1 << 16];
    let mut out = Vec::new();
    loop {
        // Taking what is to be sent makes room to read on, and reading on gives more to send.
        let end = loop {
            let end = carry_out(&mut server, disk);
            server.poll_transmit(&mut out);
            if end.is_some() || out.is_empty() {
                break end;
            }
            stream.write_all(&out)?;
            out.clear();
        };
        if let Some(end) = end {
            stream.write_all(&out)?;
            return Ok(end);
        }
        match stream.read(&mut piece)? {
            0 => server.end(),
            len => server.receive(&piece[..len]),
        }
    }
}

/// Does what is asked for and answers it, at once and in order. Returns how the connection ended, if
/// it did.
fn carry_out(server: &mut Server, disk: &mut [u8]) -> Option<NbdEnd> {
    while let Some(event) = server.poll_event() {
        let (cookie, command) = match event {
            ServerEvent::Requested { cookie, command } => (cookie, command),
            ServerEvent::Chosen(_) => continue,
            ServerEvent::Closed(end) => return Some(end),
        };
        // The server lets only ranges through that lie within the export.
        let range = |at: u64, len: usize| at as usize..at as usize + len;
        let mut answer = Vec::new();
        match command {
            Command::Read { at, len } => answer.extend(&disk[range(at, len as usize)]),
            Command::Write { at, bytes, .. } => {
                disk[range(at, bytes.len())].copy_from_slice(&bytes);
            }
            Command::Trim { at, len, .. } | Command::WriteZeroes { at, len, .. } => {
                disk[range(at, len as usize)].fill(0);
            }
            Command::Flush => {}
        }
        server.answer(cookie, Ok(answer));
    }
    None
}
