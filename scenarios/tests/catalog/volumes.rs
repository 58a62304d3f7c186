//! Guests with several disks.

use super::*;
use colo_core::{Admin, VolumeId};

fn on_second(entry: &Entry) -> bool {
    entry.volume == VolumeId(1)
}

/// What the secondary's filters of both disks answered to a verb, the first disk's first.
fn both_answers(ran: &Ran, wanted: Verb) -> [Vec<bool>; 2] {
    [false, true].map(|second| {
        let of_one = ran.entries.iter().filter(|entry| on_second(entry) == second);
        let answer = |entry: &Entry| match &entry.what {
            What::Event(Event::VerbAnswered { verb, result, .. })
                if entry.side == Some(S) && *verb == wanted =>
            {
                Some(result.is_ok())
            }
            _ => None,
        };
        of_one.filter_map(answer).collect()
    })
}

/// Which calls on all of the secondary's filters were answered ok, in order.
fn all_answers(ran: &Ran, wanted: Verb) -> Vec<bool> {
    let answer = |entry: &Entry| match &entry.what {
        What::Event(Event::AllAnswered { verb, result, .. })
            if entry.side == Some(S) && *verb == wanted =>
        {
            Some(result.is_ok())
        }
        _ => None,
    };
    ran.entries.iter().filter_map(answer).collect()
}

fn stages_of(ran: &Ran, second: bool) -> Vec<Stage> {
    let to = |entry: &Entry| match entry.what {
        What::Event(Event::Stage { to, .. }) if entry.side == Some(S) => Some(to),
        _ => None,
    };
    ran.entries.iter().filter(|entry| on_second(entry) == second).filter_map(to).collect()
}

const BOTH_DONE: Sign = ("both disks reach DONE", |ran| {
    [false, true].iter().all(|&second| stages_of(ran, second).last() == Some(&Stage::Done))
});
const BOTH_SERVED: Sign = ("a recovery serves both disks, one of them from its overlays", |ran| {
    let all = recoveries(ran);
    all.len() == 2
        && all.iter().all(|recovery| recovery.serves())
        && all.contains(&Recovery::Committed)
});
const TOGETHER: &str = "probe/host/all-filters-in-one-instant";
const GIVEN_UP: &str = "probe/host/filter-given-up-for-another";
const COMMAND_OK: &str = "command/secondary/open/ok";
const OTHER_FAILED: &str = "Another disk of this host failed";

