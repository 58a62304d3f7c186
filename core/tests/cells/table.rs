//! Rows: a place, what is done there, and what is expected, in the seed and hardened.

use colo_core::{Admin, DiskId, Mode, Name, Quirk, Quirks, UserId, UserKind, Verb, Wiring};

use crate::bench::{Bench, Cell, Do, Kind};

pub(crate) const START_P: Do = Do::Call(Verb::Start(Mode::Primary));
pub(crate) const START_S: Do = Do::Call(Verb::Start(Mode::Secondary));
pub(crate) const CHECKPOINT: Do = Do::Call(Verb::Checkpoint);
pub(crate) const GET_ERROR: Do = Do::Call(Verb::GetError);
pub(crate) const STOP: Do = Do::Call(Verb::Stop { failover: false });
pub(crate) const FAILOVER: Do = Do::Call(Verb::Stop { failover: true });
pub(crate) const CLOSE: Do = Do::Call(Verb::Close);

/// How a host comes to where a row begins.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    mode: Mode,
    steps: &'static [Do],
}

const fn primary(name: &'static str, steps: &'static [Do]) -> Place {
    Place { name, mode: Mode::Primary, steps }
}

const fn secondary(name: &'static str, steps: &'static [Do]) -> Place {
    Place { name, mode: Mode::Secondary, steps }
}

/// The guest's write is in active, and its sector 0 only; the export's has moved sectors 2..4 to hidden.
const LOCAL: Do = Do::Write(UserId::Guest, 0, 1);
const FORWARDED: Do = Do::Write(UserId::Export, 2, 1);
const HOLD: Do = Do::Hold(DiskId::Secondary, Kind::W);
const FAIL: Do = Do::Fail(DiskId::Secondary, Kind::W);

pub(crate) const PN: Place = primary("primary N", &[]);
pub(crate) const PR: Place = primary("primary R", &[START_P]);
pub(crate) const PR_LOST: Place =
    primary("primary R, a forwarded write failed", &[START_P, FAIL, LOCAL, Do::Heal]);
pub(crate) const PD: Place = primary("primary D", &[START_P, STOP]);
pub(crate) const SN: Place = secondary("secondary N", &[]);
pub(crate) const SR: Place = secondary("secondary R", &[START_S, LOCAL, FORWARDED]);
pub(crate) const SR_LOST: Place =
    secondary("secondary R, backup job lost", &[START_S, LOCAL, FORWARDED, Do::CancelBackup]);
/// The commit's writes to the secondary disk are not answered.
pub(crate) const SF: Place = secondary("secondary F", &[START_S, LOCAL, FORWARDED, HOLD, FAILOVER]);
/// The same, and one copy too many of a guest's read holds the end back: the commit is READY.
pub(crate) const SF_READY: Place = secondary(
    "secondary F, commit READY",
    &[
        START_S,
        LOCAL,
        FORWARDED,
        HOLD,
        FAILOVER,
        Do::Hold(DiskId::Active, Kind::R),
        Do::Read(UserId::Guest, 0, 1),
        Do::Release(DiskId::Secondary, Kind::W),
    ],
);
pub(crate) const SFF: Place =
    secondary("secondary FF", &[START_S, LOCAL, FORWARDED, FAIL, FAILOVER, Do::Heal]);
pub(crate) const SD: Place =
    secondary("secondary D, failover", &[START_S, LOCAL, FORWARDED, FAILOVER]);
pub(crate) const SD_PLANNED: Place =
    secondary("secondary D, planned", &[START_S, LOCAL, FORWARDED, STOP]);

/// A host of which only the steps of the row are known.
pub(crate) const NEW: Place = secondary("secondary", &[]);
/// No guest or forwarded write: active and hidden are empty.
pub(crate) const SR_CLEAN: Place = secondary("secondary R, nothing written", &[START_S]);
/// Somebody relies on hidden: a commit cannot start.
const READER: Do = Do::Ask(Admin::Attach {
    user: Name::new("ro0"),
    kind: UserKind::ReadOnlyExport,
    node: Name::new("hidden"),
});
pub(crate) const SR_READER: Place =
    secondary("secondary R, hidden has a reader", &[START_S, LOCAL, FORWARDED, READER]);
