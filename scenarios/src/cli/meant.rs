//! The plan that an argument means.

use std::path::Path;

use crate::catalog;
use crate::cli::{BehaviourArgs, seeds};
use crate::corpus;
use crate::finding::{self, Finding};
use crate::generate::generate;
use crate::plan::Plan;
use crate::profile::{Added, Behaviour};

/// A seed, a scenario, a finding, a plan that failed once or a file, in the behaviour that is asked for; and the seed.
pub(super) fn plan(text: &str, args: &BehaviourArgs) -> anyhow::Result<(Option<u64>, Plan)> {
    let behaviour = args.behaviour()?;
    if let Ok(seed) = seeds::seed(text) {
        return Ok((Some(seed), generate(seed, &behaviour)));
    }
    if !behaviour.without.is_empty() {
        anyhow::bail!("--without leaves faults out of the plan of a seed, and `{text}` is not one");
    }
    if let Some(scenario) = catalog::find(text) {
        return Ok((None, scenario.plan(&behaviour)));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        anyhow::bail!("`{text}` is too large for a seed; the largest is {}", u64::MAX);
    }
    // A saved plan has a behaviour of its own, and a finding is its plan with its defect.
    let known = finding::find(text).map(|finding| finding.defective());
    let mut plan = match known.or_else(|| corpus::find(text)) {
        Some(plan) => plan,
        None => load(text)?,
    };
    if args.profile.is_some() || !args.quirks.is_empty() {
        behave(&mut plan, behaviour)?;
    }
    Ok((None, plan))
}

fn load(text: &str) -> anyhow::Result<Plan> {
    let path = Path::new(text);
    let looks_like_a_file = path.extension().is_some() || path.components().count() > 1;
    if !looks_like_a_file && !path.exists() {
        anyhow::bail!(
            "`{text}` is neither a seed nor a scenario nor a finding nor a file; `colosim list scenarios` shows the scenarios, `colosim list findings` the findings"
        );
    }
    match Finding::load(path) {
        Ok(finding) => Ok(finding.defective()),
        Err(_) => Ok(Plan::load(path)?),
    }
}

fn behave(plan: &mut Plan, behaviour: Behaviour) -> anyhow::Result<()> {
    plan.profile = behaviour.profile;
    plan.quirks = match behaviour.added {
        Added::Nothing => Vec::new(),
        Added::Named(quirks) => quirks,
        Added::Swarm => anyhow::bail!("a swarm of quirks needs a seed; name the quirks"),
    };
    Ok(())
}
