//! `available`: nothing fails without a cause that was seen.

use colo_core::{
    Errno, Event, Extent, JobKind, JobState, Stage, UserId, UserRequest, Verb, VerbError,
};
use colo_sim::world::{Side, What};

use crate::oracle::{Findings, Sight};

pub(super) const HOLDS: &str = "no request, verb or commit fails for want of a disk as long as no disk of its host has failed, and a failover that failed can be tried again";

const NAME: &str = "available";

pub(super) fn check(sight: &Sight<'_>, findings: &mut Findings) {
    let (What::Event(event), Some(side)) = (&sight.entry.what, sight.entry.side) else { return };
    let model = sight.model;
    let sound = !model.faulted[side as usize];
    match event {
        Event::Answered { request, result: Err(errno), .. }
            if model.discards.contains(request) && *errno != Errno::NoMedium =>
        {
            let message = format!(
                "a discard of the {} guest failed with {errno}; expected it to be dropped with success",
                side.name()
            );
            findings.report(NAME, side, message);
        }
        Event::Answered { user: UserId::Guest, request, result: Err(Errno::Io) }
            if sound && model.pending(side, UserId::Guest, *request).is_some() =>
        {
            let message = format!(
                "a request of the {} guest failed with EIO, and no disk of its host ever failed",
                side.name()
            );
            findings.report(NAME, side, message);
        }
        Event::Answered { user: UserId::Guest, result: Err(Errno::NoMedium), .. }
            if sound && model.desks[side as usize].guest_has_medium() && !model.is_asked(side) =>
        {
            let message = format!(
                "a request of the {} guest failed with ENOMEDIUM, and nobody took its device away",
                side.name()
            );
            findings.report(NAME, side, message);
        }
        Event::Answered { user, request, result: Err(Errno::Invalid) }
            if sound && fits(sight, side, *user, *request) =>
        {
            let message = format!(
                "a request to the {} host failed with EINVAL, and it lies within the disk",
                side.name()
            );
            findings.report(NAME, side, message);
        }
        Event::Answered { user: UserId::Export, result: Err(Errno::NoMedium), .. }
            if sound && model.desks[side as usize].export_has_medium() && !model.is_asked(side) =>
        {
            let message =
                "a forwarded write failed with ENOMEDIUM, and the export is where it belongs";
            findings.report(NAME, side, message.to_owned());
        }
        Event::Exited if model.desks[side as usize].is_being_opened() => {
            let message =
                "the process ended with a volume that it was told to open; expected it to go on";
            findings.report(NAME, side, message.to_owned());
        }
        Event::Opened(Err(errno)) if sound => {
            let message = format!(
                "the {} host could not open its images ({errno}), and no disk of it ever failed",
                side.name()
            );
            findings.report(NAME, side, message);
        }
        Event::VerbAnswered {
            verb: Verb::Stop { failover: true },
            result: Err(VerbError::NotRunning),
            ..
        } if model.stage_of(side) == Some(Stage::FailoverFailed) => {
            let message = "a failover was refused after one that failed, and the view that it is to save is there; expected it to be tried again";
            findings.report(NAME, side, message.to_owned());
        }
        Event::VerbAnswered { verb, result: Err(error), .. } => {
            let of_a_disk = matches!(
                error,
                VerbError::EmptyFailed { .. }
                    | VerbError::NotDurable { .. }
                    | VerbError::MarkFailed { .. }
            );
            if sound && of_a_disk {
                let message =
                    format!("{verb} failed ({error}), and no disk of the host ever failed");
                findings.report(NAME, side, message);
            }
        }
        Event::Job { kind: JobKind::Commit, state: JobState::Concluded(Err(errno)) } => {
            let cancelled = *errno == Errno::Cancelled && model.commit_cancelled;
            if !cancelled && (sound || *errno == Errno::Cancelled) {
                let message = format!("the commit ended with {errno}; expected it to succeed");
                findings.report(NAME, Side::Secondary, message);
            }
        }
        _ => {}
    }
}

/// Whether a request that waits for its answer lies within the disk.
fn fits(sight: &Sight<'_>, side: Side, user: UserId, request: UserRequest) -> bool {
    let pending = sight.model.pending(side, user, request);
    pending.is_some_and(|(_, extent)| is_within_disk(sight, extent))
}

/// Whether the disk has these sectors. Reckoned here: the core is what is judged.
pub(super) fn is_within_disk(sight: &Sight<'_>, Extent { at, len }: Extent) -> bool {
    let sectors = sight.world.options().geometry.sectors;
    len > 0 && at.checked_add(u64::from(len)).is_some_and(|end| end <= sectors)
}
