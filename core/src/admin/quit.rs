//! The commands that wait: for requests in flight, for jobs, for the filter to be closed.

use crate::admin::{Admin, AdminWait, RunningAdmin};
use crate::event::{UserId, VerbId};
use crate::geometry::Extent;
use crate::graph::{Driver, NodeId};
use crate::io::{DrainWaiter, Kind, Parent};
use crate::payload::Payload;
use crate::verb::{Stage, Verb};
use crate::volume::{Over, Volume};
use crate::wiring::TOP;

/// The end of a volume, its own or its process's (spec 2.6): no more requests, all jobs cancelled,
/// the filter closed, the disks flushed.
impl Volume {
    pub(crate) fn end_begin(&mut self) {
        if self.is_absent() {
            self.over = Some(Over::Closed);
            return;
        }
        // It answers nobody: who asked for it waits until the volume is over.
        let (id, admin) = (VerbId(0), Admin::Remove);
        self.admin = Some(RunningAdmin { id, admin, wait: AdminWait::Closed });
        self.quit_begin(UserId::Guest);
    }

    fn quit_begin(&mut self, user: UserId) {
        self.admin_waits_for(AdminWait::Quiet(user));
        self.drain_begin(user, DrainWaiter::Admin);
    }

    pub(crate) fn admin_drained(&mut self) {
        match self.admin.expect("a command drained").wait {
            AdminWait::Drained(id) => self.user_drained(id),
            AdminWait::Quiet(UserId::Guest) => self.quit_begin(UserId::Export),
            AdminWait::Quiet(UserId::Export) => {
                self.admin_waits_for(AdminWait::Jobs);
                self.end_operator_jobs(|_| true);
                self.backup_cancel();
                self.commit_cancel();
                self.admin_jobs_end();
            }
            wait => unreachable!("a command that waits for {wait:?} drained nobody"),
        }
    }

    /// A job is gone: perhaps the last that the end of the volume waits for.
    pub(crate) fn admin_jobs_end(&mut self) {
        let waits = self.admin.is_some_and(|running| running.wait == AdminWait::Jobs);
        if !waits || self.backup.is_some() || self.commit.is_some() {
            return;
        }
        self.admin_waits_for(AdminWait::Closed);
        if self.filter.is_some() {
            return self.close_begin();
        }
        self.quit_flush();
    }

    /// The close that a command began has ended.
    pub(crate) fn admin_closed(&mut self) {
        match self.admin.expect("a command closed the filter").admin {
            Admin::Remove => self.quit_flush(),
            _ => {
                // Of a primary's quorum the top is left; nobody uses it any more.
                if let Some(top) = self.node_named(TOP).filter(|&top| !self.has_user(top)) {
                    self.nodes.remove(top);
                }
                self.admin_answer(Ok(()));
            }
        }
    }

    fn quit_flush(&mut self) {
        self.admin_waits_for(AdminWait::Flushed);
        let raw = |node: &crate::graph::Node| matches!(node.driver, Driver::Raw(_));
        match self.nodes.iter().find(|(_, node)| raw(node)).map(|(id, _)| id) {
            Some(disk) => {
                let none = Extent::new(0, 0);
                self.spawn(disk, Kind::Flush, none, Payload::EMPTY, Parent::Admin);
            }
            None => self.quit_end(),
        }
    }

    /// Whether the disk could be flushed or not, the process ends.
    pub(crate) fn quit_flushed(&mut self) {
        self.quit_end();
    }

    fn quit_end(&mut self) {
        self.admin = None;
        self.over = Some(Over::Closed);
    }

    /// Whether the close that runs belongs to a command.
    pub(crate) fn admin_closes(&self) -> bool {
        self.admin.is_some_and(|running| running.wait == AdminWait::Closed)
    }

    /// Whether `node` is below `top`, or is it.
    pub(crate) fn is_below(&self, top: NodeId, node: NodeId) -> bool {
        let children = || self.nodes[top].children();
        top == node || children().iter().any(|&child| self.is_below(child, node))
    }

    /// The stage, for who only asks whether there is a filter in it.
    pub(crate) fn in_stage(&self, stage: Stage) -> bool {
        self.stage() == Some(stage)
    }

    /// Begins to close the filter on behalf of a command.
    pub(super) fn close_begin(&mut self) {
        let id = self.admin.expect("a command closes").id;
        self.verb_begin(id, Verb::Close, false);
    }
}
