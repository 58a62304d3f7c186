//! `colosim report`: many records as one, what is new against a base, and records that are not whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const FILES: [&str; 4] = ["report.html", "report.md", "report.json", "junit.xml"];

/// Exit code, standard output, standard error.
fn colosim(args: &[&str]) -> (i32, String, String) {
    // What is tested is what it says to anybody, also where the tests are a step of a workflow.
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    let output = command.args(args).env_remove("GITHUB_ACTIONS").output();
    let output = output.expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

/// An empty directory of this name.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report").join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("an old run's directory can go");
    }
    fs::create_dir_all(&path).expect("there is room");
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

/// Runs plans into a directory of its own.
fn run(name: &str, args: &[&str]) -> PathBuf {
    let out = directory(name);
    let args = [&["run", "--out", shown(&out)], args].concat();
    let (code, _, err) = colosim(&args);
    assert!(code == 0 || code == 1, "{code}: {err}");
    out
}

fn json(directory: &Path) -> Value {
    let text = fs::read_to_string(directory.join("report.json")).expect("it was written");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn shares_and_profiles_merge_to_the_same_bytes_in_any_order() {
    let one = run("share-1", &["--profile", "seed", "--seeds", "40", "--partition", "1/2"]);
    let two = run("share-2", &["--profile", "seed", "--seeds", "40", "--partition", "2/2"]);
    let other = run("other-profile", &["--seeds", "20"]);
    let orders = [[&one, &two, &other], [&other, &one, &two], [&two, &other, &one]];
    let mut reports = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let out = directory(&format!("merged-{number}"));
        let mut args = vec!["report", "-o", shown(&out)];
        args.extend(order.iter().map(|path| shown(path)));
        let (code, said, err) = colosim(&args);
        assert_eq!((code, err.as_str()), (1, ""));
        for file in FILES {
            assert!(said.contains(&format!("wrote {}", out.join(file).display())), "{said}");
        }
        let read = |file: &str| fs::read_to_string(out.join(file)).expect("it was written");
        reports.push(FILES.map(read));
    }
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
    let merged = json(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("report/merged-0"));
    let sum = |field: &str| [&one, &two, &other].iter().map(|run| json(run)[field].as_u64()).sum();
    for field in ["plans", "violations_total", "guest_requests"] {
        assert_eq!(merged[field].as_u64(), sum(field), "{field}");
    }
    assert_eq!(
        (&merged["merged"], merged["profile"].as_str()),
        (&true.into(), Some("hardened + seed"))
    );
    // How long they took is in the runs' own reports; two machines never take the same time.
    assert_eq!(merged["seconds"].as_f64(), Some(0.0));
    let out = directory("merged-timed");
    colosim(&["report", shown(&two), shown(&one), shown(&other), "-o", shown(&out), "--timing"]);
    let all: f64 =
        [&one, &two, &other].iter().filter_map(|run| json(run)["seconds"].as_f64()).sum();
    let seconds = json(&out)["seconds"].as_f64().expect("a number");
    assert!(all > 0.0 && (seconds - all).abs() < 1e-6, "{seconds} of {all}");
}

/// Every file below a directory, and what is in it.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(&path).expect("it is there").map(|entry| entry.expect("it is").path()),
            );
        } else {
            let name = path.strip_prefix(directory).expect("it is below").to_owned();
            files.insert(name, fs::read(&path).expect("it is there"));
        }
    }
    files
}

/// The lines of records, in any order and without the paths of plans, which name the directory.
fn records(directory: &Path) -> Vec<String> {
    let text = fs::read_to_string(directory.join("records.jsonl")).expect("it was written");
    let mut lines: Vec<_> =
        text.lines().skip(1).map(|line| line.replace(shown(directory), "")).collect();
    lines.sort();
    lines
}

