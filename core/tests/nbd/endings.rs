//! Every way in which a connection ends, by its name, and what was sent before it.

use std::collections::BTreeSet;

use colo_core::nbd::{
    Client, ClientEvent, Command, NbdEnd, NbdError, Server, ServerEvent, UNREAD_MAX,
};

use crate::peers::{
    ALL, GREETING, client_events, export, haggling_server, hex, ready_client, sent_by_client,
    sent_by_server, server_events, serving,
};

/// A client that has asked for "disk" with `NBD_OPT_GO`.
fn asking_client() -> Client {
    let mut client = Client::new("disk");
    client.receive(&hex(GREETING));
    sent_by_client(&mut client);
    client
}

/// The client closes for this reason, says nothing before and does nothing after it.
fn closes(mut client: Client, error: NbdError) {
    assert_eq!(client_events(&mut client), [ClientEvent::Closed(error)]);
    let held = client.bytes_held();
    client.receive(&hex(GREETING));
    client.submit(1, Command::Flush);
    client.disconnect();
    client.end();
    assert!(!client.is_ready());
    assert_eq!(client_events(&mut client), []);
    assert_eq!(client.bytes_held(), held);
}

/// The same of a server.
fn ends(mut server: Server, end: NbdEnd) {
    assert_eq!(server_events(&mut server), [ServerEvent::Closed(end)]);
    let sent = sent_by_server(&mut server);
    server.receive(&hex("'IHAVEOPT' 00000003 00000000"));
    server.receive(&hex("25609513 0000 0009 0000000000000000 0000000000000000 00000000"));
    server.end();
    server.answer(0, Ok(Vec::new()));
    assert!(!server.wants_bytes());
    assert_eq!(server_events(&mut server), []);
    assert_eq!(sent_by_server(&mut server), [0_u8; 0], "before: {sent:?}");
}

fn fails(server: Server, error: NbdError) {
    ends(server, NbdEnd::Failed(error));
}

const ACK: &str = "0003e889045565a9 00000007 00000001 00000000";
const FLUSH: &str = "25609513 0000 0003 00000000000000aa 0000000000000000 00000000";
const DISCONNECT: &str = "25609513 0000 0002 0000000000000000 0000000000000000 00000000";

#[test]
fn wrong_magic() {
    let wrong = |of: &'static str, got: u64| NbdError::WrongMagic { of, got };

    let mut client = Client::new("disk");
    client.receive(b"HTTP/1.1 400 Bad Request");
    closes(client, wrong("the server's greeting", 0x4854_5450_2f31_2e31));

    // Oldstyle, which begins alike.
    let mut client = Client::new("disk");
    client.receive(&hex("'NBDMAGIC' 0000420281861253 0000000000100000"));
    closes(client, wrong("the server's newstyle negotiation", 0x0000_4202_8186_1253));

    let mut client = asking_client();
    client.receive(&hex("0003e889045565a8 00000007 00000001 00000000"));
    closes(client, wrong("the reply to an option", 0x0003_e889_0455_65a8));

    // The first of a structured reply.
    let mut client = ready_client(ALL);
    client.submit(1, Command::Flush);
    client.receive(&hex("668e33ef 0001 0000 0000000000000001 00000000"));
    closes(client, wrong("a reply", 0x668e_33ef));

    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPS' 00000003 00000000"));
    fails(server, wrong("an option", u64::from_be_bytes(*b"IHAVEOPS")));

    let mut server = serving(export("a"));
    server.receive(&hex("25609514 0000 0003 0000000000000000 0000000000000000 00000000"));
    fails(server, wrong("a request", 0x2560_9514));
}

#[test]
fn unknown_flags() {
    let mut server = Server::new(vec![export("a")]);
    server.receive(&hex("00000007"));
    fails(server, NbdError::UnknownFlags { flags: 4 });
}

#[test]
fn oversized() {
    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000055 00002001"));
    let refused = "0003e889045565a9 00000055 80000009 00000016 'the option is too long'";
    assert_eq!(sent_by_server(&mut server), hex(refused));
    fails(server, NbdError::Oversized { what: "an option", len: 8193, max: 8192 });

    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000001 ffffffff"));
    assert_eq!(sent_by_server(&mut server), [0_u8; 0], "this one has no error reply");
    fails(server, NbdError::Oversized { what: "an option", len: u32::MAX, max: 8192 });

    let mut client = asking_client();
    client.receive(&hex("0003e889045565a9 00000007 80000001 00002001"));
    let what = "a reply to an option";
    closes(client, NbdError::Oversized { what, len: 8193, max: 8192 });

    let mut server = serving(export("a"));
    server.receive(&hex("25609513 0000 0001 00000000000000aa 0000000000000000 ffffffff"));
    fails(server, NbdError::Oversized { what: "a write", len: u32::MAX, max: 1024 });
}

