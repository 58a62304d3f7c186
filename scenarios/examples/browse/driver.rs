//! A browser without a window, driven through chromedriver: as much of WebDriver as looking at a page takes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use base64::Engine;
use serde_json::{Value, json};

/// What keeps a browser from doing anything but showing the page.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    // Containers have little of it.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser that shows one page.
pub(crate) struct Browser {
    driver: Child,
    session: String,
}

impl Browser {
    /// Starts chromedriver, and a browser with a profile of its own in `profile`.
    pub(crate) fn start(profile: &Path) -> anyhow::Result<Self> {
        let mut driver =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn().context(
                "cannot start chromedriver; install it, in Debian the package chromium-driver",
            )?;
        let out = driver.stdout.take().expect("it is piped");
        let mut browser = Self { driver, session: String::new() };
        let mut lines = BufReader::new(out).lines();
        let port = loop {
            let line = lines.next().context("chromedriver ended before it listened")??;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let mut arguments = ARGUMENTS.map(String::from).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        browser.session.clone_from(&base);
        let session = browser.post("", &capabilities)?;
        let id = session["sessionId"].as_str().context("chromedriver gives no session")?;
        browser.session = format!("{base}/{id}");
        Ok(browser)
    }

    /// Opens a page.
    pub(crate) fn open(&self, page: &Path) -> anyhow::Result<()> {
        let page = page.canonicalize().with_context(|| format!("no page {}", page.display()))?;
        self.post("/url", &json!({"url": format!("file://{}", page.display())})).map(drop)
    }

    /// What a script in the page returns.
    pub(crate) fn run(&self, script: &str) -> anyhow::Result<Value> {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What a script in the page hands to `done`, its only argument.
    pub(crate) fn run_until_done(&self, script: &str) -> anyhow::Result<Value> {
        let script = format!("const done = arguments[0]; {script}");
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// Presses a key, and lets it go; with another one held, if `held`.
    pub(crate) fn press(&self, key: &str, held: Option<&str>) -> anyhow::Result<()> {
        let event = |kind: &str, key: &str| json!({"type": kind, "value": key});
        let mut actions = vec![event("keyDown", key), event("keyUp", key)];
        if let Some(held) = held {
            actions.insert(0, event("keyDown", held));
            actions.push(event("keyUp", held));
        }
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]});
        self.post("/actions", &actions).map(drop)
    }

    /// Clicks on the first element that the selector finds.
    pub(crate) fn click(&self, selector: &str) -> anyhow::Result<()> {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}))?;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        let id = id.with_context(|| format!("no element {selector}"))?;
        self.post(&format!("/element/{id}/click"), &json!({})).map(drop)
    }

    /// A screen of this size, a phone's if it is narrow, in light or dark.
    pub(crate) fn screen(&self, width: u32, height: u32, dark: bool) -> anyhow::Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics)?;
        let scheme =
            json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": [scheme]})).map(drop)
    }

    /// A picture of what the screen shows.
    pub(crate) fn picture(&self, file: &Path) -> anyhow::Result<()> {
        let shot = self.devtools("Page.captureScreenshot", &json!({"format": "png"}))?;
        let data = shot["data"].as_str().context("the browser gives no picture")?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(data)?;
        std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }

    /// What the page said in the console since the last call.
    pub(crate) fn console(&self) -> anyhow::Result<Vec<String>> {
        let lines = self.post("/se/log", &json!({"type": "browser"}))?;
        let lines = lines.as_array().context("the browser gives no log")?;
        Ok(lines.iter().map(|line| format!("{}: {}", line["level"], line["message"])).collect())
    }

    fn devtools(&self, command: &str, parameters: &Value) -> anyhow::Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body)
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.post(format!("{}{path}", self.session)).send_json(body)?;
        let mut answer: Value = answer.body_mut().with_config().limit(64 << 20).read_json()?;
        if let Some(error) = answer["value"]["error"].as_str() {
            bail!("{path}: {error}: {}", answer["value"]["message"].as_str().unwrap_or_default());
        }
        Ok(answer["value"].take())
    }
}

impl Drop for Browser {
    /// Ends the browser with its session, and then the driver.
    fn drop(&mut self) {
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