#[test]
fn four_shares_are_the_whole_run_and_their_report_is_that_of_it_byte_for_byte() {
    for (profile, seeds, code) in [("hardened", "43", 0), ("seed", "300", 1)] {
        let campaign = ["--profile", profile, "--seeds", seeds];
        let whole = run(&format!("{profile}-whole"), &campaign);
        let shares: Vec<_> = (1..=4)
            .map(|k| {
                let share = format!("{k}/4");
                run(
                    &format!("{profile}-share-{k}"),
                    &[&campaign[..], &["--partition", &share]].concat(),
                )
            })
            .collect();
        let mut all: Vec<_> = shares.iter().flat_map(|share| records(share)).collect();
        all.sort();
        // Which plans were saved may differ among those that no report tells; see below for the others.
        let bare = |lines: Vec<String>| {
            lines.into_iter().map(|line| without_plan(&line)).collect::<Vec<_>>()
        };
        assert_eq!(bare(all), bare(records(&whole)));
        let (of_shares, of_whole) =
            (directory(&format!("{profile}-x")), directory(&format!("{profile}-y")));
        let mut args: Vec<_> = vec!["report"];
        args.extend(shares.iter().rev().map(|share| shown(share)));
        args.extend(["-o", shown(&of_shares)]);
        let (ended, _, err) = colosim(&args);
        assert_eq!((ended, err.as_str()), (code, ""));
        let (ended, _, err) = colosim(&["report", shown(&whole), "-o", shown(&of_whole)]);
        assert_eq!((ended, err.as_str()), (code, ""));
        let (x, y) = (files(&of_shares), files(&of_whole));
        assert_eq!(x.keys().collect::<Vec<_>>(), y.keys().collect::<Vec<_>>());
        for (name, contents) in &x {
            assert!(contents == &y[name], "{} differs", name.display());
        }
        folded_shares_report_the_same(profile, &campaign, &of_whole);
        if profile == "seed" {
            every_failure_has_its_plan(&of_shares, &x);
        }
    }
}

/// Without records, too: what the runs come to is enough.
fn folded_shares_report_the_same(profile: &str, campaign: &[&str], of_whole: &Path) {
    let shares: Vec<_> = (1..=2)
        .map(|k| {
            let share = format!("{k}/2");
            let folding = ["--partition", &share, "--no-records"];
            run(&format!("{profile}-folded-{k}"), &[campaign, &folding].concat())
        })
        .collect();
    assert!(shares.iter().all(|share| !share.join("records.jsonl").exists()));
    let out = directory(&format!("{profile}-folded"));
    colosim(&["report", shown(&shares[0]), shown(&shares[1]), "-o", shown(&out)]);
    assert!(files(&out) == files(of_whole), "the reports differ");
    for (base, said) in [
        ([shown(&shares[0]), "--base", shown(of_whole)], "nothing can be compared"),
        ([shown(of_whole), "--base", shown(&shares[0])], "a base is made of records"),
    ] {
        let (code, _, err) = colosim(&[&["report", "-o", shown(&out)], &base[..]].concat());
        assert_eq!((code, err.contains(said)), (2, true), "{err}");
    }
}

/// The record of a line, without the path of the plan.
fn without_plan(line: &str) -> String {
    let mut record: Value = serde_json::from_str(line).expect("it is JSON");
    for violation in record["violations"].as_array_mut().into_iter().flatten() {
        violation["plan"].take();
    }
    record.to_string()
}

/// More fail than a report tells; those that it tells have their plan beside it, by a path from there.
fn every_failure_has_its_plan(report: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let told = json(report);
    assert!(told["violations_total"].as_u64() > Some(100), "{}", told["violations_total"]);
    let violations = told["violations"].as_array().expect("a list");
    assert_eq!(violations.len(), 100);
    for violation in violations {
        let plan = violation["plan"].as_str().expect("a path");
        assert!(files.contains_key(Path::new(plan)), "{violation}");
    }
    assert_eq!(violations.iter().filter(|violation| violation["shrunk"].is_object()).count(), 3);
    // The file alone shows it again.
    let last = &violations[99];
    let plan = directory("alone-plan").join("plan.json");
    fs::copy(report.join(last["plan"].as_str().expect("a path")), &plan).expect("it is there");
    let (code, said, _) = colosim(&["replay", shown(&plan)]);
    let line = format!("VIOLATION of {}", last["invariant"].as_str().expect("a name"));
    assert!(code == 1 && said.contains(&line), "{said}");
}

