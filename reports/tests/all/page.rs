//! The page: how it looks, that it asks for nothing, and that what it holds stays within its bounds.

use colo_reports::{
    Base, Content, Found, Kill, KillMatrix, Kind, Label, Lane, Moment, Page, Proof, Run, Strip,
    Summary, Timeline, Writer, html,
};

use crate::{cases, formats};

fn page_of(summary: &Summary, timelines: &[Timeline], proof: &Proof) -> String {
    html(&Page { summary, timing: &cases::TIMING, timelines, untold: "", proof })
}

pub(crate) fn page(summary: &Summary) -> String {
    page_of(summary, &[], &Proof::default())
}

/// The page without its style and its script, one element a line.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("</style>").expect("the page has a style");
    let (body, script) = body.rsplit_once("<script>").expect("the page has a script");
    assert!(script.ends_with("</script></body></html>"), "the script comes last");
    body.replace("><", ">\n<")
}

fn moment(number: u64) -> Moment {
    Moment {
        at_ns: 1_204_331 + number * 10_007,
        lane: if number == 0 { Lane::Plan } else { Lane::SecondaryHost },
        kind: if number == 0 { Kind::Step } else { Kind::Disk },
        text: format!("disk secondary: write sectors {number}..{} </script>", number + 8),
        cells: if number % 2 == 1 {
            (0..8).flat_map(|n| [n, number as u32 % 2]).collect()
        } else {
            vec![]
        },
    }
}

/// The timeline of a run with this seed.
fn timeline(seed: u64, moments: u64) -> Timeline {
    let content = |writer, number| Content { writer, number, epoch: None, meant_for: None };
    let strip = |name: &str| Strip { name: name.into(), start: vec![0; 24] };
    Timeline {
        run: Run { seed: Some(seed), plan: format!("seed {seed:#x}") },
        invariant: "failover".into(),
        host: 1,
        sector: Some(3),
        volume: None,
        cluster: 2,
        sectors: (0..24).collect(),
        strips: ["local", "secondary", "hidden", "active"].map(strip).to_vec(),
        contents: vec![
            content(Writer::Initial, 0),
            Content { epoch: Some(2), meant_for: Some(4), ..content(Writer::Primary, 7) },
        ],
        moments: (0..moments).map(moment).collect(),
        spans: vec![(3, 0, 1)],
        labels: vec![(0, Label::SecondaryStage, "RUNNING".into())],
        left_out: 0,
    }
}

fn proof() -> Proof {
    let kill = |mutant: &str, seeds: &[(&str, u64)], scenarios: &[(&str, &str)]| Kill {
        mutant: mutant.into(),
        breaks: "something <b>".into(),
        seeds: seeds.iter().map(|(name, seeds)| ((*name).into(), *seeds)).collect(),
        scenarios: scenarios.iter().map(|(name, plan)| ((*name).into(), (*plan).into())).collect(),
        hung: false,
    };
    let found = Found {
        name: "torn-checkpoint".into(),
        invariant: "checkpoint".into(),
        seeds: Some(21),
        steps: 6,
        consequence: "A mixture of two epochs.".into(),
    };
    let rows = vec![
        kill("early", &[("view", 3), ("crash", 900)], &[("view", "failover")]),
        kill("by-scenario", &[], &[("crash", "planned-stop")]),
        kill("survivor", &[], &[]),
    ];
    Proof {
        findings: vec![found.clone(), Found { seeds: None, name: "rare".into(), ..found }],
        kills: KillMatrix { seeds: 1_000, rows },
    }
}

#[test]
fn html_as_it_looks() {
    insta::assert_snapshot!("html_clean", body(&page_of(&cases::clean_fold(), &[], &proof())));
    let failing = page_of(&cases::failing_fold(), &[timeline(42, 2)], &Proof::default());
    insta::assert_snapshot!("html_failing", body(&failing));
}

