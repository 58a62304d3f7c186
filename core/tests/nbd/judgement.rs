//! What a server refuses by itself, and with which error; and that it goes on after it.

use colo_core::nbd::{
    Command, Export, NbdEnd, NbdError, OPTION_MAX, REPLIES_MAX, REQUESTS_MAX, Server, ServerEvent,
};

use crate::peers::{
    export, haggling_server, hex, sent_by_server, server_events, serving, transmitting,
};

/// A request as it goes over the wire, with a payload if it is a write.
fn request(flags: u16, command: u16, at: u64, len: u32) -> Vec<u8> {
    let mut bytes = hex(&format!("25609513 {flags:04x} {command:04x} 00000000000000aa"));
    bytes.extend(hex(&format!("{at:016x} {len:08x}")));
    if command == 1 {
        bytes.resize(bytes.len() + len as usize, 0x5a);
    }
    bytes
}

const READ: u16 = 0;
const WRITE: u16 = 1;
const FLUSH: u16 = 3;
const TRIM: u16 = 4;
const ZEROES: u16 = 6;

/// Sends a request that is to be refused and then a flush, which is not: nothing of the first
/// request may reach the caller, nor may the second be misread.
fn refused(server: &mut Server, request_bytes: &[u8], errno: u32) {
    server.receive(request_bytes);
    server.receive(&request(0, FLUSH, 0, 0));
    let events = server_events(server);
    let [ServerEvent::Requested { cookie, command: Command::Flush }] = &events[..] else {
        panic!("{events:?}");
    };
    server.answer(*cookie, Ok(Vec::new()));
    let replies =
        format!("67446698 {errno:08x} 00000000000000aa 67446698 00000000 00000000000000aa");
    assert_eq!(sent_by_server(server), hex(&replies));
}

#[test]
fn what_is_not_in_order_is_refused_and_the_connection_goes_on() {
    let cases = [
        ("read past the end", request(0, READ, 4096, 512), 22),
        ("read over the end", request(0, READ, 3584, 1024), 22),
        ("read at the end of all numbers", request(0, READ, u64::MAX - 511, 512), 22),
        ("write over the end", request(0, WRITE, 3584, 1024), 28),
        ("write past the end", request(0, WRITE, 1 << 40, 512), 28),
        ("trim over the end", request(0, TRIM, 3584, 1024), 22),
        ("zeroes over the end", request(0, ZEROES, 3584, 1024), 28),
        ("zeroes over the end of all numbers", request(0, ZEROES, u64::MAX - 511, 1024), 28),
        ("read from within a block", request(0, READ, 256, 512), 22),
        ("read of half a block", request(0, READ, 0, 256), 22),
        ("write from within a block", request(0, WRITE, 256, 512), 22),
        ("write of a block and a half", request(0, WRITE, 0, 768), 22),
        ("trim of half a block", request(0, TRIM, 0, 256), 22),
        ("zeroes from within a block", request(0, ZEROES, 1, 512), 22),
        ("empty read", request(0, READ, 0, 0), 22),
        ("empty write", request(0, WRITE, 0, 0), 22),
        ("empty trim", request(0, TRIM, 0, 0), 22),
        ("empty zeroes", request(0, ZEROES, 0, 0), 22),
        ("read of more than one request may", request(0, READ, 0, 1536), 22),
        ("flush of something", request(0, FLUSH, 0, 512), 22),
        ("flush of somewhere", request(0, FLUSH, 512, 0), 22),
        ("NBD_CMD_CACHE", request(0, 5, 0, 512), 22),
        ("NBD_CMD_BLOCK_STATUS", request(0, 7, 0, 512), 22),
        ("a command of no meaning", request(0, 0xffff, 0, 512), 22),
        ("read that must not have holes", request(2, READ, 0, 512), 22),
        ("write that must not have holes", request(2, WRITE, 0, 512), 22),
        ("trim that must not have holes", request(2, TRIM, 0, 512), 22),
        ("flush that must not have holes", request(2, FLUSH, 0, 0), 22),
        ("zeroes, but only if fast", request(16, ZEROES, 0, 512), 22),
        ("read in one piece", request(4, READ, 0, 512), 22),
        ("write with all flags", request(0xffff, WRITE, 0, 512), 22),
    ];
    let mut server = serving(export("a"));
    for (what, bytes, errno) in cases {
        eprintln!("{what}");
        refused(&mut server, &bytes, errno);
    }
}

