//! Guests with several disks: what is called on all filters of a host, and disks that come and go.

use colo_core::{Admin, DiskId, EmptyFailure, Format, JobKind, OptionsText, UserKind, Verb};
use colo_sim::faulty::OpKind;

use super::steps::{
    HIDDEN, OTHER, P, RECOVER, S, START, START_PRIMARY, attach, call, call_all, command, detach,
    empty_fails, fault, flush, on, read, write,
};
use super::{Scenario, scenario};
use crate::plan::{Further, FurtherVolume, Setup, Step};

/// The same on the second disk.
fn second(step: Step) -> Step {
    on(1, step)
}

fn stop_all(failover: bool) -> Step {
    call_all(S, Verb::Stop { failover })
}

/// All filters of both hosts start, the secondary's first.
fn started(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = vec![call_all(S, START), call_all(P, START_PRIMARY)];
    steps.extend(rest);
    steps
}

/// Writes on both sides of both disks after a checkpoint.
fn written(rest: impl IntoIterator<Item = Step>) -> Vec<Step> {
    let mut steps = started([
        write(P, 0, 6),
        second(write(P, 2, 6)),
        Step::Checkpoint,
        write(P, 3, 8),
        second(write(P, 4, 8)),
        write(S, 5, 3),
        second(write(S, 6, 3)),
        flush(S),
        second(flush(S)),
    ]);
    steps.extend(rest);
    steps
}

fn both_read() -> [Step; 2] {
    [read(S, 0, 24), second(read(S, 0, 24))]
}

fn two(setup: &mut Setup) {
    setup.further = Further::new([FurtherVolume::default()]);
}

fn second_later(setup: &mut Setup) {
    setup.further = Further::new([FurtherVolume { later: true, ..FurtherVolume::default() }]);
}

