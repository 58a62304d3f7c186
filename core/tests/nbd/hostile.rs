//! Peers that break the protocol: nothing panics, nothing grows with what is only announced, and
//! nothing is done or answered that was not asked.

use std::collections::BTreeMap;

use colo_core::nbd::{
    Client, ClientEvent, Command, Export, REPLIES_MAX, REQUESTS_MAX, Server, ServerEvent,
};
use proptest::prelude::*;

use crate::conversation::{Conversation, Raw, Script, config, exports, raw};
use crate::peers::{
    ALL, GREETING, client_events, export, haggling_server, hex, ready_client, sent_by_client,
    sent_by_server, server_events, serving,
};

/// Room that a side keeps whatever comes.
const KEPT_MAX: usize = 128 << 10;

/// A client under attack, and what its caller has asked.
struct Attacked {
    client: Client,
    /// What was submitted and not answered, with the length of its answer.
    asked: BTreeMap<u64, usize>,
    ready: bool,
    closed: bool,
    received: usize,
    submitted: usize,
}

impl Attacked {
    fn new(client: Client) -> Self {
        let asked = BTreeMap::new();
        Self { client, asked, ready: false, closed: false, received: 0, submitted: 0 }
    }

    fn submit(&mut self, cookie: u64, command: Command) {
        let (read, written) = match &command {
            Command::Read { len, .. } => (*len as usize, 0),
            Command::Write { bytes, .. } => (0, bytes.len()),
            _ => (0, 0),
        };
        self.asked.insert(cookie, read);
        self.submitted += 28 + written;
        self.client.submit(cookie, command);
        self.look();
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.client.receive(bytes);
        let bound = KEPT_MAX + 4 * (self.received + self.submitted);
        let held = self.client.bytes_held();
        assert!(held <= bound, "{held} bytes are held after {} were received", self.received);
        self.look();
    }

    /// Answers are of what was asked, once each, and of the right length.
    fn look(&mut self) {
        while let Some(event) = self.client.poll_event() {
            assert!(!self.closed, "{event:?} after the end");
            match event {
                ClientEvent::Ready(_) => {
                    assert!(!self.ready, "an export is agreed on twice");
                    self.ready = true;
                }
                ClientEvent::Answered { cookie, result } => {
                    let len = self.asked.remove(&cookie);
                    assert!(len.is_some(), "{cookie} was not asked, and is answered {result:?}");
                    if let Ok(bytes) = result {
                        assert_eq!(Some(bytes.len()), len);
                    }
                }
                ClientEvent::Closed(_) => self.closed = true,
            }
        }
    }
}

/// A server under attack, and what its caller has to do.
struct Besieged {
    server: Server,
    export: Export,
    pending: Vec<(u64, usize)>,
    next: u64,
    closed: bool,
    received: usize,
}

impl Besieged {
    fn new(server: Server, export: Export) -> Self {
        Self { server, export, pending: Vec::new(), next: 0, closed: false, received: 0 }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.received += bytes.len();
        self.server.receive(bytes);
        // Options have up to nine times as long replies here; beyond that, only what came counts.
        let bound = KEPT_MAX + 2 * REPLIES_MAX + 4 * self.received;
        let held = self.server.bytes_held();
        assert!(held <= bound, "{held} bytes are held after {} were received", self.received);
        self.look();
    }

    /// Every request that gets through is one that may be carried out, under a number of its own.
    fn look(&mut self) {
        while let Some(event) = self.server.poll_event() {
            assert!(!self.closed, "{event:?} after the end");
            match event {
                ServerEvent::Chosen(index) => assert_eq!((index, self.next), (0, 0)),
                ServerEvent::Requested { cookie, command } => {
                    assert_eq!(cookie, self.next);
                    self.next += 1;
                    let answer_len = self.may_be_carried_out(&command);
                    self.pending.push((cookie, answer_len));
                    assert!(self.pending.len() <= REQUESTS_MAX);
                }
                ServerEvent::Closed(_) => self.closed = true,
            }
        }
    }

    fn may_be_carried_out(&self, command: &Command) -> usize {
        let (at, len, writes) = match command {
            Command::Read { at, len } => (*at, *len, false),
            Command::Write { at, bytes, .. } => (*at, bytes.len() as u32, true),
            Command::Trim { at, len, .. } | Command::WriteZeroes { at, len, .. } => {
                (*at, *len, true)
            }
            Command::Flush => return 0,
        };
        let block = u64::from(self.export.block_min);
        assert!(len > 0 && at % block == 0 && u64::from(len) % block == 0, "{command:?}");
        assert!(u128::from(at) + u128::from(len) <= u128::from(self.export.size), "{command:?}");
        assert!(!(writes && self.export.read_only), "{command:?}");
        let payload = matches!(command, Command::Read { .. } | Command::Write { .. });
        assert!(!payload || len <= self.export.block_max, "{command:?}");
        if writes { 0 } else { len as usize }
    }

