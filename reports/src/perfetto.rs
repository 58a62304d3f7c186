//! One run as a trace for Perfetto (<https://ui.perfetto.dev>), or any reader of Chrome's JSON trace format.
//!
//! Tracks are threads of a process. What overlaps on one of them goes to further rows of its own,
//! because slices of a thread have to nest. Nothing here knows what the names mean.

use serde_json::{Value, json};

/// Where something is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Track {
    /// The process.
    pub process: &'static str,
    /// The thread.
    pub thread: &'static str,
}

/// Something that lasts, or a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Where it is drawn.
    pub track: Track,
    /// What it is.
    pub name: String,
    /// Of what kind, to filter by.
    pub category: &'static str,
    /// When it begins, in nanoseconds.
    pub from_ns: u64,
    /// When it ends; `None` for a moment.
    pub to_ns: Option<u64>,
    /// How it ended; may be empty.
    pub outcome: String,
}

/// The slices as a trace. Processes and threads are in the order in which `tracks` names them.
pub fn perfetto(tracks: &[Track], slices: &[Slice]) -> String {
    let mut rows = Rows::new(tracks);
    let mut sorted: Vec<&Slice> = slices.iter().collect();
    sorted.sort_by_key(|slice| slice.from_ns);
    let drawn: Vec<Value> = sorted.into_iter().map(|slice| rows.draw(slice)).collect();
    // An event a line, so that two traces can be compared.
    let lines: Vec<_> =
        rows.named().into_iter().chain(drawn).map(|event| event.to_string()).collect();
    format!("{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{}\n]}}\n", lines.join(",\n"))
}

/// The rows of each track, and until when each of them is taken.
struct Rows {
    processes: Vec<&'static str>,
    /// By track, in order: the ends of what is drawn on each row.
    taken: Vec<(Track, Vec<u64>)>,
}

/// More rows than a track ever has.
const ROWS_MAX: usize = 1_000;

impl Rows {
    fn new(tracks: &[Track]) -> Self {
        let mut processes = Vec::new();
        for track in tracks {
            if !processes.contains(&track.process) {
                processes.push(track.process);
            }
        }
        // A track without anything has a row, too: that it is empty says something.
        Self { processes, taken: tracks.iter().map(|track| (*track, vec![0])).collect() }
    }

    fn draw(&mut self, slice: &Slice) -> Value {
        let place = self.taken.iter().position(|(track, _)| *track == slice.track);
        let place = place.expect("every track is named");
        let process = self.process(slice.track.process);
        let mut event = json!({
            "name": slice.name, "cat": slice.category, "ts": micros(slice.from_ns), "pid": process,
        });
        let row = match slice.to_ns {
            None => {
                event["ph"] = "i".into();
                event["s"] = "t".into();
                0
            }
            Some(to) => {
                event["ph"] = "X".into();
                event["dur"] = micros(to - slice.from_ns);
                let rows = &mut self.taken[place].1;
                let free = rows.iter().position(|end| *end <= slice.from_ns);
                let row = free.unwrap_or(rows.len());
                match free {
                    Some(row) => rows[row] = to,
                    None => rows.push(to),
                }
                row
            }
        };
        event["tid"] = thread(place, row).into();
        if !slice.outcome.is_empty() {
            event["args"] = json!({"outcome": slice.outcome});
        }
        event
    }

    /// What gives processes and threads their names and their order.
    fn named(&self) -> Vec<Value> {
        let named = |what: &str, pid: usize, tid: usize, args: Value| json!({"ph": "M", "name": what, "pid": pid, "tid": tid, "args": args});
        let mut events = Vec::new();
        for (index, process) in self.processes.iter().enumerate() {
            events.push(named("process_name", index + 1, 0, json!({"name": process})));
            events.push(named("process_sort_index", index + 1, 0, json!({"sort_index": index})));
        }
        for (place, (track, rows)) in self.taken.iter().enumerate() {
            let pid = self.process(track.process);
            for row in 0..rows.len() {
                let tid = thread(place, row);
                let name = match row {
                    0 => track.thread.to_owned(),
                    row => format!("{} ({})", track.thread, row + 1),
                };
                events.push(named("thread_name", pid, tid, json!({"name": name})));
                events.push(named("thread_sort_index", pid, tid, json!({"sort_index": tid})));
            }
        }
        events
    }

    /// Numbers count from 1: readers take 0 for the system.
    fn process(&self, name: &str) -> usize {
        let index = self.processes.iter().position(|process| *process == name);
        index.expect("every track is named") + 1
    }
}

fn thread(place: usize, row: usize) -> usize {
    (place + 1) * ROWS_MAX + row.min(ROWS_MAX - 1)
}

/// Microseconds, which the format counts in, with the nanoseconds behind the point.
#[expect(clippy::cast_precision_loss, reason = "exact for three months of simulated time")]
fn micros(ns: u64) -> Value {
    json!(ns as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GUEST: Track = Track { process: "primary", thread: "guest" };
    const JOBS: Track = Track { process: "secondary", thread: "jobs" };

    fn slice(track: Track, from_ns: u64, to_ns: Option<u64>) -> Slice {
        let (name, outcome) = (format!("at {from_ns}"), String::new());
        Slice { track, name, category: "request", from_ns, to_ns, outcome }
    }

    fn events(slices: &[Slice]) -> BTreeMap<String, Value> {
        let trace = perfetto(&[GUEST, JOBS], slices);
        let trace: Value = serde_json::from_str(&trace).expect("it is JSON");
        let events = trace["traceEvents"].as_array().expect("a list").clone();
        let of_run = events.into_iter().filter(|event| event["ph"] != "M");
        of_run.map(|event| (event["name"].as_str().expect("a name").to_owned(), event)).collect()
    }

    #[test]
    fn slices_of_a_row_never_overlap() {
        let slices = [
            slice(GUEST, 3_000, Some(9_000)),
            slice(GUEST, 1_500, Some(4_000)),
            slice(GUEST, 4_000, Some(5_000)),
            slice(JOBS, 0, Some(9_000)),
        ];
        let events = events(&slices);
        let row = |name: &str| events[name]["tid"].as_u64();
        assert_eq!(row("at 1500"), Some(1_000));
        assert_eq!(row("at 3000"), Some(1_001), "the first row is taken");
        assert_eq!(row("at 4000"), Some(1_000), "and free again");
        assert_eq!(row("at 0"), Some(2_000), "another track");
        assert_eq!(
            (&events["at 1500"]["ts"], &events["at 1500"]["dur"]),
            (&json!(1.5), &json!(2.5))
        );
        assert_eq!((&events["at 0"]["pid"], &events["at 1500"]["pid"]), (&json!(2), &json!(1)));
    }

    #[test]
    fn a_moment_is_an_instant() {
        let events = events(&[slice(JOBS, 7, None)]);
        assert_eq!((&events["at 7"]["ph"], &events["at 7"]["ts"]), (&json!("i"), &json!(0.007)));
    }

    #[test]
    fn processes_and_threads_have_their_names_once() {
        let trace = perfetto(&[GUEST, JOBS], &[slice(GUEST, 0, Some(2)), slice(GUEST, 1, Some(3))]);
        for name in ["\"primary\"", "\"secondary\"", "\"guest\"", "\"guest (2)\"", "\"jobs\""] {
            assert_eq!(trace.matches(name).count(), 1, "{name} in {trace}");
        }
    }
}
