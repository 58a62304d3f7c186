//! Graphs that were put together wrongly.

use super::*;

pub(crate) const PROMISES: &[Promise] = &[
    promise("active-has-no-backing", &["probe/verb/start-refused-by-graph"], &[UNTOUCHED])
        .refuses(&["Active disk doesn't have backing file", "Block replication is not running"])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise("hidden-has-no-backing", &["probe/verb/start-refused-by-graph"], &[UNTOUCHED])
        .refuses(&["Block replication is not running", "Hidden disk doesn't have backing file"])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise(
        "secondary-disk-unused",
        &["probe/verb/start-refused-by-graph"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "The secondary disk doesn't have block backend"])
    .secondary_guest(&["EIO", "P1×4"]),
    promise("hidden-is-short", &["probe/verb/start-refused-by-graph"], &[UNTOUCHED])
        .refuses(&[
            "Active disk, hidden disk, secondary disk's length are not the same",
            "Block replication is not running",
        ])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise("active-cannot-be-emptied", &["probe/verb/start-refused-by-graph"], &[UNTOUCHED])
        .refuses(&[
            "Active disk or hidden disk doesn't support make_empty",
            "Block replication is not running",
        ])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise("hidden-cannot-be-emptied", &["probe/verb/start-refused-by-graph"], &[UNTOUCHED])
        .refuses(&[
            "Active disk or hidden disk doesn't support make_empty",
            "Block replication is not running",
        ])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise(
        "filter-read-only",
        &["probe/verb/start-refused-by-graph", "probe/node/write-meets-read-only-node"],
        &[UNTOUCHED],
    )
    .refuses(&["Active disk is opened read-only", "Block replication is not running"])
    .secondary_guest(&["EIO", "EPERM"])
    .without_a_pair(),
    promise("hidden-protected", &[], &[UNTOUCHED])
        .refuses(&["Block replication is not running", "Could not reopen file: Permission denied"])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise("secondary-protected", &[], &[UNTOUCHED])
        .refuses(&["Block replication is not running", "Could not reopen file: Permission denied"])
        .secondary_guest(&["EIO"])
        .without_a_pair(),
    promise(
        "top-not-found",
        &["probe/verb/start-reopened-images", "probe/verb/images-read-only-again"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "No top_bs or it is invalid"])
    .secondary_guest(&["EIO", "P1×4"]),
    promise(
        "top-is-no-root",
        &["probe/verb/start-reopened-images", "probe/verb/images-read-only-again"],
        &[AS_BEFORE],
    )
    .refuses(&["Block replication is not running", "No top_bs or it is invalid"])
    .secondary_guest(&["EIO"])
    .without_a_pair(),
    promise(
        "top-is-elsewhere",
        &["probe/verb/start-reopened-images", "probe/verb/images-read-only-again"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&["Block replication is not running", "No top_bs or it is invalid"])
    .secondary_guest(&["EIO", "P1×4"]),
    promise(
        "backup-competes-for-the-secondary-disk",
        &["probe/verb/start-reopened-images", "probe/verb/images-read-only-again"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&[
        "Block replication is not running",
        "Node 'secondary' is busy: block device is in use by block job: backup",
    ])
    .secondary_guest(&["EIO", "P1×4"]),
    promise(
        "mirror-of-hidden",
        &[],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [true, false]
        })],
    )
    .refuses(&[
        "Block replication is running or done",
        "Job 'job0' not found",
        "Need a root block node",
    ]),
    promise(
        "backup-competes-for-hidden",
        &["probe/verb/start-reopened-images", "probe/verb/images-read-only-again"],
        &[("the starts of the secondary are answered in this way", |ran| {
            answers(ran, S, START) == [false, true]
        })],
    )
    .refuses(&[
        "Block replication is not running",
        "Node 'hidden' is busy: block device is in use by block job: backup",
    ])
    .secondary_guest(&["EIO", "P1×4"]),
    promise(
        "options-without-mode",
        &[],
        &[("no process is left", |ran| answers(ran, S, START).is_empty())],
    )
    .refuses(&["Missing the option mode"])
    .without_a_pair(),
    promise(
        "options-primary-with-top-id",
        &[],
        &[("no process is left", |ran| answers(ran, S, START).is_empty())],
    )
    .refuses(&["The primary side does not support option top-id"])
    .without_a_pair(),
    promise(
        "options-without-top-id",
        &[],
        &[("no process is left", |ran| answers(ran, S, START).is_empty())],
    )
    .refuses(&["Missing the option top-id"])
    .without_a_pair(),
    promise(
        "options-other-mode",
        &[],
        &[("no process is left", |ran| answers(ran, S, START).is_empty())],
    )
    .refuses(&["The option mode's value should be primary or secondary"])
    .without_a_pair(),
    promise(
        "options-unknown",
        &[],
        &[("no process is left", |ran| answers(ran, S, START).is_empty())],
    )
    .refuses(&["Block format 'replication' does not support the option 'speed'"])
    .without_a_pair(),
];