pub(crate) const PROMISES: &[Promise] = &[
    promise("two-disks", &[PROMOTED, TOGETHER], &[BOTH_DONE, NOTHING_REFUSED]),
    promise("two-disks-planned-stop", &[STOPPED, TOGETHER], &[BOTH_DONE, NOTHING_REFUSED]),
    promise("two-disks-quit", &["command/secondary/quit/ok"], &[ENDED, BOTH_SERVED]),
    promise(
        "start-fails-on-one-disk",
        &[GIVEN_UP, TOGETHER],
        &[("neither starts, then both do", |ran| {
            both_answers(ran, START) == [vec![false, true], vec![false, true]]
        })],
    )
    .refuses(&[OTHER_FAILED, "Failed to empty hidden: Input/output error"]),
    promise(
        "start-of-two-disks-one-wired-wrong",
        &[GIVEN_UP],
        &[("no stage changes", |ran| !ran.timeline.contains("stage NONE -> "))],
    )
    .refuses(&[
        OTHER_FAILED,
        "Block replication is not running",
        "Hidden disk doesn't have backing file",
    ])
    .without_a_pair(),
    promise(
        "start-beside-a-disk-that-runs",
        &["probe/host/start-beside-running-filters", PROMOTED],
        &[BOTH_DONE, NOTHING_REFUSED],
    ),
    promise(
        "start-of-all-that-run",
        &["verb/secondary/start(secondary)/RUNNING"],
        &[("the second start of all is refused", |ran| all_answers(ran, START) == [true, false])],
    )
    .refuses(&["Block replication is running or done"]),
    promise(
        "checkpoint-fails-on-one-disk",
        &[GIVEN_UP, TOGETHER, "emptying/hidden/half"],
        &[("get_error tells, and no checkpoint of COLO's follows", |ran| {
            all_answers(ran, Verb::Checkpoint) == [true, false]
                && all_answers(ran, Verb::GetError).last() == Some(&false)
        })],
    )
    .secondary_guest(&["P1×5 S1×3 init×16", "P1×5 S1×3 init×16"]),
    promise(
        "job-lost-while-another-disk-is-prepared",
        &[GIVEN_UP, "probe/backup/cancelled-idle"],
        &[("the disk that lost its job says so, the other was given up", |ran| {
            both_answers(ran, Verb::Checkpoint) == [vec![true, false], vec![true, false]]
        })],
    )
    .refuses(&[OTHER_FAILED, "Backup job was cancelled unexpectedly"]),
    promise(
        "failover-refused-on-one-disk",
        &[PROMOTED, "probe/verb/failover-refused-by-permission"],
        &[
            BOTH_DONE,
            ("the older disk fails over at the first try", |ran| {
                both_answers(ran, FAILOVER) == [vec![true, true], vec![false, true]]
            }),
        ],
    ),
    promise(
        "checkpoint-after-one-disk-failed-over",
        &["probe/host/checkpoint-of-disks-apart", PROMOTED],
        &[BOTH_DONE],
    )
    .refuses(&["Some disks of this host have stopped replicating, and others have not"]),
    promise(
        "power-loss-while-two-disks-commit",
        &["crash/secondary/power-loss/commit-copying"],
        &[BOTH_SERVED],
    ),
    promise(
        "power-loss-with-one-disk-failed-over",
        &["crash/secondary/power-loss/RUNNING"],
        &[("one view is recovered and the other refused", |ran| {
            let mut all = recoveries(ran);
            all.sort_by_key(|recovery| recovery.serves());
            all == [Recovery::Refused, Recovery::Committed]
        })],
    ),
    promise(
        "forwarding-fails-on-one-disk",
        &["probe/filter/forward-failed"],
        &[
            PRIMARY_GUEST_UNHARMED,
            ("get_error of all tells the primary", |ran| {
                ran.entries.iter().any(|entry| {
                    entry.side == Some(P)
                        && matches!(
                            entry.what,
                            What::Event(Event::AllAnswered {
                                verb: Verb::GetError,
                                result: Err(_),
                                ..
                            })
                        )
                })
            }),
        ],
    ),
    promise(
        "one-disk-closed",
        &[PROMOTED, "probe/verb/close-while-running"],
        &[("the other disk goes on", |ran| stages_of(ran, false).last() == Some(&Stage::Done))],
    ),
    promise(
        "disk-opened-later",
        &[COMMAND_OK, "command/primary/open/ok", "probe/host/volume-opened-later", TOGETHER],
        &[BOTH_DONE],
    ),
    promise(
        "disk-opened-later-with-wrong-options",
        &["command/secondary/open/refused"],
        &[("the process goes on", |ran| last_answer(ran, S) == Some(true))],
    ),
    promise(
        "disk-removed-and-opened-again",
        &["command/secondary/remove/ok", COMMAND_OK, PROMOTED],
        &[("it replicates again", |ran| both_answers(ran, START)[1] == [true, true])],
    ),
    promise(
        "only-disk-removed-and-opened-again",
        &["command/secondary/remove/ok", COMMAND_OK, PROMOTED],
        &[
            ("without its volume the guest has no medium", |ran| {
                ran.timeline.contains("answered: ENOMEDIUM")
            }),
            ("its command is answered", |ran| {
                ran.entries.iter().any(|entry| {
                    matches!(
                        entry.what,
                        What::Event(Event::AdminAnswered {
                            admin: Admin::Open,
                            result: Ok(()),
                            ..
                        })
                    )
                })
            }),
        ],
    )
    .secondary_guest(&["P1×2 S1×4 init×2"]),
];
