//! Both sides against bytes that were written by hand from the protocol's document.
//!
//! Magic numbers, options, replies, commands, flags and errors stand here once more, as digits, so
//! that a wrong constant in the code cannot agree with itself.

use colo_core::nbd::{Client, ClientEvent, Command, Export, NbdErrno, Server, ServerEvent};

use crate::peers::{
    ALL, GREETING, client_events, export, haggling_server, hex, ready_client, sent_by_client,
    sent_by_server, server_events, serving,
};

#[test]
fn a_client_asks_with_go_for_block_sizes() {
    let mut client = Client::new("disk");
    assert_eq!(sent_by_client(&mut client), [0_u8; 0]);
    client.receive(&hex(GREETING));
    let asked = "00000003 'IHAVEOPT' 00000007 0000000c 00000004 'disk' 0001 0003";
    assert_eq!(sent_by_client(&mut client), hex(asked));
    client.receive(&hex("0003e889045565a9 00000007 00000003 0000000c 0000 0000000000100000 006d
         0003e889045565a9 00000007 00000003 0000000e 0003 00000200 00001000 02000000
         0003e889045565a9 00000007 00000003 00000006 0001 'disk'"));
    assert!(!client.is_ready());
    client.receive(&hex("0003e889045565a9 00000007 00000001 00000000"));
    let agreed = Export {
        name: "disk".to_owned(),
        size: 1 << 20,
        block_min: 512,
        block_max: 32 << 20,
        read_only: false,
    };
    assert_eq!(client_events(&mut client), [ClientEvent::Ready(agreed)]);
    assert!(client.is_ready());
}

#[test]
fn a_client_falls_back_to_export_name() {
    let mut client = Client::new("disk");
    client.receive(&hex(GREETING));
    sent_by_client(&mut client);
    client.receive(&hex("0003e889045565a9 00000007 80000001 00000002 'no'"));
    assert_eq!(sent_by_client(&mut client), hex("'IHAVEOPT' 00000001 00000004 'disk'"));
    client.receive(&hex("0000000000000400 0003"));
    let agreed = Export {
        name: "disk".to_owned(),
        size: 1024,
        block_min: 512,
        block_max: 32 << 20,
        read_only: true,
    };
    assert_eq!(client_events(&mut client), [ClientEvent::Ready(agreed)]);
}

/// Newstyle that is not fixed has that option only, and 124 zeroes behind the answer.
#[test]
fn a_client_asks_an_old_server_by_name_alone() {
    let mut client = Client::new("d");
    client.receive(&hex("'NBDMAGIC' 'IHAVEOPT' 0000"));
    assert_eq!(sent_by_client(&mut client), hex("00000000 'IHAVEOPT' 00000001 00000001 'd'"));
    client.receive(&hex("0000000000000401 0001"));
    client.receive(&[0; 123]);
    assert!(!client.is_ready());
    client.receive(&[0]);
    let events = client_events(&mut client);
    let [ClientEvent::Ready(agreed)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((agreed.size, agreed.block_min), (1025, 1));
}

#[test]
fn a_server_greets_and_lists() {
    let mut server = haggling_server(vec![export("a"), export("bc")]);
    server.receive(&hex("'IHAVEOPT' 00000003 00000000"));
    let listed = "0003e889045565a9 00000003 00000002 00000005 00000001 'a'
         0003e889045565a9 00000003 00000002 00000006 00000002 'bc'
         0003e889045565a9 00000003 00000001 00000000";
    assert_eq!(sent_by_server(&mut server), hex(listed));
    assert_eq!(server_events(&mut server), []);
}

#[test]
fn a_server_answers_info_and_go() {
    let read_only = Export { read_only: true, ..export("bc") };
    let mut server = haggling_server(vec![export("a"), read_only]);
    server.receive(&hex("'IHAVEOPT' 00000006 0000000a 00000002 'bc' 0001 0001"));
    let told = "0003e889045565a9 00000006 00000003 0000000c 0000 0000000000001000 006f
         0003e889045565a9 00000006 00000003 00000004 0001 'bc'
         0003e889045565a9 00000006 00000003 0000000e 0003 00000200 00000400 00000400
         0003e889045565a9 00000006 00000001 00000000";
    assert_eq!(sent_by_server(&mut server), hex(told));
    assert_eq!(server_events(&mut server), []);
    server.receive(&hex("'IHAVEOPT' 00000007 00000007 00000001 'a' 0000"));
    let told = "0003e889045565a9 00000007 00000003 0000000c 0000 0000000000001000 006d
         0003e889045565a9 00000007 00000003 0000000e 0003 00000200 00000400 00000400
         0003e889045565a9 00000007 00000001 00000000";
    assert_eq!(sent_by_server(&mut server), hex(told));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);
}

#[test]
fn a_server_answers_export_name_with_and_without_zeroes() {
    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000001 00000001 'a'"));
    assert_eq!(sent_by_server(&mut server), hex("0000000000001000 006d"));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);

    let mut server = Server::new(vec![export("a")]);
    sent_by_server(&mut server);
    server.receive(&hex("00000001 'IHAVEOPT' 00000001 00000001 'a'"));
    let mut zeroes = hex("0000000000001000 006d");
    zeroes.extend([0; 124]);
    assert_eq!(sent_by_server(&mut server), zeroes);
}

/// `STARTTLS`, `STRUCTURED_REPLY`, both for metadata, `EXTENDED_HEADERS`, and two that nobody knows.
#[test]
fn a_server_refuses_each_other_option_by_itself() {
    let mut server = haggling_server(vec![export("a")]);
    for option in [5u32, 8, 9, 10, 11, 4, 0x1234_5678] {
        server.receive(&hex(&format!("'IHAVEOPT' {option:08x} 00000003 'abc'")));
        let refused = format!("0003e889045565a9 {option:08x} 80000001 00000017");
        let mut refused = hex(&refused);
        refused.extend(b"the option is not known");
        assert_eq!(sent_by_server(&mut server), refused);
    }
    server.receive(&hex("'IHAVEOPT' 00000001 00000001 'a'"));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);
}