fn removed_and_opened() -> Vec<Step> {
    written([
        second(Step::Admin { side: S, command: Admin::Remove, wait: true }),
        second(write(P, 0, 2)),
        second(command(Admin::Open)),
        second(call(S, START)),
        second(write(P, 1, 3)),
        second(read(S, 0, 8)),
        Step::Failover,
        Step::Settle,
        second(read(S, 0, 8)),
    ])
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("two-disks", "a guest with two disks: start, checkpoint and failover of both", || {
        let mut steps = written([Step::Failover, Step::Settle]);
        steps.extend(both_read());
        steps
    })
    .on(two),
    scenario("two-disks-planned-stop", "a planned stop of both disks", || {
        let mut steps = written([stop_all(false), call_all(P, Verb::Stop { failover: false })]);
        steps.extend(both_read());
        steps
    })
    .on(two),
    scenario("two-disks-quit", "the process ends in order while it commits both disks", || {
        written([Step::Failover, command(Admin::Quit), RECOVER, read(S, 0, 24)])
    })
    .on(two),
    scenario(
        "start-fails-on-one-disk",
        "an overlay of the older disk cannot be emptied at the start: neither starts, then both do",
        || {
            let mut steps = vec![empty_fails(DiskId::Hidden, EmptyFailure::Nothing), call_all(S, START)];
            steps.extend(written(both_read()));
            steps
        },
    )
    .on(two),
    scenario(
        "start-of-two-disks-one-wired-wrong",
        "hidden of the older disk is no overlay: the newer one is not left running",
        || vec![call_all(S, START), call_all(S, Verb::GetError), read(S, 0, 4), second(read(S, 0, 4))],
    )
    .on(|setup| {
        two(setup);
        setup.wiring.hidden = Format::Raw;
    }),
    scenario(
        "start-beside-a-disk-that-runs",
        "one disk replicates already when all are started",
        || {
            let mut steps = vec![call(S, START)];
            steps.extend(written([Step::Failover, Step::Settle]));
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario(
        "start-of-all-that-run",
        "all are started once more while they run, and refuse",
        || started([call_all(S, START), call_all(P, START_PRIMARY), Step::Checkpoint]),
    )
    .on(two),
    scenario(
        "checkpoint-fails-on-one-disk",
        "an overlay of the older disk cannot be emptied: neither disk has the new epoch",
        || {
            let mut steps = written([empty_fails(DiskId::Hidden, EmptyFailure::Half)]);
            steps.push(Step::Checkpoint);
            steps.extend(both_read());
            steps.extend([call_all(S, Verb::GetError), Step::Checkpoint]);
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario(
        "job-lost-while-another-disk-is-prepared",
        "the newer disk is ready for the checkpoint, and loses its backup job while it waits",
        || {
            let slow = Step::Stall { disk: DiskId::Active, ns: 2_000_000 };
            let mut steps = written([slow]);
            steps.extend([
                Step::CallAll { side: S, verb: Verb::Checkpoint, wait: false },
                Step::Pass(1_500_000),
                second(Step::Cancel(JobKind::Backup)),
                Step::Settle,
            ]);
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario(
        "failover-refused-on-one-disk",
        "somebody reads hidden of the newer disk: the older one fails over, the newer at the second try",
        || {
            written([
                second(attach(OTHER, UserKind::ReadOnlyExport, HIDDEN)),
                Step::Failover,
                Step::Settle,
                second(read(S, 0, 24)),
                second(detach(OTHER)),
                stop_all(true),
                Step::Settle,
                read(S, 0, 24),
                second(read(S, 0, 24)),
            ])
        },
    )
    .on(two),
    scenario(
        "checkpoint-after-one-disk-failed-over",
        "one disk has failed over, and a checkpoint of all is refused",
        || {
            written([
                call(S, Verb::Stop { failover: true }),
                Step::Settle,
                call_all(S, Verb::Checkpoint),
                second(read(S, 0, 24)),
                stop_all(true),
                Step::Settle,
                second(read(S, 0, 24)),
            ])
        },
    )
    .on(two),
    scenario(
        "power-loss-while-two-disks-commit",
        "the power fails while both commits run; both are recovered",
        || {
            let mut steps = written([
                Step::Failover,
                Step::Pass(150_000),
                Step::PowerLoss(S),
                RECOVER,
            ]);
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario(
        "power-loss-with-one-disk-failed-over",
        "one disk has failed over and the other replicates: one view is recovered, the other is void",
        || {
            let mut steps = written([
                call(S, Verb::Stop { failover: true }),
                Step::PowerLoss(S),
                RECOVER,
            ]);
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario(
        "forwarding-fails-on-one-disk",
        "the secondary disk of one volume fails forwarded writes: both learn it before the next checkpoint",
        || {
            let mut steps = written([
                second(fault(DiskId::Secondary, OpKind::Write, 1)),
                second(write(P, 12, 2)),
                Step::Checkpoint,
            ]);
            steps.extend(both_read());
            steps
        },
    )
    .on(two),
    scenario("one-disk-closed", "one filter is closed, and the other goes on alone", || {
        written([
            second(call(S, Verb::Close)),
            write(P, 0, 4),
            Step::Checkpoint,
            Step::Failover,
            Step::Settle,
            read(S, 0, 24),
        ])
    })
    .on(two),
    scenario(
        "disk-opened-later",
        "a second disk comes to guests that replicate already, and joins the next start and checkpoint",
        || {
            let mut steps = started([
                second(Step::Admin { side: P, command: Admin::Open, wait: true }),
                second(command(Admin::Open)),
                second(read(S, 0, 4)),
            ]);
            steps.extend(written([Step::Failover, Step::Settle]));
            steps.extend(both_read());
            steps
        },
    )
    .on(second_later),
    scenario(
        "disk-opened-later-with-wrong-options",
        "the filter of a second disk is refused for its options, and the process goes on",
        || {
            started([
                second(command(Admin::Open)),
                second(read(S, 0, 4)),
                write(P, 0, 4),
                Step::Checkpoint,
                read(S, 0, 4),
            ])
        },
    )
    .on(|setup| {
        let mut volume = FurtherVolume { later: true, ..FurtherVolume::default() };
        volume.wiring.options = Some(OptionsText::new("mode=both,top-id=colo-disk0"));
        setup.further = Further::new([volume]);
    }),
    scenario(
        "disk-removed-and-opened-again",
        "a disk goes while it replicates, comes back in the same process, and replicates again",
        removed_and_opened,
    )
    .on(two),
    scenario(
        "only-disk-removed-and-opened-again",
        "the only disk goes, and comes back in the same process with the view that it had at the end",
        || {
            vec![
                call(S, START),
                call(P, START_PRIMARY),
                write(P, 0, 4),
                Step::Checkpoint,
                write(S, 2, 4),
                Step::Failover,
                Step::Settle,
                command(Admin::Remove),
                read(S, 0, 4),
                command(Admin::Open),
                call(S, START),
                read(S, 0, 8),
            ]
        },
    ),
];
