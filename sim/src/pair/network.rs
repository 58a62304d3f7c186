//! The network of three hosts: turmoil, seen from outside as connections that bytes go into and come out of.
//!
//! Everything asynchronous is in this file. On each simulated host a few tasks carry bytes between
//! its streams and a desk that is that host's alone; [`Network::tick`] lets them run. Who reads and
//! writes at the desks stands outside, between two ticks, and so do time, disks and crashes.
//!
//! A tick is one millisecond of turmoil's, because tokio's timers know nothing finer, and
//! [`TICK_NS`] of ours. Nothing here draws: latency is the same for every message until a plan changes
//! it, and `select!` is biased, so it takes no flag of the compiler to be deterministic.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use colo_core::colo::Node;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use turmoil::net::{TcpListener, TcpStream};

/// What a tick is in simulated time.
pub const TICK_NS: u64 = 20_000;

/// A tick as turmoil and tokio see it.
const TICK: Duration = Duration::from_millis(1);

/// Bytes that a task takes from a stream at once.
const READ_BYTES: usize = 4096;

/// Messages of a stream that nobody has read. Whoever does not read for so long is cut off before.
const SEGMENTS_MAX: usize = 4096;

/// What a host listens for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// The secondary's export, by NBD.
    Export,
    /// The secondary's control channel.
    Control,
    /// The arbiter.
    Arbiter,
}

impl Port {
    /// All.
    pub const ALL: [Self; 3] = [Self::Export, Self::Control, Self::Arbiter];

    /// The name in traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Control => "control",
            Self::Arbiter => "arbiter",
        }
    }

    /// Where it is.
    pub fn host(self) -> Node {
        match self {
            Self::Export | Self::Control => Node::Secondary,
            Self::Arbiter => Node::Arbiter,
        }
    }

    fn number(self) -> u16 {
        match self {
            Self::Export => 10_809,
            Self::Control => 9_998,
            Self::Arbiter => 9_999,
        }
    }
}

/// Who sends over the connections to which port.
pub const CHANNELS: [(Node, Port); 7] = [
    (Node::Primary, Port::Export),
    (Node::Secondary, Port::Export),
    (Node::Primary, Port::Control),
    (Node::Secondary, Port::Control),
    (Node::Primary, Port::Arbiter),
    (Node::Secondary, Port::Arbiter),
    (Node::Arbiter, Port::Arbiter),
];

/// One end of a connection, on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection(u32);

/// What happened on a host's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// What this host asked for is made.
    Connected(Connection),
    /// Another host has connected to this port.
    Accepted(Connection, Port),
    /// Bytes have come.
    Received(Connection, Vec<u8>),
    /// It is over, or was not made.
    Closed(Connection),
}

/// What a host's tasks and whoever stands outside hand each other.
#[derive(Default)]
struct Desk {
    next: u32,
    dials: VecDeque<(Connection, Port)>,
    streams: BTreeMap<Connection, Stream>,
    events: VecDeque<NetworkEvent>,
    /// Whether anything has moved since somebody asked.
    moved: bool,
}

/// One of the host's streams.
struct Stream {
    port: Port,
    outbox: Rc<Outbox>,
    /// The other host, and by whose address and port both know it, once it is made.
    peer: Option<(Node, SocketAddr)>,
    /// In which tick something was last sent.
    sent: u64,
    /// Something that was sent is lost: nothing after it will arrive.
    broken: bool,
}

/// What is to be written to a stream.
#[derive(Default)]
struct Outbox {
    bytes: RefCell<VecDeque<Vec<u8>>>,
    closing: RefCell<bool>,
    wake: Notify,
}

#[derive(Default)]
struct Host {
    desk: RefCell<Desk>,
    wake: Notify,
}

impl Host {
    fn open(&self, port: Port, peer: Option<(Node, SocketAddr)>) -> (Connection, Rc<Outbox>) {
        let mut desk = self.desk.borrow_mut();
        desk.next += 1;
        let (connection, outbox) = (Connection(desk.next), Rc::new(Outbox::default()));
        let stream = Stream { port, outbox: Rc::clone(&outbox), peer, sent: 0, broken: false };
        desk.streams.insert(connection, stream);
        (connection, outbox)
    }

