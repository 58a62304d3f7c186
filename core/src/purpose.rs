//! On whose behalf a disk is asked: for coverage.

use crate::disk::RequestId;
use crate::event::UserId;
use crate::io::{Parent, request_leaf};
use crate::volume::Volume;

/// On whose behalf a disk is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The guest's.
    Guest,
    /// The export's: what the primary has forwarded.
    Export,
    /// A copy before a write.
    Copy,
    /// The commit's copies and flushes.
    Commit,
    /// The commit's mark in the header of active, or its being taken back.
    Mark,
    /// The host's, which opens its images.
    Opening,
    /// A verb's: emptying, flushing, marking.
    Verb,
    /// An operator's command.
    Admin,
}

impl Purpose {
    /// Every purpose there is, in order.
    pub const ALL: [Self; 8] = [
        Self::Guest,
        Self::Export,
        Self::Copy,
        Self::Commit,
        Self::Mark,
        Self::Opening,
        Self::Verb,
        Self::Admin,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Export => "export",
            Self::Copy => "copy",
            Self::Commit => "commit",
            Self::Mark => "mark",
            Self::Opening => "opening",
            Self::Verb => "verb",
            Self::Admin => "admin",
        }
    }
}

impl Volume {
    /// On whose behalf this request of a disk was sent, which has not been answered.
    pub fn purpose(&self, request: RequestId) -> Purpose {
        let Some(leaf) = self.leaves.get(request_leaf(request)) else { return Purpose::Opening };
        let mut io = leaf.io;
        loop {
            let Some(asked) = self.ios.get(io) else { return Purpose::Opening };
            return match asked.parent {
                Parent::Io(parent, _) => {
                    io = parent;
                    continue;
                }
                Parent::User(UserId::Guest, _) => Purpose::Guest,
                Parent::User(UserId::Export, _) => Purpose::Export,
                Parent::Copy(..) => Purpose::Copy,
                Parent::CommitCopy(_) | Parent::CommitFlush => Purpose::Commit,
                Parent::CommitMark | Parent::CommitUnmark => Purpose::Mark,
                Parent::Opening => Purpose::Opening,
                Parent::Verb => Purpose::Verb,
                Parent::Admin => Purpose::Admin,
            };
        }
    }
}
