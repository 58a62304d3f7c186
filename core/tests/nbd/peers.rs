//! What the tests share: bytes written as hexadecimal, exports, and both sides brought to where a
//! test begins.

use colo_core::nbd::{Client, ClientEvent, Export, Server, ServerEvent};

/// Bytes written as hexadecimal digits; blanks are for the reader, `'text'` stands for its bytes.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in text.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend(part.bytes());
            continue;
        }
        let digits: Vec<u32> = part.chars().filter_map(|digit| digit.to_digit(16)).collect();
        assert!(digits.len().is_multiple_of(2), "half a byte in {part:?}");
        bytes.extend(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8));
    }
    bytes
}

/// 4 KiB in blocks of 512 bytes, 1 KiB at a time.
pub(crate) fn export(name: &str) -> Export {
    Export { name: name.to_owned(), size: 4096, block_min: 512, block_max: 1024, read_only: false }
}

/// All that a client has to send.
pub(crate) fn sent_by_client(client: &mut Client) -> Vec<u8> {
    let mut out = Vec::new();
    client.poll_transmit(&mut out);
    out
}

/// All that a server has to send.
pub(crate) fn sent_by_server(server: &mut Server) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let before = out.len();
        server.poll_transmit(&mut out);
        if out.len() == before {
            return out;
        }
    }
}

pub(crate) fn client_events(client: &mut Client) -> Vec<ClientEvent> {
    std::iter::from_fn(|| client.poll_event()).collect()
}

pub(crate) fn server_events(server: &mut Server) -> Vec<ServerEvent> {
    std::iter::from_fn(|| server.poll_event()).collect()
}

/// A server's greeting, as the protocol's document has it.
pub(crate) const GREETING: &str = "'NBDMAGIC' 'IHAVEOPT' 0003";

/// A server whose client has sent its flags, with nothing left to send.
pub(crate) fn haggling_server(exports: Vec<Export>) -> Server {
    let mut server = Server::new(exports);
    assert_eq!(sent_by_server(&mut server), hex(GREETING));
    server.receive(&hex("00000003"));
    server
}

/// A server whose client has chosen its only export.
pub(crate) fn serving(export: Export) -> Server {
    let name = export.name.clone();
    transmitting(haggling_server(vec![export]), &name)
}

/// The same of this server.
pub(crate) fn transmitting(mut server: Server, name: &str) -> Server {
    server.receive(&hex(&format!("'IHAVEOPT' 00000001 {:08x} '{name}'", name.len())));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);
    assert_eq!(sent_by_server(&mut server).len(), 10);
    server
}

/// A client that a server with these transmission flags has taken in, under 4 KiB.
pub(crate) fn ready_client(features: u16) -> Client {
    let mut client = Client::new("disk");
    client.receive(&hex(GREETING));
    client.receive(&hex(&format!(
        "0003e889045565a9 00000007 00000003 0000000c 0000 0000000000001000 {features:04x}
         0003e889045565a9 00000007 00000001 00000000"
    )));
    let events = client_events(&mut client);
    assert!(matches!(events[..], [ClientEvent::Ready(_)]), "{events:?}");
    sent_by_client(&mut client);
    client
}

/// What a server says that can do everything.
pub(crate) const ALL: u16 = 0b110_1101;
