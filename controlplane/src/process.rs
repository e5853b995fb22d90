//! Processes and a folder that end with this process, however it ends.
//!
//! Each program runs below a shell that waits for the end of a pipe which we hold and never write to. The kernel closes
//! it when we end, also by SIGKILL; the shell then kills its program. Another shell holds the folder: its pipe is held
//! by us *and* by the shells of the programs, so it ends, and the folder is removed, when the last program is gone.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::{
        fd::AsFd,
        unix::{fs::OpenOptionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
    pin::pin,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::error::{self, Error};

/// `$@` is the program. Standard error is its log. The inner shell kills it at the end of the pipe; where the program
/// ends first, that shell goes too, so that it never kills a stranger with the same id.
const SUPERVISE: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- >&2 & program=$!
{ read -r _ <&3; kill -9 "$program"; } & killer=$!
exec 3<&-
wait "$program"; status=$?
kill "$killer"
exit "$status"
"#;

/// `$1` is the folder.
const HOLD_FOLDER: &str = r#"read -r _; rm -rf -- "$1""#;

/// How long a component may take to get ready. A cold start takes 4 s in all; the rest is for busy machines.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How much of a log goes into an error, in bytes.
const TAIL: u64 = 3000;

/// A program that is killed when this is dropped, or this process ends.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    shell: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`, with `log` as its output. `prepare` adds arguments, variables and the like.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        log: PathBuf,
        folder: &Folder,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Self, Error> {
        let start = || {
            let mut command = shell(SUPERVISE);
            command.arg(program).stdout(folder.held()?).stderr(File::create(&log)?);
            prepare(&mut command);
            command.spawn()
        };
        let shell = start().map_err(error::io(format!("start {name}")))?;
        Ok(Self { name, shell, log })
    }

    /// Waits until `is_ready` says so, or the program ends, or the time is over.
    pub(crate) async fn ready(&mut self, is_ready: impl AsyncFn() -> bool) -> Result<(), Error> {
        let start = Instant::now();
        let mut ready = pin!(async {
            while !is_ready().await {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        });
        // The question may hang, as on a port of somebody else's, so the program is looked after beside it.
        while tokio::time::timeout(POLL_INTERVAL, &mut ready).await.is_err() {
            if self.has_ended()? {
                return Err(Error::Ended { component: self.name, log: tail(&self.log) });
            }
            if start.elapsed() > READY_TIMEOUT {
                return Err(Error::NotReady { component: self.name, waited: READY_TIMEOUT, log: tail(&self.log) });
            }
        }
        Ok(())
    }

    /// Waits for the program's own end. The error is its last lines.
    pub(crate) fn finish(mut self) -> Result<Result<(), String>, Error> {
        // Taken out, as `wait` would close it first and so kill the program.
        let pipe = self.shell.stdin.take();
        let status = self.shell.wait().map_err(error::io(format!("wait for {}", self.name)))?;
        drop(pipe);
        Ok(if status.success() { Ok(()) } else { Err(tail(&self.log)) })
    }

    fn has_ended(&mut self) -> Result<bool, Error> {
        let status = self.shell.try_wait().map_err(error::io(format!("look after {}", self.name)))?;
        Ok(status.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Closes the pipe, and returns when the program is gone. There is nobody to tell an error.
        let _ = self.shell.wait();
    }
}

/// A temporary folder, only for this user, that is removed when this is dropped or this process ends, and the processes
/// that were started with it are gone.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    shell: Child,
}

impl Folder {
    pub(crate) fn create() -> Result<Self, Error> {
        let create = || {
            let folder = tempfile::Builder::new().prefix("controlplane-").tempdir()?;
            let shell = shell(HOLD_FOLDER).arg(folder.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            Ok(Self { path: folder.keep(), shell })
        };
        create().map_err(error::io("create a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The end of the pipe that keeps the folder, for a process that needs it.
    fn held(&self) -> io::Result<Stdio> {
        let pipe = self.shell.stdin.as_ref().ok_or_else(|| io::Error::other("the folder is gone"))?;
        Ok(pipe.as_fd().try_clone_to_owned()?.into())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = self.shell.wait();
    }
}

/// Writes a file that only this user may read: most of them hold keys.
pub(crate) fn write(file: &Path, content: &str) -> Result<(), Error> {
    let write = || {
        let mut options = File::options();
        options.create(true).write(true).truncate(true).mode(0o600).open(file)?.write_all(content.as_bytes())
    };
    write().map_err(error::io(format!("write {}", file.display())))
}

/// A shell in a process group of its own, so that ctrl-c in a terminal reaches us alone and we end in our own order.
fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, "sh"]).stdin(Stdio::piped()).process_group(0);
    command
}

/// The last lines of a log; empty where it cannot be read, as this explains an error that is worse.
fn tail(log: &Path) -> String {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        io::Result::Ok(String::from_utf8_lossy(&tail).trim().to_owned())
    };
    read().unwrap_or_default()
}
