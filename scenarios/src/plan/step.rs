//! What can be asked of any step, on whichever volume it is.

use crate::plan::Step;

impl Step {
    /// What happens, without the volume on which it does.
    pub fn bare(&self) -> &Self {
        match self {
            Self::On { step, .. } => step.bare(),
            step => step,
        }
    }

    /// Its name in a plan, without the volume.
    pub fn kind(&self) -> String {
        match serde_json::to_value(self.bare()).expect("a step has no map but its own") {
            serde_json::Value::String(name) => name,
            serde_json::Value::Object(fields) => {
                fields.into_iter().next().map_or_else(String::new, |(name, _)| name)
            }
            _ => unreachable!("a step is a name, or a name and what goes with it"),
        }
    }

    /// Whether the next step waits for its end, if one may.
    pub fn wait_mut(&mut self) -> Option<&mut bool> {
        match self {
            Self::On { step, .. } => step.wait_mut(),
            Self::Read { wait, .. }
            | Self::Write { wait, .. }
            | Self::Flush { wait, .. }
            | Self::WriteZeroes { wait, .. }
            | Self::Discard { wait, .. }
            | Self::Call { wait, .. }
            | Self::CallAll { wait, .. }
            | Self::Admin { wait, .. }
            | Self::Recover { wait } => Some(wait),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_on_another_volume_is_asked_like_any_other() {
        let mut step = Step::On { volume: 1, step: Box::new(Step::Recover { wait: true }) };
        assert_eq!(step.kind(), "recover");
        *step.wait_mut().expect("it may be waited for") = false;
        assert_eq!(step.bare(), &Step::Recover { wait: false });
        assert_eq!(Step::Settle.kind(), "settle");
        assert_eq!(Step::Settle.wait_mut(), None);
    }
}
