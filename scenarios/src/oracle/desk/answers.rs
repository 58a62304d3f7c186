//! What commands and a start are to answer on this graph, with the texts written a second time.

use colo_core::{Admin, FILTER, Format, GUEST, JobType, Name, TOP, UserKind};

use crate::oracle::desk::{
    ACTIVE, Attached, COPY_FILTER, Desk, HIDDEN, LOCAL, REMOTE, SECONDARY, is_drive, writes,
};

impl Desk {
    /// Why a start cannot work on this graph, in the order in which it looks.
    pub(crate) fn start_refused(&self, read_only_aborts: bool) -> Option<String> {
        let wiring = &self.wiring;
        let protected = |node, protected| protected && self.is_read_only(node);
        let refused = if wiring.active == Format::Raw {
            "Active disk doesn't have backing file"
        } else if wiring.hidden == Format::Raw {
            "Hidden disk doesn't have backing file"
        } else if !self.users.iter().any(|user| user.node == SECONDARY) {
            "The secondary disk doesn't have block backend"
        } else if wiring.hidden_is_short || !self.ejected.is_empty() {
            "Active disk, hidden disk, secondary disk's length are not the same"
        } else if wiring.active == Format::Fixed || wiring.hidden == Format::Fixed {
            "Active disk or hidden disk doesn't support make_empty"
        } else if wiring.filter_read_only && !read_only_aborts {
            "Active disk is opened read-only"
        } else if protected(HIDDEN, wiring.hidden_protected)
            || protected(SECONDARY, wiring.secondary_protected)
        {
            "Could not reopen file: Permission denied"
        } else if self.lookup(wiring.top_id).map(|(node, _)| node) != Some(self.root()) {
            "No top_bs or it is invalid"
        } else {
            return [SECONDARY, HIDDEN].into_iter().find_map(|node| self.busy((node, true)));
        };
        Some(refused.to_owned())
    }

    /// What a command is to answer now, if that is certain.
    pub(super) fn expect(&self, admin: Admin) -> Option<Result<(), String>> {
        let not_found = |name| Err(format!("Cannot find device='{name}' nor node-name='{name}'"));
        let taken = |name| Err(format!("Duplicate ID '{name}'"));
        let attached = |name| self.users.iter().any(|user| user.name == name);
        Some(match admin {
            // Its users count as the secondary disk's here.
            Admin::DeleteNode { node: COPY_FILTER } | Admin::Quit => return None,
            // Whether images can be opened, the disks decide; about options `answers` does.
            Admin::Open if self.absent => return None,
            Admin::Open => taken(FILTER),
            Admin::Remove if self.absent => not_found(GUEST),
            Admin::Remove => Ok(()),
            Admin::Attach { user, kind, .. }
                if attached(user) || is_drive(kind) && self.is_node(user) =>
            {
                taken(user)
            }
            Admin::Attach { user, kind, node } => match self.lookup(node) {
                None => not_found(node),
                Some((node, itself)) => {
                    // What copies before writes is never read-only itself.
                    let bare = !(self.backup && node == SECONDARY && !itself);
                    if writes(kind) && self.is_read_only(node) && bare {
                        Err("Block node is read-only".to_owned())
                    } else {
                        let relies = kind != UserKind::Drive;
                        let conflict = self.conflict(user, writes(kind), (node, itself));
                        conflict.filter(|_| relies).map_or(Ok(()), Err)
                    }
                }
            },
            Admin::Detach { user } => {
                let found = self.users.iter().find(|other| other.name == user);
                let Some(Attached { kind, node, covered, .. }) = found else {
                    return Some(Err(format!("Device '{user}' not found")));
                };
                let asks = *kind == UserKind::Drive;
                self.busy((*node, !covered)).filter(|_| asks).map_or(Ok(()), Err)
            }
            Admin::DeleteNode { node } => self.expect_deletion(node),
            Admin::StartJob { job, kind, node } => {
                if self.jobs.iter().any(|(name, _, _)| *name == job) {
                    taken(job)
                } else {
                    match self.lookup(node) {
                        None => not_found(node),
                        // What copies before writes has no parent: hidden goes past it.
                        Some((node, itself))
                            if kind == JobType::Mirror
                                && (itself || !self.backup)
                                && self.is_stood_on(node) =>
                        {
                            Err("Need a root block node".to_owned())
                        }
                        Some(place) => self.busy(place).map_or(Ok(()), Err),
                    }
                }
            }
            Admin::CancelJob { job } => {
                let found = self.jobs.iter().any(|(name, _, _)| *name == job);
                found.then_some(()).ok_or_else(|| format!("Job '{job}' not found"))
            }
            Admin::Reopen { node, read_only } => self.expect_reopening(node, read_only),
        })
    }

    pub(super) fn expect_deletion(&self, node: Name) -> Result<(), String> {
        if !self.nodes.contains(&node) {
            return Err(format!("Cannot find device='{node}' nor node-name='{node}'"));
        }
        if self.users.iter().any(|user| user.node == node && !user.covered) {
            return Err(format!("Node {node} is in use"));
        }
        if let Some(busy) = self.busy((node, true)) {
            return Err(busy);
        }
        if self.is_stood_on(node) {
            return Err(format!("Block device {} is in use", self.shown((node, true))));
        }
        Ok(())
    }

    /// Whether another node stands on this one.
    fn is_stood_on(&self, node: Name) -> bool {
        let chain = self.nodes.contains(&ACTIVE);
        let behind = |format: Format| format != Format::Raw;
        match node {
            FILTER | LOCAL => self.nodes.contains(&TOP),
            REMOTE => true,
            ACTIVE => self.nodes.contains(&FILTER) || self.nodes.contains(&TOP),
            HIDDEN => chain && behind(self.wiring.active),
            SECONDARY if self.nodes.contains(&HIDDEN) => behind(self.wiring.hidden),
            SECONDARY if chain => false,
            SECONDARY => self.nodes.contains(&FILTER) || self.nodes.contains(&TOP),
            _ => false,
        }
    }

    pub(super) fn expect_reopening(&self, node: Name, read_only: bool) -> Result<(), String> {
        if !self.is_node(node) {
            return Err(format!("Cannot find device='{node}' nor node-name='{node}'"));
        }
        let wiring = &self.wiring;
        let protected = match node {
            HIDDEN => wiring.hidden_protected,
            SECONDARY => wiring.secondary_protected,
            _ => false,
        };
        let refused = if [FILTER, TOP, REMOTE, COPY_FILTER].contains(&node) {
            "Could not reopen file: Invalid argument"
        } else if self.is_ejected(node) {
            "Could not reopen file: No medium found"
        } else if read_only && self.has_writer(node) {
            "Cannot make block node read-only, there is a writer on it"
        } else if !read_only && protected {
            "Could not reopen file: Permission denied"
        } else {
            return Ok(());
        };
        Err(refused.to_owned())
    }
}
