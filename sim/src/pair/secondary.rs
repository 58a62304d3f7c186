//! The secondary's end of the network: it listens for the export and the control channel, and dials
//! the arbiter.
//!
//! An export has one client. A newer connection replaces the one before it: nothing that comes
//! over the old one is carried out any more, and nothing of the new one before what the old one
//! had begun has ended. Or else a write that was given up and sent again could come twice, the
//! second time over what was written after it.

use std::collections::{BTreeMap, VecDeque};

use colo_core::colo::{Effect, FrameError, Message, Node, Options, Reader, Secondary};
use colo_core::nbd::{Command, Export, NbdEnd, NbdErrno, PAYLOAD_MAX, Server, ServerEvent};
use colo_core::{Errno, Extent, Payload, Quirk, Time, UserOp, Verb, VolumeId};

use crate::pair::line::{Line, Said, read_all};
use crate::pair::network::{Connection, NetworkEvent, Port};
use crate::pair::wire::Wire;
use crate::pair::{export_bytes, export_name};
use crate::world::{Ended, Networked, Returning, Side, World};

const SIDE: Side = Side::Secondary;

/// A client of the export.
#[derive(Debug)]
struct Client {
    server: Server,
    volume: Option<VolumeId>,
}

/// A request of a client that the host has, or will have.
#[derive(Debug, Clone, Copy)]
struct Asked {
    token: u64,
    connection: Connection,
    cookie: u64,
    volume: VolumeId,
    /// It is to be flushed before it is answered.
    fua: bool,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct SecondaryStation {
    life: u32,
    /// Whether the process recovers, and takes part in nothing.
    recovers: bool,
    pub(super) role: Secondary,
    control: Option<(Connection, Reader)>,
    said: Said,
    /// Nobody is let in any more.
    hung_up: bool,
    arbiter: Line,
    clients: BTreeMap<Connection, Client>,
    /// What the host has.
    asked: Vec<Asked>,
    /// What waits for an older connection's requests.
    waiting: VecDeque<(Asked, UserOp)>,
    next_token: u64,
    pub(super) runs: bool,
    pub(super) calls: VecDeque<Verb>,
}

impl SecondaryStation {
    pub(super) fn new(options: Options, life: u32, recovers: bool, now: Time) -> Self {
        Self {
            life,
            recovers,
            role: Secondary::new(options, life, now),
            control: None,
            said: Said::default(),
            hung_up: false,
            arbiter: Line::new(Port::Arbiter),
            clients: BTreeMap::new(),
            asked: Vec::new(),
            waiting: VecDeque::new(),
            next_token: u64::from(life) << 32,
            runs: true,
            calls: VecDeque::new(),
        }
    }

    /// When there is something to do, by this host's clock.
    pub(super) fn deadline(&self) -> Option<Time> {
        if self.recovers {
            return None;
        }
        [self.role.deadline(), self.arbiter.deadline()].into_iter().flatten().min()
    }

    /// Takes in what came, does what is due, sends what is to be sent.
    pub(super) fn pump(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        let now = world.host_time(SIDE);
        while let Some(event) = wire.poll() {
            self.network(now, event, world, wire);
        }
        if self.recovers {
            return;
        }
        self.arbiter.dial_if_due(now, wire);
        self.role.replicates(now, super::replicates(world, SIDE));
        if self.role.deadline().is_some_and(|deadline| deadline <= now) {
            self.role.timeout(now);
        }
        if self.role.drains() && self.is_quiet(world) {
            self.role.drained();
            wire.used = true;
        }
        self.effects(world, wire);
        self.answers(world, wire);
        self.serve(world, wire);
    }

    /// Whether neither the guest nor the export has anything under way.
    fn is_quiet(&self, world: &World) -> bool {
        let none = self.asked.is_empty() && self.waiting.is_empty();
        none && super::guest_is_quiet(world, SIDE) && super::export_is_quiet(world)
    }

