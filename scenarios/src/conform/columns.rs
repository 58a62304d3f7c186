//! Two transcripts side by side.

use crate::conform::transcript::{Line, Moment, Subject, Transcript};

/// No column is wider, in letters: what is longer moves the rest of its line.
const WIDTH_MAX: usize = 60;

/// Each thing that was seen on either side and is not as it was a step before, one a line: what, then what both
/// sides say. Where they differ the line begins with a star.
pub(super) fn columns(left: &Transcript, right: &Transcript, heads: [&str; 2]) -> String {
    let sides = [left, right];
    let mut rows = Vec::new();
    let mut before: Vec<[Line; 2]> = Vec::new();
    for (number, (left, right)) in left.moments.iter().zip(&right.moments).enumerate() {
        let die = sides.iter().all(|transcript| transcript.dies(number));
        rows.push(Row::Step(&left.step));
        for subject in subjects(left, right) {
            let said = [left, right].map(|moment| Line {
                subject,
                said: moment.said(subject).unwrap_or("-").to_owned(),
            });
            let known = before.iter_mut().find(|[known, _]| known.subject == subject);
            if subject != Subject::Answer && known.as_deref() == Some(&said) {
                continue;
            }
            match known {
                Some(known) => known.clone_from(&said),
                None => before.push(said.clone()),
            }
            // Whether somebody was told before a process died is not controlled.
            let differ = said[0].said != said[1].said && !(die && subject == Subject::Answer);
            rows.push(Row::Seen(said, differ));
        }
    }
    let seen = || rows.iter().filter_map(Row::seen);
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0).min(WIDTH_MAX);
    let names = width(&mut seen().map(|[one, _]| one.subject.to_string().len()));
    let said = width(&mut seen().map(|[one, _]| one.said.len()).chain([heads[0].len()]));
    let mut text = format!("  {:names$}  {:said$} | {}\n", "", heads[0], heads[1]);
    for row in &rows {
        match row {
            Row::Step(step) => text.push_str(&format!("{step}\n")),
            Row::Seen([left, right], differ) => {
                let star = if *differ { '*' } else { ' ' };
                let name = left.subject.to_string();
                text.push_str(&format!(
                    "{star} {name:names$}  {:said$} | {}\n",
                    left.said, right.said
                ));
            }
        }
    }
    text
}

enum Row<'a> {
    Step(&'a str),
    Seen([Line; 2], bool),
}

impl Row<'_> {
    fn seen(&self) -> Option<&[Line; 2]> {
        match self {
            Self::Step(_) => None,
            Self::Seen(said, _) => Some(said),
        }
    }
}

/// What either side looked at, in the order of the left.
fn subjects(left: &Moment, right: &Moment) -> Vec<Subject> {
    let mut subjects: Vec<Subject> = Vec::new();
    for line in left.lines.iter().chain(&right.lines) {
        if !subjects.contains(&line.subject) {
            subjects.push(line.subject);
        }
    }
    subjects
}

#[cfg(test)]
mod tests {
    use colo_sim::world::Side;

    use super::*;

    #[test]
    fn what_differs_has_a_star_and_what_has_not_changed_is_left_out() {
        let transcript = |answers: [&str; 2]| {
            let moments = answers.map(|answer| {
                let mut moment = Moment::of("secondary: checkpoint");
                moment.saw(Subject::Process(Side::Primary), "runs");
                moment.saw(Subject::Answer, answer);
                moment
            });
            Transcript { moments: moments.to_vec() }
        };
        let text = columns(&transcript(["ok", "ok"]), &transcript(["ok", "no"]), ["a", "b"]);
        let expected = [
            "                   a    | b",
            "secondary: checkpoint",
            "  primary process  runs | runs",
            "  answer           ok   | ok",
            "secondary: checkpoint",
            "* answer           ok   | no",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
