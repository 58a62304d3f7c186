//! Looks at a report in a real browser, clicks through it, and saves pictures of it.
//!
//! ```text
//! cargo run -p colo-scenarios --example browse -- REPORT.html -o DIR [--timelines]
//! ```
//!
//! It needs chromium and chromedriver, and so it is no test of `cargo test`; the gate runs it. With
//! `--timelines` a page without one is an error. The pictures are for people: phone and wide screen,
//! light and dark.

mod driver;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Parser;
use driver::Browser;
use serde_json::Value;

#[derive(Debug, Parser)]
struct Args {
    /// The page
    report: PathBuf,
    /// Where pictures go
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The page must have timelines, and one of a sector that diverges
    #[arg(long)]
    timelines: bool,
}

/// Keys, as WebDriver names them.
mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const CONTROL: &str = "\u{e009}";
    pub(crate) const PAGE_UP: &str = "\u{e00e}";
    pub(crate) const PAGE_DOWN: &str = "\u{e00f}";
    pub(crate) const END: &str = "\u{e010}";
    pub(crate) const HOME: &str = "\u{e011}";
    pub(crate) const LEFT: &str = "\u{e012}";
    pub(crate) const RIGHT: &str = "\u{e014}";
}

/// A page may have so many bytes.
const BYTES_MAX: u64 = 1_000_000;

/// A step may take so long, in milliseconds.
const STEP_MS_MAX: f64 = 50.0;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.out)?;
    let bytes = std::fs::metadata(&args.report).context("no such page")?.len();
    ensure!(bytes <= BYTES_MAX, "the page has {bytes} bytes, at most {BYTES_MAX} are allowed");
    let profile = args.out.join("browser-profile");
    let browser = Browser::start(&profile)?;
    let seen = look(&browser, &args, bytes);
    drop(browser);
    let _ = std::fs::remove_dir_all(&profile);
    seen
}

fn look(browser: &Browser, args: &Args, bytes: u64) -> anyhow::Result<()> {
    browser.screen(1600, 1000, false)?;
    browser.open(&args.report)?;
    let fetched = browser
        .run("return performance.getEntriesByType('resource').map((entry) => entry.name)")?;
    ensure!(fetched.as_array().is_some_and(Vec::is_empty), "the page fetches {fetched}");
    let count = number(browser, "return document.querySelectorAll('[data-timeline]').length")?;
    ensure!(count > 0 || !args.timelines, "the page has no timeline");
    println!("{}: {bytes} bytes, {count} timelines", args.report.display());
    if count > 0 {
        step(browser)?;
        jump(browser)?;
        next_failure(browser, count)?;
        if args.timelines {
            diverging(browser)?;
        }
        measure(browser)?;
        copy(browser)?;
    }
    without_a_mouse(browser)?;
    pictures(browser, &args.out)?;
    let said = browser.console()?;
    ensure!(said.is_empty(), "the page says in the console:\n{}", said.join("\n"));
    println!("no word in the console");
    Ok(())
}

/// In every script below: the timeline that is shown, where it is, and everything that its strips show.
const PRELUDE: &str = "
    const viewer = () => document.activeElement.closest('.viewer') ?? document.querySelector('.viewer');
    const at = () => Number(viewer().querySelector('input').value);
    const last = () => Number(viewer().querySelector('input').max);
    const strips = () => [...viewer().querySelectorAll('.cell:not(.legend *)')]
        .map((cell) => cell.className.replace(' changed', '') + cell.textContent).join();
";

fn script(browser: &Browser, script: &str) -> anyhow::Result<Value> {
    browser.run(&format!("{PRELUDE} {script}"))
}

fn number(browser: &Browser, text: &str) -> anyhow::Result<u64> {
    let value = script(browser, text)?;
    value.as_u64().with_context(|| format!("{text} gives {value}"))
}

