//! What an upstream tracker wants to know of a run on QEMU: versions, steps, expected, actual, consequence.

use colo_core::Quirk;

use crate::conform::Conformance;
use crate::conform::columns::columns;
use crate::conform::ours::ours;
use crate::conform::transcript::{Disagreement, compare};
use crate::finding::Finding;
use crate::oracle::INVARIANTS;
use crate::plan::Plan;
use crate::profile::Profile;

/// The report, in Markdown.
pub fn report(conformance: &Conformance, version: &str, finding: Option<&Finding>) -> String {
    let mut text = format!("# {}\n\n", conformance.plan.name);
    text.push_str(&format!(
        "QEMU {version}, x86_64, `-accel tcg`, no guest runs (`-S`). Every disk is 0x11 at first; patterns are bytes \
         and numbers of sectors of 512 bytes.\n\n"
    ));
    text.push_str(&expected_and_actual(conformance, finding));
    text.push_str("## Consequence\n\n");
    text.push_str(finding.map_or("None is known.", |finding| &finding.consequence));
    text.push_str(
        "\n\n## Steps, and what QEMU does\n\nWhat is as it was a step before is left out.\n\n```\n",
    );
    text.push_str(&conformance.theirs.text());
    text.push_str(
        "```\n\nThe script beside this file does the same again, with QEMU and Python alone.\n",
    );
    text
}

fn expected_and_actual(conformance: &Conformance, finding: Option<&Finding>) -> String {
    let mut text = "## Expected\n\n".to_owned();
    let differing = match finding {
        Some(finding) => {
            text.push_str(&format!("{}\n\n", sentence(&finding.invariant)));
            let without = without(&conformance.plan, finding.quirk);
            compare(&ours(&without), &conformance.theirs)
        }
        None => conformance.disagreements.clone(),
    };
    let Some(first) = differing.first() else {
        let why = match finding {
            Some(_) => "What can be seen from outside is the same without the defect.",
            None => "What a model of the filter says, which QEMU agrees with at every step.",
        };
        text.push_str(&format!("{why}\n\n## Actual\n\nAs below.\n\n"));
        return text;
    };
    let step = &conformance.theirs.moments[first.moment].step;
    let lines = |said: fn(&Disagreement) -> &str| {
        let lines = differing.iter().map(|one| format!("- {}: {}\n", one.subject, said(one)));
        lines.collect::<String>()
    };
    text.push_str(&format!(
        "After step {}, `{step}`:\n\n{}\n## Actual\n\nAfter the same step:\n\n{}\n",
        first.moment,
        lines(|one| &one.ours),
        lines(|one| &one.theirs),
    ));
    text
}

/// What has to hold, as a sentence.
fn sentence(invariant: &str) -> String {
    let known = INVARIANTS.iter().find(|(name, _)| *name == invariant);
    let holds = known.map_or("", |(_, holds)| *holds);
    let mut letters = holds.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The plan on a filter that has all the seed's defects but this one.
fn without(plan: &Plan, quirk: Quirk) -> Plan {
    let others = Quirk::ALL.iter().copied().filter(|other| *other != quirk);
    Plan { profile: Profile::Hardened, quirks: others.collect(), ..plan.clone() }
}

/// Both runs side by side, with what differs first above.
pub fn side_by_side(conformance: &Conformance, version: &str) -> String {
    let heads = ["simulation", &format!("QEMU {version}")];
    format!("{}\n{}", conformance.text(), columns(&conformance.ours, &conformance.theirs, heads))
}
