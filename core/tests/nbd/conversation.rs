//! A client and a server talk: any commands, any split of both streams, answers in any order.
//!
//! The server's caller is a disk in memory. The twin is another, slow and plain, which knows no
//! protocol and says what each command must be answered, refusals included.

use std::collections::{BTreeMap, VecDeque};

use colo_core::nbd::{
    Client, ClientEvent, Command, Export, NbdEnd, NbdErrno, NbdError, REQUESTS_MAX, Server,
    ServerEvent,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// The same cases in every run.
pub(crate) fn config(cases: u32, seed: u64) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    }
}

pub(crate) type Answer = Result<Vec<u8>, NbdErrno>;

/// What a command does to the bytes of an export, and what it must answer.
fn twin(disk: &mut [u8], export: &Export, command: &Command) -> Answer {
    let (at, len, writes, out_of_room) = match command {
        Command::Read { at, len } => (*at, *len, false, NbdErrno::Inval),
        Command::Write { at, bytes, .. } => (*at, bytes.len() as u32, true, NbdErrno::NoSpc),
        Command::Trim { at, len, .. } => (*at, *len, true, NbdErrno::Inval),
        Command::WriteZeroes { at, len, .. } => (*at, *len, true, NbdErrno::NoSpc),
        Command::Flush => return Ok(Vec::new()),
    };
    if writes && export.read_only {
        return Err(NbdErrno::Perm);
    }
    if len == 0 || (!writes && len > export.block_max) {
        return Err(NbdErrno::Inval);
    }
    let end = u128::from(at) + u128::from(len);
    if end > disk.len() as u128 {
        return Err(out_of_room);
    }
    if at % u64::from(export.block_min) != 0 || len % export.block_min != 0 {
        return Err(NbdErrno::Inval);
    }
    let range = &mut disk[at as usize..end as usize];
    match command {
        Command::Read { .. } => return Ok(range.to_vec()),
        Command::Write { bytes, .. } => range.copy_from_slice(bytes),
        Command::Trim { .. } | Command::WriteZeroes { .. } => range.fill(0),
        Command::Flush => unreachable!("it has no range"),
    }
    Ok(Vec::new())
}

/// What a server's caller does: it trusts the server, and would panic where that lets anything by.
fn carry_out(disk: &mut [u8], command: &Command) -> Vec<u8> {
    let range = |at: u64, len: usize| at as usize..at as usize + len;
    match command {
        Command::Read { at, len } => return disk[range(*at, *len as usize)].to_vec(),
        Command::Write { at, bytes, .. } => disk[range(*at, bytes.len())].copy_from_slice(bytes),
        Command::Trim { at, len, .. } | Command::WriteZeroes { at, len, .. } => {
            disk[range(*at, *len as usize)].fill(0);
        }
        Command::Flush => {}
    }
    Vec::new()
}

/// Both sides, the two streams between them, and the disk behind the server.
pub(crate) struct Conversation {
    pub(crate) client: Client,
    pub(crate) server: Server,
    to_server: VecDeque<u8>,
    to_client: VecDeque<u8>,
    disk: Vec<u8>,
    /// Carried out, and not answered yet.
    pending: Vec<(u64, Vec<u8>)>,
    pub(crate) answers: BTreeMap<u64, Answer>,
    pub(crate) agreed: Option<Export>,
    client_closed: Option<NbdError>,
    server_closed: Option<NbdEnd>,
    /// Everything that either side has sent.
    pub(crate) sent_to_server: Vec<u8>,
    pub(crate) sent_to_client: Vec<u8>,
}

impl Conversation {
    pub(crate) fn new(export: &Export, disk: Vec<u8>) -> Self {
        let other = Export { name: "another".to_owned(), ..export.clone() };
        Self {
            client: Client::new(&export.name),
            server: Server::new(vec![other, export.clone()]),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            disk,
            pending: Vec::new(),
            answers: BTreeMap::new(),
            agreed: None,
            client_closed: None,
            server_closed: None,
            sent_to_server: Vec::new(),
            sent_to_client: Vec::new(),
        }
    }

    /// Lets up to so many bytes through in one piece; none goes to a server that does not want them.
    fn deliver(&mut self, to_server: bool, most: usize) {
        if to_server {
            if !self.server.wants_bytes() {
                return;
            }
            let len = most.min(self.to_server.len());
            let piece: Vec<u8> = self.to_server.drain(..len).collect();
            self.server.receive(&piece);
        } else {
            let len = most.min(self.to_client.len());
            let piece: Vec<u8> = self.to_client.drain(..len).collect();
            self.client.receive(&piece);
        }
        self.pump();
    }

