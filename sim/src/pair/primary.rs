//! The primary's end of the network: it dials the export, the control channel and the arbiter.

use std::collections::{BTreeMap, VecDeque};

use colo_core::colo::{Effect, Message, Node, Options, Primary};
use colo_core::nbd::{Client, ClientEvent, Command, NbdErrno};
use colo_core::{Errno, Payload, RequestId, Time, UserOp, Verb, VolumeId};

use crate::pair::line::{Line, Redial};
use crate::pair::network::{Connection, NetworkEvent, Port};
use crate::pair::wire::Wire;
use crate::pair::{export_bytes, export_name};
use crate::world::{Departing, Ended, Networked, Side, World};

const SIDE: Side = Side::Primary;

/// The connection to one volume's export.
#[derive(Debug)]
struct ExportLine {
    volume: VolumeId,
    connection: Connection,
    client: Client,
    /// Cookies count up; whose request each is, as long as it has no answer.
    next_cookie: u64,
    asked: BTreeMap<u64, RequestId>,
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct PrimaryStation {
    life: u32,
    pub(super) role: Primary,
    control: Line,
    /// Whether the secondary has said anything over it.
    met: bool,
    arbiter: Line,
    exports: Vec<ExportLine>,
    redial: Redial,
    pub(super) runs: bool,
    pub(super) calls: VecDeque<Verb>,
}

impl PrimaryStation {
    pub(super) fn new(options: Options, life: u32, now: Time) -> Self {
        Self {
            life,
            role: Primary::new(options, now),
            control: Line::new(Port::Control),
            met: false,
            arbiter: Line::new(Port::Arbiter),
            exports: Vec::new(),
            redial: Redial::default(),
            runs: false,
            calls: VecDeque::new(),
        }
    }

    /// When there is something to do, by this host's clock.
    pub(super) fn deadline(&self) -> Option<Time> {
        let dials = self.role.dials();
        let dialling =
            [self.control.deadline(), (!self.is_ready()).then_some(self.redial.deadline())];
        let dialling = dialling.into_iter().flatten().filter(|_| dials);
        dialling.chain(self.arbiter.deadline()).chain(self.role.deadline()).min()
    }

    fn is_ready(&self) -> bool {
        !self.exports.is_empty() && self.exports.iter().all(|line| line.client.is_ready())
    }

    /// Takes in what came, does what is due, sends what is to be sent.
    pub(super) fn pump(&mut self, world: &mut World, wire: &mut Wire<'_>) {
        let now = world.host_time(SIDE);
        while let Some(event) = wire.poll() {
            self.network(now, event, world, wire);
        }
        let replicates = super::replicates(world, SIDE);
        self.role.replicates(now, replicates);
        if self.role.deadline().is_some_and(|deadline| deadline <= now) {
            self.role.timeout(now);
        }
        if self.role.drains() && super::guest_is_quiet(world, SIDE) {
            self.role.drained();
            wire.used = true;
        }
        self.effects(now, world, wire);
        self.dial(now, world, wire);
        self.forward(world);
        self.exports(now, world, wire);
    }

    fn dial(&mut self, now: Time, world: &mut World, wire: &mut Wire<'_>) {
        self.arbiter.dial_if_due(now, wire);
        if !self.role.dials() {
            return;
        }
        self.control.dial_if_due(now, wire);
        if !self.is_ready() && self.redial.is_due(now) {
            self.close_exports(now, world, wire);
            self.redial.dialled(now, wire);
            let in_vain = self.redial.in_vain();
            self.exports.extend(world.volume_ids().map(|volume| ExportLine {
                volume,
                connection: wire.dial(Port::Export, in_vain),
                client: Client::new(&export_name(volume)),
                next_cookie: 1,
                asked: BTreeMap::new(),
            }));
        }
    }

    fn close_exports(&mut self, now: Time, world: &mut World, wire: &mut Wire<'_>) {
        for line in self.exports.drain(..) {
            if self.redial.in_vain() {
                wire.give_up(line.connection);
            } else {
                wire.close(line.connection);
            }
        }
        self.redial.lost(now);
        world.link_is(false);
    }

    fn network(&mut self, now: Time, event: NetworkEvent, world: &mut World, wire: &mut Wire<'_>) {
        match event {
            NetworkEvent::Connected(connection) if self.control.is(connection) => {
                self.control.connected();
                let hello = self.hello();
                self.control.send(&hello, wire);
                self.met = false;
            }
            NetworkEvent::Connected(connection) if self.arbiter.is(connection) => {
                self.arbiter.connected();
                let hello = self.hello();
                self.arbiter.send(&hello, wire);
            }
            NetworkEvent::Received(connection, bytes) if self.control.is(connection) => {
                let read = self.control.receive(&bytes);
                self.take(now, Node::Secondary, read, world, wire);
            }
            NetworkEvent::Received(connection, bytes) if self.arbiter.is(connection) => {
                let read = self.arbiter.receive(&bytes);
                self.take(now, Node::Arbiter, read, world, wire);
            }
            NetworkEvent::Received(connection, bytes) => {
                if let Some(line) = self.export(connection) {
                    line.client.receive(&bytes);
                }
            }
            NetworkEvent::Closed(connection) if self.control.is(connection) => {
                if self.control.lost(now) {
                    self.control_lost(now, world, wire);
                }
            }
            NetworkEvent::Closed(connection) if self.arbiter.is(connection) => {
                self.arbiter.lost(now);
            }
            NetworkEvent::Closed(connection) => {
                if let Some(line) = self.export(connection) {
                    line.client.end();
                }
            }
            NetworkEvent::Connected(_) | NetworkEvent::Accepted(..) => {}
        }
    }