    fn answer(&mut self) {
        if let Some((cookie, len)) = self.pending.pop() {
            self.server.answer(cookie, Ok(vec![0; len]));
            self.look();
        }
    }
}

/// Bytes that look like the protocol here and there, so that they get further than the first check.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let small = || prop_oneof![4 => 0..16u32, 1 => Just(512u32), 1 => any::<u32>()];
    let payload = || prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        2 => payload(),
        1 => Just(hex(GREETING)),
        1 => Just(hex("00000003")),
        3 => (small(), small(), payload()).prop_map(|(option, len, payload)| {
            [hex(&format!("'IHAVEOPT' {option:08x} {len:08x}")), payload].concat()
        }),
        // A whole option, and one that asks for the export of the tests.
        2 => (small(), payload()).prop_map(|(option, payload)| {
            let len = payload.len();
            [hex(&format!("'IHAVEOPT' {option:08x} {len:08x}")), payload].concat()
        }),
        1 => (6..8u32).prop_map(|option| {
            hex(&format!("'IHAVEOPT' {option:08x} 0000000a 00000004 'disk' 0000"))
        }),
        3 => (small(), small(), payload(), any::<bool>()).prop_map(|(reply, len, payload, error)| {
            let reply = reply | u32::from(error) << 31;
            [hex(&format!("0003e889045565a9 00000007 {reply:08x} {len:08x}")), payload].concat()
        }),
        2 => (0..5u16, payload()).prop_map(|(kind, payload)| {
            let len = payload.len() + 2;
            let reply = format!("0003e889045565a9 00000007 00000003 {len:08x} {kind:04x}");
            [hex(&reply), payload].concat()
        }),
        1 => Just(hex("0003e889045565a9 00000007 00000003 0000000c 0000 0000000000001000 006d
             0003e889045565a9 00000007 00000001 00000000")),
        3 => (0..3u16, 0..9u16, small(), small(), payload()).prop_map(
            |(flags, command, at, len, payload)| {
                let request = format!("25609513 {flags:04x} {command:04x} 0000000000000001
                     {:016x} {len:08x}", u64::from(at) * 64);
                [hex(&request), payload].concat()
            }
        ),
        2 => (0..9u16, 0..8u64, 1..3usize).prop_map(|(command, block, blocks)| {
            let request = format!("25609513 0000 {command:04x} 0000000000000002 {:016x} {:08x}",
                block * 512, blocks * 512);
            let payload = if command == 1 { blocks * 512 } else { 0 };
            [hex(&request), vec![0xee; payload]].concat()
        }),
        3 => (small(), 0..8u64, payload()).prop_map(|(error, cookie, payload)| {
            [hex(&format!("67446698 {error:08x} {cookie:016x}")), payload].concat()
        }),
        2 => (0..8u64).prop_map(|cookie| {
            [hex(&format!("67446698 00000000 {cookie:016x}")), vec![0xdd; 512]].concat()
        }),
    ]
}

/// A client at each stage of a connection.
fn client_at(stage: usize) -> Attacked {
    let mut attacked = Attacked::new(match stage {
        0..3 => Client::new("disk"),
        _ => ready_client(ALL),
    });
    match stage {
        1 => attacked.receive(&hex(GREETING)),
        2 => attacked.receive(&hex("'NBDMAGIC' 'IHAVEOPT' 0000")),
        4.. => {
            attacked.submit(0, Command::Read { at: 0, len: 512 });
            attacked.submit(1, Command::Flush);
            attacked.submit(2, Command::Write { at: 0, bytes: vec![1; 512], fua: true });
            attacked.submit(3, Command::Read { at: 512, len: u32::MAX });
            if stage == 5 {
                attacked.client.disconnect();
            }
        }
        _ => {}
    }
    attacked
}

/// A server at each stage of a connection.
fn server_at(stage: usize) -> Besieged {
    let export = export("disk");
    let server = match stage {
        0 => Server::new(vec![export.clone()]),
        1 => haggling_server(vec![export.clone()]),
        _ => serving(export.clone()),
    };
    let mut besieged = Besieged::new(server, export);
    // In the payload of a write, of a refused one, and after a disconnect with one in flight.
    besieged.receive(&hex(match stage {
        3 => "25609513 0000 0001 0000000000000000 0000000000000000 00000400",
        4 => "25609513 0000 0001 0000000000000000 0000000000000001 00000400",
        5 => {
            "25609513 0000 0003 0000000000000000 0000000000000000 00000000
             25609513 0000 0002 0000000000000000 0000000000000000 00000000"
        }
        _ => "",
    }));
    besieged
}

proptest! {
    #![proptest_config(config(4000, 0xBAD))]

    #[test]
    fn a_client_survives_whatever_comes(
        stage in 0..6usize,
        pieces in prop::collection::vec(plausible(), 0..12),
        ends: bool,
    ) {
        let mut attacked = client_at(stage);
        for piece in &pieces {
            attacked.receive(piece);
        }
        if ends {
            attacked.client.end();
            attacked.look();
            prop_assert!(attacked.closed, "the end of the stream is the end");
        }
    }

    #[test]
    fn a_server_survives_whatever_comes(
        stage in 0..6usize,
        pieces in prop::collection::vec((plausible(), 0..3usize), 0..30),
        ends: bool,
    ) {
        let mut besieged = server_at(stage);
        for (piece, answers) in &pieces {
            besieged.receive(piece);
            for _ in 0..*answers {
                besieged.answer();
            }
        }
        if ends {
            besieged.server.end();
            besieged.look();
            while !besieged.pending.is_empty() {
                besieged.answer();
            }
            prop_assert!(besieged.closed, "the end of the stream is the end, once all is answered");
        }
    }
}

/// What is done to a valid stream. Places are taken modulo its length.
#[derive(Debug, Clone)]
enum Mutation {
    Flip { place: usize, bit: u8 },
    Truncate { place: usize },
    Duplicate { place: usize, len: usize },
    Remove { place: usize, len: usize },
    Insert { place: usize, bytes: Vec<u8> },
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let place = any::<usize>;
    let one = prop_oneof![
        4 => (place(), 0..8u8).prop_map(|(place, bit)| Mutation::Flip { place, bit }),
        1 => place().prop_map(|place| Mutation::Truncate { place }),
        // Whole messages and any pieces.
        2 => (place(), prop_oneof![Just(16usize), Just(20), Just(28), 1..600usize])
            .prop_map(|(place, len)| Mutation::Duplicate { place, len }),
        1 => (place(), 1..40usize).prop_map(|(place, len)| Mutation::Remove { place, len }),
        2 => (place(), plausible()).prop_map(|(place, bytes)| Mutation::Insert { place, bytes }),
    ];
    prop::collection::vec(one, 1..4)
}

fn mutated(mut stream: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if stream.is_empty() {
            break;
        }
        let len_now = stream.len();
        let piece = |place: usize, len: usize| {
            let at = place % len_now;
            at..(at + len).min(len_now)
        };
        match mutation {
            Mutation::Flip { place, bit } => stream[place % len_now] ^= 1 << bit,
            Mutation::Truncate { place } => stream.truncate(place % len_now),
            Mutation::Duplicate { place, len } => {
                let range = piece(*place, *len);
                let copy = stream[range.clone()].to_vec();
                stream.splice(range.end..range.end, copy);
            }
            Mutation::Remove { place, len } => {
                stream.drain(piece(*place, *len));
            }
            Mutation::Insert { place, bytes } => {
                let at = place % len_now;
                stream.splice(at..at, bytes.iter().copied());
            }
        }
    }
    stream
}