/// What each command looks like on the wire.
fn commands() -> Vec<(Command, &'static str)> {
    let bytes: Vec<u8> = (0..512u32).map(|index| index as u8).collect();
    vec![
        (
            Command::Read { at: 0x200, len: 0x400 },
            "25609513 0000 0000 0102030405060708 0000000000000200 00000400",
        ),
        (
            Command::Write { at: 0xe00, bytes: bytes.clone(), fua: false },
            "25609513 0000 0001 0102030405060708 0000000000000e00 00000200",
        ),
        (
            Command::Write { at: 0, bytes, fua: true },
            "25609513 0001 0001 0102030405060708 0000000000000000 00000200",
        ),
        (Command::Flush, "25609513 0000 0003 0102030405060708 0000000000000000 00000000"),
        (
            Command::Trim { at: 0x400, len: 0xc00, fua: false },
            "25609513 0000 0004 0102030405060708 0000000000000400 00000c00",
        ),
        (
            Command::Trim { at: 0x400, len: 0x200, fua: true },
            "25609513 0001 0004 0102030405060708 0000000000000400 00000200",
        ),
        (
            Command::WriteZeroes { at: 0, len: 0x1000, fua: false, no_hole: false },
            "25609513 0000 0006 0102030405060708 0000000000000000 00001000",
        ),
        (
            Command::WriteZeroes { at: 0, len: 0x200, fua: true, no_hole: false },
            "25609513 0001 0006 0102030405060708 0000000000000000 00000200",
        ),
        (
            Command::WriteZeroes { at: 0, len: 0x200, fua: false, no_hole: true },
            "25609513 0002 0006 0102030405060708 0000000000000000 00000200",
        ),
    ]
}

fn on_the_wire(command: &Command, header: &str) -> Vec<u8> {
    let mut bytes = hex(header);
    if let Command::Write { bytes: payload, .. } = command {
        bytes.extend(payload);
    }
    bytes
}

#[test]
fn a_client_sends_each_command_as_documented() {
    for (command, header) in commands() {
        let mut client = ready_client(ALL);
        client.submit(0x0102_0304_0506_0708, command.clone());
        assert_eq!(sent_by_client(&mut client), on_the_wire(&command, header), "{command:?}");
    }
    let mut client = ready_client(ALL);
    client.disconnect();
    let sent = sent_by_client(&mut client);
    assert_eq!(sent, hex("25609513 0000 0002 0000000000000000 0000000000000000 00000000"));
}

#[test]
fn a_server_understands_each_command_as_documented() {
    for (command, header) in commands() {
        let mut server = serving(export("a"));
        server.receive(&on_the_wire(&command, header));
        let events = server_events(&mut server);
        let [ServerEvent::Requested { cookie, command: understood }] = &events[..] else {
            panic!("{command:?}: {events:?}");
        };
        assert_eq!(understood, &command);
        let bytes = if let Command::Read { len, .. } = command { len } else { 0 };
        server.answer(*cookie, Ok(vec![0xab; bytes as usize]));
        let mut answered = hex("67446698 00000000 0102030405060708");
        answered.extend(vec![0xab; bytes as usize]);
        assert_eq!(sent_by_server(&mut server), answered, "{command:?}");
    }
}

/// Each error by its number, which 34 does not have: it becomes an `EINVAL`.
const ERRORS: [(u32, NbdErrno); 8] = [
    (1, NbdErrno::Perm),
    (5, NbdErrno::Io),
    (12, NbdErrno::NoMem),
    (22, NbdErrno::Inval),
    (28, NbdErrno::NoSpc),
    (75, NbdErrno::Overflow),
    (95, NbdErrno::NotSup),
    (108, NbdErrno::Shutdown),
];

#[test]
fn each_error_has_its_number_and_no_payload() {
    for (number, errno) in ERRORS {
        let mut server = serving(export("a"));
        server.receive(&hex("25609513 0000 0000 00000000000000ff 0000000000000000 00000200"));
        let cookie = match &server_events(&mut server)[..] {
            [ServerEvent::Requested { cookie, .. }] => *cookie,
            other => panic!("{other:?}"),
        };
        server.answer(cookie, Err(errno));
        let reply = hex(&format!("67446698 {number:08x} 00000000000000ff"));
        assert_eq!(sent_by_server(&mut server), reply);

        let mut client = ready_client(ALL);
        client.submit(0xff, Command::Read { at: 0, len: 512 });
        client.receive(&reply);
        let answered = ClientEvent::Answered { cookie: 0xff, result: Err(errno) };
        assert_eq!(client_events(&mut client), [answered]);
    }
    assert_eq!(NbdErrno::of_number(34), NbdErrno::Inval);
}
