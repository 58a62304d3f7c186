//! What QEMU said when it was asked, against the simulation: no QEMU is needed for that.
//!
//! `colosim conform --fixtures` asks it again.

use std::path::Path;

use colo_core::{Admin, DiskId, GUEST, JobKind, Mode, Quirk, Verb};
use colo_scenarios::conform::confirmed::{confirmable, file, transcript};
use colo_scenarios::conform::expressible::{expressible, reduced};
use colo_scenarios::conform::is_visible;
use colo_scenarios::conform::ours::ours;
use colo_scenarios::finding::{FINDINGS, find};
use colo_scenarios::generate::generate_for_qemu;
use colo_scenarios::plan::{FaultSpec, Plan, Step};
use colo_scenarios::profile::Profile;
use colo_scenarios::run::run;
use colo_sim::faulty::OpKind;
use colo_sim::world::Side;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/conform"))
}

#[test]
fn the_seed_profile_says_what_qemu_said() {
    let all = confirmable();
    assert!(all.len() >= 45, "{} plans can be confirmed", all.len());
    for (name, plan) in &all {
        let kept = std::fs::read_to_string(file(folder(), name));
        let kept = kept.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(kept.starts_with("QEMU "), "{name}: the first line is a version");
        assert_eq!(ours(plan).text(), transcript(&kept), "{name}");
    }
    let files = std::fs::read_dir(folder()).expect("it is a folder");
    let texts = files.flatten().filter(|file| file.path().extension().is_some_and(|e| e == "txt"));
    assert_eq!(texts.count(), all.len(), "no file is left over");
}

/// A finding that QEMU can express is one there too: at QEMU's sizes, step by step, the oracle sees it still.
#[test]
fn a_finding_that_qemu_confirms_is_still_one_in_the_form_that_it_confirms() {
    let mut confirmed = 0;
    for (name, _) in FINDINGS {
        let finding = find(name).expect("it is in the program");
        let Ok(plan) = expressible(&finding.defective()) else { continue };
        confirmed += 1;
        let outcome = run(&plan);
        let broken =
            outcome.violations.iter().any(|violation| violation.invariant == finding.invariant);
        let aborts = finding.invariant == "no-abort" && !outcome.aborts.is_empty();
        assert!(broken || aborts, "{name}: {:?}", outcome.violations);
    }
    assert!(confirmed >= 12, "{confirmed} findings can be confirmed");
}

/// The page says of every finding whether QEMU confirms it, and if not, why.
#[test]
fn the_page_tells_of_every_finding() {
    let page = include_str!("../../docs/conform.md");
    for (name, _) in FINDINGS {
        let finding = find(name).expect("it is in the program");
        let said = match expressible(&finding.defective()) {
            Ok(plan) if is_visible(&plan, finding.quirk) => "confirmed".to_owned(),
            Ok(_) => "asked: nothing of it can be seen from outside".to_owned(),
            Err(refusal) => format!("not asked: {}", refusal.why),
        };
        let row = format!("| `{name}` | {said} |");
        assert!(page.lines().any(|line| line == row), "docs/conform.md lacks {row}");
    }
}

/// A cancelled backup that was no loss is told while a failover is held, on QEMU and here, and not without the defect.
#[test]
fn a_held_failover_shows_that_a_cancel_counts_as_a_loss() {
    let side = Side::Secondary;
    let call = |verb| Step::Call { side, verb, wait: true };
    let steps = vec![
        call(Verb::Start(Mode::Secondary)),
        Step::Write { side, at: 0, len: 4, wait: true },
        Step::Stall { disk: DiskId::Secondary, ns: 1_000_000_000 },
        call(Verb::Stop { failover: true }),
        Step::Pass(1_000_000_000),
    ];
    let plan = expressible(&Plan::new("held", Profile::Seed, steps)).expect("it can be held");
    let said = ours(&plan).text();
    let errors: Vec<_> = said.lines().filter(|line| line.contains("get_error: ")).collect();
    assert!(errors[2].ends_with("I/O error occurred") && errors[3].ends_with("ok"), "{said}");
    assert!(is_visible(&plan, Quirk::CancelCountsAsLoss));
}