/// What both sides said in a conversation that went well.
fn recorded(export: &Export, raws: &[Raw]) -> (Vec<u8>, Vec<u8>) {
    let script = Script::new(export, raws);
    let mut talk = Conversation::new(export, script.before);
    talk.settle();
    for (cookie, command) in script.commands {
        talk.client.submit(cookie, command);
    }
    talk.client.disconnect();
    talk.settle();
    (talk.sent_to_server, talk.sent_to_client)
}

proptest! {
    #![proptest_config(config(3000, 0xF11B))]

    #[test]
    fn a_client_believes_no_answer_that_it_did_not_ask_for(
        export in exports(),
        raws in prop::collection::vec(raw(), 0..12),
        mutations in mutations(),
        cut in 1..200usize,
    ) {
        let (_, stream) = recorded(&export, &raws);
        let stream = mutated(stream, &mutations);
        let mut attacked = Attacked::new(Client::new(&export.name));
        let mut rest = &stream[..];
        while let Some((first, after)) = rest.split_first()
            && !attacked.client.is_ready()
        {
            attacked.receive(&[*first]);
            rest = after;
        }
        if attacked.client.is_ready() {
            for (cookie, command) in Script::new(&export, &raws).commands {
                attacked.submit(cookie, command);
            }
        }
        for piece in rest.chunks(cut) {
            attacked.receive(piece);
        }
        attacked.client.end();
        attacked.look();
        prop_assert!(attacked.closed);
    }

    #[test]
    fn a_server_lets_nothing_through_that_may_not_be_done(
        export in exports(),
        raws in prop::collection::vec(raw(), 0..12),
        mutations in mutations(),
        cut in 1..200usize,
        answers in 0..3usize,
    ) {
        let (stream, _) = recorded(&export, &raws);
        let stream = mutated(stream, &mutations);
        let mut besieged = Besieged::new(Server::new(vec![export.clone()]), export);
        for piece in stream.chunks(cut) {
            besieged.receive(piece);
            for _ in 0..answers {
                besieged.answer();
            }
        }
        besieged.server.end();
        besieged.look();
        while !besieged.pending.is_empty() {
            besieged.answer();
        }
        prop_assert!(besieged.closed);
    }
}

