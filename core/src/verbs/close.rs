//! close (spec 2.6).

use crate::event::{Abort, Event, GraphChange, UserId};
use crate::graph::Driver;
use crate::overlay::Mark;
use crate::probe::Probe;
use crate::verb::{Mode, Stage, VerbError};
use crate::verbs::Wait;
use crate::volume::Volume;

impl Volume {
    pub(super) fn close_drained(&mut self) {
        let filter = self.filter().expect("close began on an open filter");
        match (filter.mode, filter.stage) {
            (Mode::Primary, Stage::Running) => {
                self.probe(Probe::CloseRunning);
                self.stop_primary();
                self.close_remove();
            }
            (Mode::Secondary, Stage::Running) => {
                self.probe(Probe::CloseRunning);
                if self.backup.is_some() {
                    self.wait_for(Wait::BackupEnd);
                    return self.backup_cancel();
                }
                self.stop_unprotected(false);
            }
            (_, Stage::Failover) => {
                self.probe(Probe::CloseFailover);
                if self.commit.is_none() {
                    return self.abort(Abort::NoCommitJob);
                }
                self.wait_for(Wait::CommitEnd);
                self.commit_cancel();
            }
            _ => self.close_remove(),
        }
    }

    pub(crate) fn verb_commit_gone(&mut self) {
        if self.wait() == Wait::CommitEnd {
            self.close_remove();
        }
    }

    /// A failover was refused because its mark failed, and so has the mark that would have said that
    /// the disk alone is true: the overlays may call their view owed, and a recovery would believe
    /// it. The filter goes all the same, but not as DONE, and who closes it is told.
    pub(super) fn close_in_doubt(&mut self, error: VerbError) {
        self.verb.as_mut().expect("a close runs").failed = Some(error);
        self.close_remove();
    }

    /// The filter leaves the graph, and what only it held with it.
    pub(super) fn close_remove(&mut self) {
        let node = self.filter.take().expect("close began on an open filter");
        let tops = self.parents_of(node);
        self.forget_node(node);
        let removed = self.nodes.remove(node).expect("an open filter has a node");
        let Driver::Replication(filter) = removed.driver else { unreachable!("it is a filter") };
        if filter.mode == Mode::Primary {
            self.forget_node(filter.child);
            self.nodes.remove(filter.child);
            self.quorum_drop_child(node);
        } else {
            // The view is owed, by this life or by one before: nothing may change below it.
            let owed = || self.chain_mark() == Some(Mark::Owed);
            self.fenced_for_good = filter.stage != Stage::None || owed();
            let gone = [self.chain.active, self.chain.hidden].into_iter().chain(tops);
            for gone in gone {
                self.forget_node(gone);
                self.nodes.remove(gone);
            }
        }
        self.events.push_back(Event::Graph(GraphChange::FilterClosed));
        self.drain_end(UserId::Guest);
        let failed = self.verb.expect("a close runs").failed;
        self.answer(failed.map_or(Ok(()), Err));
    }
}