    fn network(&mut self, now: Time, event: NetworkEvent, world: &mut World, wire: &mut Wire<'_>) {
        match event {
            NetworkEvent::Accepted(connection, _) if self.recovers || self.hung_up => {
                wire.give_up(connection);
            }
            NetworkEvent::Accepted(connection, Port::Export) if !self.role.serves() => {
                wire.give_up(connection);
            }
            NetworkEvent::Accepted(connection, Port::Export) => {
                let server = Server::new(exports(world)).with_rising_cookies();
                self.clients.insert(connection, Client { server, volume: None });
            }
            NetworkEvent::Accepted(connection, _) => {
                // The primary has made a new one: the old one is of no use to it any more.
                if let Some((old, _)) = self.control.replace((connection, Reader::default())) {
                    wire.close(old);
                    self.role.lost(now);
                }
            }
            NetworkEvent::Connected(_) => {
                self.arbiter.connected();
                let hello = Message::Hello { node: Node::Secondary, life: self.life };
                self.arbiter.send(&hello, wire);
            }
            NetworkEvent::Received(connection, bytes) if self.arbiter.is(connection) => {
                let read = self.arbiter.receive(&bytes);
                self.take(now, Node::Arbiter, read, world, wire);
            }
            NetworkEvent::Received(connection, bytes) => {
                if let Some(client) = self.clients.get_mut(&connection) {
                    client.server.receive(&bytes);
                } else if let Some((known, reader)) = &mut self.control
                    && *known == connection
                {
                    let read = read_all(reader, &bytes);
                    self.take(now, Node::Primary, read, world, wire);
                }
            }
            NetworkEvent::Closed(connection) if self.arbiter.is(connection) => {
                self.arbiter.lost(now);
            }
            NetworkEvent::Closed(connection) => {
                if let Some(client) = self.clients.get_mut(&connection) {
                    client.server.end();
                } else if self.control.take_if(|(known, _)| *known == connection).is_some() {
                    self.role.lost(now);
                }
            }
        }
    }

    fn take(
        &mut self,
        now: Time,
        from: Node,
        read: Result<Vec<Message>, FrameError>,
        world: &mut World,
        wire: &mut Wire<'_>,
    ) {
        match read {
            Ok(messages) => {
                for message in messages {
                    self.role.received(now, from, message);
                }
            }
            Err(error) => {
                let port = if from == Node::Arbiter { Port::Arbiter } else { Port::Control };
                world.note_networked(SIDE, Networked::Ended { port, why: Ended::Frame(error) });
                if port == Port::Arbiter {
                    self.arbiter.close(now, wire);
                } else {
                    self.close_control(wire);
                    self.role.lost(now);
                }
            }
        }
    }

    fn close_control(&mut self, wire: &mut Wire<'_>) {
        if let Some((connection, _)) = self.control.take() {
            wire.close(connection);
        }
    }

    fn effects(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        while let Some(effect) = self.role.poll() {
            wire.used = true;
            match effect {
                Effect::Send(Node::Arbiter, message) => self.arbiter.send(&message, wire),
                Effect::Send(_, message) => {
                    if let Some((connection, _)) = &self.control {
                        wire.send_message(Port::Control, *connection, &message, &mut self.said);
                    }
                }
                Effect::Pause | Effect::Resume => {
                    self.runs = effect == Effect::Resume;
                    world.note_networked(SIDE, Networked::Guest { runs: self.runs });
                }
                Effect::Call(verb) => self.calls.push_back(verb),
                Effect::HangUp => {
                    self.hung_up = true;
                    self.close_control(wire);
                    self.close_clients(wire);
                }
                Effect::Told(told) => world.note_networked(SIDE, Networked::Told(told)),
            }
        }
    }

    fn close_clients(&mut self, wire: &mut Wire<'_>) {
        while let Some((connection, _)) = self.clients.pop_first() {
            wire.close(connection);
        }
        self.waiting.clear();
    }
}

/// The export.
impl SecondaryStation {
    /// Answers what the host has answered.
    fn answers(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        for Returning { token, result, .. } in world.take_returning() {
            wire.used = true;
            let place = self.asked.iter().position(|asked| asked.token == token);
            let Some(place) = place else { continue };
            if std::mem::take(&mut self.asked[place].fua) && result.is_ok() {
                world.export_requested(self.asked[place].volume, token, UserOp::Flush);
                continue;
            }
            let Asked { connection, cookie, .. } = self.asked.swap_remove(place);
            if let Some(client) = self.clients.get_mut(&connection) {
                client.server.answer(cookie, result.map(|bytes| bytes.to_vec()).map_err(nbd_errno));
            }
        }
    }

    fn serve(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        if !self.role.serves() {
            self.close_clients(wire);
        }
        let connections: Vec<_> = self.clients.keys().copied().collect();
        for connection in connections {
            while let Some(client) = self.clients.get_mut(&connection)
                && let Some(event) = client.server.poll_event()
            {
                wire.used = true;
                self.served(connection, event, world, wire);
            }
        }
        self.hand_over(world, wire);
        for (connection, client) in &mut self.clients {
            let mut bytes = Vec::new();
            client.server.poll_transmit(&mut bytes);
            if !bytes.is_empty() {
                wire.send(Port::Export, *connection, bytes);
            }
        }
    }