    fn is_made(
        &self,
        connection: Connection,
        peer: Option<(Node, SocketAddr)>,
    ) -> Option<Rc<Outbox>> {
        let mut desk = self.desk.borrow_mut();
        let stream = desk.streams.get_mut(&connection)?;
        stream.peer = peer;
        Some(Rc::clone(&stream.outbox))
    }

    fn tell(&self, event: NetworkEvent) {
        let mut desk = self.desk.borrow_mut();
        desk.moved = true;
        desk.events.push_back(event);
    }

    /// The stream of this connection has ended: told, unless whoever stands outside has ended it.
    fn ended(&self, connection: Connection) {
        let known = self.desk.borrow_mut().streams.remove(&connection);
        if known.is_some() {
            self.tell(NetworkEvent::Closed(connection));
        }
    }
}

/// The network. See the module's head.
pub struct Network {
    sim: turmoil::Sim<'static>,
    hosts: [Rc<Host>; 3],
    /// From one host to another: nothing arrives.
    cut: [[bool; 3]; 3],
    /// Between two hosts: nothing arrives till later.
    held: [[bool; 3]; 3],
    down: [bool; 3],
    /// How many there were, and the most that a message takes.
    ticks: u64,
    latency_ticks: u32,
}

impl Network {
    /// Three hosts that run, with messages that take so many ticks.
    pub fn new(latency_ticks: u32) -> Self {
        let sim = turmoil::Builder::new()
            .epoch(SystemTime::UNIX_EPOCH)
            .rng_seed(0)
            .tick_duration(TICK)
            .simulation_duration(Duration::MAX)
            .tcp_capacity(SEGMENTS_MAX)
            .build();
        let hosts: [Rc<Host>; 3] = std::array::from_fn(|_| Rc::default());
        let mut network = Self {
            sim,
            hosts,
            cut: [[false; 3]; 3],
            held: [[false; 3]; 3],
            down: [false; 3],
            ticks: 0,
            latency_ticks,
        };
        for node in Node::ALL {
            let host = Rc::clone(&network.hosts[node as usize]);
            network.sim.host(node.name(), move || software(node, Rc::clone(&host)));
        }
        network.set_latency(latency_ticks);
        network
    }

    /// How long messages take from now on.
    pub fn set_latency(&mut self, ticks: u32) {
        self.latency_ticks = self.latency_ticks.max(ticks);
        for (a, b) in pairs() {
            self.sim.set_link_latency(a.name(), b.name(), TICK * ticks.max(1));
        }
    }

    /// Asks for a connection. What comes of it is an event; a host that is gone gives no answer, and
    /// whoever has waited for long enough closes the connection.
    pub fn dial(&mut self, from: Node, port: Port) -> Connection {
        let host = &self.hosts[from as usize];
        let (connection, _) = host.open(port, None);
        // turmoil would keep it for the next process there, or till nothing is held any more. One that a
        // cut refuses costs it a port for good, and there are not many.
        let to = port.host();
        let held = self.held[from as usize][to as usize];
        if !self.down[to as usize] && !held && self.reaches(from, to) {
            host.desk.borrow_mut().dials.push_back((connection, port));
            host.wake.notify_one();
        }
        connection
    }

    /// Whether what each of two hosts sends the other arrives.
    pub fn reaches(&self, a: Node, b: Node) -> bool {
        !self.cut[a as usize][b as usize] && !self.cut[b as usize][a as usize]
    }

    /// Sends bytes. On a connection that is over they are lost.
    pub fn send(&mut self, from: Node, connection: Connection, bytes: Vec<u8>) {
        let mut desk = self.hosts[from as usize].desk.borrow_mut();
        let Some(stream) = desk.streams.get_mut(&connection) else { return };
        stream.sent = self.ticks;
        let to = stream.peer.map(|(to, _)| to);
        stream.broken |= to.is_some_and(|to| self.cut[from as usize][to as usize]);
        stream.outbox.bytes.borrow_mut().push_back(bytes);
        stream.outbox.wake.notify_one();
    }