/// The largest numbers that can be announced, of each kind, with next to nothing behind them.
#[test]
fn what_is_only_announced_takes_no_memory() {
    let mut server = haggling_server(vec![export("a")]);
    server.receive(&hex("'IHAVEOPT' 00000007 00002000 00001000 'a'"));
    assert!(server.bytes_held() < 1000, "{}", server.bytes_held());

    let large = Export { size: 1 << 40, block_max: 32 << 20, ..export("a") };
    let mut server = serving(large);
    server.receive(&hex("25609513 0000 0001 0000000000000000 0000000000000000 02000000 5a5a"));
    assert!(server.bytes_held() < 1000, "{}", server.bytes_held());

    let mut client = ready_client(ALL);
    client.submit(1, Command::Read { at: 0, len: u32::MAX });
    client.receive(&hex("67446698 00000000 0000000000000001 5a5a"));
    assert!(client.bytes_held() < 1000, "{}", client.bytes_held());

    let mut client = Client::new("disk");
    client.receive(&hex(GREETING));
    client.receive(&hex("0003e889045565a9 00000007 80000006 00002000 'nothing'"));
    assert!(client.bytes_held() < 1000, "{}", client.bytes_held());
}

/// Large requests come and go; the room for them goes, too.
#[test]
fn room_for_large_payloads_is_given_back() {
    let large = Export { size: 1 << 20, block_max: 1 << 20, ..export("a") };
    let mut server = serving(large);
    let mut write = hex("25609513 0000 0001 0000000000000000 0000000000000000 00100000");
    write.resize(write.len() + (1 << 20), 0x5a);
    server.receive(&write);
    server.receive(&hex("25609513 0000 0000 0000000000000000 0000000000000000 00100000"));
    assert_eq!(server_events(&mut server).len(), 2);
    server.answer(1, Ok(vec![0xdd; 1 << 20]));
    let reply = sent_by_server(&mut server);
    assert!(server.bytes_held() <= KEPT_MAX, "{}", server.bytes_held());

    let mut client = ready_client(ALL);
    client.submit(0, Command::Read { at: 0, len: 1 << 20 });
    client.receive(&reply);
    client.submit(1, Command::Write { at: 0, bytes: vec![0; 1 << 20], fua: false });
    sent_by_client(&mut client);
    client.receive(&hex("67446698"));
    assert_eq!(client_events(&mut client).len(), 1);
    assert!(client.bytes_held() <= KEPT_MAX, "{}", client.bytes_held());
}

/// The bounds above mean something only if what is held is counted: unread bytes, what is to be
/// sent, and what events carry.
#[test]
fn what_is_held_is_counted() {
    const LARGE: usize = 1 << 20;
    let export = Export { size: LARGE as u64, block_max: LARGE as u32, ..export("a") };
    let mut server = serving(export);
    let mut write = hex("25609513 0000 0001 0000000000000000 0000000000000000 00100000");
    write.resize(write.len() + LARGE, 0x5a);
    server.receive(&write[..LARGE]);
    assert!(server.bytes_held() >= LARGE, "{} with a write unread", server.bytes_held());
    server.receive(&write[LARGE..]);
    server.receive(&hex("25609513 0000 0000 0000000000000000 0000000000000000 00100000"));
    assert!(server.bytes_held() >= LARGE, "{} with a request untold", server.bytes_held());
    server.answer(1, Ok(vec![0xdd; LARGE]));
    assert!(server.bytes_held() >= 2 * LARGE, "{} with an answer unsent", server.bytes_held());
    server_events(&mut server);
    let reply = sent_by_server(&mut server);

    let mut client = ready_client(ALL);
    client.submit(0, Command::Read { at: 0, len: LARGE as u32 });
    client.receive(&reply[..LARGE]);
    assert!(client.bytes_held() >= LARGE, "{} with a reply unread", client.bytes_held());
    client.receive(&reply[LARGE..]);
    client.receive(&[0x67]);
    assert!(client.bytes_held() >= LARGE, "{} with an answer untold", client.bytes_held());
    client.submit(1, Command::Write { at: 0, bytes: vec![0; LARGE], fua: false });
    assert!(client.bytes_held() >= 2 * LARGE, "{} with a write unsent", client.bytes_held());
}
