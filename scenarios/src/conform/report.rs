//! What an upstream tracker wants to know of a run on QEMU: versions, steps, expected, actual, consequence.

use colo_core::Quirk;
use serde_json::json;

use crate::conform::Conformance;
use crate::conform::columns::columns;
use crate::conform::ours::ours;
use crate::conform::qemu::{ALWAYS, Act, IN_ORDER};
use crate::conform::transcript::{Disagreement, Transcript, compare};
use crate::finding::Finding;
use crate::oracle::INVARIANTS;
use crate::plan::Plan;
use crate::profile::Profile;

/// The report, in Markdown.
pub fn report(conformance: &Conformance, version: &str, finding: Option<&Finding>) -> String {
    let mut text = format!("# {}\n\n", conformance.plan.name);
    text.push_str(&format!(
        "QEMU {version}, x86_64, `-accel tcg`, no guest runs (`-S`). Every disk is 0x11 at first; patterns are bytes \
         and numbers of sectors of 512 bytes, a cluster is 128 of them.\n\n"
    ));
    text.push_str(&expected_and_actual(conformance, finding));
    text.push_str("## Consequence\n\n");
    text.push_str(finding.map_or("None is known.", |finding| &finding.consequence));
    text.push_str("\n\n## Setup\n\n```\n");
    text.push_str(&setup(&conformance.log.acts));
    text.push_str("```\n\n## Steps, and what QEMU does\n\n");
    text.push_str("What is as it was a step before is left out.\n\n```\n");
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
            compare(&expected(&conformance.plan, finding.quirk), &conformance.theirs)
        }
        None => conformance.disagreements.clone(),
    };
    let died = died(&conformance.log.acts);
    let Some(first) = differing.first() else {
        let why = match finding {
            Some(_) => "What can be seen from outside is the same without the defect.",
            None => "What a model of the filter says, which QEMU agrees with at every step.",
        };
        text.push_str(&format!("{why}\n\n## Actual\n\nAs below.\n{died}\n"));
        return text;
    };
    let step = &conformance.theirs.moments[first.moment].step;
    let lines = |said: fn(&Disagreement) -> &str| {
        let lines = differing.iter().map(|one| format!("- {}: {}\n", one.subject, said(one)));
        lines.collect::<String>()
    };
    text.push_str(&format!(
        "After step {}, `{step}`:\n\n{}\n## Actual\n\nAfter the same step:\n\n{}{died}\n",
        first.moment,
        lines(|one| &one.ours),
        lines(|one| &one.theirs),
    ));
    text
}

/// How processes ended that did not end in order, with their last words.
fn died(acts: &[Act]) -> String {
    let ends = acts.iter().filter_map(|act| match act {
        Act::Ended { host, how, output } if how != IN_ORDER => {
            let said = output.trim();
            let said = if said.is_empty() { String::new() } else { format!(": `` {said} ``") };
            Some(format!("- the {host}'s process has ended, {how}{said}\n"))
        }
        _ => None,
    });
    ends.collect()
}

/// Images, command lines, and what the monitor is told before the first step.
fn setup(acts: &[Act]) -> String {
    let steps = acts.iter().enumerate().filter(|(_, act)| matches!(act, Act::Step(_)));
    let first = steps.map(|(at, _)| at).nth(1).unwrap_or(acts.len());
    let lines = acts[..first].iter().filter_map(|act| match act {
        Act::Fill { file, bytes, pattern } => {
            Some(format!("{file}: {bytes} bytes of {pattern:#04x}\n"))
        }
        Act::Tool { command, .. } => Some(format!("{}\n", command.join(" "))),
        Act::Start { host, arguments } => {
            let socket = format!("unix:{host}.qmp,server=on,wait=off");
            let all = ALWAYS.iter().copied().chain([socket.as_str()]);
            let all = all.chain(arguments.iter().map(String::as_str));
            // An option and its value on a line.
            let all = all.map(|word| {
                let between = if word.starts_with('-') { " \\\n    " } else { " " };
                format!("{between}{}", quoted(word))
            });
            Some(format!("qemu-system-x86_64{}\n", all.collect::<String>()))
        }
        Act::Command { host, command, arguments, .. } if !asks(command) => {
            let said = json!({ "execute": command, "arguments": arguments });
            Some(format!("{host}: {said}\n"))
        }
        _ => None,
    });
    lines.collect()
}

/// Whether a command changes nothing.
fn asks(command: &str) -> bool {
    command.starts_with("query-") || command == "human-monitor-command"
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=.,:/".contains(&byte);
    if word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// What a filter without this defect shows: one that has all the others, or, where another hides that this one is
/// gone, one that has none.
fn expected(plan: &Plan, quirk: Quirk) -> Transcript {
    let others = Quirk::ALL.iter().copied().filter(|other| *other != quirk).collect();
    let with = |quirks| ours(&Plan { profile: Profile::Hardened, quirks, ..plan.clone() });
    let expected = with(others);
    if compare(&expected, &ours(plan)).is_empty() { with(Vec::new()) } else { expected }
}

/// Whether a finding can be seen from outside in the form in which QEMU gets it.
pub fn is_visible(plan: &Plan, quirk: Quirk) -> bool {
    !compare(&expected(plan, quirk), &ours(plan)).is_empty()
}

/// What has to hold, as a sentence.
fn sentence(invariant: &str) -> String {
    if invariant == "no-abort" {
        return "The process does not abort.".to_owned();
    }
    let known = INVARIANTS.iter().find(|(name, _)| *name == invariant);
    let holds = known.map_or("", |(_, holds)| *holds);
    if holds.split(' ').next().is_some_and(|word| word.contains('_')) {
        return format!("{holds}.");
    }
    let mut letters = holds.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Both runs side by side, with what differs first above.
pub fn side_by_side(conformance: &Conformance, version: &str) -> String {
    let heads = ["simulation", &format!("QEMU {version}")];
    format!("{}\n{}", conformance.text(), columns(&conformance.ours, &conformance.theirs, heads))
}