    /// Ends a connection, after what was sent over it. No event tells of it on this host.
    pub fn close(&mut self, from: Node, connection: Connection) {
        let stream = self.hosts[from as usize].desk.borrow_mut().streams.remove(&connection);
        if let Some(Stream { outbox, .. }) = stream {
            *outbox.closing.borrow_mut() = true;
            outbox.wake.notify_one();
        }
    }

    /// Breaks a connection off: this host is told that it is over, and the other one will be.
    pub fn sever(&mut self, from: Node, connection: Connection) {
        self.close(from, connection);
        self.hosts[from as usize].tell(NetworkEvent::Closed(connection));
    }

    /// Breaks off every connection to this port that this host has.
    pub fn sever_all(&mut self, from: Node, port: Port) {
        for connection in self.connections(from, |stream| stream.port == port) {
            self.sever(from, connection);
        }
    }

    fn connections(&self, of: Node, wanted: impl Fn(&Stream) -> bool) -> Vec<Connection> {
        let desk = self.hosts[of as usize].desk.borrow();
        let wanted = desk.streams.iter().filter(|(_, stream)| wanted(stream));
        wanted.map(|(connection, _)| *connection).collect()
    }

    /// Whether nothing runs on this host.
    pub fn is_down(&self, node: Node) -> bool {
        self.down[node as usize]
    }

    /// Lets every host run for a tick. Whether anything moved.
    ///
    /// # Panics
    /// If a task of a host ends: none does.
    pub fn tick(&mut self) -> bool {
        self.sim.step().expect("the tasks of a host go on");
        self.ticks += 1;
        let took = |host: &Rc<Host>| std::mem::take(&mut host.desk.borrow_mut().moved);
        self.hosts.iter().map(took).fold(false, std::ops::BitOr::bitor)
    }

    /// The next thing that happened on this host.
    pub fn poll(&mut self, node: Node) -> Option<NetworkEvent> {
        self.hosts[node as usize].desk.borrow_mut().events.pop_front()
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cut, held, down, .. } = self;
        let mut shown = f.debug_struct("Network");
        shown.field("cut", cut).field("held", held).field("down", down).finish_non_exhaustive()
    }
}

/// Misfortune.
impl Network {
    /// Nothing of what one host sends to the other arrives any more, or it does again. What is on
    /// its way is lost. A connection under which something was lost breaks off when the two reach each other
    /// again: as one does whose patience is at its end.
    pub fn set_cut(&mut self, from: Node, to: Node, cut: bool) {
        let was_cut = std::mem::replace(&mut self.cut[from as usize][to as usize], cut);
        self.apply(from, to);
        if cut {
            let under_way = self.ticks.saturating_sub(u64::from(self.latency_ticks));
            let mut desk = self.hosts[from as usize].desk.borrow_mut();
            for stream in desk.streams.values_mut() {
                let there = stream.peer.is_some_and(|(peer, _)| peer == to);
                stream.broken |= there && stream.sent > 0 && stream.sent >= under_way;
            }
        } else if was_cut && self.reaches(from, to) {
            self.break_off(from, to);
            self.break_off(to, from);
        }
    }

    fn break_off(&mut self, from: Node, to: Node) {
        let of = |stream: &Stream| stream.peer.filter(|(peer, _)| *peer == to);
        for connection in self.connections(from, |stream| stream.broken && of(stream).is_some()) {
            let desk = self.hosts[from as usize].desk.borrow();
            let known_by = desk.streams[&connection].peer.map(|(_, known_by)| known_by);
            drop(desk);
            self.sever(from, connection);
            let other_end = |stream: &Stream| stream.peer.map(|(_, known_by)| known_by) == known_by;
            for connection in self.connections(to, other_end) {
                self.sever(to, connection);
            }
        }
    }

    /// What two hosts send each other waits, or arrives. A cut comes first.
    pub fn set_held(&mut self, a: Node, b: Node, held: bool) {
        self.held[a as usize][b as usize] = held;
        self.held[b as usize][a as usize] = held;
        self.apply(a, b);
    }