#[test]
fn wrong_option() {
    let mut client = asking_client();
    client.receive(&hex("0003e889045565a9 00000006 00000001 00000000"));
    closes(client, NbdError::WrongOption { asked: 7, got: 6 });
}

#[test]
fn unexpected_reply() {
    let mut client = asking_client();
    client.receive(&hex("0003e889045565a9 00000007 00000002 00000005 00000001 'a'"));
    closes(client, NbdError::UnexpectedReply { reply: 2 });
}

#[test]
fn malformed() {
    let cases = [
        ("NBD_REP_ACK", "0003e889045565a9 00000007 00000001 00000001 00"),
        ("NBD_REP_INFO", "0003e889045565a9 00000007 00000003 00000001 00"),
        ("NBD_INFO_EXPORT", "0003e889045565a9 00000007 00000003 0000000b 0000 0000000000001000 00"),
        (
            "NBD_INFO_EXPORT",
            "0003e889045565a9 00000007 00000003 0000000d 0000 0000000000001000 006d 00",
        ),
        (
            "NBD_INFO_BLOCK_SIZE",
            "0003e889045565a9 00000007 00000003 0000000d 0003 00000200 00001000 020000",
        ),
    ];
    for (what, reply) in cases {
        let mut client = asking_client();
        client.receive(&hex(reply));
        closes(client, NbdError::Malformed { what });
    }
}

#[test]
fn undescribed() {
    let mut client = asking_client();
    client.receive(&hex(ACK));
    closes(client, NbdError::Undescribed);
}

#[test]
fn block_sizes() {
    let cases = [
        (0, 4096, 4096),
        (768, 4096, 7680),
        (1 << 17, 1 << 17, 1 << 17),
        (512, 256, 4096),
        (512, 5000, 1 << 20),
        (512, 4096, 256),
        (512, 4096, 4097),
    ];
    for (min, preferred, max) in cases {
        let mut client = asking_client();
        client.receive(&hex(&format!(
            "0003e889045565a9 00000007 00000003 0000000e 0003 {min:08x} {preferred:08x} {max:08x}"
        )));
        closes(client, NbdError::BlockSizes { min, preferred, max });
    }
}