/// Forward and back by keys: the page follows, and what was taken back comes again as it was.
fn step(browser: &Browser) -> anyhow::Result<()> {
    let last = number(browser, "viewer().focus(); return last()")?;
    ensure!(last > 10, "a timeline of {last} moments shows nothing");
    let expect = |wanted: u64, what: &str| {
        let now = number(browser, "return at()")?;
        ensure!(now == wanted, "after {what} moment {now} is shown, not {wanted}");
        Ok(())
    };
    expect(last, "opening")?;
    let end = script(browser, "return strips()")?;
    browser.press(key::HOME, None)?;
    expect(0, "Home")?;
    let start = script(browser, "return strips()")?;
    ensure!(start != end, "the disks hold the same at both ends");
    for (pressed, wanted, what) in [
        (key::RIGHT, 1, "Right"),
        (key::RIGHT, 2, "Right"),
        (key::LEFT, 1, "Left"),
        (key::LEFT, 0, "Left"),
        (key::LEFT, 0, "Left"),
    ] {
        browser.press(pressed, None)?;
        expect(wanted, what)?;
    }
    ensure!(script(browser, "return strips()")? == start, "one step on and back changes the disks");
    browser.press(key::PAGE_DOWN, None)?;
    let of_plan =
        script(browser, "return viewer().querySelector('[aria-current] .where').textContent")?;
    ensure!(of_plan == "plan", "Page Down goes to {of_plan}, not to a step of the plan");
    browser.press(key::PAGE_UP, None)?;
    browser.press(key::END, None)?;
    expect(last, "End")?;
    ensure!(
        script(browser, "return strips()")? == end,
        "to the beginning and back changes the disks"
    );
    println!("forward and back by keys: {} moments", last + 1);
    Ok(())
}

/// The scrubber: wherever it jumps to, the disks are as they are when one steps there.
fn jump(browser: &Browser) -> anyhow::Result<()> {
    let differs = script(
        browser,
        "const range = viewer().querySelector('input');
         const go = (to) => { range.value = to; range.dispatchEvent(new Event('input')); return strips(); };
         const stepped = [];
         for (let to = 0; to <= last(); to++) stepped.push(go(to));
         const places = stepped.map((_, index) => (index * 7919) % stepped.length);
         const wrong = places.filter((to) => go(to) !== stepped[to]);
         go(last());
         return wrong;",
    )?;
    ensure!(differs == Value::Array(Vec::new()), "jumps to {differs} show other disks than steps");
    let before = number(browser, "viewer().querySelector('input').focus(); return at()")?;
    browser.press(key::LEFT, None)?;
    ensure!(number(browser, "return at()")? == before - 1, "the scrubber does not step by one");
    browser.press(key::END, None)?;
    println!("jumps show what steps show");
    Ok(())
}

/// `n` goes round all failures.
fn next_failure(browser: &Browser, count: u64) -> anyhow::Result<()> {
    let shown = |browser: &Browser| {
        number(browser, "return Number(viewer().closest('[data-timeline]').dataset.timeline)")
    };
    for wanted in (1..count).chain([0]) {
        browser.press("n", None)?;
        let now = shown(browser)?;
        ensure!(now == wanted, "n goes to failure {now}, not {wanted}");
    }
    println!("n goes to each of {count} failures");
    Ok(())
}

/// At the violation its sector is marked on every disk, and is where the data says.
fn diverging(browser: &Browser) -> anyhow::Result<()> {
    let found = script(
        browser,
        "for (const story of document.querySelectorAll('[data-timeline]')) {
           const data = JSON.parse(document.getElementById('timeline-' + story.dataset.timeline).textContent);
           if (data.sector === null) continue;
           const viewer = story.querySelector('.viewer');
           document.querySelectorAll('.story').forEach((story) => story.classList.remove('looked-at'));
           story.classList.add('looked-at');
           viewer.focus();
           story.closest('li').scrollIntoView();
           const cells = [...viewer.querySelectorAll('.strip .cell.diverges')];
           return {
             end: viewer.classList.contains('at-end'), cells: cells.length, sector: data.sector,
             titles: cells.filter((cell) => cell.title.startsWith(`sector ${data.sector}:`)).length,
             shadow: cells.map((cell) => getComputedStyle(cell).boxShadow).filter((s) => s.includes('3px')).length,
           };
         }
         return null;",
    )?;
    ensure!(!found.is_null(), "no timeline is about a sector");
    let right =
        found["end"] == true && ["cells", "titles", "shadow"].iter().all(|what| found[*what] == 4);
    ensure!(right, "the diverging sector is not marked on four disks: {found}");
    browser.press(key::HOME, None)?;
    let marked = script(
        browser,
        "return [...viewer().querySelectorAll('.strip .cell.diverges')].filter((cell) => getComputedStyle(cell).boxShadow.includes('3px')).length",
    )?;
    ensure!(marked == 0, "the sector is marked before it diverges");
    browser.press(key::END, None)?;
    println!("sector {} is marked where it diverges", found["sector"]);
    Ok(())
}

