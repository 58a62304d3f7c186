//! What a simulated disk says could survive, against a slow model of all versions.
//!
//! The model is a list of events for each sector, and answers by replaying it. It
//! learns when a write took effect by looking at the contents; everything else
//! follows from the fault model at the head of `sim_disk.rs`.

use std::collections::BTreeSet;

use colo_core::{Disk, Op, Payload, Request, RequestId};
use colo_sim::crash::{Choices, CrashDisk};
use colo_sim::sim_disk::{SimDisk, SimDiskOptions};
use colo_sim::stream::Seed;
use proptest::prelude::*;

const SECTORS: u64 = 6;

#[derive(Debug, Clone)]
enum Step {
    Write { at: u64, len: u64, fua: bool },
    Flush,
    Answer,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..SECTORS, 1..5u64, prop::bool::weighted(0.2))
        .prop_map(|(at, len, fua)| Step::Write { at, len: len.min(SECTORS - at), fua });
    let step = prop_oneof![5 => write, 1 => Just(Step::Flush), 5 => Just(Step::Answer)];
    prop::collection::vec(step, 1..40)
}

/// One write or flush, and when what happened to it, counted in steps of the model.
#[derive(Debug, Clone)]
struct Event {
    id: u64,
    step: Step,
    submitted: usize,
    took_effect: Option<usize>,
    answered: Option<usize>,
}

struct Twin {
    disk: SimDisk,
    events: Vec<Event>,
    now: usize,
}

impl Twin {
    fn new(seed: u64) -> Self {
        let options = SimDiskOptions { sectors: SECTORS, ..SimDiskOptions::default() };
        let disk = SimDisk::new(options, Seed(seed).stream("disk"));
        Self { disk, events: Vec::new(), now: 0 }
    }

    fn take(&mut self, step: Step) {
        self.now += 1;
        let id = self.events.len() as u64 + 1;
        let op = match step {
            Step::Answer => return self.answer(),
            Step::Flush => Op::Flush,
            Step::Write { at, len, fua } => {
                let bytes = (0..len).flat_map(|_| id.to_le_bytes()).collect::<Vec<u8>>();
                Op::Write { at, payload: Payload::from(bytes), fua }
            }
        };
        self.disk.submit(Request { id: RequestId(id), op });
        let submitted = self.now;
        self.events.push(Event { id, step, submitted, took_effect: None, answered: None });
        self.look();
    }

    fn answer(&mut self) {
        let Some(due) = self.disk.next_due() else { return };
        self.disk.advance(due);
        let completion = self.disk.poll().expect("an answer is due");
        assert!(completion.result.is_ok());
        self.events[completion.id.0 as usize - 1].answered = Some(self.now);
        self.look();
    }

    /// Sees which write has just taken effect.
    fn look(&mut self) {
        for event in &mut self.events {
            if let Step::Write { at, .. } = event.step
                && event.took_effect.is_none()
                && self.disk.peek(at) == event.id.to_le_bytes()
            {
                event.took_effect = Some(self.now);
            }
        }
    }

    /// Writes to this sector that have taken effect, in that order.
    fn versions(&self, sector: u64) -> Vec<&Event> {
        let mut versions: Vec<_> =
            self.writes(sector).filter(|event| event.took_effect.is_some()).collect();
        versions.sort_by_key(|event| event.took_effect);
        versions
    }

    fn writes(&self, sector: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| {
            matches!(event.step, Step::Write { at, len, .. } if (at..at + len).contains(&sector))
        })
    }

    fn is_durable(&self, write: &Event) -> bool {
        let Some(answered) = write.answered else { return false };
        matches!(write.step, Step::Write { fua: true, .. })
            || self.events.iter().any(|flush| {
                matches!(flush.step, Step::Flush)
                    && flush.answered.is_some()
                    && answered < flush.submitted
            })
    }

    fn survivors(&self, sector: u64) -> BTreeSet<u64> {
        let versions = self.versions(sector);
        let durable = versions.iter().rposition(|write| self.is_durable(write));
        let durable_id = durable.map_or(0, |position| versions[position].id);
        let later = versions[durable.map_or(0, |position| position + 1)..].iter().map(|v| v.id);
        let in_flight = self.writes(sector).filter(|write| write.took_effect.is_none());
        later.chain(in_flight.map(|write| write.id)).chain([durable_id]).collect()
    }
}

fn id_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn survivors_are_those_of_the_slow_model(seed: u64, steps in steps()) {
        let mut twin = Twin::new(seed);
        for step in steps {
            twin.take(step);
            for sector in 0..SECTORS {
                let found: Vec<u64> = twin.disk.survivors(sector).map(id_of).collect();
                let distinct: BTreeSet<u64> = found.iter().copied().collect();
                prop_assert_eq!(distinct.len(), found.len(), "a survivor comes twice");
                prop_assert_eq!(distinct, twin.survivors(sector));
                prop_assert_eq!(found[0], id_of(twin.disk.peek_durable(sector)));
                let current = twin.versions(sector).last().map_or(0, |write| write.id);
                prop_assert_eq!(id_of(twin.disk.peek(sector)), current);
            }
        }
    }

    #[test]
    fn power_losses_leave_exactly_the_survivors(seed: u64, steps in steps()) {
        let mut twin = Twin::new(seed);
        for step in steps {
            twin.take(step);
        }
        let uncertain = twin.disk.uncertain();
        for sector in 0..SECTORS {
            let expected: Vec<Vec<u8>> = twin.disk.survivors(sector).map(<[u8]>::to_vec).collect();
            let versions = uncertain.iter().find(|(other, _)| *other == sector);
            prop_assert_eq!(versions.map_or(1, |(_, versions)| *versions), expected.len());
            for (version, expected) in expected.iter().enumerate() {
                let mut after = twin.disk.clone();
                after.power_loss(&mut |other, _| if other == sector { version } else { 0 });
                prop_assert_eq!(after.peek(sector), &expected[..]);
                prop_assert_eq!(after.durable(), after.cached());
                prop_assert_eq!((after.in_flight(), after.uncertain().len()), (0, 0));
            }
        }
    }

    #[test]
    fn deaths_keep_the_cache_and_land_only_what_was_in_flight(seed: u64, steps in steps()) {
        let mut twin = Twin::new(seed);
        for step in steps {
            twin.take(step);
        }
        let mut choices = Choices::default();
        for _ in 0..20 {
            let mut after = twin.disk.clone();
            after.process_death(&mut |_, versions| choices.choose(versions));
            prop_assert_eq!(after.in_flight(), 0);
            for sector in 0..SECTORS {
                let current = id_of(after.peek(sector));
                let before = id_of(twin.disk.peek(sector));
                let landing = twin.writes(sector).filter(|write| write.took_effect.is_none());
                let possible: BTreeSet<u64> = landing.map(|write| write.id).chain([before]).collect();
                prop_assert!(possible.contains(&current));
            }
            // What the next process flushes is all there is.
            let mut next = after.clone();
            next.submit(Request { id: RequestId(0), op: Op::Flush });
            next.advance(next.next_due().expect("the flush is in flight"));
            prop_assert!(next.poll().is_some());
            prop_assert_eq!(next.durable(), after.cached());
            prop_assert_eq!(next.cached(), after.cached());
            if !choices.advance() {
                break;
            }
        }
    }
}
