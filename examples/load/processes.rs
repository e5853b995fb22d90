//! The operator and the tenant as processes of their own. Both end with this program, however it ends.

use crate::{Result, plan::name_of};
use auth0_emulator::{Config, Emulator, Rate};
use auth0_operator::cli;
use std::{
    env, fs,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    time::Duration,
};

/// Clock ticks in a second, as `/proc` counts CPU time: 100 on every Linux (USER_HZ).
const TICKS: f64 = 100.0;

/// What `auth0-operator run` does.
pub(crate) fn be_operator() -> ExitCode {
    end_with_parent();
    cli::run_from(env::args_os())
}

/// What `auth0-emulator` does; the arguments are the tenant's domain, its plan, and the latency in milliseconds.
pub(crate) fn be_emulator() -> ExitCode {
    end_with_parent();
    let mut arguments = env::args().skip(2);
    let domain = arguments.next().unwrap_or_default();
    let rate = arguments.next().and_then(|plan| plan.parse().ok()).unwrap_or_default();
    let latency = arguments.next().and_then(|latency| latency.parse().ok()).unwrap_or_default();
    let config = Config { domain, rate, latency: Duration::from_millis(latency), ..Config::default() };
    let serve = async {
        let emulator = Emulator::start(config).await?;
        println!("{}", emulator.url());
        std::future::pending::<io::Result<()>>().await
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| runtime.block_on(serve))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the emulator failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Standard input is a pipe that the parent holds; nothing is ever written into it.
fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1)
    });
}

/// A child of this program. It is killed when this is dropped.
struct Kept {
    process: Child,
    /// Closed with this program, which ends the child.
    pipe: Option<ChildStdin>,
}

impl Kept {
    fn spawn(command: &mut Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).spawn()?;
        // Taken out, since `wait` would close it.
        let pipe = process.stdin.take();
        Ok(Self { process, pipe })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The tenant's process.
pub(crate) struct TenantProcess {
    _kept: Kept,
    pub(crate) url: String,
}

impl TenantProcess {
    pub(crate) fn start(domain: &str, plan: Rate, latency: Duration) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["emulator", domain, name_of(plan), &latency.as_millis().to_string()]).stdout(Stdio::piped());
        let mut kept = Kept::spawn(&mut command)?;
        let mut url = String::new();
        let output = kept.process.stdout.take().ok_or("the emulator has no standard output")?;
        BufReader::new(output).read_line(&mut url)?;
        Ok(Self { _kept: kept, url: url.trim().to_owned() })
    }
}

/// The operator's process.
pub(crate) struct Operator {
    kept: Kept,
    kubeconfig: PathBuf,
    log: PathBuf,
}

impl Operator {
    pub(crate) fn start(kubeconfig: &Path) -> Result<Self> {
        // Beside the kubeconfig, in the control plane's own folder: it goes with it.
        let log = kubeconfig.with_file_name("operator.log");
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(["run", "--allow-endpoint", "http://127.0.0.1:*", "--http-address", "127.0.0.1:0"])
            .env("KUBECONFIG", kubeconfig)
            // As deploy/operator.yaml has it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdout(output.try_clone()?)
            .stderr(output);
        let kept = Kept::spawn(&mut command)?;
        Ok(Self { kept, kubeconfig: kubeconfig.to_owned(), log })
    }

    /// Starts it anew, after it has ended.
    pub(crate) fn start_anew(&mut self) -> Result<()> {
        *self = Self::start(&self.kubeconfig.clone())?;
        Ok(())
    }

    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.kept.process.try_wait()? {
            None => Ok(()),
            Some(status) => Err(self.explain(&format!("the operator ended ({status})"))),
        }
    }

    /// Asks it to end, as Kubernetes does.
    pub(crate) fn stop(&mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.kept.process.id().to_string()]).status()?;
        let status = self.kept.process.wait()?;
        if status.success() { Ok(()) } else { Err(self.explain(&format!("the operator ended ({status})"))) }
    }

    /// The most memory that it ever held, in MB.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.kept.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("the kernel tells no VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
    }

    /// The CPU time that it took so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.kept.process.id()))?;
        // The name in parentheses may hold anything. After it comes field 3; 14 is utime, 15 stime.
        let fields = stat.rsplit_once(')').ok_or("the kernel's words are not understood")?.1;
        let ticks: Vec<f64> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<std::result::Result<_, _>>()?;
        Ok(Duration::from_secs_f64(ticks.iter().sum::<f64>() / TICKS))
    }

    /// The last words of its log, for an error.
    pub(crate) fn explain(&self, error: &str) -> Box<dyn std::error::Error + Send + Sync> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        format!("{error}\nthe operator's last words:\n{}", lines[lines.len().saturating_sub(10)..].join("\n")).into()
    }
}
