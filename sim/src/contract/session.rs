//! One disk under test, with the requests it owes answers to.

use colo_core::{Completion, Disk, Errno, Op, Payload, Request, RequestId};

use super::model::{CrashOutcomes, Sector, Void, Write, number_of, stamp, told};
use super::{Breach, Clause, CrashKind, Rig};
use crate::stream::{Seed, Stream};

/// One disk, the requests it owes answers to, and all that it may hold.
pub(super) struct Session<'r, R: Rig> {
    rig: &'r mut R,
    pub(super) disk: R::Disk,
    /// What a wrong read breaks.
    pub(super) clause: Clause,
    seed: Seed,
    /// Counts submissions and answers: the model's time.
    step: u64,
    ids: u64,
    writes: u32,
    in_flight: Vec<InFlight>,
    sectors: Vec<Sector>,
    /// What [`Asked::Everything`] found.
    everything: Payload,
}

struct InFlight {
    id: RequestId,
    submitted: u64,
    asked: Asked,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    Read {
        at: u64,
        len: u32,
    },
    /// A read of the whole disk, judged by who asks.
    Everything,
    Write {
        number: u32,
        at: u64,
        len: u32,
        fua: bool,
    },
    Flush,
    /// To be refused.
    Impossible,
}

impl<'r, R: Rig> Session<'r, R> {
    pub(super) fn new(
        rig: &'r mut R,
        sectors: u64,
        sector_size: usize,
        seed: Seed,
        clause: Clause,
    ) -> Self {
        let disk = rig.make(sectors, sector_size, seed);
        let zero = Write { number: 0, submitted: 0, answered: Some(0), promised: None };
        let sectors = (0..sectors).map(|_| Sector::holding(zero)).collect();
        Self {
            rig,
            disk,
            clause,
            seed,
            step: 0,
            ids: 0,
            writes: 0,
            in_flight: Vec::new(),
            sectors,
            everything: Payload::EMPTY,
        }
    }

    /// One random thing: a request, or an answer taken.
    pub(super) fn step(&mut self, stream: &mut Stream) -> Result<(), Breach> {
        let sectors = self.sectors.len() as u64;
        let at = stream.below(sectors);
        let len = stream.range(1..=(sectors - at).min(5)) as u32;
        match stream.weighted(&[6, 1, 5, 2, 8]) {
            0 => self.write(at, len, false),
            1 => self.write(at, len, true),
            2 => self.read(at, len),
            3 => self.flush(),
            _ => {
                self.rig.settle(&mut self.disk);
                if let Some(completion) = self.disk.poll() {
                    self.take(completion)?;
                }
            }
        }
        if self.in_flight.len() > 10 { self.drain() } else { Ok(()) }
    }

    pub(super) fn read(&mut self, at: u64, len: u32) {
        self.submit(Op::Read { at, len }, Asked::Read { at, len });
    }

    pub(super) fn write(&mut self, at: u64, len: u32, fua: bool) {
        self.writes += 1;
        let number = self.writes;
        let size = self.disk.sector_size();
        let mut bytes = Vec::with_capacity(len as usize * size);
        for sector in at..at + u64::from(len) {
            bytes.extend(stamp(number, sector, size));
            let submitted = self.step + 1;
            let write = Write { number, submitted, answered: None, promised: None };
            self.sectors[sector as usize].writes.push(write);
        }
        let op = Op::Write { at, payload: Payload::from(bytes), fua };
        self.submit(op, Asked::Write { number, at, len, fua });
    }

    pub(super) fn flush(&mut self) {
        self.submit(Op::Flush, Asked::Flush);
    }

    pub(super) fn submit(&mut self, op: Op, asked: Asked) {
        self.step += 1;
        self.ids += 1;
        let id = RequestId(self.ids);
        self.in_flight.push(InFlight { id, submitted: self.step, asked });
        self.disk.submit(Request { id, op });
    }

    /// Takes all answers, and sees that there are no more.
    pub(super) fn drain(&mut self) -> Result<(), Breach> {
        let mut patience = 1000;
        while patience > 0 {
            self.rig.settle(&mut self.disk);
            match self.disk.poll() {
                Some(completion) => self.take(completion)?,
                None if self.in_flight.is_empty() => break,
                None => patience -= 1,
            }
        }
        match self.in_flight.first() {
            None => Ok(()),
            Some(left) => {
                let detail = format!("{:?}, {:?} was never answered", left.id, left.asked);
                Err(self.breach(Clause::Answers, detail))
            }
        }
    }

    /// Reads everything twice with nothing in flight: both must agree, and settle what is there.
    pub(super) fn check_stable(&mut self) -> Result<(), Breach> {
        for _ in 0..2 {
            self.read(0, self.sectors.len() as u32);
            self.drain()?;
        }
        Ok(())
    }

