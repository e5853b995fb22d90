//! A real browser without a screen: Chromium, driven by WebDriver.

use super::{DEADLINE, operator::SUPERVISE};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What the driver says when it serves; the port follows.
const SERVING: &str = "was started successfully on port ";

/// One browser with one window. Driver and browser end when this is dropped, and with the test process, however that ends.
pub(crate) struct Browser {
    supervisor: Child,
    session: String,
    http: Client,
    _profile: TempDir,
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let (browser, driver) = (program("chromium"), program("chromedriver"));
        let mut supervisor = Command::new("/bin/sh")
            .args(["-c", SUPERVISE, "sh"])
            .arg(driver)
            .arg("--port=0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(supervisor.stderr.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| Some(line.split_once(SERVING)?.1.trim_end_matches('.').to_owned()));
        let port = port.unwrap_or_else(|| panic!("chromedriver ended before it served"));
        // It may say more, and shall never wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));

        let profile = TempDir::new().unwrap();
        let arguments = [
            "--headless=new",
            // The sandbox refuses root, and most containers refuse it; the only pages opened are the tests' own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A browser that is driven through a pipe ends with its driver.
            "--remote-debugging-pipe",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": browser, "args": arguments },
            // Elements are waited for.
            "timeouts": { "implicit": DEADLINE.as_millis() as u64 },
        });
        let mut browser = Self {
            supervisor,
            session: format!("http://127.0.0.1:{port}/session"),
            http: Client::new(),
            _profile: profile,
        };
        let begun = browser.command("", json!({ "capabilities": { "alwaysMatch": capabilities } })).await;
        browser.session = format!("{}/{}", browser.session, begun["sessionId"].as_str().unwrap());
        browser
    }

    /// Opens a page and waits until it is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.command("/url", json!({ "url": url })).await;
    }

    /// The text that a person sees, of the element that a CSS selector names.
    pub(crate) async fn text(&self, selector: &str) -> String {
        let element = self.element(selector).await;
        self.send(Method::GET, &format!("{element}/text"), None).await.as_str().unwrap().to_owned()
    }

    /// Types into a field.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.command(&format!("{element}/value"), json!({ "text": text })).await;
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.command(&format!("{element}/click"), json!({})).await;
    }

    async fn element(&self, selector: &str) -> String {
        let found = self.command("/element", json!({ "using": "css selector", "value": selector })).await;
        format!("/element/{}", found[ELEMENT].as_str().unwrap())
    }

    async fn command(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.session));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        let (status, mut answer): (_, Value) = (answer.status(), answer.json().await.unwrap());
        assert!(status.is_success(), "{path}: {}", answer["value"]["message"]);
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // First the browser, so that nobody writes into its profile when that goes. On a thread of its own, since a test that fails
        // drops this inside its runtime.
        let session = self.session.clone();
        let end = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(Client::new().delete(session).send()).map_err(std::io::Error::other)
        };
        let _ = std::thread::spawn(end).join();
        // Closes the pipe, and returns when the driver is gone.
        let _ = self.supervisor.wait();
    }
}

fn program(name: &str) -> PathBuf {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is missing: apt-get install chromium chromium-driver, or put both on PATH as chromium and chromedriver")
    })
}