pub(crate) const SF_NO_COMMIT: Place =
    secondary("secondary F, no commit job", &[START_S, LOCAL, FORWARDED, READER, FAILOVER]);

/// One row of a table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    place: Place,
    steps: &'static [Do],
    wiring: fn(&mut Wiring),
    seed: Cell<&'static str>,
    /// Which quirks make the difference, and what is expected without them.
    hardened: Option<(&'static [Quirk], Cell<&'static str>)>,
}

const fn cell(
    answer: &'static str,
    seen: &'static str,
    get_error: &'static str,
) -> Cell<&'static str> {
    Cell { answer, seen, get_error }
}

/// What is expected of both profiles.
pub(crate) const fn row(
    place: Place,
    steps: &'static [Do],
    answer: &'static str,
    seen: &'static str,
    get_error: &'static str,
) -> Row {
    let seed = cell(answer, seen, get_error);
    Row { place, steps, wiring: |_| (), seed, hardened: None }
}

impl Row {
    /// What is expected without these quirks.
    pub(crate) const fn but(
        self,
        quirks: &'static [Quirk],
        answer: &'static str,
        seen: &'static str,
        get_error: &'static str,
    ) -> Self {
        Self { hardened: Some((quirks, cell(answer, seen, get_error))), ..self }
    }

    /// On a graph that is put together like this.
    pub(crate) const fn on(self, wiring: fn(&mut Wiring)) -> Self {
        Self { wiring, ..self }
    }

    fn run(&self, quirks: Quirks, see: fn(&Bench) -> String) -> Cell<String> {
        let mut wiring = Wiring::default();
        (self.wiring)(&mut wiring);
        let mut bench = Bench::new(self.place.mode, wiring, quirks);
        self.place.steps.iter().for_each(|&step| bench.perform(step));
        bench.begin();
        self.steps.iter().for_each(|&step| bench.perform(step));
        bench.cell(see(&bench))
    }

    fn name(&self) -> String {
        format!("{}, {:?}", self.place.name, self.steps)
    }

    /// Whether this is what happens. Without the named quirks, and with all others, the seed does
    /// what the hardened profile does; with any one of them it does not.
    fn check(&self, see: fn(&Bench) -> String) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |profile: String, quirks, expected: Cell<&'static str>| {
            let found = self.run(quirks, see);
            if !same(&found, &expected) {
                wrong.push(format!(
                    "{} in {profile}:\n  expected {expected:?}\n  found    {found:?}",
                    self.name()
                ));
            }
        };
        expect("the seed".into(), Quirks::all(), self.seed);
        let (named, hardened) = self.hardened.unwrap_or((&[], self.seed));
        expect("the hardened profile".into(), Quirks::NONE, hardened);
        let without = |left: Option<&Quirk>| {
            let named = named.iter().filter(|quirk| Some(*quirk) != left);
            named.fold(Quirks::all(), |quirks, quirk| quirks.without(*quirk))
        };
        expect(format!("the seed without {named:?}"), without(None), hardened);
        for quirk in named {
            if same(&self.run(without(Some(quirk)), see), &hardened) {
                wrong.push(format!("{}: {quirk:?} makes no difference", self.name()));
            }
        }
        wrong
    }

    /// Whether it asks this first, there.
    pub(crate) fn is_of(&self, place: &Place, verb: Verb) -> bool {
        let asked = self.steps.iter().find_map(|step| match step {
            Do::Call(verb) => Some(*verb),
            _ => None,
        });
        self.place.name == place.name && asked == Some(verb)
    }

    /// What is expected in the seed, and hardened.
    pub(crate) fn cells(&self) -> [Cell<&'static str>; 2] {
        [self.seed, self.hardened.map_or(self.seed, |(_, cell)| cell)]
    }
}

fn same(found: &Cell<String>, expected: &Cell<&'static str>) -> bool {
    found.answer == expected.answer
        && found.seen == expected.seen
        && found.get_error == expected.get_error
}

/// All rows of a table, with what is seen of each.
pub(crate) fn check(rows: &[Row], see: fn(&Bench) -> String) {
    let wrong: Vec<String> = rows.iter().flat_map(|row| row.check(see)).collect();
    assert!(wrong.is_empty(), "{} cells are wrong\n{}", wrong.len(), wrong.join("\n"));
}
