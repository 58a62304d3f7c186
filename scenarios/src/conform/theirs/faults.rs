//! Faults on QEMU's disks: below each image a node is pointed at one that fails, or holds.

use colo_core::{DiskId, EmptyFailure, Errno};
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::machine::named;
use crate::conform::theirs::Theirs;
use crate::plan::FaultSpec;

impl Theirs<'_> {
    pub(super) fn fault(&mut self, volume: u8, spec: &FaultSpec) {
        let once = spec.times.is_some();
        let kinds: &[Option<&str>] = match spec.op {
            OpKind::Read => &[Some("read")],
            // Each rule counts for itself, so one that counts is one rule.
            OpKind::Write if once => &[Some("write")],
            OpKind::Write => &[Some("write"), Some("write-zeroes"), Some("discard")],
            OpKind::Flush => &[Some("flush")],
            OpKind::Any => &[None],
        };
        let sectors: Vec<i64> = match spec.range {
            Some((from, to)) => (from..to).map(u64::cast_signed).collect(),
            None => vec![-1],
        };
        let mut rules = Vec::new();
        for _ in 0..spec.times.unwrap_or(1) {
            for kind in kinds {
                for sector in &sectors {
                    rules.push(rule(*kind, *sector, spec.errno, once));
                }
            }
        }
        self.add_rules(volume, spec.disk, rules);
    }

    /// The next emptying of an overlay is to fail in this way.
    pub(super) fn emptying_fails(
        &mut self,
        volume: u8,
        disk: DiskId,
        how: EmptyFailure,
        errno: Errno,
    ) {
        self.add_rules(volume, disk, vec![emptying_rule(how, errno)]);
    }

    fn add_rules(&mut self, volume: u8, disk: DiskId, rules: Vec<Value>) {
        let known = self.faults.iter_mut().find(|(v, d, _)| (*v, *d) == (volume, disk));
        let all = match known {
            Some((.., all)) => {
                all.extend(rules);
                all.clone()
            }
            None => {
                self.faults.push((volume, disk, rules.clone()));
                rules
            }
        };
        self.point(volume, disk, Some(all));
    }

    /// Puts faults below an image, others or none, and takes away those that were there.
    fn point(&mut self, volume: u8, disk: DiskId, rules: Option<Vec<Value>>) {
        let side = Side::of(disk);
        let node = |part: &str| named(&format!("{}-{part}", disk.name()), volume);
        let (file, switch) = (node("file"), node("switch"));
        let before = self.pointed.iter().position(|(v, d, _)| (*v, *d) == (volume, disk));
        let before = before.map(|place| self.pointed.remove(place).2);
        let below = match rules {
            None => file,
            Some(rules) => {
                self.spare += 1;
                let fault = node(&format!("fault{}", self.spare));
                let mut arguments =
                    json!({ "driver": "blkdebug", "node-name": fault, "image": file });
                if !rules.is_empty() {
                    arguments["inject-error"] = json!(rules);
                }
                self.must(side, "blockdev-add", arguments);
                self.pointed.push((volume, disk, fault.clone()));
                fault
            }
        };
        let options = json!([{ "driver": "raw", "node-name": switch, "file": below }]);
        self.must(side, "blockdev-reopen", json!({ "options": options }));
        if let Some(before) = before {
            self.must(side, "blockdev-del", json!({ "node-name": before }));
        }
    }

    pub(super) fn end_faults(&mut self) {
        for (volume, disk, _) in std::mem::take(&mut self.faults) {
            self.point(volume, disk, None);
        }
    }

    /// A command of ours that is no step: that it fails is to be seen.
    fn must(&mut self, side: Side, command: &str, arguments: Value) {
        if let Some(Err(error)) = self.command(side, command, arguments) {
            self.trouble = Some(format!("{command}: {error}"));
        }
    }

    /// The next write to the secondary disk waits.
    pub(super) fn hold(&mut self, volume: u8) {
        self.add_rules(volume, DiskId::Secondary, Vec::new());
        let node = named("secondary", volume);
        self.io(Side::Secondary, &node, "break pwritev held");
        self.held = true;
    }

    /// It goes on, and what it belongs to ends. If there was none, because the commit was refused, the next
    /// write must not be held for it.
    pub(super) fn release(&mut self, volume: u8) {
        if std::mem::take(&mut self.held) {
            let node = named("secondary", volume);
            self.io(Side::Secondary, &node, "remove_break held");
        }
    }
}

/// A fault; of every kind of request if none is named.
fn rule(kind: Option<&str>, sector: i64, errno: Errno, once: bool) -> Value {
    let number = match errno {
        Errno::NoSpace => 28,
        Errno::NoMedium => 123,
        _ => 5,
    };
    let mut rule = json!({ "event": "none", "sector": sector, "errno": number, "once": once });
    if let Some(kind) = kind {
        rule["iotype"] = json!(kind);
    }
    rule
}

/// What an emptying writes, in order: a mark in the header; zeroes over the table of clusters, and if
/// that fails the image is closed in place; in the end the whole header.
fn emptying_rule(how: EmptyFailure, errno: Errno) -> Value {
    match how {
        EmptyFailure::Nothing | EmptyFailure::Half => rule(Some("write"), -1, errno, true),
        EmptyFailure::Ejected => rule(Some("write-zeroes"), -1, errno, true),
        EmptyFailure::All => rule(Some("write"), 0, errno, true),
    }
}
