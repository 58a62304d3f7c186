//! Graphs that were put together wrongly, and what competes with a start in one that was not.

use colo_core::{
    Admin, EXPORT, FILTER, Format, JobType, Name, OptionsText, PARENT, TOP, UserKind, Verb,
};

use super::steps::{
    HIDDEN, JOB, OTHER, P, S, SECONDARY, START, attach, call, command, detach, read, start_job,
    started, write,
};
use super::{Scenario, scenario};
use crate::plan::Step;

/// A start, and what the guest and get_error see afterwards.
fn start_once() -> Vec<Step> {
    vec![call(S, START), read(S, 0, 4), call(S, Verb::GetError)]
}

/// The start, what the operator does, and the start again with a checkpoint.
fn start_again(repair: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = start_once();
    steps.extend(repair);
    steps.extend(started([write(P, 0, 4), Step::Checkpoint, read(S, 0, 4)]));
    steps
}

/// A job of the operator's own runs, and ends between the first start and the second.
fn start_beside(kind: JobType, node: Name) -> Vec<Step> {
    let mut steps = vec![start_job(kind, node)];
    steps.extend(start_again([command(Admin::CancelJob { job: JOB })]));
    steps
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("options-without-mode", "the filter's options name no mode", start_once)
        .on(|setup| setup.wiring.options = Some(OptionsText::new("top-id=colo-disk0"))),
    scenario("options-primary-with-top-id", "a primary's options name a top", start_once).on(
        |setup| setup.wiring.options = Some(OptionsText::new("mode=primary,top-id=colo-disk0")),
    ),
    scenario("options-without-top-id", "a secondary's options name no top", start_once)
        .on(|setup| setup.wiring.options = Some(OptionsText::new("mode=secondary"))),
    scenario(
        "options-other-mode",
        "the filter's options name a mode that there is not",
        start_once,
    )
    .on(|setup| setup.wiring.options = Some(OptionsText::new("mode=both,top-id=colo-disk0"))),
    scenario("options-unknown", "the filter's options name one that no filter has", start_once).on(
        |setup| {
            setup.wiring.options =
                Some(OptionsText::new("mode=secondary,top-id=colo-disk0,speed=9"));
        },
    ),
    scenario("active-has-no-backing", "active is a raw image, nothing lies behind it", start_once)
        .on(|setup| setup.wiring.active = Format::Raw),
    scenario("hidden-has-no-backing", "hidden is a raw image, nothing lies behind it", start_once)
        .on(|setup| setup.wiring.hidden = Format::Raw),
    scenario(
        "secondary-disk-unused",
        "nobody uses the secondary disk at the first start, an export does at the second",
        || start_again([attach(EXPORT, UserKind::Export, SECONDARY)]),
    )
    .on(|setup| setup.wiring.export = false),
    scenario("hidden-is-short", "hidden is shorter than the disks around it", start_once)
        .on(|setup| setup.wiring.hidden_is_short = true),
    scenario("active-cannot-be-emptied", "active is of a format without emptying", start_once)
        .on(|setup| setup.wiring.active = Format::Fixed),
    scenario("hidden-cannot-be-emptied", "hidden is of a format without emptying", start_once)
        .on(|setup| setup.wiring.hidden = Format::Fixed),
    scenario("filter-read-only", "the filter and its guest's device are opened read-only", || {
        let mut steps = start_once();
        steps.push(write(S, 0, 4));
        steps
    })
    .on(|setup| setup.wiring.filter_read_only = true),
    scenario("hidden-protected", "hidden's image cannot be opened for writing", start_once)
        .on(|setup| setup.wiring.hidden_protected = true),
    scenario(
        "secondary-protected",
        "hidden could be opened for writing, the secondary disk's image cannot",
        start_once,
    )
    .on(|setup| {
        let wiring = &mut setup.wiring;
        (wiring.secondary_read_only, wiring.secondary_protected) = (true, true);
        wiring.parent = Some(UserKind::Drive);
    }),
    scenario(
        "top-not-found",
        "nothing has the name of the top at the first start, a drive has it at the second",
        || start_again([attach(OTHER, UserKind::Drive, TOP)]),
    )
    .on(|setup| setup.wiring.top_id = OTHER),
    scenario(
        "top-is-no-root",
        "the name of the top is that of the filter, below the quorum",
        start_once,
    )
    .on(|setup| setup.wiring.top_id = FILTER),
    scenario(
        "top-is-elsewhere",
        "the drive that the top is named after is on the secondary disk, then on the root",
        || start_again([detach(PARENT), attach(PARENT, UserKind::Drive, TOP)]),
    )
    .on(|setup| {
        (setup.wiring.top_id, setup.wiring.parent) = (PARENT, Some(UserKind::Drive));
    }),
    scenario(
        "backup-competes-for-the-secondary-disk",
        "an operator's backup job runs on the secondary disk at the first start, not at the second",
        || start_beside(JobType::Backup, SECONDARY),
    ),
    scenario(
        "backup-competes-for-hidden",
        "an operator's backup job runs on hidden at the first start, not at the second",
        || start_beside(JobType::Backup, HIDDEN),
    ),
    scenario(
        "mirror-of-hidden",
        "an operator asks for a mirror of hidden, on which another node stands",
        || start_beside(JobType::Mirror, HIDDEN),
    ),
];