    /// Answers one of the requests that the server's caller has.
    fn answer(&mut self, which: usize) {
        if !self.pending.is_empty() {
            let (cookie, bytes) = self.pending.swap_remove(which % self.pending.len());
            self.server.answer(cookie, Ok(bytes));
            self.pump();
        }
    }

    fn pump(&mut self) {
        let mut sent = Vec::new();
        self.client.poll_transmit(&mut sent);
        self.to_server.extend(&sent);
        self.sent_to_server.append(&mut sent);
        self.server.poll_transmit(&mut sent);
        self.to_client.extend(&sent);
        self.sent_to_client.append(&mut sent);
        while let Some(event) = self.client.poll_event() {
            assert_eq!(self.client_closed, None, "{event:?} after the end");
            match event {
                ClientEvent::Ready(export) => self.agreed = Some(export),
                ClientEvent::Answered { cookie, result } => {
                    let before = self.answers.insert(cookie, result);
                    assert_eq!(before, None, "command {cookie} is answered twice");
                }
                ClientEvent::Closed(error) => self.client_closed = Some(error),
            }
        }
        while let Some(event) = self.server.poll_event() {
            assert_eq!(self.server_closed, None, "{event:?} after the end");
            match event {
                ServerEvent::Chosen(index) => assert_eq!(index, 1),
                ServerEvent::Requested { cookie, command } => {
                    let bytes = carry_out(&mut self.disk, &command);
                    self.pending.push((cookie, bytes));
                    assert!(self.pending.len() <= REQUESTS_MAX);
                }
                ServerEvent::Closed(end) => self.server_closed = Some(end),
            }
        }
    }

    /// Lets everything through and answers everything, until nothing moves any more.
    pub(crate) fn settle(&mut self) {
        self.pump();
        let mut rounds = 0;
        while !self.to_server.is_empty() || !self.to_client.is_empty() || !self.pending.is_empty() {
            rounds += 1;
            assert!(rounds < 10_000, "nothing moves any more: {:?}", self.server);
            self.deliver(true, usize::MAX);
            self.deliver(false, usize::MAX);
            self.answer(0);
            if self.server_closed.is_some() {
                self.to_server.clear();
            }
        }
    }
}

/// One thing that happens in a conversation.
#[derive(Debug, Clone)]
enum Move {
    ToServer(usize),
    ToClient(usize),
    Answer(usize),
    Submit,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let piece = || prop_oneof![4 => 1..4usize, 4 => 1..100usize, 1 => Just(usize::MAX)];
    let one = prop_oneof![
        4 => piece().prop_map(Move::ToServer),
        4 => piece().prop_map(Move::ToClient),
        3 => any::<usize>().prop_map(Move::Answer),
        3 => Just(Move::Submit),
    ];
    prop::collection::vec(one, 0..300)
}

pub(crate) fn exports() -> impl Strategy<Value = Export> {
    let shape = (0..4u32, 0..20u32, 1..9u32, prop::bool::weighted(0.2), "[a-z]{0,3}");
    shape.prop_map(|(power, blocks, most, read_only, name)| {
        let block_min = 1 << (3 * power);
        let (size, block_max) = (u64::from(blocks * block_min), most * block_min);
        Export { name, size, block_min, block_max, read_only }
    })
}

/// A command before it is fitted to an export: kind, place, length, contents, and two flags.
pub(crate) type Raw = (u8, u8, u8, u8, bool, bool);

pub(crate) fn raw() -> impl Strategy<Value = Raw> {
    any::<Raw>()
}

/// Mostly a command that fits, sometimes one that is not aligned, too long, empty or outside.
pub(crate) fn fitted(raw: Raw, export: &Export) -> Command {
    let (kind, place, length, contents, fua, no_hole) = raw;
    let block = u64::from(export.block_min);
    let blocks = export.size / block;
    let mut at = u64::from(place) % (blocks + 1) * block;
    let most = u64::from(export.block_max) / block;
    let mut len = (1 + u64::from(length) % most) as u32 * export.block_min;
    match kind % 16 {
        0 => at += 1,
        1 => len -= 1,
        2 => at = u64::MAX - at,
        3 => len = 0,
        4 => at = at.min(export.size.saturating_sub(u64::from(len))),
        _ => at = if blocks > 0 { at % export.size / block * block } else { 0 },
    }
    match kind / 16 % 8 {
        0..2 if kind % 16 == 5 => Command::Read { at, len: len + export.block_max },
        0..2 => Command::Read { at, len },
        2..5 => Command::Write { at, bytes: vec![contents; len as usize], fua },
        5 => Command::Flush,
        6 => Command::Trim { at, len: len.saturating_mul(2), fua },
        _ => Command::WriteZeroes { at, len, fua, no_hole },
    }
}