    fn served(
        &mut self,
        connection: Connection,
        event: ServerEvent,
        world: &mut World,
        wire: &mut Wire<'_>,
    ) {
        match event {
            ServerEvent::Chosen(index) => {
                let volume = VolumeId(index as u8);
                if let Some(client) = self.clients.get_mut(&connection) {
                    client.volume = Some(volume);
                }
                if !world.options().quirks.has(Quirk::StaleConnection) {
                    self.replace_others(connection, volume, world, wire);
                }
            }
            ServerEvent::Requested { cookie, command } => {
                let volume = self.clients.get(&connection).and_then(|client| client.volume);
                let volume = volume.expect("requests come once an export is chosen");
                let token = self.next_token;
                self.next_token += 1;
                let (op, fua) = user_op(command, world);
                let asked = Asked { token, connection, cookie, volume, fua };
                self.waiting.push_back((asked, op));
                // What has come whole is begun, even if its connection ends with it.
                self.hand_over(world, wire);
            }
            ServerEvent::Closed(end) => {
                let mut last = Vec::new();
                if let Some(client) = self.clients.get_mut(&connection) {
                    client.server.poll_transmit(&mut last);
                }
                if !last.is_empty() {
                    wire.send(Port::Export, connection, last);
                }
                if matches!(end, NbdEnd::Failed(_)) {
                    let (port, why) = (Port::Export, Ended::Nbd(end));
                    world.note_networked(SIDE, Networked::Ended { port, why });
                }
                self.drop_client(connection, wire);
            }
        }
    }

    fn drop_client(&mut self, connection: Connection, wire: &mut Wire<'_>) {
        self.clients.remove(&connection);
        wire.close(connection);
        // Whether it was taken or not nobody can know any more, so it is not begun.
        self.waiting.retain(|(asked, _)| asked.connection != connection);
    }

    fn replace_others(
        &mut self,
        connection: Connection,
        volume: VolumeId,
        world: &mut World,
        wire: &mut Wire<'_>,
    ) {
        let others = self
            .clients
            .iter()
            .filter(|(other, client)| **other != connection && client.volume == Some(volume));
        let others: Vec<_> = others.map(|(other, _)| *other).collect();
        for other in others {
            let (port, why) = (Port::Export, Ended::Replaced);
            world.note_networked(SIDE, Networked::Ended { port, why });
            self.drop_client(other, wire);
        }
    }

    /// Gives the host what waits, unless something of an older connection is still under way there.
    fn hand_over(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        let fences = !world.options().quirks.has(Quirk::StaleConnection);
        for _ in 0..self.waiting.len() {
            let Some((asked, op)) = self.waiting.pop_front() else { return };
            let older = |other: &Asked| {
                other.volume == asked.volume && other.connection != asked.connection
            };
            if fences && self.asked.iter().any(older) {
                self.waiting.push_back((asked, op));
                continue;
            }
            wire.used = true;
            self.asked.push(asked);
            world.export_requested(asked.volume, asked.token, op);
        }
    }
}

fn exports(world: &World) -> Vec<Export> {
    let sector_size = world.options().geometry.sector_size;
    let size = export_bytes(world);
    let block_max = PAYLOAD_MAX / sector_size * sector_size;
    let export = |volume| Export {
        name: export_name(volume),
        size,
        block_min: sector_size,
        block_max,
        read_only: false,
    };
    world.volume_ids().map(export).collect()
}

/// What a command asks of the host, and whether it is to be durable.
fn user_op(command: Command, world: &World) -> (UserOp, bool) {
    let sector_size = u64::from(world.options().geometry.sector_size);
    let extent =
        |at: u64, len: u32| Extent::new(at / sector_size, (u64::from(len) / sector_size) as u32);
    let write = |at: u64, bytes: Vec<u8>| UserOp::Write {
        at: at / sector_size,
        payload: Payload::from(bytes),
    };
    match command {
        Command::Read { at, len } => (UserOp::Read(extent(at, len)), false),
        Command::Write { at, bytes, fua } => (write(at, bytes), fua),
        Command::Flush => (UserOp::Flush, false),
        Command::Trim { at, len, fua } => (UserOp::Discard(extent(at, len)), fua),
        Command::WriteZeroes { at, len, fua, .. } => (write(at, vec![0; len as usize]), fua),
    }
}

/// What an error here is to the protocol, as QEMU's server translates.
fn nbd_errno(errno: Errno) -> NbdErrno {
    match errno {
        Errno::Io => NbdErrno::Io,
        Errno::NoSpace => NbdErrno::NoSpc,
        Errno::NotPermitted => NbdErrno::Perm,
        Errno::NoMedium | Errno::Invalid | Errno::Cancelled | Errno::Access => NbdErrno::Inval,
    }
}
