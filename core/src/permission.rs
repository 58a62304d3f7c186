//! Permissions on nodes: what each of its users takes, and what it lets others take.
//!
//! As in QEMU, every link to a node takes permissions and shares some; two links
//! conflict when one takes what the other does not share. Here there are the two
//! that decide anything in this graph: consistent reads, and writes.

use crate::graph::{Driver, NodeId};
use crate::name::Name;
use crate::verb::VerbError;
use crate::volume::Volume;

/// Something that one may do with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read contents that make sense together.
    ConsistentRead,
    /// Write.
    Write,
}

impl Permission {
    const BOTH: [Self; 2] = [Self::ConsistentRead, Self::Write];

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConsistentRead => "consistent read",
            Self::Write => "write",
        }
    }
}

/// Two users of a node that cannot both be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Conflict {
    /// Where.
    pub node: Name,
    /// About what.
    pub permission: Permission,
    /// Who takes it.
    pub taken_by: Name,
    /// Who does not share it.
    pub unshared_by: Name,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { node, permission, taken_by, unshared_by } = self;
        write!(
            f,
            "Permission conflict on node '{node}': permissions '{}' are both required by '{taken_by}' and unshared by '{unshared_by}'",
            permission.name()
        )
    }
}

impl From<Conflict> for VerbError {
    fn from(conflict: Conflict) -> Self {
        Self::PermissionConflict(conflict)
    }
}

/// Some permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set {
    read: bool,
    write: bool,
}

const NONE: Set = Set { read: false, write: false };
const READ: Set = Set { read: true, write: false };
const WRITE: Set = Set { read: false, write: true };
const ALL: Set = Set { read: true, write: true };

impl Set {
    fn has(self, permission: Permission) -> bool {
        match permission {
            Permission::ConsistentRead => self.read,
            Permission::Write => self.write,
        }
    }

    fn and(self, other: Self) -> Self {
        Self { read: self.read && other.read, write: self.write && other.write }
    }

    fn or(self, other: Self) -> Self {
        Self { read: self.read || other.read, write: self.write || other.write }
    }
}

/// One link to a node.
#[derive(Debug, Clone, Copy)]
struct Link {
    from: Name,
    takes: Set,
    shares: Set,
}

/// Who would need what of a node that is not attached to it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newcomer {
    /// A user, which reads, and writes too or not. It shares everything.
    User { name: Name, writes: bool },
    /// The commit job: nobody may rely on what is above its base any more.
    Commit,
}

pub(crate) const COMMIT: Name = Name::new("commit job");

impl Volume {
    /// The links to a node, from its users and from other nodes.
    fn links(&self, node: NodeId, committing: bool) -> Vec<Link> {
        let users = self.users.attached().filter(|(_, root)| *root == node);
        let mut links: Vec<Link> = users
            .map(|(user, _)| {
                let reads = user.kind != crate::wiring::UserKind::Drive;
                let takes = Set { read: reads, write: user.writes };
                Link { from: user.name, takes, shares: ALL }
            })
            .collect();
        for (parent, other) in &self.nodes {
            let from = other.name;
            match &other.driver {
                // A commit lets go of the reads of the chain above its base.
                Driver::Overlay(overlay) if overlay.backing == node => {
                    let (takes, shares) = self.passed_on(parent, committing);
                    let takes = Set { read: takes.read && !committing, write: false };
                    links.push(Link { from, takes, shares: READ.or(shares) });
                }
                Driver::Replication(filter) if filter.child == node => {
                    let takes = Set { read: !committing, write: !other.read_only };
                    links.push(Link { from, takes, shares: ALL });
                }
                Driver::Quorum(children) if children.contains(&node) => {
                    let (takes, shares) = self.passed_on(parent, committing);
                    links.push(Link { from, takes, shares: shares.and(READ) });
                }
                Driver::CopyBeforeWrite(filter) if filter.source == node => {
                    let (takes, shares) = self.passed_on(parent, committing);
                    let takes = Set { read: takes.read || takes.write, ..takes };
                    links.push(Link { from, takes, shares: shares.and(READ) });
                }
                Driver::CopyBeforeWrite(filter) if filter.target == node => {
                    links.push(Link { from, takes: WRITE, shares: ALL });
                }
                _ => {}
            }
        }
        if committing && node == self.chain.hidden {
            links.push(Link { from: COMMIT, takes: NONE, shares: WRITE });
        }
        if self.commit.is_some() && node == self.chain.secondary {
            links.push(Link { from: COMMIT, takes: WRITE, shares: ALL });
        }
        links
    }

    /// What all users of a node together take, and what all of them share.
    fn passed_on(&self, node: NodeId, committing: bool) -> (Set, Set) {
        let links = self.links(node, committing);
        let sums = |(takes, shares): (Set, Set), link: &Link| {
            (takes.or(link.takes), shares.and(link.shares))
        };
        links.iter().fold((NONE, ALL), sums)
    }

    /// Whether a node has anybody who writes to it.
    pub(crate) fn has_writer(&self, node: NodeId) -> bool {
        self.passed_on(node, self.commit.is_some()).0.write
    }

    /// Why this newcomer cannot have this node, if it cannot.
    pub(crate) fn conflict(&self, node: NodeId, newcomer: Newcomer) -> Option<Conflict> {
        let committing = self.commit.is_some() || newcomer == Newcomer::Commit;
        let new = match newcomer {
            Newcomer::User { name, writes } => {
                Link { from: name, takes: Set { read: true, write: writes }, shares: ALL }
            }
            Newcomer::Commit => Link { from: COMMIT, takes: NONE, shares: WRITE },
        };
        let links = self.links(node, committing);
        let clash = |takes: &Link, shares: &Link| {
            let of = |permission: &Permission| {
                takes.takes.has(*permission) && !shares.shares.has(*permission)
            };
            Permission::BOTH.into_iter().find(of).map(|permission| Conflict {
                node: self.nodes[node].name,
                permission,
                taken_by: takes.from,
                unshared_by: shares.from,
            })
        };
        links.iter().find_map(|link| clash(&new, link).or_else(|| clash(link, &new)))
    }

    /// Why a commit cannot start, if it cannot: somebody relies on hidden. Who uses active moves above the
    /// commit's own filter, which promises what active did.
    pub(crate) fn commit_conflict(&self) -> Option<Conflict> {
        self.conflict(self.chain.hidden, Newcomer::Commit)
    }
}