/// Commands as a caller submits them, with what the twin says of each.
pub(crate) struct Script {
    pub(crate) commands: VecDeque<(u64, Command)>,
    pub(crate) expected: BTreeMap<u64, Answer>,
    /// The disk before and after it.
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

impl Script {
    pub(crate) fn new(export: &Export, raws: &[Raw]) -> Self {
        let before: Vec<u8> = (0..export.size).map(|place| place as u8 ^ 0x5a).collect();
        let mut after = before.clone();
        let mut expected = BTreeMap::new();
        let mut commands = VecDeque::new();
        for (index, raw) in raws.iter().enumerate() {
            // Cookies in no order at all.
            let cookie = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let command = fitted(*raw, export);
            expected.insert(cookie, twin(&mut after, export, &command));
            commands.push_back((cookie, command));
        }
        Self { commands, expected, before, after }
    }
}

proptest! {
    #![proptest_config(config(1500, 0x4BD))]

    #[test]
    fn every_command_is_answered_as_the_twin_says(
        export in exports(),
        raws in prop::collection::vec(raw(), 0..40),
        moves in moves(),
    ) {
        let mut script = Script::new(&export, &raws);
        let mut talk = Conversation::new(&export, script.before.clone());
        talk.pump();
        for one in moves {
            match one {
                Move::ToServer(most) => talk.deliver(true, most),
                Move::ToClient(most) => talk.deliver(false, most),
                Move::Answer(which) => talk.answer(which),
                Move::Submit if talk.client.is_ready() => {
                    if let Some((cookie, command)) = script.commands.pop_front() {
                        talk.client.submit(cookie, command);
                        talk.pump();
                    }
                }
                Move::Submit => {}
            }
        }
        talk.settle();
        prop_assert_eq!(talk.agreed.as_ref(), Some(&export));
        for (cookie, command) in script.commands {
            talk.client.submit(cookie, command);
        }
        talk.client.disconnect();
        talk.settle();
        prop_assert_eq!(talk.answers, script.expected);
        prop_assert_eq!(talk.disk, script.after);
        prop_assert_eq!(talk.client_closed, Some(NbdError::Left));
        prop_assert_eq!(talk.server_closed, Some(NbdEnd::Disconnected));
    }

    /// Byte by byte or all at once: what a server understands and says is the same.
    #[test]
    fn the_split_of_the_stream_changes_nothing(
        export in exports(),
        raws in prop::collection::vec(raw(), 0..10),
        cuts in prop::collection::vec(1..50usize, 1..20),
    ) {
        let script = Script::new(&export, &raws);
        let mut talk = Conversation::new(&export, script.before);
        talk.settle();
        for (cookie, command) in script.commands {
            talk.client.submit(cookie, command);
        }
        talk.client.disconnect();
        talk.settle();
        let stream = talk.sent_to_server;

        let run = |pieces: Vec<&[u8]>| {
            let mut server = Server::new(vec![export.clone()]);
            let (mut events, mut out) = (Vec::new(), Vec::new());
            for piece in pieces {
                server.receive(piece);
                events.extend(std::iter::from_fn(|| server.poll_event()));
                server.poll_transmit(&mut out);
            }
            // A refusal may overtake an answer, so all answers come when everything is read.
            let asked = |event: &&ServerEvent| matches!(event, ServerEvent::Requested { .. });
            for cookie in 0..events.iter().filter(asked).count() as u64 {
                server.answer(cookie, Err(NbdErrno::Io));
            }
            events.extend(std::iter::from_fn(|| server.poll_event()));
            server.poll_transmit(&mut out);
            (events, out)
        };
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let by_bytes = run(stream.chunks(1).collect());
        prop_assert_eq!(&run(pieces), &by_bytes);
        let ended = ServerEvent::Closed(NbdEnd::Disconnected);
        prop_assert_eq!(by_bytes.0.last(), Some(&ended));
    }
}
