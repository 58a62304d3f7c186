//! The JSON report against its documented schema, `docs/report.schema.json`.
//!
//! A validator of the whole of JSON Schema is sixty crates; this one knows the keywords that our
//! schema uses and panics at any other, so that nothing in the schema is without effect.

use colo_reports::{Base, Shrunk, Summary, Timing, json};
use serde_json::{Value, json as value};

use crate::{cases, formats, lines};

fn schema() -> Value {
    let text = include_str!("../../../docs/report.schema.json");
    serde_json::from_str(text).expect("the schema is JSON")
}

/// What is wrong with `data`, each with its place.
fn wrong(root: &Value, schema: &Value, data: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let path = wanted.as_str().and_then(|path| path.strip_prefix('#'));
                let target = path.and_then(|path| root.pointer(path));
                found.extend(wrong(root, target.expect("it is defined"), data, place));
            }
            "type" if !types(wanted).iter().any(|name| is(data, name)) => {
                found.push(format!("{place} is {data}, not {wanted}"));
            }
            "const" if data != wanted => found.push(format!("{place} is {data}, not {wanted}")),
            "enum" if !wanted.as_array().is_some_and(|all| all.contains(data)) => {
                found.push(format!("{place} is {data}, not one of {wanted}"));
            }
            "minimum" if data.as_f64() < wanted.as_f64() && data.is_number() => {
                found.push(format!("{place} is {data}, less than {wanted}"));
            }
            "pattern" => {
                assert_eq!(wanted, "^[0-9a-f]{16}$", "this reader knows no other pattern");
                let text = data.as_str().unwrap_or_default();
                if text.len() != 16 || !text.bytes().all(|b| b"0123456789abcdef".contains(&b)) {
                    found.push(format!("{place} is {data}, not {wanted}"));
                }
            }
            "required" => {
                let names = wanted.as_array().expect("a list").iter().filter_map(Value::as_str);
                let missing = names.filter(|name| data.is_object() && data.get(name).is_none());
                found.extend(missing.map(|name| format!("{place} has no {name}")));
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("an object") {
                    if let Some(field) = data.get(name) {
                        found.extend(wrong(root, schema, field, &format!("{place}.{name}")));
                    }
                }
            }
            "additionalProperties" => {
                let known = |name: &str| {
                    schema.pointer("/properties").is_some_and(|all| all.get(name).is_some())
                };
                let more = data.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
                for (name, field) in more {
                    let place = format!("{place}.{name}");
                    if wanted == false {
                        found.push(format!("{place} is not documented"));
                    } else {
                        found.extend(wrong(root, wanted, field, &place));
                    }
                }
            }
            "items" => {
                for (index, item) in data.as_array().into_iter().flatten().enumerate() {
                    found.extend(wrong(root, wanted, item, &format!("{place}[{index}]")));
                }
            }
            "type" | "const" | "enum" | "minimum" => {}
            other => panic!("this reader does not know `{other}`"),
        }
    }
    found
}

fn types(wanted: &Value) -> Vec<&str> {
    match wanted {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn is(data: &Value, name: &str) -> bool {
    match name {
        "object" => data.is_object(),
        "array" => data.is_array(),
        "string" => data.is_string(),
        "boolean" => data.is_boolean(),
        "number" => data.is_number(),
        "integer" => data.is_u64() || data.is_i64(),
        "null" => data.is_null(),
        other => panic!("this reader does not know the type `{other}`"),
    }
}

fn report(summary: &Summary, timing: &Timing) -> Value {
    serde_json::from_str(&json(summary, timing)).expect("it is JSON")
}

fn compared() -> Summary {
    let mut base = Base::default();
    base.open(&cases::header());
    base.add(&cases::clean(1));
    let mut summary = formats::many();
    base.compare(&mut summary, 2);
    summary.violations[0].what.shrunk = Some(Shrunk { plan: "a.min.json".into(), steps: 3 });
    summary.violations[0].what.sector = Some(7);
    summary
}

#[test]
fn every_report_is_as_the_schema_says() {
    let schema = schema();
    let empty = cases::fold(&[]);
    let summaries = [
        cases::clean_fold(),
        cases::failing_fold(),
        formats::many(),
        empty,
        compared(),
        lines::summary(),
    ];
    for summary in summaries {
        for timing in [cases::TIMING, Timing::UNKNOWN, Timing { seconds: f64::NAN, jobs: 1 }] {
            let wrong = wrong(&schema, &schema, &report(&summary, &timing), "report");
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }
}

#[test]
fn what_is_not_as_the_schema_says_is_noticed() {
    let schema = schema();
    let changes: [(&str, Value); 12] = [
        ("/schema", value!(2)),
        ("/clean", value!("yes")),
        ("/verdict", value!("fine")),
        ("/plans", value!(-1)),
        ("/digest", value!("0x12")),
        ("/violations/0/sector", value!("three")),
        ("/violations/0/shrunk/steps", value!(null)),
        ("/counts/refusals", value!({"text": "often"})),
        (
            "/points",
            value!({"reached": 1, "total": 1, "never": [], "first_seeds": {}, "hits": {}, "extra": 1}),
        ),
        ("/lines/lines", value!({"reached": 1})),
        ("/lines/files/clock.rs/never", value!([[24, "26"]])),
        ("/lines/files/clock.rs/never_within", value!([[0, 1]])),
    ];
    for (place, change) in changes {
        let with_lines = Summary { lines: lines::summary().lines, ..compared() };
        let mut report = report(&with_lines, &cases::TIMING);
        *report.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = change;
        assert_eq!(wrong(&schema, &schema, &report, "report").len(), 1, "{place}");
    }
    let mut report = report(&compared(), &cases::TIMING);
    report.as_object_mut().expect("an object").remove("merged");
    assert_eq!(wrong(&schema, &schema, &report, "report"), ["report has no merged"]);
}
