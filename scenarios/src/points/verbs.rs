//! Stage edges, and every verb in every stage with every kind of answer.

use colo_core::{EDGES, Mode, Stage, Verb};
use colo_sim::world::Side;

pub(super) const ANSWERS: [&str; 2] = ["ok", "refused"];

fn stages(side: Side) -> &'static [Stage] {
    match side {
        // A primary filter never fails over.
        Side::Primary => &[Stage::None, Stage::Running, Stage::Done],
        Side::Secondary => &Stage::ALL,
    }
}

pub(super) fn edges() -> Vec<String> {
    let names = EDGES.iter().map(|(mode, from, to)| {
        let side = if *mode == Mode::Primary { Side::Primary } else { Side::Secondary };
        format!("edge/{}/{}->{}", side.name(), from.name(), to.name())
    });
    names.collect()
}

fn cells() -> impl Iterator<Item = (Side, Verb, Stage)> {
    Side::BOTH.into_iter().flat_map(|side| {
        let of_verb = move |verb| stages(side).iter().map(move |stage| (side, verb, *stage));
        Verb::ALL.into_iter().flat_map(of_verb)
    })
}

pub(super) fn calls() -> Vec<String> {
    let name = |(side, verb, stage): (Side, Verb, Stage)| {
        format!("verb/{}/{verb}/{}", side.name(), stage.name())
    };
    cells().map(name).collect()
}

/// A verb is called while its filter is in this stage.
pub(super) fn call(side: Side, verb: Verb, stage: Stage) -> Option<usize> {
    let before =
        if side == Side::Secondary { Verb::ALL.len() * stages(Side::Primary).len() } else { 0 };
    let verb = Verb::ALL.iter().position(|other| *other == verb)?;
    let place = stages(side).iter().position(|other| *other == stage)?;
    Some(before + verb * stages(side).len() + place)
}

pub(super) fn answers() -> Vec<String> {
    let name = |(side, verb, stage): (Side, Verb, Stage)| {
        ANSWERS.map(|answer| format!("answer/{}/{verb}/{}/{answer}", side.name(), stage.name()))
    };
    cells().flat_map(name).collect()
}

/// A verb that was called in this stage, and alone on its host, is answered.
pub(super) fn answer(side: Side, verb: Verb, stage: Stage, ok: bool) -> Option<usize> {
    Some(call(side, verb, stage)? * ANSWERS.len() + usize::from(!ok))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_agree_with_names() {
        for (place, (side, verb, stage)) in cells().enumerate() {
            assert_eq!(call(side, verb, stage), Some(place));
            for (ok, word) in [(true, "ok"), (false, "refused")] {
                let place = answer(side, verb, stage, ok).expect("it is a combination");
                let name = format!("answer/{}/{verb}/{}/{word}", side.name(), stage.name());
                assert_eq!(answers()[place], name);
            }
        }
    }
}