#[test]
fn the_records_of_one_run_give_the_report_that_the_run_gave() {
    let run = run("alone", &["--profile", "seed", "--seeds", "30"]);
    let out = directory("alone-again");
    let (code, ..) = colosim(&["report", shown(&run), "-o", shown(&out)]);
    assert_eq!(code, 1);
    let (mut first, mut again) = (json(&run), json(&out));
    // Read back, runs have no order and no time, and their plans lie beside the report.
    let apart =
        ["digest", "merged", "seconds", "jobs", "plans_per_second", "guest_requests_per_second"];
    for report in [&mut first, &mut again] {
        for field in apart {
            report.as_object_mut().expect("an object").remove(field).expect("it has all of them");
        }
    }
    let first: Value = serde_json::from_str(
        &first.to_string().replace(&format!("{}/plans/", shown(&run)), "plans/"),
    )
    .expect("it is JSON");
    assert_eq!(first, again);
    assert!(again["violations"][0]["shrunk"]["steps"].as_u64() > Some(0), "{again}");
    let page = |path: &Path| fs::read_to_string(path.join("report.html")).expect("it was written");
    let timelines = |page: &str| page.matches("data-timeline=").count();
    assert_eq!(timelines(&page(&run)), 10, "as many as a page has");
    assert_eq!(timelines(&page(&out)), 10, "the plans lie beside the records");
    assert!(page(&out).contains("a page has at most 10 of them, of 5000 moments"));
    // Without the plans there is none, and it says so.
    let bare = directory("alone-bare");
    fs::copy(run.join("records.jsonl"), bare.join("r.jsonl")).expect("it is there");
    let out = directory("alone-bare-out");
    let (code, ..) = colosim(&["report", shown(&bare.join("r.jsonl")), "-o", shown(&out)]);
    assert_eq!(code, 1);
    assert_eq!(timelines(&page(&out)), 0);
    assert!(page(&out).contains("no plan of this name lies beside the records"));
    assert_eq!(json(&out)["seconds"], 0.0, "nobody knows how long it took");
}

