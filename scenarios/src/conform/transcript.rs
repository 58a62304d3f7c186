//! What a run looked like from outside, as lines of text: the form in which two of them are compared.

use colo_core::DiskId;
use colo_sim::world::Side;

/// What can be looked at after every step without changing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Whether this host could be started.
    Opened(Side),
    /// What the step itself was told.
    Answer,
    /// Whether the process on this host lives.
    Process(Side),
    /// What `get_error` of all filters on this host says.
    Error(Side),
    /// What the guest on this host reads in a cluster of a volume.
    Guest(Side, u8, u64),
    /// What a disk without a format holds there.
    Disk(DiskId, u8, u64),
    /// Which of the clusters that were touched hidden has, of this volume.
    Hidden(u8),
    /// How the process on this host ended that was told to, at the end.
    Ended(Side),
    /// What a disk without a format holds at the end, all of it.
    Whole(DiskId, u8),
    /// Whether an overlay's image is sound, at the end.
    Sound(DiskId, u8),
    /// What an overlay holds at the end, cluster by cluster.
    Holds(DiskId, u8),
}

impl Subject {
    /// The same for each cluster and volume: what kind of thing differs.
    pub fn kind(self) -> Self {
        match self {
            Self::Guest(side, ..) => Self::Guest(side, 0, 0),
            Self::Disk(disk, ..) => Self::Disk(disk, 0, 0),
            Self::Hidden(_) => Self::Hidden(0),
            Self::Whole(disk, _) => Self::Whole(disk, 0),
            Self::Sound(disk, _) => Self::Sound(disk, 0),
            Self::Holds(disk, _) => Self::Holds(disk, 0),
            other => other,
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |volume: u8| if volume == 0 { String::new() } else { format!(" {volume}") };
        match self {
            Self::Opened(side) => write!(f, "{} opens", side.name()),
            Self::Answer => f.write_str("answer"),
            Self::Process(side) => write!(f, "{} process", side.name()),
            Self::Error(side) => write!(f, "{} get_error", side.name()),
            Self::Guest(side, volume, cluster) => {
                write!(f, "{} guest{} reads cluster {cluster}", side.name(), of(*volume))
            }
            Self::Disk(disk, volume, cluster) => {
                write!(f, "{}{} has in cluster {cluster}", disk.name(), of(*volume))
            }
            Self::Hidden(volume) => write!(f, "hidden{} has clusters", of(*volume)),
            Self::Ended(side) => write!(f, "{} told to quit", side.name()),
            Self::Whole(disk, volume) => write!(f, "{}{} is", disk.name(), of(*volume)),
            Self::Sound(disk, volume) => write!(f, "{}{} image", disk.name(), of(*volume)),
            Self::Holds(disk, volume) => write!(f, "{}{} holds", disk.name(), of(*volume)),
        }
    }
}

/// One thing that was looked at, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub subject: Subject,
    /// What was seen, normalised.
    pub said: String,
}

/// A step, and what could be seen after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    /// The step as text.
    pub step: String,
    /// In the order in which it was looked at.
    pub lines: Vec<Line>,
}

impl Moment {
    /// Of a step, with nothing seen yet.
    pub fn of(step: impl Into<String>) -> Self {
        Self { step: step.into(), lines: Vec::new() }
    }

    /// Adds a line.
    pub fn saw(&mut self, subject: Subject, said: impl Into<String>) {
        self.lines.push(Line { subject, said: said.into() });
    }

    /// What was seen of a subject.
    pub fn said(&self, subject: Subject) -> Option<&str> {
        let line = self.lines.iter().find(|line| line.subject == subject)?;
        Some(&line.said)
    }
}

/// A whole run: the beginning, each step, the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// In order.
    pub moments: Vec<Moment>,
}

impl Transcript {
    /// Whether a process has died since the moment before. Whether somebody was told before it did is not
    /// controlled.
    pub(super) fn dies(&self, number: usize) -> bool {
        let gone = |number: usize, side| {
            let said = self.moments.get(number)?.said(Subject::Process(side))?;
            Some(said == GONE)
        };
        let since =
            |side| gone(number, side) == Some(true) && gone(number - 1, side) == Some(false);
        number > 0 && Side::BOTH.into_iter().any(since)
    }