    fn take(&mut self, completion: Completion) -> Result<(), Breach> {
        self.step += 1;
        let id = completion.id;
        let Some(position) = self.in_flight.iter().position(|request| request.id == id) else {
            let detail = format!("{id:?} was answered again, or never submitted");
            return Err(self.breach(Clause::Answers, detail));
        };
        let request = self.in_flight.swap_remove(position);
        if matches!(request.asked, Asked::Impossible) {
            return match completion.result {
                Err(Errno::Invalid) => Ok(()),
                other => {
                    let detail = format!("{id:?} is not on the disk and got {other:?}");
                    Err(self.breach(Clause::Bounds, detail))
                }
            };
        }
        let expected = match request.asked {
            Asked::Read { len, .. } => len as usize,
            Asked::Everything => self.sectors.len(),
            _ => 0,
        };
        match completion.result {
            Ok(payload) if payload.len() == expected * self.disk.sector_size() => {
                self.judge(&request, payload)
            }
            other => {
                let detail = format!("{:?} got {other:?}", request.asked);
                Err(self.breach(Clause::Success, detail))
            }
        }
    }

    fn judge(&mut self, request: &InFlight, payload: Payload) -> Result<(), Breach> {
        match request.asked {
            Asked::Read { at, .. } => return self.judge_read(at, &payload, request.submitted),
            Asked::Everything => self.everything = payload,
            Asked::Write { number, at, len, fua } => {
                for sector in &mut self.sectors[at as usize..at as usize + len as usize] {
                    let write = sector.writes.iter_mut().rfind(|write| write.number == number);
                    let write = write.expect("a write in flight is in the model");
                    write.answered = Some(self.step);
                    write.promised = fua.then_some(Clause::FuaSurvives);
                }
            }
            Asked::Flush => {
                for write in self.sectors.iter_mut().flat_map(|sector| &mut sector.writes) {
                    if write.answered.is_some_and(|answered| answered < request.submitted) {
                        write.promised.get_or_insert(Clause::FlushSurvives);
                    }
                }
            }
            Asked::Impossible => unreachable!("judged before"),
        }
        Ok(())
    }

    fn judge_read(&mut self, at: u64, payload: &Payload, submitted: u64) -> Result<(), Breach> {
        let size = self.disk.sector_size();
        for (position, bytes) in (at..).zip(payload.as_slice().chunks_exact(size)) {
            let sector = &mut self.sectors[position as usize];
            let found = number_of(bytes, position);
            if let Err(void) = sector.read(found, submitted) {
                let clause = if void == Void::Unsettled { Clause::Stable } else { self.clause };
                let detail = format!("sector {position} reads {}: {void:?}", told(found));
                return Err(self.breach(clause, detail));
            }
        }
        Ok(())
    }

    /// Crashes the disk and judges what is left.
    pub(super) fn crash(
        mut self,
        stream: &mut Stream,
        kind: CrashKind,
        outcomes: Option<&mut CrashOutcomes>,
    ) -> Result<Self, Breach> {
        self.disk = self.rig.crash(self.disk, stream);
        self.in_flight.clear();
        self.drain()?;
        let left = self.read_everything()?;
        let mut found = Vec::new();
        for (position, bytes) in (0..).zip(left.as_slice().chunks_exact(self.disk.sector_size())) {
            let number = number_of(bytes, position);
            let judged = self.sectors[position as usize].judge_crash(number, kind);
            found.push(judged.map_err(|clause| {
                let detail = format!("after a crash sector {position} holds {}", told(number));
                self.breach(clause, detail)
            })?);
        }
        if let Some(outcomes) = outcomes {
            outcomes.count(&self.sectors, &found);
        }
        if self.read_everything()? != left {
            return Err(self.breach(Clause::Stable, "two reads after a crash differ".into()));
        }
        let promised = (kind == CrashKind::PowerLoss).then_some(Clause::CrashRange);
        for (sector, number) in self.sectors.iter_mut().zip(found) {
            let (submitted, answered) = (self.step, Some(self.step));
            *sector = Sector::holding(Write { number, submitted, answered, promised });
        }
        Ok(self)
    }

    fn read_everything(&mut self) -> Result<Payload, Breach> {
        let len = self.sectors.len() as u32;
        self.submit(Op::Read { at: 0, len }, Asked::Everything);
        self.drain()?;
        Ok(std::mem::replace(&mut self.everything, Payload::EMPTY))
    }

    fn breach(&self, clause: Clause, detail: String) -> Breach {
        Breach { clause, detail: format!("{detail} (seed {})", self.seed) }
    }
}