    fn apply(&self, a: Node, b: Node) {
        let cut = |from: Node, to: Node| self.cut[from as usize][to as usize];
        let (a_name, b_name) = (a.name(), b.name());
        match (cut(a, b), cut(b, a)) {
            (true, true) => self.sim.partition(a_name, b_name),
            (true, false) => self.partition_from(a, b),
            (false, true) => self.partition_from(b, a),
            (false, false) if self.held[a as usize][b as usize] => self.sim.hold(a_name, b_name),
            (false, false) => self.sim.release(a_name, b_name),
        }
    }

    fn partition_from(&self, from: Node, to: Node) {
        self.sim.release(from.name(), to.name());
        self.sim.partition_oneway(from.name(), to.name());
    }

    /// A host is gone. If its process died, its connections are told to be over; if its power
    /// failed, nobody is told anything.
    pub fn crash(&mut self, node: Node, silently: bool) {
        let others = || Node::ALL.into_iter().filter(move |&other| other != node);
        if silently {
            others().for_each(|other| self.sim.partition(node.name(), other.name()));
        }
        self.sim.crash(node.name());
        self.down[node as usize] = true;
        if silently {
            others().for_each(|other| self.apply(node, other));
        }
        let mut desk = self.hosts[node as usize].desk.borrow_mut();
        *desk = Desk { next: desk.next, ..Desk::default() };
    }

    /// It is there again, without any connection.
    pub fn restart(&mut self, node: Node) {
        self.down[node as usize] = false;
        self.sim.bounce(node.name());
    }
}

fn pairs() -> impl Iterator<Item = (Node, Node)> {
    let all = Node::ALL.into_iter();
    all.flat_map(|a| Node::ALL.into_iter().filter(move |b| a < *b).map(move |b| (a, b)))
}

/// What runs on a host: it accepts, dials, and carries bytes.
async fn software(node: Node, host: Rc<Host>) -> turmoil::Result {
    for port in Port::ALL.into_iter().filter(|port| port.host() == node) {
        let listener = TcpListener::bind(("0.0.0.0", port.number())).await?;
        spawn_local(accept(listener, port, Rc::clone(&host)));
    }
    loop {
        let dial = host.desk.borrow_mut().dials.pop_front();
        match dial {
            Some((connection, port)) => {
                spawn_local(connect(connection, port, Rc::clone(&host)));
            }
            None => host.wake.notified().await,
        }
    }
}

async fn accept(listener: TcpListener, port: Port, host: Rc<Host>) {
    while let Ok((stream, address)) = listener.accept().await {
        let of = |node: &Node| turmoil::lookup(node.name()) == address.ip();
        let peer = Node::ALL.into_iter().find(of).map(|node| (node, address));
        let (connection, outbox) = host.open(port, peer);
        host.tell(NetworkEvent::Accepted(connection, port));
        spawn_local(carry(stream, connection, outbox, Rc::clone(&host)));
    }
}

async fn connect(connection: Connection, port: Port, host: Rc<Host>) {
    host.desk.borrow_mut().moved = true;
    let made = TcpStream::connect((port.host().name(), port.number())).await;
    let address = made.as_ref().ok().and_then(|stream| stream.local_addr().ok());
    let peer = address.map(|address| (port.host(), address));
    // Nobody waits for it any more: what was made is dropped.
    let Some(outbox) = host.is_made(connection, peer) else { return };
    match made {
        Ok(stream) => {
            host.tell(NetworkEvent::Connected(connection));
            carry(stream, connection, outbox, host).await;
        }
        Err(_) => host.ended(connection),
    }
}

/// Carries bytes between a stream and the desk, until either end is closed.
async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    connection: Connection,
    outbox: Rc<Outbox>,
    host: Rc<Host>,
) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        tokio::select! {
            biased;
            () = outbox.wake.notified() => {
                host.desk.borrow_mut().moved = true;
                while let Some(bytes) = next_bytes(&outbox) {
                    if writer.write_all(&bytes).await.is_err() {
                        return host.ended(connection);
                    }
                }
                if *outbox.closing.borrow() {
                    return;
                }
            }
            read = reader.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    let bytes = buffer[..count].to_vec();
                    host.tell(NetworkEvent::Received(connection, bytes));
                }
                _ => return host.ended(connection),
            },
        }
    }
}

fn next_bytes(outbox: &Outbox) -> Option<Vec<u8>> {
    outbox.bytes.borrow_mut().pop_front()
}