/// No largest request is one that can be; then it is up to the caller.
#[test]
fn no_largest_request_is_no_error() {
    let mut client = asking_client();
    client.receive(&hex("0003e889045565a9 00000007 00000003 0000000c 0000 0000000000001000 006d
         0003e889045565a9 00000007 00000003 0000000e 0003 00000001 00001000 ffffffff"));
    client.receive(&hex(ACK));
    let events = client_events(&mut client);
    let [ClientEvent::Ready(agreed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((agreed.block_min, agreed.block_max), (1, u32::MAX));
}

#[test]
fn refused() {
    let mut client = asking_client();
    client.receive(&hex("0003e889045565a9 00000007 80000006 00000004 'nope'"));
    assert_eq!(sent_by_client(&mut client), hex("'IHAVEOPT' 00000002 00000000"));
    closes(client, NbdError::Refused { reply: 0x8000_0006, message: "nope".to_owned() });
}

#[test]
fn no_such_export() {
    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000001 00000000"));
    fails(server, NbdError::NoSuchExport { name: String::new() });
}

#[test]
fn unknown_cookie() {
    let unknown = NbdError::UnknownCookie { cookie: 0xaa };

    let mut nothing_asked = ready_client(ALL);
    nothing_asked.receive(&hex("67446698 00000000 00000000000000aa"));
    closes(nothing_asked, unknown.clone());

    let mut another_asked = ready_client(ALL);
    another_asked.submit(0xab, Command::Flush);
    another_asked.receive(&hex("67446698 00000005 00000000000000aa"));
    closes(another_asked, unknown.clone());

    let mut answered_before = ready_client(ALL);
    answered_before.submit(0xaa, Command::Flush);
    answered_before.receive(&hex("67446698 00000000 00000000000000aa"));
    assert_eq!(client_events(&mut answered_before).len(), 1);
    answered_before.receive(&hex("67446698 00000000 00000000000000aa"));
    closes(answered_before, unknown);
}

#[test]
fn flooded() {
    let mut server = serving(export("a"));
    server.receive(&hex(FLUSH).repeat(16));
    assert_eq!(server_events(&mut server).len(), 16);
    server.receive(&vec![0; UNREAD_MAX]);
    assert_eq!(server_events(&mut server), []);
    server.receive(&[0]);
    fails(server, NbdError::Flooded);
}

#[test]
fn truncated() {
    let mut client = Client::new("disk");
    client.receive(&hex(GREETING)[..17]);
    client.end();
    closes(client, NbdError::Truncated);

    let mut client = ready_client(ALL);
    client.submit(0xaa, Command::Read { at: 0, len: 512 });
    client.receive(&hex("67446698 00000000 00000000000000aa"));
    client.receive(&[0; 511]);
    client.end();
    closes(client, NbdError::Truncated);

    let mut server = serving(export("a"));
    server.receive(&hex(FLUSH)[..27]);
    server.end();
    fails(server, NbdError::Truncated);

    // Within the payload of a write that is thrown away.
    let mut server = serving(export("a"));
    server.receive(&hex("25609513 0000 0001 00000000000000aa 0000000000000001 00000200 abcd"));
    server.end();
    fails(server, NbdError::Truncated);
}

#[test]
fn dropped() {
    let mut client = Client::new("disk");
    client.end();
    closes(client, NbdError::Dropped);

    let mut client = ready_client(ALL);
    client.submit(0xaa, Command::Flush);
    client.end();
    closes(client, NbdError::Dropped);

    let mut server = haggling_server(vec![export("a")]);
    server.end();
    fails(server, NbdError::Dropped);

    let mut server = serving(export("a"));
    server.receive(&hex(FLUSH));
    server.end();
    assert!(matches!(
        server_events(&mut server)[..],
        [ServerEvent::Requested { .. }, ServerEvent::Closed(NbdEnd::Failed(NbdError::Dropped))]
    ));
}

/// What came whole before the end of the stream is still done, what comes after it is not.
#[test]
fn requests_that_waited_unread_are_read_after_the_end() {
    let mut server = serving(export("a"));
    server.receive(&hex(FLUSH).repeat(17));
    server.end();
    server.receive(&hex(FLUSH));
    assert_eq!(server_events(&mut server).len(), 16);
    server.answer(0, Ok(Vec::new()));
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Requested { cookie: 16, .. }]), "{events:?}");
    server.answer(1, Ok(Vec::new()));
    fails(server, NbdError::Dropped);
}

#[test]
fn left() {
    let mut client = ready_client(ALL);
    client.submit(0xaa, Command::Flush);
    client.disconnect();
    client.disconnect();
    assert!(!client.is_ready());
    let sent = hex(&format!("{FLUSH} {DISCONNECT}"));
    assert_eq!(sent_by_client(&mut client), sent);
    assert_eq!(client_events(&mut client), []);
    client.receive(&hex("67446698 00000000 00000000000000aa"));
    let answered = ClientEvent::Answered { cookie: 0xaa, result: Ok(Vec::new()) };
    assert_eq!(client.poll_event(), Some(answered));
    closes(client, NbdError::Left);

    // The server may also just go.
    let mut client = ready_client(ALL);
    client.submit(0xaa, Command::Flush);
    client.disconnect();
    client.end();
    closes(client, NbdError::Left);

    // Before there is an export it waits for one.
    let mut client = asking_client();
    client.disconnect();
    client.receive(&hex("0003e889045565a9 00000007 00000003 0000000c 0000 0000000000001000 006d"));
    assert_eq!(client_events(&mut client), []);
    client.receive(&hex(ACK));
    assert_eq!(sent_by_client(&mut client), hex(DISCONNECT));
    closes(client, NbdError::Left);
}

#[test]
fn a_client_disconnects_and_its_requests_are_answered_first() {
    let mut server = serving(export("a"));
    server.receive(&hex(FLUSH));
    server.receive(&hex(DISCONNECT));
    server.receive(b"and nothing of this is looked at");
    let events = server_events(&mut server);
    assert!(matches!(events[..], [ServerEvent::Requested { .. }]), "{events:?}");
    server.end();
    assert_eq!(server_events(&mut server), []);
    server.answer(0, Ok(Vec::new()));
    assert_eq!(sent_by_server(&mut server), hex("67446698 00000000 00000000000000aa"));
    ends(server, NbdEnd::Disconnected);
}

#[test]
fn a_client_aborts() {
    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000002 00000000"));
    let mut looked_at = server.clone();
    let ack = "0003e889045565a9 00000002 00000001 00000000";
    assert_eq!(sent_by_server(&mut looked_at), hex(ack));
    ends(server, NbdEnd::Aborted);
}

/// What a server has not offered is not sent to it.
#[test]
fn a_client_asks_for_nothing_that_is_not_offered() {
    let cases = [
        (0b110_1001, Command::Flush),
        (0b100_1101, Command::Trim { at: 0, len: 512, fua: false }),
        (0b010_1101, Command::WriteZeroes { at: 0, len: 512, fua: false, no_hole: false }),
        (0b110_0101, Command::Write { at: 0, bytes: vec![0; 512], fua: true }),
        (0b110_0101, Command::Trim { at: 0, len: 512, fua: true }),
    ];
    for (features, command) in cases {
        let mut client = ready_client(features);
        client.submit(1, command.clone());
        assert_eq!(sent_by_client(&mut client), [0_u8; 0], "{command:?}");
        let answered =
            ClientEvent::Answered { cookie: 1, result: Err(colo_core::nbd::NbdErrno::NotSup) };
        assert_eq!(client_events(&mut client), [answered], "{command:?}");
        client.submit(1, Command::Read { at: 0, len: 512 });
        assert_eq!(sent_by_client(&mut client).len(), 28);
        let mut client = ready_client(ALL);
        client.submit(1, command);
        assert!(sent_by_client(&mut client).len() >= 28);
    }
}

/// Each reason is a sentence of its own.
#[test]
fn every_reason_can_be_read() {
    let reasons = [
        NbdError::WrongMagic { of: "a request", got: 0x2560_9514 },
        NbdError::UnknownFlags { flags: 4 },
        NbdError::Oversized { what: "an option", len: 8193, max: 8192 },
        NbdError::CookieUsed { cookie: 170 },
        NbdError::WrongOption { asked: 7, got: 6 },
        NbdError::UnexpectedReply { reply: 2 },
        NbdError::Malformed { what: "NBD_REP_ACK" },
        NbdError::Undescribed,
        NbdError::BlockSizes { min: 512, preferred: 256, max: 4096 },
        NbdError::Refused { reply: 0x8000_0006, message: "nope".to_owned() },
        NbdError::Refused { reply: 0x8000_0105, message: "\u{1b}[2J".to_owned() },
        NbdError::NoSuchExport { name: "b".to_owned() },
        NbdError::UnknownCookie { cookie: 170 },
        NbdError::Flooded,
        NbdError::Truncated,
        NbdError::Dropped,
        NbdError::Left,
    ];
    let read: Vec<String> = reasons.iter().map(NbdError::to_string).collect();
    assert_eq!(
        read,
        [
            "a request begins with 0x25609514, which is not its magic number; is this NBD?",
            "the client set handshake flags that it was not offered: 0x4",
            "an option of 8193 bytes is announced, at most 8192 are permitted",
            "the client sent request 170 again, or after a later one",
            "the server answered option 6, it was asked option 7",
            "the server answered NBD_OPT_GO with a reply of type 0x2",
            "NBD_REP_ACK from the server is malformed",
            "the server agreed to the export without NBD_INFO_EXPORT, so its size is not known",
            "the server announced impossible block sizes: smallest 512, preferred 256, largest 4096 \
         bytes",
            "the server refuses the export: there is no export of this name; ask for one that it lists \
         (nope)",
            "the server refuses the export: an error of type 0x80000105 (\\u{1b}[2J)",
            "the client asked for the export \"b\", which is not offered",
            "the server answered request 170, which is not in flight",
            "more bytes were handed in than are kept unread",
            "the peer ended the connection within a message",
            "the peer ended the connection without disconnecting",
            "disconnected in order",
        ]
    );
}

/// What a server refuses with is told in words, each in others.
#[test]
fn every_refusal_is_told_apart() {
    let words = |reply: u32| NbdError::Refused { reply, message: String::new() }.to_string();
    let told: BTreeSet<String> = (1..=10).map(|kind| words(0x8000_0000 | kind)).collect();
    assert_eq!(told.len(), 10, "{told:#?}");
    assert_eq!(words(0x8000_0005).matches("without TLS").count(), 1);
    assert!(told.contains("the server refuses the export: an error of type 0x8000000a"));
}
