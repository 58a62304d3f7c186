//! What an operator asks of QEMU: users, jobs, the end.

use colo_core::{Admin, JobType, Name, UserKind};
use colo_sim::world::Side;
use serde_json::{Value, json};

use crate::conform::answers;
use crate::conform::machine::{device, export, named};
use crate::conform::theirs::{Theirs, ok_or};
use crate::conform::transcript::{Moment, Subject};

impl Theirs<'_> {
    pub(super) fn administer(
        &mut self,
        side: Side,
        volume: u8,
        command: &Admin,
        moment: &mut Moment,
    ) {
        let name = |name: &Name| named(name.as_str(), volume);
        let answer = match command {
            Admin::Quit => {
                let (answer, ended) = self.quit(side);
                if let Some(ended) = ended {
                    moment.saw(Subject::Ended(side), ended);
                }
                answer
            }
            Admin::Attach { user, kind: UserKind::Device, node } => {
                let arguments = device(user.as_str(), node.as_str(), volume);
                self.command(side, "device_add", arguments)
            }
            Admin::Attach { user, kind, node } => {
                let writable = *kind == UserKind::Export;
                let mut arguments = export(user.as_str(), node.as_str(), volume, writable);
                arguments["name"] = json!(name(user));
                self.command(side, "block-export-add", arguments)
            }
            Admin::Detach { user } => self.detach(side, volume, user.as_str()),
            Admin::StartJob { job, kind, node } => {
                self.start_job(side, &name(job), *kind, &name(node))
            }
            Admin::CancelJob { job } => {
                let arguments = json!({ "device": name(job), "force": true });
                let answer = self.command(side, "block-job-cancel", arguments);
                if answer.as_ref().is_some_and(Result::is_ok) {
                    self.until_absent(side, "query-block-jobs", &format!("\"{}\"", name(job)));
                }
                answer
            }
            _ => None,
        };
        if let Some(answer) = answer {
            moment.saw(Subject::Answer, ok_or(answer));
        }
    }

    /// A user is a device, an export, or a drive that no device uses: which, its name does not say.
    fn detach(&mut self, side: Side, volume: u8, user: &str) -> Option<Result<Value, String>> {
        let id = named(user, volume);
        let exports = self.command(side, "query-block-exports", json!({}))?;
        if exports.is_ok_and(|exports| exports.to_string().contains(&format!("\"{id}\""))) {
            let arguments = json!({ "id": id, "mode": "hard" });
            let answer = self.command(side, "block-export-del", arguments);
            self.until_absent(side, "query-block-exports", &format!("\"{id}\""));
            return answer;
        }
        let device = self.command(side, "device_del", json!({ "id": id }))?;
        match device {
            Err(error) if error.contains("not found") => {
                let line = format!("drive_del {id}");
                let answer =
                    self.command(side, "human-monitor-command", json!({ "command-line": line }))?;
                Some(answer.and_then(|said| match said.as_str().unwrap_or_default().trim() {
                    "" => Ok(Value::Null),
                    error => Err(error.trim_start_matches("Error: ").to_owned()),
                }))
            }
            answer => {
                // It is answered before the device is gone, or the process.
                self.until_absent(side, "query-block", &format!("\"qdev\":\"{id}\""));
                Some(answer)
            }
        }
    }

    /// A job that holds its node and copies nothing.
    fn start_job(
        &mut self,
        side: Side,
        job: &str,
        kind: JobType,
        node: &str,
    ) -> Option<Result<Value, String>> {
        self.spare += 1;
        let spare = format!("spare{}", self.spare);
        let geometry = self.plan.setup.geometry;
        let bytes = geometry.sectors * u64::from(geometry.sector_size);
        let arguments = json!({ "driver": "null-co", "node-name": spare, "size": bytes });
        self.command(side, "blockdev-add", arguments)?.ok()?;
        let arguments = json!({
            "job-id": job, "device": node, "target": spare, "sync": "none",
            "filter-node-name": format!("{node}{}", answers::FILTER),
        });
        let command = if kind == JobType::Mirror { "blockdev-mirror" } else { "blockdev-backup" };
        self.command(side, command, arguments)
    }
}