#[test]
fn against_a_base_only_what_is_new_counts() {
    let old = run("old", &["--profile", "seed", "--seeds", "20"]);
    let new = run("new", &["--profile", "seed", "--seeds", "40"]);
    let out = directory("same");
    let (code, said, err) =
        colosim(&["report", shown(&old), "--base", shown(&old), "-o", shown(&out), "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(said.starts_with("NOTHING NEW: "), "{said}");
    assert!(!out.join("report.html").exists(), "only JSON was asked for");
    let known = json(&out)["compared"]["known"].as_u64();
    assert_eq!(
        known,
        Some(
            json(&old)["violations_total"].as_u64().expect("a number")
                + json(&old)["aborts_total"].as_u64().expect("a number")
        )
    );
    let out = directory("newer");
    let (code, ..) = colosim(&["report", shown(&new), "--base", shown(&old), "-o", shown(&out)]);
    assert_eq!(code, 1);
    let report = json(&out);
    let seeds = report["violations"].as_array().expect("a list").iter();
    let seeds: Vec<_> = seeds.map(|violation| violation["seed"].as_u64()).collect();
    assert!(!seeds.is_empty() && seeds.iter().all(|seed| *seed >= Some(20)), "{seeds:?}");
    let total = |path: &Path| json(path)["violations_total"].as_u64().expect("a number");
    assert_eq!(total(&out), total(&new) - total(&old));
}

#[test]
fn what_can_be_read_is_reported_and_what_cannot_is_named() {
    let whole = run("whole", &["--profile", "seed", "--seeds", "5"]);
    let text = fs::read_to_string(whole.join("records.jsonl")).expect("it was written");
    let broken = directory("broken");
    let lines: Vec<_> = text.lines().collect();
    let mut spoilt = lines.clone();
    spoilt[3] = "{\"seed\":3}";
    let cut = &text[..text.len() - 40];
    let newer = lines[0].replacen("\"schema\":1", "\"schema\":99", 1);
    let files = [
        ("spoilt.jsonl", spoilt.join("\n"), "line 4 is no record", lines.len() - 2),
        (
            "cut.jsonl",
            cut.to_owned(),
            "breaks off: the run was stopped while it wrote",
            lines.len() - 2,
        ),
        ("newer.jsonl", newer, "line 1: the records have schema 99, this version reads 1 to 1", 0),
        ("empty.jsonl", String::new(), "the records file is empty", 0),
        ("none.jsonl", "[]\n".to_owned(), "line 1 is no header", 0),
    ];
    for (name, contents, error, left) in files {
        let path = broken.join(name);
        fs::write(&path, contents).expect("there is room");
        let out = directory(&format!("of-{name}"));
        let args = ["report", shown(&path), shown(&whole), "-o", shown(&out)];
        let (code, said, err) = colosim(&args);
        assert_eq!(code, 2, "{name}");
        let line = format!("error: {}: ", path.display());
        assert!(err.starts_with(&line) && err.contains(error), "{name}: {err}");
        assert!(said.contains("wrote "), "{name}: {said}");
        assert_eq!(json(&out)["plans"].as_u64(), Some((lines.len() - 1 + left) as u64), "{name}");
        // Alone, what holds not even a header is no report.
        let alone = directory(&format!("alone-{name}"));
        let (code, _, err) = colosim(&["report", shown(&path), "-o", shown(&alone)]);
        assert_eq!((code, err.contains(error)), (2, true), "{name}: {err}");
        assert_eq!(alone.join("report.json").exists(), left > 0, "{name}");
    }
    let (code, _, err) = colosim(&["report", "no/such/records", "-o", shown(&broken)]);
    assert_eq!(code, 2);
    assert!(err.contains("cannot read no/such/records: ") && err.contains("--out DIR"), "{err}");
    let (code, _, err) =
        colosim(&["report", shown(&whole), "--base", "nothing", "-o", shown(&broken)]);
    assert_eq!(code, 2);
    assert!(err.contains("cannot read nothing: "), "{err}");
    let below = whole.join("records.jsonl").join("below");
    let (code, _, err) = colosim(&["report", shown(&whole), "-o", shown(&below)]);
    assert_eq!(code, 74, "{err}");
}

#[test]
fn records_of_no_run_say_nothing() {
    let records = directory("no-run").join("records.jsonl");
    fs::write(&records, "{\"schema\":1}\n").expect("there is room");
    let out = directory("no-run-out");
    let (code, said, err) = colosim(&["report", shown(&records), "-o", shown(&out)]);
    assert_eq!(code, 4, "{err}");
    assert!(said.starts_with("NOTHING RAN: "), "{said}");
}

#[test]
fn a_trace_for_perfetto_has_every_host_and_its_slices_nest() {
    let out = directory("perfetto").join("trace.json");
    let quirk = "flush-misses-split-writes";
    let args = ["replay", "commit-write-error", "--quirks", quirk, "--perfetto", shown(&out)];
    let (code, ..) = colosim(&args);
    assert_eq!(code, 1);
    let trace: Value = serde_json::from_str(&fs::read_to_string(&out).expect("it was written"))
        .expect("it is JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    let named = |what: &str| {
        let named = events.iter().filter(|event| event["name"] == what);
        named.map(|event| event["args"]["name"].as_str().expect("a name")).collect::<Vec<_>>()
    };
    assert_eq!(named("process_name"), ["plan", "primary", "link", "secondary"]);
    assert!(named("thread_name").contains(&"jobs"));
    let slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    let has = |name: &str| {
        slices.iter().any(|slice| slice["name"].as_str().is_some_and(|text| text.starts_with(name)))
    };
    for name in [
        "FAILOVER_FAILED",
        "guest #8 write sectors 20..22 (S3)",
        "step 14: ",
        "verb ",
        "backup job started",
    ] {
        assert!(has(name), "{name}");
    }
    let mut ends = BTreeMap::new();
    for slice in &slices {
        let (from, long) =
            (slice["ts"].as_f64().expect("a time"), slice["dur"].as_f64().expect("a time"));
        assert!(from >= 0.0 && long >= 0.0);
        let end = ends.entry(slice["tid"].as_u64()).or_insert(0.0);
        // A tenth of a nanosecond is what adding two of them may cost.
        assert!(*end <= from + 1e-4, "{slice} begins before {end}");
        *end = from + long;
    }
    let (code, _, err) = colosim(&["replay", "../fixtures/plans", "--perfetto", shown(&out)]);
    assert_eq!((code, err.contains("name a plan of")), (2, true), "{err}");
}

/// A file of LLVM's, from the fixtures.
fn lines_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/lines").join(name)
}

/// Reports with lines, made where the sources are, or are not.
fn report_lines(from: &Path, out: &Path, run: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_colosim"));
    let command = command.current_dir(from).env_remove("GITHUB_ACTIONS");
    let output = command.args(["report", shown(run), "-o", shown(out)]).args(args).output();
    let output = output.expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

#[test]
fn lines_that_no_seed_reached_are_quoted_and_files_add_up_in_any_order() {
    let run = run("lines-run", &["--seeds", "3"]);
    let [runs, list, regions] = ["runs.lcov", "list.lcov", "runs.json"].map(lines_file);
    // A source lies where the report is made: the program was compiled elsewhere.
    let here = directory("lines-here");
    fs::create_dir_all(here.join("core/src")).expect("there is room");
    let text: Vec<_> = (1..=26).map(|line| format!("// line {line} <of> clock")).collect();
    fs::write(here.join("core/src/clock.rs"), text.join("\n")).expect("there is room");
    let args = |files: [&Path; 2]| {
        let files = files.map(|file| file.to_str().expect("it is text").to_owned());
        let regions = shown(&regions).to_owned();
        [
            "--lcov".into(),
            files[0].clone(),
            "--regions".into(),
            regions,
            "--lcov".into(),
            files[1].clone(),
        ]
    };
    let mut reports = Vec::new();
    for (name, files) in [("one", [&*runs, &*list]), ("other", [&*list, &*runs])] {
        let out = directory(&format!("lines-{name}"));
        let args = args(files);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let (code, said, err) = report_lines(&here, &out, &run, &args);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(said.contains("reached 44 of 59 lines, 74.5 %, and 67 of 105 regions"), "{said}");
        reports.push(FILES.map(|file| fs::read_to_string(out.join(file)).expect("it was written")));
    }
    assert_eq!(reports[0], reports[1]);
    let page = &reports[0][0];
    assert!(
        page.contains("// line 25 &lt;of&gt; clock") && !page.contains("// line 23 "),
        "{page}"
    );
    assert!(page.contains("<p>lines 23 to 25</p>"), "of bitmap.rs there is no text");
    let lines = &json(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("report/lines-one"))["lines"];
    assert_eq!(lines["files"]["clock.rs"]["never"], serde_json::json!([[24, 26]]));
    for report in &reports[0] {
        assert!(!report.contains("/build/") && !report.contains(shown(&here)), "{report}");
    }
}

#[test]
fn a_file_of_lines_that_is_not_whole_is_named_and_counts_for_nothing() {
    let run = run("lines-wrong-run", &["--seeds", "3"]);
    let whole = lines_file("runs.lcov");
    let text = fs::read_to_string(&whole).expect("it is there");
    let here = directory("lines-wrong");
    let spoilt = text.replacen("DA:14,", "DA:fourteen,", 1);
    let files = [
        ("spoilt.lcov", spoilt.as_str(), "at line "),
        ("cut.lcov", &text[..text.len() - 20], "ends within a file"),
        ("none.lcov", "", "names no source below core/src/"),
    ];
    for (name, contents, error) in files {
        let path = here.join(name);
        fs::write(&path, contents).expect("there is room");
        let out = directory(&format!("lines-wrong-{name}"));
        let args = ["--lcov", shown(&path), "--lcov", shown(&whole)];
        let (code, said, err) = report_lines(&here, &out, &run, &args);
        assert_eq!(code, 2, "{name}");
        let named = format!("error: {}: ", path.display());
        assert!(err.starts_with(&named) && err.contains(error), "{name}: {err}");
        assert!(said.contains("reached 38 of 59 lines"), "{name}: {said}");
        assert_eq!(json(&out)["clean"], true, "{name}");
    }
    let out = directory("lines-missing");
    let (code, said, err) = report_lines(&here, &out, &run, &["--lcov", "no/such.lcov"]);
    assert_eq!((code, json(&out).get("lines")), (2, None), "{said}");
    assert!(err.contains("no/such.lcov: cannot be read: ") && err.contains("docs/ci.md"), "{err}");
    let (code, _, err) = report_lines(&here, &out, &run, &["--regions", shown(&whole)]);
    assert!(code == 2 && err.contains("--lcov"), "{err}");
}
