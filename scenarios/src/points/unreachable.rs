//! Combinations that cannot be, and why: of the hardened core, whatever the plan.
//!
//! A test runs plans and demands that none of them is met. A pattern has the parts of a name; `*` stands for
//! any one part. `M5` and the like are messages (`docs/answers.md`).

const NO_BACKUP: &str =
    "the backup job runs while a filter is started or runs, and ends before a commit begins";

const NO_COMMIT: &str =
    "a commit that runs tells what it is doing, which goes before everything else";

/// A pattern, and why nothing of that name happens.
pub const REASONS: &[(&str, &str)] = &[
    ("command/*/quit/refused", "nothing refuses to quit"),
    ("site/elsewhere", "nothing in the core asks for anything else"),
    ("site/*/local/*/cancel", "a primary has no job to cancel"),
    ("fault/local/*/opening", "a primary reads nothing to open its disk"),
    ("fault/local/*/FAILOVER", "a primary never fails over"),
    ("fault/local/*/FAILOVER_FAILED", "a primary never fails over"),
    ("fault/secondary/*/opening", "opening reads the overlays' headers and maps alone"),
    ("fault/hidden/write/opening", "opening writes no more than the header of active"),
    ("fault/hidden/flush/opening", "opening writes no more than the header of active"),
    ("fault/active/flush/opening", "a header is written with FUA"),
    (
        "fault/hidden/read/NONE",
        "before the start a copy may be under way still, which only writes there",
    ),
    ("fault/hidden/flush/NONE", "overlays are flushed for a failover or for the guest"),
    ("fault/active/read/NONE", "overlays are not used before the start, which is part of RUNNING"),
    ("fault/hidden/write/FAILOVER", "nothing is copied before a write once the backup job is gone"),
    ("fault/hidden/flush/FAILOVER", "hidden is made durable before the failover begins"),
    (
        "fault/hidden/write/FAILOVER_FAILED",
        "nothing is copied before a write once the backup job is gone",
    ),
    ("fault/hidden/*/DONE", "the overlays are dropped"),
    ("fault/active/*/DONE", "the overlays are dropped"),
    (
        "fault/hidden/*/bare",
        "without a filter there are overlays in a recovery alone, which is a commit",
    ),
    (
        "fault/active/*/bare",
        "without a filter there are overlays in a recovery alone, which is a commit",
    ),
    ("misfortune/empty_fails/primary/*", "a primary has no overlay"),
    ("misfortune/eject/primary/*", "a primary has no overlay"),
    ("misfortune/cancel-backup/primary/*", "a primary has no job"),
    ("misfortune/cancel-commit/primary/*", "a primary has no job"),
    ("misfortune/*/primary/opening", "a primary reads nothing to open its disk"),
    ("misfortune/*/primary/FAILOVER", "a primary never fails over"),
    ("misfortune/*/primary/FAILOVER_FAILED", "a primary never fails over"),
    ("misfortune/cancel-backup/secondary/opening", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/FAILOVER_FAILED", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/DONE", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/bare", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-copying", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-flushing", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-draining", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-final-flush", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-marking", NO_BACKUP),
    ("misfortune/cancel-backup/secondary/commit-failing", NO_BACKUP),
    ("misfortune/cancel-commit/secondary/opening", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/NONE", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/RUNNING", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/FAILOVER_FAILED", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/DONE", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/bare", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/checkpoint", NO_COMMIT),
    ("misfortune/cancel-commit/secondary/backup-cancelling", NO_COMMIT),
    ("misfortune/eject/secondary/DONE", "the overlays are dropped"),
    (
        "misfortune/eject/secondary/bare",
        "without a filter there are overlays in a recovery alone, which is a commit",
    ),
    ("misfortune/empty_fails/secondary/DONE", "the overlays are dropped"),
    (
        "misfortune/empty_fails/secondary/bare",
        "without a filter there are overlays in a recovery alone, which is a commit",
    ),
    ("misfortune/fault-prefix/secondary/commit-final-flush", "nothing is written there"),
    ("misfortune/fault-subset/secondary/commit-final-flush", "nothing is written there"),
    ("misfortune/fault-latent/secondary/commit-final-flush", "nothing is read there"),
    ("misfortune/fault-latent/secondary/commit-marking", "nothing is read there"),
    ("answer/primary/start(primary)/RUNNING/ok", "M5: a filter that runs is not started"),
    ("answer/primary/start(secondary)/NONE/ok", "M6: a filter is started in its own mode only"),
    ("answer/primary/start(secondary)/RUNNING/ok", "M5: a filter that runs is not started"),
    ("answer/primary/checkpoint/RUNNING/refused", "a primary has nothing to empty"),
    ("answer/primary/get_error/NONE/ok", "M21: nothing runs yet"),
    ("answer/primary/stop(failover=0)/NONE/ok", "M21: nothing runs yet"),
    ("answer/primary/stop(failover=0)/RUNNING/refused", "a primary that runs can be stopped"),
    ("answer/primary/stop(failover=1)/NONE/ok", "M21: nothing runs yet"),
    ("answer/primary/stop(failover=1)/RUNNING/refused", "a primary that runs can be stopped"),
    ("answer/primary/close/RUNNING/refused", "a filter that is open can be closed"),
    ("answer/secondary/start(primary)/NONE/ok", "M6: a filter is started in its own mode only"),
    ("answer/secondary/start(primary)/RUNNING/ok", "M5: a filter that runs is not started"),
    (
        "answer/secondary/start(primary)/FAILOVER/refused",
        "in FAILOVER every call says ok and does nothing",
    ),
    ("answer/secondary/start(primary)/FAILOVER_FAILED/ok", "M5: a filter that runs is not started"),
    ("answer/secondary/start(secondary)/RUNNING/ok", "M5: a filter that runs is not started"),
    (
        "answer/secondary/start(secondary)/FAILOVER/refused",
        "in FAILOVER every call says ok and does nothing",
    ),
    (
        "answer/secondary/start(secondary)/FAILOVER_FAILED/ok",
        "M5: a filter that runs is not started",
    ),
    ("answer/secondary/checkpoint/NONE/ok", "M15: no backup job protects the view"),
    (
        "answer/secondary/checkpoint/FAILOVER/refused",
        "in FAILOVER every call says ok and does nothing",
    ),
    ("answer/secondary/checkpoint/FAILOVER_FAILED/ok", "M15: no backup job protects the view"),
    ("answer/secondary/get_error/NONE/ok", "M21: nothing runs yet"),
    (
        "answer/secondary/get_error/FAILOVER_FAILED/ok",
        "M22: the failover has failed, and that is an error",
    ),
    ("answer/secondary/stop(failover=0)/NONE/ok", "M21: nothing runs yet"),
    (
        "answer/secondary/stop(failover=0)/FAILOVER/refused",
        "in FAILOVER every call says ok and does nothing",
    ),
    (
        "answer/secondary/stop(failover=0)/FAILOVER_FAILED/ok",
        "M21: only a failover can be tried again",
    ),
    ("answer/secondary/stop(failover=1)/NONE/ok", "M21: nothing runs yet"),
    (
        "answer/secondary/stop(failover=1)/FAILOVER/refused",
        "in FAILOVER every call says ok and does nothing",
    ),
    ("answer/secondary/close/FAILOVER/refused", "a filter that is open can be closed"),
    ("told/primary/received", "the memory goes to the secondary"),
    ("told/primary/loaded", "the memory goes to the secondary"),
    ("told/primary/takes-over", "a primary goes on with what it has"),
    ("told/secondary/checkpointed", "the primary says when both sides have it"),
    ("ended/primary/*/replaced", "a primary makes connections and takes none"),
    ("ended/*/control/nbd", "it carries control messages"),
    ("ended/*/arbiter/nbd", "it carries control messages"),
    ("ended/*/export/frame", "it carries NBD"),
    ("ended/secondary/control/replaced", "the old one is only closed: that is no news"),
    ("ended/secondary/arbiter/replaced", "nobody connects to a secondary's arbiter"),
    ("ended/*/control/unfit", "only a disk can be the wrong one"),
    ("ended/*/arbiter/unfit", "only a disk can be the wrong one"),
    ("ended/secondary/export/unfit", "the primary compares sizes"),
    ("ended/primary/export/unfit", "both hosts of a plan have disks of one size"),
];

/// Why this combination cannot be; `None` if it is a point.
pub fn reason(name: &str) -> Option<&'static str> {
    REASONS.iter().find(|(pattern, _)| fits(pattern, name)).map(|(_, reason)| *reason)
}

/// Whether a name is one that a pattern stands for.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (mut wanted, mut parts) = (pattern.split('/'), name.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
}
