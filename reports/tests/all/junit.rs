//! The JUnit report as strict readers take it: the schema of Jenkins's xUnit plugin (`junit-10.xsd`), and nextest's.
//!
//! The table below is that schema, as far as we use it: what is not in it is refused there. Attributes
//! that some of its versions do not know are not in it either.

use colo_reports::{Summary, Timing, junit};
use quick_junit::Report;
use roxmltree::{Document, Node};

use crate::{cases, formats};

struct Element {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    children: &'static [&'static str],
    /// Whether text may stand in it.
    text: bool,
}

const ELEMENTS: [Element; 7] = [
    Element {
        name: "testsuites",
        required: &[],
        optional: &["name", "time", "tests", "failures", "errors"],
        children: &["testsuite"],
        text: false,
    },
    Element {
        name: "testsuite",
        required: &["name", "tests", "failures", "errors"],
        optional: &[
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
        children: &["properties", "testcase", "system-out", "system-err"],
        text: false,
    },
    Element {
        name: "properties",
        required: &[],
        optional: &[],
        children: &["property"],
        text: false,
    },
    Element {
        name: "property",
        required: &["name", "value"],
        optional: &[],
        children: &[],
        text: false,
    },
    Element {
        name: "testcase",
        required: &["name"],
        optional: &["time", "classname", "group"],
        children: &["skipped", "error", "failure", "system-out", "system-err"],
        text: false,
    },
    Element {
        name: "failure",
        required: &[],
        optional: &["type", "message"],
        children: &[],
        text: true,
    },
    Element {
        name: "skipped",
        required: &[],
        optional: &["type", "message"],
        children: &[],
        text: true,
    },
];

fn wrong(node: Node<'_, '_>, found: &mut Vec<String>) {
    let name = node.tag_name().name();
    let Some(element) = ELEMENTS.iter().find(|element| element.name == name) else {
        return found.push(format!("<{name}> is not known"));
    };
    let missing = element.required.iter().filter(|attribute| !node.has_attribute(**attribute));
    found.extend(missing.map(|attribute| format!("<{name}> has no {attribute}")));
    for attribute in node.attributes() {
        let known = element.required.iter().chain(element.optional);
        if !known.into_iter().any(|known| *known == attribute.name()) {
            found.push(format!("<{name}> has {}", attribute.name()));
        }
        if attribute.name() == "time" && !is_time(attribute.value()) {
            found.push(format!("<{name}> takes {}", attribute.value()));
        }
    }
    for child in node.children() {
        if child.is_text() && !element.text && !child.text().unwrap_or_default().trim().is_empty() {
            found.push(format!("<{name}> holds text"));
        }
        if child.is_element() {
            let inner = child.tag_name().name();
            if !element.children.contains(&inner) {
                found.push(format!("<{name}> holds <{inner}>"));
            }
            wrong(child, found);
        }
    }
}

/// `SUREFIRE_TIME` of the schema without grouping: digits, and perhaps a point and digits.
fn is_time(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    [whole, part].iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn objections(xml: &str) -> Vec<String> {
    let document = Document::parse(xml).expect("it is XML");
    let mut found = Vec::new();
    assert_eq!(document.root_element().tag_name().name(), "testsuites");
    wrong(document.root_element(), &mut found);
    found
}

fn summaries() -> [Summary; 4] {
    [cases::clean_fold(), cases::failing_fold(), formats::many(), cases::fold(&[])]
}

#[test]
fn jenkins_accepts_every_report() {
    for summary in summaries() {
        for timing in [cases::TIMING, Timing::UNKNOWN, Timing { seconds: 123_456.789, jobs: 2 }] {
            let xml = junit(&summary, &timing, &["view", "crash"]);
            assert_eq!(objections(&xml), Vec::<String>::new(), "{xml}");
        }
    }
}

#[test]
fn what_jenkins_does_not_accept_is_noticed() {
    let xml = junit(&cases::failing_fold(), &cases::TIMING, &["view"]);
    let changes = [
        ("<testsuites ", "<testsuites skipped=\"0\" ", "<testsuites> has skipped"),
        ("<testsuite name=\"colosim\" ", "<testsuite ", "<testsuite> has no name"),
        ("<properties>", "<properties>text", "<properties> holds text"),
        ("time=\"1.250\"", "time=\"1.25 s\"", "<testsuites> takes 1.25 s"),
        ("</testsuites>", "<testcase name=\"x\"/></testsuites>", "<testsuites> holds <testcase>"),
    ];
    for (from, to, objection) in changes {
        assert!(xml.contains(from), "{from} is in {xml}");
        assert_eq!(objections(&xml.replacen(from, to, 1)), [objection]);
    }
}

#[test]
fn the_counts_are_those_of_the_cases() {
    for summary in summaries() {
        let xml = junit(&summary, &cases::TIMING, &["view", "crash"]);
        let document = Document::parse(&xml).expect("it is XML");
        let count = |name: &str| document.descendants().filter(|n| n.has_tag_name(name)).count();
        let suite = document.descendants().find(|n| n.has_tag_name("testsuite")).expect("one");
        let said = |name: &str| suite.attribute(name).and_then(|text| text.parse().ok());
        assert_eq!(said("tests"), Some(count("testcase")));
        assert_eq!(said("failures"), Some(count("failure")));
        assert_eq!(said("skipped"), Some(count("skipped")));
        assert_eq!(said("errors"), Some(0));
        // The reader that nextest's own reports are read with.
        let read = Report::deserialize_from_str(&xml).expect("it is JUnit");
        assert_eq!(Some(read.tests), said("tests"));
    }
}
