//! Annotations for GitHub Actions: one line each, none too many, and nothing that ends one early.

use colo_reports::{annotation, annotations};

use crate::cases;
use crate::formats::many;

#[test]
fn what_is_clean_is_not_annotated() {
    assert_eq!(annotations(&cases::clean_fold()), "");
    assert_eq!(annotations(&cases::fold(&[])), "");
}

#[test]
fn each_broken_invariant_has_one_line_with_its_first_violation() {
    let text = annotations(&many());
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let broken = cases::violating(0, 2).violations;
    let first = format!("::error title=colosim%3A 120 violations of {}::", broken[0].invariant);
    assert!(lines[0].starts_with(&first), "{text}");
    assert!(lines[0].ends_with(&format!("%0A{}", broken[0].replay)), "{text}");
    assert!(lines[1].starts_with("::error title=colosim%3A 1 violation of view::"), "{text}");
    assert!(!text.contains("not kept word for word"), "{text}");
    assert!(lines[2].starts_with("::error title=colosim%3A 150 aborts::"), "{text}");
}

#[test]
fn there_are_never_more_than_github_keeps_and_the_last_names_the_rest() {
    let mut record = cases::violating(1, 1);
    let one = record.violations[0].clone();
    let named = |name: String| colo_reports::Violation { invariant: name, ..one.clone() };
    record.violations = (10..40).map(|n| named(format!("invariant-{n}"))).collect();
    let text = annotations(&cases::fold(&[record]));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 9, "{text}");
    assert!(lines[7].contains(" of invariant-17::"), "{text}");
    let rest = "::error title=colosim%3A 22 more::1 violation of invariant-18%0A1 violation of";
    assert!(lines[8].starts_with(rest), "{text}");
    assert!(lines[8].ends_with("invariant-39"), "{text}");
}

#[test]
fn nothing_in_a_text_is_a_command_of_its_own() {
    let line = annotation("a: b, c::d\n%", "100 %\r\n::stop-commands::x\u{1b}[1m\n");
    let expected = "::error title=colosim%3A a%3A b%2C c%3A%3Ad%0A%25::\
                    100 %25\u{fffd}%0A::stop-commands::x\u{fffd}[1m%0A\n";
    assert_eq!(line, expected);
    assert_eq!(line.lines().count(), 1);
}
