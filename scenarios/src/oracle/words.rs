//! What the model believes, in the field's words: for messages.

use colo_sim::world::{Side, Stamp};

use crate::oracle::model::Model;
use crate::oracle::register::Register;

impl Model {
    /// Whether a request or a verb of a process that runs has no answer.
    pub(crate) fn unanswered(&self) -> Option<String> {
        if let Some(open) = self.verbs.first() {
            return Some(format!("{} on the {} host", open.verb, open.side.name()));
        }
        let registers = [
            ("a request of the primary guest", Some(&self.primary)),
            ("a forwarded request", Some(&self.forwarded)),
            ("a request of the secondary guest", self.view.as_ref()),
        ];
        let waiting =
            registers.into_iter().find(|(_, register)| register.is_some_and(Register::waits));
        waiting
            .map(|(name, _)| name.to_owned())
            .or((!self.discards.is_empty()).then(|| "a guest's discard".to_owned()))
            .or((!self.stray.is_empty()).then(|| "a request of the secondary guest".to_owned()))
    }

    /// A content, in the field's words.
    pub(crate) fn describe(&self, sector: u64, stamp: Option<Stamp>) -> String {
        let Some(stamp) = stamp else { return "a torn sector".to_owned() };
        let number = stamp.number();
        let epoch = |side: Side| self.epochs[side as usize].get(number as usize).copied();
        let own =
            |writer: u8| Side::BOTH.into_iter().find(|side| self.writers[*side as usize] == writer);
        let who = match stamp.writer() {
            _ if stamp == Stamp::ZERO => return "zeroes".to_owned(),
            0 if number == self.initial => "the initial contents".to_owned(),
            0 => format!("the initial contents of volume {}", number - 1),
            writer => {
                let Some(side) = own(writer) else {
                    let (side, volume) =
                        (Side::BOTH[usize::from((writer - 1) % 2)], (writer - 1) / 2);
                    return format!("{} write #{number} to volume {volume}", side.name());
                };
                let epoch = epoch(side).map_or("?".to_owned(), |epoch| epoch.to_string());
                format!("{} write #{number} of epoch {epoch}", side.name())
            }
        };
        if stamp.sector() == sector {
            who
        } else {
            format!("{who}, meant for sector {}", stamp.sector())
        }
    }

    /// Several possible contents, in the field's words.
    pub(crate) fn describe_any(&self, sector: u64, stamps: &[Stamp]) -> String {
        let mut names: Vec<_> = stamps.iter().map(|s| self.describe(sector, Some(*s))).collect();
        names.dedup();
        names.join(" or ")
    }
}
