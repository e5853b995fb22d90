//! The operator as a process of its own, which can be killed.

use super::cluster::{Cluster, OPERATOR_NAMESPACE};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OnceCell, oneshot};

/// All that operators of this test binary wrote to standard error.
static LOG: Mutex<String> = Mutex::new(String::new());

/// `$@` is the program. It is killed at the end of standard input, a pipe that the test process holds, so that it ends with the
/// test process, however that ends. The first line is its process id.
pub(crate) const SUPERVISE: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- >&2 & program=$!
echo "$program"
{ read -r _ <&3; kill -9 "$program"; } & killer=$!
exec 3<&-
wait "$program"; status=$?
kill "$killer"
exit "$status"
"#;

/// What the operator logs when it serves; the address stands in the same line.
const SERVING: &str = "serving metrics and health";

/// A running operator. It is killed when this is dropped.
pub(crate) struct Operator {
    shell: Child,
    process: String,
    address: String,
}

/// How an operator is started.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) flags: &'a [&'a str],
    /// `RUST_LOG`
    pub(crate) levels: &'a str,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { flags: &["--watch-secrets"], levels: "info,auth0_operator=debug" }
    }
}

impl Operator {
    /// The one of a test binary that needs only one, with the default settings.
    pub(crate) async fn shared(cluster: &Cluster) -> &'static Self {
        static SHARED: OnceCell<Operator> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start(cluster, Settings::default())).await
    }

    /// Starts an operator for the whole cluster, and waits until it serves. It may talk to any tenant on loopback.
    pub(crate) async fn start(cluster: &Cluster, settings: Settings<'_>) -> Self {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", SUPERVISE, "sh", env!("CARGO_BIN_EXE_auth0-operator"), "run"])
            .args(["--allow-endpoint", "http://127.0.0.1:*", "--http-address", "127.0.0.1:0"])
            .args(settings.flags)
            .env("KUBECONFIG", cluster.kubeconfig())
            .env("POD_NAMESPACE", OPERATOR_NAMESPACE)
            .env("RUST_LOG", settings.levels)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut process).unwrap();
        let lines = BufReader::new(shell.stderr.take().unwrap());
        let (serves, serving) = oneshot::channel();
        std::thread::spawn(move || read(lines, serves));
        let address = serving.await.unwrap_or_else(|_| panic!("the operator ended before it served:\n{}", tail("")));
        Self { shell, process: process.trim().to_owned(), address }
    }

    /// Ends it as a crash would: by SIGKILL.
    pub(crate) fn kill(mut self) {
        self.signal("KILL");
        self.end();
    }

    /// Asks it to end, as Kubernetes does: by SIGTERM. Beside the test's own tasks, since the tenant is one of them.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        tokio::task::spawn_blocking(move || self.end()).await.unwrap()
    }

    /// What a GET of its HTTP server gives.
    pub(crate) async fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        reqwest::get(url).await.unwrap().error_for_status().unwrap().text().await.unwrap()
    }

    /// How many passes over resources of a kind ended Ready.
    pub(crate) async fn passes(&self, kind: &str) -> u64 {
        let metrics = self.get("/metrics").await;
        let name = format!("auth0_operator_passes_total{{kind=\"{kind}\",reason=\"Available\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args(["-s", signal, &self.process]).status().unwrap();
        assert!(status.success(), "the operator is gone:\n{}", tail(""));
    }

    fn end(&mut self) -> ExitStatus {
        // Taken out, since `wait` would close it first and so kill the operator.
        let pipe = self.shell.stdin.take();
        let status = self.shell.wait().unwrap();
        drop(pipe);
        status
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Closes the pipe, and returns when the operator is gone.
        let _ = self.shell.wait();
    }
}

/// All that was logged.
pub(crate) fn log() -> String {
    lock().clone()
}

/// The last lines of the log that name something, and where the whole of it lies: for a test that fails.
pub(crate) fn tail(about: &str) -> String {
    let log = log();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("operator-{}.log", std::process::id()));
    std::fs::write(&file, &log).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(about)).collect();
    let last = &lines[lines.len().saturating_sub(40)..];
    format!("{}\n(all of it: {})", last.join("\n"), file.display())
}

fn lock() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(lines: impl BufRead, serves: oneshot::Sender<String>) {
    let mut serves = Some(serves);
    for line in lines.lines() {
        let Ok(line) = line else { return };
        if let Some(address) = line.contains(SERVING).then(|| address(&line)).flatten()
            && let Some(serves) = serves.take()
        {
            let _ = serves.send(address);
        }
        let mut log = lock();
        log.push_str(&line);
        log.push('\n');
    }
}

fn address(line: &str) -> Option<String> {
    const HOST: &str = "127.0.0.1:";
    let port = line.split_once(HOST)?.1;
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    Some(format!("{HOST}{port}"))
}