/// How long a step takes: until script, style and layout are done, and until the browser has painted.
fn measure(browser: &Browser) -> anyhow::Result<()> {
    let times = browser.run_until_done(&format!(
        "{PRELUDE}
         const story = [...document.querySelectorAll('[data-timeline]')]
           .sort((a, b) => b.querySelectorAll('.cell').length - a.querySelectorAll('.cell').length)[0];
         story.querySelector('.viewer').focus();
         const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
         const painted = () => new Promise((then) => requestAnimationFrame(() => setTimeout(then)));
         (async () => {{
           press('Home');
           const [script, frame] = [[], []];
           for (let i = 0; i < 200; i++) {{
             const from = performance.now();
             press(i < 100 ? 'ArrowRight' : 'ArrowLeft');
             document.body.offsetHeight;
             script.push(performance.now() - from);
             if (i % 4 === 0) {{ await painted(); frame.push(performance.now() - from); }}
           }}
           press('End');
           done([script, frame].map((times) => times.sort((a, b) => a - b)));
         }})();"
    ))?;
    let sorted = |index: usize| -> Vec<f64> {
        times[index].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (script, painted) = (sorted(0), sorted(1));
    ensure!(!script.is_empty() && !painted.is_empty(), "no step was measured");
    let middle = |times: &[f64]| times[times.len() / 2];
    println!(
        "a step takes {:.1} ms, {:.1} ms until it is painted (medians; at most {:.1} and {:.1})",
        middle(&script),
        middle(&painted),
        script[script.len() - 1],
        painted[painted.len() - 1]
    );
    // A machine with other things to do paints late; a page that is slow is so every time.
    let quick = painted[painted.len() / 4];
    let slowest = middle(&script).max(quick);
    ensure!(slowest < STEP_MS_MAX, "a step takes {slowest:.1} ms, {STEP_MS_MAX} are too many");
    Ok(())
}

/// The button copies the command; what is pasted is compared.
fn copy(browser: &Browser) -> anyhow::Result<()> {
    browser.click("button.copy")?;
    // It says so when the clipboard has it, and only then gives up the focus.
    browser.run_until_done(
        "const button = document.querySelector('button.copy'); const look = () => button.firstChild.textContent === 'Copy' ? requestAnimationFrame(look) : done(); look();",
    )?;
    browser.run("const area = document.createElement('textarea'); area.id = 'pasted'; document.body.append(area); area.focus();")?;
    browser.press("v", Some(key::CONTROL))?;
    let pasted = browser
        .run("const area = document.getElementById('pasted'); area.remove(); return area.value")?;
    let wanted = browser.run("return document.querySelector('button.copy').dataset.copy")?;
    let shown = browser.run("return document.querySelector('.replay code').textContent")?;
    ensure!(
        pasted == wanted && pasted == shown,
        "{shown} is shown, {wanted} should be copied, {pasted} is pasted"
    );
    ensure!(
        pasted.as_str().is_some_and(|text| text.contains("replay")),
        "{pasted} replays nothing"
    );
    println!("the button copies {pasted}");
    Ok(())
}

/// Everything that can be used can be reached by Tab, and shows that it is.
fn without_a_mouse(browser: &Browser) -> anyhow::Result<()> {
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0); window.reached = new Set(); window.unseen = [];")?;
    let stops =
        number(browser, "return document.querySelectorAll('button, summary, input').length")?;
    for _ in 0..(stops.min(40) + 10) {
        browser.press(key::TAB, None)?;
        browser.run(
            "const now = document.activeElement;
             const style = getComputedStyle(now);
             window.reached.add(now.tagName + '.' + now.className);
             if (now !== document.body && (style.outlineStyle === 'none' || style.outlineWidth === '0px')) window.unseen.push(now.outerHTML.slice(0, 120));",
        )?;
    }
    let unseen = browser.run("return window.unseen.slice(0, 3)")?;
    ensure!(unseen == Value::Array(Vec::new()), "no focus is seen on {unseen}");
    let reached = browser.run("return [...window.reached]")?;
    let reached = reached.as_array().context("no list")?;
    let has = |tag: &str| {
        reached.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with(tag)))
    };
    let wanted: Vec<Value> = browser
        .run("return ['BUTTON', 'SUMMARY', 'INPUT'].filter((tag) => document.querySelector(tag))")?
        .as_array()
        .context("no list")?
        .clone();
    for tag in &wanted {
        ensure!(has(tag.as_str().unwrap_or_default()), "Tab reaches no {tag}");
    }
    println!("Tab reaches {} kinds of things, each with its focus seen", reached.len());
    Ok(())
}