/// What cannot be mapped is refused with its step, or left out when asked.
#[test]
fn what_qemu_cannot_do_is_refused_with_its_step() {
    let call = |verb| Step::Call { side: Side::Secondary, verb, wait: true };
    let start = call(Verb::Start(Mode::Secondary));
    let cancel = Step::Cancel(JobKind::Backup);
    let steps = vec![start.clone(), cancel, call(Verb::GetError)];
    let plan = Plan::new("cancelled", Profile::Seed, steps);
    let refusal = expressible(&plan).expect_err("no command cancels an internal job");
    assert_eq!(refusal.step, Some((1, r#"{"cancel":"backup"}"#.to_owned())));
    assert!(refusal.to_string().contains("internal"), "{refusal}");
    let left = reduced(&plan).expect("the rest can be done");
    assert_eq!(left.steps, [start.clone(), call(Verb::GetError)]);

    let crash = vec![start, Step::PowerLoss(Side::Secondary)];
    let left = reduced(&Plan::new("crash", Profile::Seed, crash)).expect("it is reduced");
    assert_eq!(left.steps[1], Step::Kill(Side::Secondary), "of a power loss a kill is left");
}

/// What QEMU does otherwise for reasons of its own is refused, not compared.
#[test]
fn what_would_differ_for_other_reasons_is_refused() {
    let side = Side::Secondary;
    let start = Step::Call { side, verb: Verb::Start(Mode::Secondary), wait: true };
    let stall = Step::Stall { disk: DiskId::Secondary, ns: 1 };
    let quit = Step::Admin { side, command: Admin::Quit, wait: true };
    let write = Step::Write { side, at: 0, len: 4, wait: true };
    let detach = Step::Admin { side, command: Admin::Detach { user: GUEST }, wait: true };
    let any = Step::Fault(FaultSpec::new(DiskId::Secondary, OpKind::Any));
    let of_none = Step::Read { side, at: 0, len: 0, wait: true };
    for (steps, why) in [
        (vec![of_none], "no sectors"),
        (vec![start.clone(), stall.clone()], "nothing to write"),
        (vec![start.clone(), write, stall, quit], "while a commit is held"),
        (vec![detach], "a drive of its own"),
        (vec![start, any], "goes no further"),
    ] {
        let refused = expressible(&Plan::new("other", Profile::Seed, steps));
        let refused = refused.expect_err(why).to_string();
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn without_qemu_the_command_says_how_to_get_it() {
    let colosim = || std::process::Command::new(env!("CARGO_BIN_EXE_colosim"));
    let arguments = ["conform", "failover", "--qemu", "no/such/emulator"];
    let output = colosim().args(arguments).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("no/such/emulator") && said.contains("qemu-system-x86"), "{said}");
    let output = colosim().arg("conform").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2), "nothing to compare is a wrong use");
}

/// What was converted is converted to itself, so a saved plan of a disagreement can be given again.
#[test]
fn converting_twice_is_converting_once() {
    for seed in 0..2_000 {
        let Ok(plan) = reduced(&generate_for_qemu(seed)) else { continue };
        let again = expressible(&plan).unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}"));
        assert_eq!(again.steps, plan.steps, "seed {seed}");
        assert_eq!(again.setup, plan.setup, "seed {seed}");
    }
}

/// The plans for QEMU are of every kind: else agreement would say nothing.
#[test]
fn the_plans_for_qemu_reach_every_kind_of_step() {
    let mut seen = [0_u32; 9];
    for seed in 0..2_000 {
        let Ok(plan) = reduced(&generate_for_qemu(seed)) else { continue };
        for step in &plan.steps {
            let kind = match step {
                Step::On { .. } => 0,
                Step::Write { side: Side::Primary, .. } => 1,
                Step::Write { side: Side::Secondary, .. } => 2,
                Step::CallAll { verb: Verb::Stop { failover: true }, .. } => 3,
                Step::EmptyFails { disk: DiskId::Hidden, .. } => 4,
                Step::Stall { .. } => 5,
                Step::Recover { .. } => 6,
                Step::Admin { command: Admin::StartJob { .. }, .. } => 7,
                Step::Restart(Side::Secondary) => 8,
                _ => continue,
            };
            seen[kind] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count >= 20), "{seen:?}");
}