#[test]
fn what_is_new_is_shown_in_place_of_what_is_there() {
    let mut base = Base::default();
    base.open(&cases::header());
    base.add(&cases::scenario());
    let mut summary = cases::clean_fold();
    base.compare(&mut summary, 3);
    let page = page(&summary);
    assert!(page.contains("Nothing new</h1>"), "{page}");
    assert!(page.contains("compared with 1 plan, 3 known failures are left out"), "{page}");
    assert!(page.contains("<code>edge/secondary/RUNNING-&gt;FAILOVER</code>"), "{page}");
    assert!(!page.contains("id=\"stages\"") && !page.contains("id=\"refusals\""), "{page}");
}

#[test]
fn the_page_asks_for_nothing_outside() {
    let page = page_of(&formats::many(), &[timeline(0, 20)], &proof());
    let forbidden =
        ["http:", "https:", "url(", "@import", "src=", "onclick", "fetch(", "import(", "XMLHttp"];
    for forbidden in forbidden {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("content=\"default-src 'none';"), "nor could it");
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn the_page_escapes_what_records_say() {
    let page = page(&cases::failing_fold());
    assert!(
        page.contains("got &lt;b&gt;&quot;*no*&quot;&lt;/b&gt; &amp; a bell\u{fffd}"),
        "{page}"
    );
    assert!(!body(&page).contains("<b>"));
}

#[test]
fn the_data_of_a_timeline_ends_no_script() {
    let page = page_of(&cases::failing_fold(), &[timeline(42, 9)], &Proof::default());
    // Those of the lanes, of the timeline and of the page itself.
    assert_eq!(page.matches("</script>").count(), 3);
    let (_, data) = page.split_once("id=\"timeline-0\">").expect("it is there");
    let (data, _) = data.split_once("</script>").expect("it ends");
    let data: serde_json::Value = serde_json::from_str(data).expect("it is JSON");
    assert_eq!(data["moments"].as_array().map(Vec::len), Some(9));
    assert_eq!(data["moments"][1][3], "disk secondary: write sectors 1..9 </script>");
}

#[test]
fn a_timeline_stands_at_the_first_failure_of_its_run() {
    let page = page_of(&cases::failing_fold(), &[timeline(42, 9)], &Proof::default());
    assert_eq!(page.matches("data-timeline=").count(), 1);
    let (before, _) = page.split_once("data-timeline=").expect("it is there");
    let (_, card) = before.rsplit_once("<h3>").expect("it is in a card");
    assert!(card.starts_with("failover") && card.contains("seed 0x2a, step 17"), "{card}");
}

#[test]
fn five_thousand_moments_fit_into_a_megabyte_and_what_does_not_fit_is_said() {
    let records: Vec<_> = (0..40).map(|seed| cases::violating(seed, 1)).collect();
    let summary = cases::fold(&records);
    let timelines: Vec<_> = (0..10).map(|seed| timeline(seed, 500)).collect();
    let page = page_of(&summary, &timelines, &proof());
    assert!(page.len() <= 1_000_000, "{} bytes", page.len());
    assert_eq!(page.matches("data-timeline=").count(), 10);
    assert!(!page.contains("timelines are left out"));
    let timelines: Vec<_> = (0..40).map(|seed| timeline(seed, 500)).collect();
    let page = page_of(&summary, &timelines, &proof());
    assert!(page.len() <= 1_000_000, "{} bytes", page.len());
    let shown = page.matches("data-timeline=").count();
    assert!(page.contains(&format!("{} timelines are left out", 40 - shown)), "{shown} are shown");
}

#[test]
fn every_element_of_a_drawing_is_closed() {
    // Left open, a shape swallows the next one, and browsers say nothing.
    let page = page(&cases::failing_fold());
    for element in ["svg", "g", "path", "polygon", "rect", "text"] {
        let opened = page.matches(&format!("<{element} ")).count();
        let closed = page.matches(&format!("</{element}>")).count();
        assert!(opened > 0 && opened == closed, "{element}: {opened} opened, {closed} closed");
    }
}

#[test]
fn edges_that_were_taken_are_drawn_apart_from_those_that_never_were() {
    let page = page(&cases::failing_fold());
    assert_eq!(page.matches("<figure>").count(), 2, "secondary and primary");
    assert_eq!(page.matches("class=\"edge\"").count(), 4 + 2);
    assert_eq!(page.matches("class=\"edge never\"").count(), 2);
    assert_eq!(page.matches("class=\"stage never\"").count(), 1, "FAILOVER_FAILED");
}
