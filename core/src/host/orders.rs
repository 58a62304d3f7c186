//! What is asked of a host: verbs and operators' commands, one at a time, in order of arrival.

use crate::admin::{Admin, AdminError};
use crate::disk::Errno;
use crate::event::{Event, VerbId, VolumeId};
use crate::host::Host;
use crate::host::all::AllVerb;
use crate::probe::Probe;
use crate::verb::Verb;
use crate::volume::{Over, Volume, VolumeOptions};

/// Something that waits for its turn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// A verb of one filter.
    Verb(VolumeId, Verb),
    /// A verb of all filters.
    All(Verb),
    /// An operator's command.
    Admin(VolumeId, Admin),
}

/// What is being carried out.
#[derive(Debug, Clone)]
pub(super) enum Running {
    /// A verb or a command of one volume, which answers by itself.
    One(VolumeId),
    /// A verb of all filters.
    All(AllVerb),
    /// A volume that is opened in a process that runs.
    Opening(VerbId, VolumeId),
    /// A volume that is closed, images and all.
    Removing(VerbId, VolumeId),
    /// The end of the process, in order.
    Quitting(VerbId),
}

impl Host {
    pub(super) fn enqueue(&mut self, id: VerbId, order: Order) {
        if self.ended {
            return;
        }
        if self.running.is_some() {
            self.probe(Probe::VerbQueued);
        }
        self.orders.push_back((id, order));
        self.orders_advance();
    }

    /// Carries out what can be, until something has to be waited for.
    pub(super) fn orders_advance(&mut self) {
        while !self.ended && !self.order_waits() {
            let Some(running) = self.running.take() else {
                let opened = self.volumes.iter().all(Volume::is_opened);
                if !opened {
                    return;
                }
                let Some((id, order)) = self.orders.pop_front() else { return };
                self.order_begin(id, order);
                continue;
            };
            if let Some(waits) = self.order_advance(running) {
                self.running = Some(waits);
                return;
            }
        }
    }

    /// Whether there is nothing to carry out, or what is carried out waits for one of its volumes.
    fn order_waits(&self) -> bool {
        match &self.running {
            None => self.orders.is_empty(),
            Some(Running::One(volume)) => self.volume(*volume).is_asked(),
            Some(Running::All(_)) => self.volumes.iter().any(Volume::is_busy),
            Some(_) => false,
        }
    }

    fn order_begin(&mut self, id: VerbId, order: Order) {
        match order {
            Order::Verb(volume, verb) => {
                self.running = Some(Running::One(volume));
                self.carry_out(volume, |volume| volume.verb_begin(id, verb, false));
            }
            Order::All(verb) => {
                let all = self.all_begin(id, verb);
                self.running = Some(Running::All(all));
            }
            Order::Admin(_, Admin::Quit) => {
                self.running = Some(Running::Quitting(id));
                for volume in self.volume_ids() {
                    self.carry_out(volume, Volume::end_begin);
                }
            }
            Order::Admin(volume, Admin::Remove) if !self.volume(volume).is_absent() => {
                self.running = Some(Running::Removing(id, volume));
                self.carry_out(volume, Volume::end_begin);
            }
            Order::Admin(volume, Admin::Open) if self.volume(volume).is_absent() => {
                self.running = Some(Running::Opening(id, volume));
                // With its filter, in a process that was there to recover, too.
                let options = VolumeOptions { recover: false, ..*self.volume(volume).options() };
                self.probe(Probe::VolumeOpenedLater);
                self.events.push_back((volume, Event::OpenBegun));
                *self.volume_mut(volume) = Volume::new(options);
                self.register(volume);
            }
            Order::Admin(volume, admin) => {
                self.running = Some(Running::One(volume));
                self.carry_out(volume, |volume| volume.admin_begin(id, admin));
            }
        }
    }

    /// Does something to a volume on behalf of what runs.
    pub(super) fn carry_out(&mut self, id: VolumeId, act: impl FnOnce(&mut Volume)) {
        let volume = self.volume_mut(id);
        act(volume);
        volume.work();
        self.collect(id);
    }

    /// Goes on with what runs; what it is then, unless it is over.
    fn order_advance(&mut self, running: Running) -> Option<Running> {
        match running {
            Running::One(volume) => self.volume(volume).is_asked().then_some(Running::One(volume)),
            Running::All(all) => self.all_advance(all).map(Running::All),
            Running::Opening(id, volume) => self.opening_advance(id, volume),
            Running::Removing(id, volume) => {
                if !self.volume(volume).has_ended() {
                    return Some(running);
                }
                self.make_absent(volume);
                self.answer_admin(id, volume, Admin::Remove, Ok(()));
                None
            }
            Running::Quitting(id) => {
                if !self.volumes.iter().all(Volume::has_ended) {
                    return Some(running);
                }
                self.answer_admin(id, VolumeId::FIRST, Admin::Quit, Ok(()));
                self.events.push_back((VolumeId::FIRST, Event::Exited));
                self.ended = true;
                None
            }
        }
    }

    fn opening_advance(&mut self, id: VerbId, volume: VolumeId) -> Option<Running> {
        let result = match self.volume(volume).over {
            Some(Over::NotOpened(error)) => {
                self.make_absent(volume);
                Err(error)
            }
            Some(over) => unreachable!("a volume that is being opened is {over:?}"),
            None if self.volume(volume).is_opened() => Ok(()),
            None => return Some(Running::Opening(id, volume)),
        };
        if result.is_ok() && self.connected {
            self.carry_out(volume, Volume::link_connected);
        }
        self.answer_admin(id, volume, Admin::Open, result);
        None
    }

    /// Nothing of the volume is left; it may be opened again.
    pub(super) fn make_absent(&mut self, volume: VolumeId) {
        let options = *self.volume(volume).options();
        self.probes.add(self.volumes[usize::from(volume.0)].probes());
        let gone = std::mem::replace(self.volume_mut(volume), Volume::absent(options));
        for (user, request) in gone.held_requests() {
            let answer = Event::Answered { user, request, result: Err(Errno::NoMedium) };
            self.events.push_back((volume, answer));
        }
        self.registry.retain(|other| *other != volume);
    }

    fn answer_admin(
        &mut self,
        id: VerbId,
        volume: VolumeId,
        admin: Admin,
        result: Result<(), AdminError>,
    ) {
        self.events.push_back((volume, Event::AdminAnswered { id, admin, result }));
    }

    /// Whether the process goes on without a volume that could not be opened or recovered.
    pub(super) fn outlives(&self, id: VolumeId) -> bool {
        let Some(over) = self.volume(id).over else { return true };
        match (over, &self.running) {
            (Over::Aborted, _) => false,
            (Over::Closed, _) => true,
            (Over::NotOpened(_), Some(Running::Opening(_, opening))) => *opening == id,
            (Over::NotOpened(_), _) => false,
            (Over::NotRecovered, _) => {
                self.volumes.iter().any(|other| other.over.is_none() && !other.is_absent())
            }
        }
    }
}