    /// The exports go with it: over a connection on which nothing is sent nobody would ever notice that the
    /// other end is gone, and what is still on its way there belongs to no later checkpoint.
    fn control_lost(&mut self, now: Time, world: &mut World, wire: &mut Wire<'_>) {
        self.role.lost(now);
        self.close_exports(now, world, wire);
    }

    fn hello(&self) -> Message {
        Message::Hello { node: Node::Primary, life: self.life }
    }

    fn export(&mut self, connection: Connection) -> Option<&mut ExportLine> {
        self.exports.iter_mut().find(|line| line.connection == connection)
    }

    fn take(
        &mut self,
        now: Time,
        from: Node,
        read: Result<Vec<Message>, colo_core::colo::FrameError>,
        world: &mut World,
        wire: &mut Wire<'_>,
    ) {
        match read {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                // To be let in is no sign of life of the role there; what it says is.
                if from == Node::Secondary && !std::mem::replace(&mut self.met, true) {
                    self.role.connected(now);
                }
                for message in messages {
                    self.role.received(now, from, message);
                }
            }
            Err(error) => {
                let (line, port) = match from {
                    Node::Arbiter => (&mut self.arbiter, Port::Arbiter),
                    _ => (&mut self.control, Port::Control),
                };
                line.close(now, wire);
                world.note_networked(SIDE, Networked::Ended { port, why: Ended::Frame(error) });
                if port == Port::Control {
                    self.control_lost(now, world, wire);
                }
            }
        }
    }

    fn effects(&mut self, now: Time, world: &mut World, wire: &mut Wire<'_>) {
        while let Some(effect) = self.role.poll() {
            wire.used = true;
            match effect {
                Effect::Send(Node::Arbiter, message) => self.arbiter.send(&message, wire),
                Effect::Send(_, message) => self.control.send(&message, wire),
                Effect::Pause | Effect::Resume => {
                    self.runs = effect == Effect::Resume;
                    world.note_networked(SIDE, Networked::Guest { runs: self.runs });
                }
                Effect::Call(verb) => self.calls.push_back(verb),
                Effect::HangUp => {
                    self.control.close(now, wire);
                    self.close_exports(now, world, wire);
                }
                Effect::Told(told) => world.note_networked(SIDE, Networked::Told(told)),
            }
        }
    }

    /// Hands what is to be forwarded to the clients.
    fn forward(&mut self, world: &mut World) {
        let sector_size = u64::from(world.options().geometry.sector_size);
        for Departing { volume, id, op } in world.take_departing() {
            let line = self.exports.iter_mut().find(|line| line.volume == volume);
            // It is sent over a connection only, and that is over in the moment in which a line is.
            let line = line.expect("what departs has a connection");
            let command = match op {
                UserOp::Read(extent) => Command::Read {
                    at: extent.at * sector_size,
                    len: extent.len * sector_size as u32,
                },
                UserOp::Write { at, payload } => {
                    Command::Write { at: at * sector_size, bytes: payload.to_vec(), fua: false }
                }
                UserOp::Flush => Command::Flush,
                UserOp::Discard(_) => unreachable!("no discard is forwarded"),
            };
            line.client.submit(line.next_cookie, command);
            line.asked.insert(line.next_cookie, id);
            line.next_cookie += 1;
        }
    }

    /// What the clients have to say and to send.
    fn exports(&mut self, now: Time, world: &mut World, wire: &mut Wire<'_>) {
        let mut over = None;
        for index in 0..self.exports.len() {
            while let Some(event) = self.exports[index].client.poll_event() {
                wire.used = true;
                let volume = self.exports[index].volume;
                match event {
                    ClientEvent::Ready(export) => {
                        let needed = export_bytes(world);
                        if export.size != needed || export.read_only {
                            over = Some(Ended::Unfit);
                        }
                    }
                    ClientEvent::Answered { cookie, result } => {
                        let result = result.map(Payload::from).map_err(errno);
                        if let Some(id) = self.exports[index].asked.remove(&cookie) {
                            world.link_answered(volume, id, result);
                        }
                    }
                    ClientEvent::Closed(error) => over = Some(Ended::Nbd(error.into())),
                }
            }
        }
        if let Some(why) = over {
            world.note_networked(SIDE, Networked::Ended { port: Port::Export, why });
            self.close_exports(now, world, wire);
        }
        if self.is_ready() {
            self.redial.made();
            world.link_is(true);
            self.forward(world);
        }
        for line in &mut self.exports {
            let mut bytes = Vec::new();
            line.client.poll_transmit(&mut bytes);
            if !bytes.is_empty() {
                wire.send(Port::Export, line.connection, bytes);
            }
        }
    }
}

/// What an export's error is here. The protocol knows fewer.
fn errno(error: NbdErrno) -> Errno {
    match error {
        NbdErrno::NoSpc => Errno::NoSpace,
        NbdErrno::Perm => Errno::NotPermitted,
        NbdErrno::Inval => Errno::Invalid,
        _ => Errno::Io,
    }
}