    /// As text, one line for each thing that was seen and is not as it was a step before.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut before: Vec<&Line> = Vec::new();
        for (number, moment) in self.moments.iter().enumerate() {
            text.push_str(&moment.step);
            text.push('\n');
            let dies = self.dies(number);
            for line in moment.lines.iter().filter(|line| line.subject != Subject::Answer || !dies)
            {
                let known = before.iter_mut().find(|known| known.subject == line.subject);
                if line.subject != Subject::Answer
                    && known.as_ref().is_some_and(|known| known.said == line.said)
                {
                    continue;
                }
                text.push_str(&format!("    {}: {}\n", line.subject, line.said));
                match known {
                    Some(known) => *known = line,
                    None => before.push(line),
                }
            }
        }
        text
    }
}

/// What the first moment of a run is called.
pub const BEGIN: &str = "the beginning";

/// What the last one is called.
pub const END: &str = "the end";

/// How a process ended that was told to.
pub fn end(in_order: bool) -> &'static str {
    if in_order { "ends in order" } else { "dies of it" }
}

/// What is said of a process that has ended, however.
const GONE: &str = "is gone";

/// What is said of a process that lives, and has not answered for half a minute.
pub const SILENT: &str = "does not answer";

/// Whether a process lives, in words.
pub fn life(lives: bool) -> &'static str {
    if lives { "runs" } else { GONE }
}

/// The first place where two transcripts say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Number of the moment: 0 is the beginning, then one for each step.
    pub moment: usize,
    /// What differs.
    pub subject: Subject,
    /// What the simulation says; nothing if it does not look there.
    pub ours: String,
    /// What QEMU says.
    pub theirs: String,
}

/// Every line of the first moment in which the two differ; none if they agree.
pub fn compare(ours: &Transcript, theirs: &Transcript) -> Vec<Disagreement> {
    const NOTHING: &str = "(nothing)";
    for (number, (our, their)) in ours.moments.iter().zip(&theirs.moments).enumerate() {
        let mut subjects: Vec<_> = our.lines.iter().map(|line| line.subject).collect();
        subjects.extend(their.lines.iter().map(|line| line.subject));
        subjects.sort_unstable();
        subjects.dedup();
        let dies = ours.dies(number) && theirs.dies(number);
        let compared = |subject: &Subject| *subject != Subject::Answer || !dies;
        let differing = subjects.into_iter().filter(compared).filter_map(|subject| {
            let say = |moment: &Moment| moment.said(subject).unwrap_or(NOTHING).to_owned();
            let (ours, theirs) = (say(our), say(their));
            (ours != theirs).then_some(Disagreement { moment: number, subject, ours, theirs })
        });
        let differing: Vec<_> = differing.collect();
        if !differing.is_empty() {
            return differing;
        }
    }
    Vec::new()
}

/// Contents as text: each run of equal sectors by its pattern, `0x11*128`.
pub fn contents(patterns: impl IntoIterator<Item = Option<u8>>) -> String {
    let mut runs: Vec<(Option<u8>, usize)> = Vec::new();
    for pattern in patterns {
        match runs.last_mut() {
            Some((last, count)) if *last == pattern => *count += 1,
            _ => runs.push((pattern, 1)),
        }
    }
    let one = |(pattern, count): &(Option<u8>, usize)| match pattern {
        Some(pattern) => format!("0x{pattern:02x}*{count}"),
        None => format!("mixed*{count}"),
    };
    runs.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The pattern of a sector, unless its bytes differ.
pub fn pattern(sector: &[u8]) -> Option<u8> {
    let first = *sector.first()?;
    sector.iter().all(|byte| *byte == first).then_some(first)
}

/// What an overlay's image is called that nothing is wrong with.
pub const SOUND: &str = "sound";

/// What an overlay holds, by cluster.
pub fn held(clusters: impl IntoIterator<Item = (u64, String)>) -> String {
    let one = |(cluster, contents): (u64, String)| format!("{cluster}: {contents}");
    let clusters: Vec<_> = clusters.into_iter().map(one).collect();
    if clusters.is_empty() { "nothing".to_owned() } else { clusters.join(", ") }
}

/// What every disk is filled with at the beginning.
pub const INITIAL: u8 = 0x11;

/// What a guest's write of this number writes: so the two guests' writes, and each from the next, can be told apart.
pub fn pattern_of_write(side: Side, number: u32) -> u8 {
    let first = match side {
        Side::Primary => 0x20,
        Side::Secondary => 0x80,
    };
    first + (number % WRITES_MAX) as u8
}

/// Most writes of one guest that have patterns of their own.
pub const WRITES_MAX: u32 = 0x60;
