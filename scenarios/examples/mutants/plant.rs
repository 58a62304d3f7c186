//! Many mutants in one program: each is a branch that its number turns on.
//!
//! A build for each mutant takes much longer than its campaign. So a function gets the bodies of all
//! its mutants beside its own, and the program is built once. What is no change of one body, or of a
//! function whose result cannot come from either of two bodies, is left out and built alone.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::patch::Mutant;

/// The variable that turns a mutant on, by its number from 1 on.
pub(crate) const NUMBER: &str = "COLOSIM_MUTANT";

/// What the crate needs for that, in front of which it is put.
pub(crate) const SWITCH: &str = "
pub(crate) fn mutant_is(number: usize) -> bool {
    static NUMBER: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let number_of = || std::env::var(\"COLOSIM_MUTANT\").ok()?.parse().ok();
    *NUMBER.get_or_init(|| number_of().unwrap_or(0)) == number
}
";

/// A file with mutants in it, and which of them are.
pub(crate) struct Planted {
    /// The text of the file.
    pub(crate) text: String,
    /// The numbers that are in it.
    pub(crate) numbers: Vec<usize>,
}

/// Puts mutants of one file into it, each under its number.
pub(crate) fn plant(source: &str, mutants: &[(usize, &Mutant)]) -> Result<Planted, String> {
    let lines: Vec<&str> = source.lines().collect();
    // By the lines of the body, so that each body is taken apart once.
    let mut bodies: BTreeMap<(usize, usize), Vec<(usize, String)>> = BTreeMap::new();
    let mut numbers = Vec::new();
    for (number, mutant) in mutants {
        let changed = mutant.apply(source)?;
        if let Some((body, new)) = changed_body(&lines, &changed.lines().collect::<Vec<_>>()) {
            bodies.entry((body.start, body.end)).or_default().push((*number, new));
            numbers.push(*number);
        }
    }
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    // From the end on, so that no body moves another.
    for ((start, end), new) in bodies.into_iter().rev() {
        let own = lines[start..end].join("\n");
        let new = new
            .into_iter()
            .map(|(number, body)| format!("if crate::mutant_is({number}) {{\n{body}\n}} else "));
        let all = format!("{}{{\n{own}\n}}", new.collect::<String>());
        lines.splice(start..end, [all]);
    }
    Ok(Planted { text: lines.join("\n") + "\n", numbers })
}

/// The lines of the one body that differs, and what it becomes.
fn changed_body(old: &[&str], new: &[&str]) -> Option<(Range<usize>, String)> {
    let first = old.iter().zip(new).position(|(old, new)| old != new)?;
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new);
    // Lines that are alike at both ends of a change count once.
    let most = old.len().min(new.len()) - first;
    let last = old.len() - same.count().min(most);
    let body = body_around(old, first)?;
    if last > body.end {
        return None;
    }
    let end = body.end + new.len() - old.len();
    let text = new[body.start..end].join("\n");
    Some((body, text))
}

/// The lines of the body of the function that a line is in. The code is formatted: a function ends with
/// a brace below its first word.
fn body_around(lines: &[&str], line: usize) -> Option<Range<usize>> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_head = |line: &str| {
        let words = line.trim_start();
        words.starts_with("fn ") || words.starts_with("pub") && words.contains(" fn ")
    };
    let head = (0..line).rev().find(|&at| is_head(lines[at]))?;
    let depth = indent(lines[head]);
    let start = (head..lines.len()).find(|&at| lines[at].ends_with('{'))? + 1;
    let closes = |at: &usize| lines[*at].trim() == "}" && indent(lines[*at]) == depth;
    let end = (start..lines.len()).find(closes)?;
    let signature = lines[head..start].join(" ");
    let either = !signature.contains("const fn") && !signature.contains("-> impl ");
    (either && (start..end).contains(&line)).then_some(start..end)
}
