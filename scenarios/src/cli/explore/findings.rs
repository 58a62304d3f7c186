//! What an exploration has found: told, counted, and saved as it comes.

use colo_core::VolumeId;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Unwritten, write_file};
use crate::cli::github;
use crate::explore::Found;

/// Findings that are shown in full; the others are counted, and saved with `--out`.
const SHOWN_MAX: u64 = 5;

/// Plans saved by one exploration; more of them tell no more.
const PLANS_SAVED_MAX: u64 = 100;

/// The findings of one exploration.
pub(super) struct Findings {
    directory: Option<PathBuf>,
    list: Option<File>,
    found: u64,
    by_invariant: BTreeMap<&'static str, u64>,
    shown: String,
    unwritten: Option<anyhow::Error>,
}

impl Findings {
    pub(super) fn new(directory: Option<&Path>) -> anyhow::Result<Self> {
        let create = |directory: &Path| {
            std::fs::create_dir_all(directory.join("plans"))?;
            File::create(directory.join("found.txt"))
        };
        let list = directory.map(|directory| {
            create(directory)
                .map_err(|source| Unwritten { path: directory.display().to_string(), source })
        });
        let list = list.transpose()?;
        let directory = directory.map(Path::to_owned);
        Ok(Self {
            directory,
            list,
            found: 0,
            by_invariant: BTreeMap::new(),
            shown: String::new(),
            unwritten: None,
        })
    }

    /// Saves the plan first, then the lines that name it.
    pub(super) fn take(&mut self, found: &Found) {
        self.found += 1;
        *self.by_invariant.entry(found.invariant).or_default() += 1;
        let saved = match self.save(found) {
            Ok(saved) => saved,
            Err(error) => {
                self.unwritten.get_or_insert(error);
                None
            }
        };
        if self.found > SHOWN_MAX && self.list.is_none() {
            return;
        }
        let text = describe(found, saved.as_deref());
        if self.found <= SHOWN_MAX {
            self.shown.push_str(&text);
        }
        if let Some(list) = &mut self.list
            && let Err(source) = list.write_all(text.as_bytes())
        {
            let path = "found.txt".to_owned();
            self.unwritten.get_or_insert(Unwritten { path, source }.into());
        }
    }

    fn save(&self, found: &Found) -> anyhow::Result<Option<PathBuf>> {
        let Some(directory) = self.directory.as_ref().filter(|_| self.found <= PLANS_SAVED_MAX)
        else {
            return Ok(None);
        };
        let name: String = found.plan.name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let path = directory.join("plans").join(format!("{:03}-{name}.json", self.found));
        // Under its name a plan is whole, whenever somebody ends this.
        let partial = path.with_extension("partial");
        write_file(&partial, &found.plan.to_json())?;
        let renamed = std::fs::rename(&partial, &path);
        renamed.map_err(|source| Unwritten { path: path.display().to_string(), source })?;
        Ok(Some(path))
    }

    /// Findings that are not kept one by one.
    pub(super) fn count(&mut self, invariant: &'static str, more: u64) {
        self.found += more;
        *self.by_invariant.entry(invariant).or_default() += more;
    }

    /// `whole`: nothing ended before its time.
    pub(super) fn report(&self, whole: bool) -> String {
        if self.found == 0 {
            let verdict = if whole { "clean" } else { "nothing found, and not all was explored" };
            return format!("\n{verdict}\n");
        }
        let counts = self.by_invariant.iter();
        let counts = counts.map(|(name, count)| format!("  {count:>8}  {name}\n"));
        format!("{}\nviolations\n{}", self.shown, counts.collect::<String>())
    }

    /// The exit code; `ended`: somebody did not let it go on.
    pub(super) fn finish(self, ended: bool) -> anyhow::Result<Exit> {
        match self.unwritten {
            Some(error) => Err(error),
            None if self.found > 0 => Ok(Exit::Violation),
            None if ended => Ok(Exit::Interrupted),
            None => Ok(Exit::Clean),
        }
    }

    /// The exit code where no state was looked at.
    pub(super) fn nothing_explored(self) -> anyhow::Result<Exit> {
        let exit = self.finish(false)?;
        if exit == Exit::Clean {
            github::error("no state was explored; raise the bounds");
            return Ok(Exit::TooLittle);
        }
        Ok(exit)
    }
}

fn describe(found: &Found, saved: Option<&Path>) -> String {
    let mut text = format!("\nVIOLATION of {} in {}\n", found.invariant, found.plan.name);
    if found.losses.is_empty() {
        text.push_str("  without a crash\n");
    }
    for loss in &found.losses {
        let step = loss.step.map_or("before the first step".into(), |step| format!("step {step}"));
        let place = match loss.in_recovery {
            None => format!("after event {}, {step}", loss.events),
            Some(events) => format!("after event {events} of the recovery"),
        };
        let keep: Vec<_> = loss
            .keep
            .iter()
            .map(|(volume, disk, sector, version)| {
                let on = if *volume == VolumeId::FIRST {
                    String::new()
                } else {
                    format!(" of volume {volume}")
                };
                format!("{}{on} {sector} (version {version})", disk.name())
            })
            .collect();
        let keep = if keep.is_empty() { "nothing".to_owned() } else { keep.join(", ") };
        text.push_str(&format!(
            "  power loss of the {} host {place}, in {}; left of what was not durable: {keep}\n",
            loss.side.name(),
            loss.phase,
        ));
    }
    text.push_str(&format!("  {}\n", found.message));
    if let Some(path) = saved {
        text.push_str(&format!("  cargo run --release -- replay {}\n", path.display()));
    }
    text
}