/// Phone and wide screen, light and dark: nothing sticks out to the side, every text can be read.
fn pictures(browser: &Browser, directory: &Path) -> anyhow::Result<()> {
    for (name, width, height) in [("phone", 360, 1400), ("wide", 1600, 1400)] {
        for (scheme, dark) in [("light", false), ("dark", true)] {
            browser.screen(width, height, dark)?;
            let widths =
                browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")?;
            let fits = widths[0].as_u64() <= Some(u64::from(width));
            ensure!(fits, "at {width} px the page is {} px wide", widths[0]);
            let faint = browser.run(CONTRAST)?;
            let readable = faint == Value::Array(Vec::new());
            ensure!(readable, "on a {name} in {scheme} these are hard to read: {faint:#}");
            for (part, target) in PARTS {
                let there = browser.run(&format!(
                    "document.activeElement.blur();
                     const part = document.querySelector('{target}');
                     part?.scrollIntoView();
                     return Boolean(part)"
                ))?;
                if there == true {
                    browser.picture(&directory.join(format!("{part}-{name}-{scheme}.png")))?;
                }
            }
        }
    }
    println!(
        "nothing sticks out at 360 px and 1600 px, every text has its contrast, light and dark; \
         pictures are in {}",
        directory.display()
    );
    Ok(())
}

/// What is photographed, by a selector.
const PARTS: [(&str, &str); 5] = [
    ("top", "body"),
    ("timeline", ".looked-at"),
    ("stages", "#stages"),
    ("heat", "#heat"),
    ("findings", "#findings"),
];

/// Texts with less contrast than WCAG 2 asks for at level AA: 4.5, for large ones 3.
const CONTRAST: &str = "
    const pen = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const known = new Map();
    const rgba = (color) => {
      if (!known.has(color)) {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        known.set(color, [...pen.getImageData(0, 0, 1, 1).data]);
      }
      return known.get(color);
    };
    const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = rgba(getComputedStyle(at).backgroundColor);
        if (color[3] === 255) return color;
      }
      return [255, 255, 255];
    };
    const faint = new Map();
    for (const element of document.body.querySelectorAll('*')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!own || !element.checkVisibility() || element.closest('svg, script, .unseen, noscript')) continue;
      const style = getComputedStyle(element);
      const ink = rgba(style.color);
      // Cells that are too narrow for a text hide it.
      if (ink[3] === 0) continue;
      const [a, b] = [light(ink), light(behind(element))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
      if (ratio < (large ? 3 : 4.5)) {
        faint.set(element.tagName + '.' + element.className, `${ratio.toFixed(2)}: ${element.textContent.slice(0, 40)}`);
      }
    }
    return [...faint];
";