#[test]
fn a_read_only_export_refuses_whatever_writes() {
    let mut server = serving(Export { read_only: true, ..export("a") });
    for command in [WRITE, TRIM, ZEROES] {
        refused(&mut server, &request(0, command, 0, 512), 1);
        refused(&mut server, &request(0, command, 1 << 30, 1024), 1);
    }
    server.receive(&request(1, READ, 0, 512));
    assert_eq!(server_events(&mut server).len(), 1, "a read is none, FUA or not");
}

/// The limit is one of payloads: these have none.
#[test]
fn trim_and_zeroes_may_be_longer_than_a_payload() {
    let mut server = serving(export("a"));
    server.receive(&request(0, TRIM, 0, 4096));
    server.receive(&request(0, ZEROES, 0, 4096));
    let wanted = [
        Command::Trim { at: 0, len: 4096, fua: false },
        Command::WriteZeroes { at: 0, len: 4096, fua: false, no_hole: false },
    ];
    let events = server_events(&mut server);
    let commands = events.iter().map(|event| match event {
        ServerEvent::Requested { command, .. } => command.clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(commands.collect::<Vec<_>>(), wanted);
}

/// The refusal of a write comes behind its payload, which is in no event and in no buffer.
#[test]
fn the_payload_of_a_refused_write_is_not_kept() {
    let large = Export { block_max: 1 << 20, size: 1 << 20, read_only: true, ..export("a") };
    let mut server = serving(large);
    let bytes = request(0, WRITE, 0, 1 << 20);
    let (last, rest) = bytes.split_last().expect("a request is not empty");
    for piece in rest.chunks(1000) {
        server.receive(piece);
        assert!(server.bytes_held() < 70_000, "{} bytes held", server.bytes_held());
    }
    assert_eq!(sent_by_server(&mut server), [0_u8; 0]);
    server.receive(&[*last]);
    assert_eq!(sent_by_server(&mut server), hex("67446698 00000001 00000000000000aa"));
}

/// It waits unread until it is whole, which is more than any other request does.
#[test]
fn the_largest_write_gets_through() {
    let largest = Export { size: 32 << 20, block_max: 32 << 20, ..export("a") };
    let mut server = serving(largest);
    let bytes = request(0, WRITE, 0, 32 << 20);
    let (last, rest) = bytes.split_last().expect("a request is not empty");
    server.receive(rest);
    assert!(server.wants_bytes());
    server.receive(&[*last]);
    let events = server_events(&mut server);
    let [ServerEvent::Requested { command: Command::Write { bytes, .. }, .. }] = &events[..] else {
        panic!("{} events, none of them a write", events.len());
    };
    assert_eq!(bytes.len(), 32 << 20);
}

/// The same request with another cookie.
fn numbered(cookie: u64, mut request: Vec<u8>) -> Vec<u8> {
    request[8..16].copy_from_slice(&cookie.to_be_bytes());
    request
}

#[test]
fn where_cookies_have_to_rise_a_request_that_comes_twice_ends_the_connection() {
    let rising = || {
        let server = haggling_server(vec![export("a")]).with_rising_cookies();
        let mut server = transmitting(server, "a");
        for cookie in [3, 9] {
            server.receive(&numbered(cookie, request(0, FLUSH, 0, 0)));
        }
        // What is refused has a cookie, too.
        server.receive(&numbered(10, request(0, READ, 1, 512)));
        assert_eq!(server_events(&mut server).len(), 2);
        server
    };
    for cookie in [3, 9, 10] {
        for answered in [false, true] {
            let mut server = rising();
            if answered {
                server.answer(0, Ok(Vec::new()));
            }
            server.receive(&numbered(cookie, request(0, FLUSH, 0, 0)));
            let error = NbdError::CookieUsed { cookie };
            assert_eq!(server_events(&mut server), [ServerEvent::Closed(error.into())]);
        }
    }
    let mut server = rising();
    server.receive(&numbered(11, request(0, FLUSH, 0, 0)));
    assert!(matches!(server_events(&mut server)[..], [ServerEvent::Requested { .. }]));
    server.receive(&numbered(0, request(0, 2, 0, 0)));
    (0..3).for_each(|cookie| server.answer(cookie, Ok(Vec::new())));
    assert_eq!(server_events(&mut server), [ServerEvent::Closed(NbdEnd::Disconnected)]);
}

#[test]
fn two_requests_of_one_cookie_are_two_requests() {
    let mut server = serving(export("a"));
    server.receive(&request(0, READ, 0, 512));
    server.receive(&request(0, FLUSH, 0, 0));
    let events = server_events(&mut server);
    let [ServerEvent::Requested { cookie: read, .. }, ServerEvent::Requested { cookie: flush, .. }] =
        events[..]
    else {
        panic!("{events:?}");
    };
    assert_ne!(read, flush);
    server.answer(flush, Ok(Vec::new()));
    server.answer(read, Ok(vec![7; 512]));
    let mut replies = hex("67446698 00000000 00000000000000aa 67446698 00000000 00000000000000aa");
    replies.extend([7; 512]);
    assert_eq!(sent_by_server(&mut server), replies);
}

#[test]
fn the_seventeenth_request_waits_unread() {
    let mut server = serving(export("a"));
    for _ in 0..REQUESTS_MAX {
        assert!(server.wants_bytes());
        server.receive(&request(0, FLUSH, 0, 0));
    }
    assert!(!server.wants_bytes());
    server.receive(&request(0, READ, 0, 512));
    server.receive(&request(0, 9, 0, 0));
    assert_eq!(server_events(&mut server).len(), REQUESTS_MAX);
    assert_eq!(sent_by_server(&mut server), [0_u8; 0], "not even a refusal: it is not read yet");
    server.answer(3, Ok(Vec::new()));
    let read = Command::Read { at: 0, len: 512 };
    let requested = ServerEvent::Requested { cookie: 16, command: read };
    assert_eq!(server_events(&mut server), [requested]);
    server.answer(5, Ok(Vec::new()));
    assert_eq!(sent_by_server(&mut server).len(), 3 * 16, "two answers and the refusal");
}

/// Sixteen requests at a time, each answered at once: only the answers that wait to be sent hold
/// such a client back.
#[test]
fn a_client_that_never_reads_gets_no_further_answers_made() {
    let large = Export { block_max: 1 << 20, size: 1 << 20, ..export("a") };
    let mut server = serving(large);
    let mut asked = 0;
    while server.wants_bytes() {
        server.receive(&request(0, READ, 0, 300 << 10));
        asked += 1;
        assert!(asked < 100, "it is answered without end");
        for event in server_events(&mut server) {
            let ServerEvent::Requested { cookie, .. } = event else { panic!("{event:?}") };
            server.answer(cookie, Ok(vec![0; 300 << 10]));
        }
    }
    assert_eq!(asked, 4);
    server.receive(&request(0, FLUSH, 0, 0));
    assert_eq!(server_events(&mut server), []);
    assert!(server.bytes_held() < 3 * REPLIES_MAX);
    assert_eq!(sent_by_server(&mut server).len(), 4 * (16 + (300 << 10)));
    assert_eq!(server_events(&mut server).len(), 1, "and is read on when it has read");
}

/// Requests that are refused are in nobody's hands, but their refusals count as well.
#[test]
fn refusals_that_nobody_takes_are_not_made_without_end() {
    let mut server = serving(export("a"));
    let many = request(0, 9, 0, 0).repeat(100_000);
    server.receive(&many);
    assert!(!server.wants_bytes());
    assert!(server.bytes_held() < 3 * REPLIES_MAX + 2 * many.len());
    assert_eq!(sent_by_server(&mut server).len(), 100_000 * 16);
    assert!(server.wants_bytes());
}

/// Each of these is malformed, and answered so; then the client does it right.
#[test]
fn malformed_options_are_refused_one_by_one() {
    let mut server = haggling_server(vec![export("a")]);
    let malformed = [
        ("a list of something", "'IHAVEOPT' 00000003 00000001 'a'"),
        ("no name", "'IHAVEOPT' 00000007 00000000"),
        ("a name without an end", "'IHAVEOPT' 00000007 00000006 00000002 'a' 00"),
        ("no count", "'IHAVEOPT' 00000007 00000005 00000001 'a'"),
        ("a wish too few", "'IHAVEOPT' 00000006 00000009 00000001 'a' 0002 0001"),
        ("a wish too many", "'IHAVEOPT' 00000006 00000009 00000001 'a' 0000 0001"),
        ("half a wish", "'IHAVEOPT' 00000007 00000008 00000001 'a' 0001 00"),
        ("a name of 4 GiB", "'IHAVEOPT' 00000007 00000007 ffffffff 'a' 0000"),
    ];
    for (what, option) in malformed {
        server.receive(&hex(option));
        let reply = sent_by_server(&mut server);
        assert_eq!(reply[12..16], hex("80000003"), "{what}: {reply:?}");
    }
    server.receive(&hex("'IHAVEOPT' 00000007 00000007 00000001 'b' 0000"));
    assert_eq!(sent_by_server(&mut server)[12..16], hex("80000006"), "there is no such export");
    assert_eq!(server_events(&mut server), []);
    server.receive(&hex("'IHAVEOPT' 00000007 00000007 00000001 'a' 0000"));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);
}

/// A name of 4,096 bytes is the longest, an option of 8,192 too.
#[test]
fn options_and_names_may_be_as_long_as_is_said() {
    let long = "n".repeat(4096);
    let mut server = haggling_server(vec![Export { name: long.clone(), ..export("") }]);
    let unknown = format!("'IHAVEOPT' 00000055 {OPTION_MAX:08x} '{}'", "x".repeat(8192));
    server.receive(&hex(&unknown));
    assert_eq!(sent_by_server(&mut server)[12..16], hex("80000001"));
    let too_long = format!("'IHAVEOPT' 00000006 00001007 00001001 '{long}n' 0000");
    server.receive(&hex(&too_long));
    assert_eq!(sent_by_server(&mut server)[12..16], hex("80000003"));
    server.receive(&hex(&format!("'IHAVEOPT' 00000007 00001006 00001000 '{long}' 0000")));
    assert_eq!(server_events(&mut server), [ServerEvent::Chosen(0)]);
}

#[test]
fn a_refusal_is_sent_before_the_end() {
    let mut server = serving(export("a"));
    let mut oversized = request(0, FLUSH, 0, 0);
    oversized.extend(&request(0, WRITE, 0, 1025)[..28]);
    server.receive(&oversized);
    let error = NbdError::Oversized { what: "a write", len: 1025, max: 1024 };
    let events = server_events(&mut server);
    assert_eq!(events[1..], [ServerEvent::Closed(NbdEnd::Failed(error))]);
    assert_eq!(sent_by_server(&mut server), hex("67446698 00000016 00000000000000aa"));
    server.answer(0, Ok(Vec::new()));
    server.receive(&request(0, FLUSH, 0, 0));
    assert_eq!(sent_by_server(&mut server), [0_u8; 0], "after that nothing is sent or accepted");
    assert_eq!(server_events(&mut server), []);
}

#[test]
fn exports_that_cannot_be_are_told() {
    let flawed = [
        Export { block_min: 0, ..export("a") },
        Export { block_min: 3, size: 3, block_max: 3, ..export("a") },
        Export { block_min: 1 << 17, size: 1 << 17, block_max: 1 << 17, ..export("a") },
        Export { block_max: 256, ..export("a") },
        Export { block_max: 768, ..export("a") },
        Export { block_max: 64 << 20, ..export("a") },
        Export { size: 4095, ..export("a") },
        export(&"n".repeat(4097)),
        export("a\0"),
    ];
    for flawed in flawed {
        assert!(flawed.flaw().is_some(), "{flawed:?}");
    }
    assert_eq!(export("a").flaw(), None);
    assert_eq!(Export { size: 0, ..export("") }.flaw(), None);
}
