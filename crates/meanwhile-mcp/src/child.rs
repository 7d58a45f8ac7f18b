//! [`Child`]: the process of a server, with the end of what it wrote to its standard error.

use std::fmt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;

/// How much of the standard error is kept.
const KEPT: usize = 4096;

/// How long the standard error of a process that has ended may still be read.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Runs until it is closed or dropped; dropping kills the process and, on Unix, those it started.
pub(crate) struct Child {
    process: tokio::process::Child,
    errors: Errors,
    reading: JoinHandle<()>,
}

/// The end of what the process wrote to its standard error.
#[derive(Clone, Default)]
pub(crate) struct Errors(Arc<Mutex<Vec<u8>>>);

impl Child {
    /// Starts the process.
    pub(crate) fn start(command: Command) -> Result<(Self, ChildStdout, ChildStdin)> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut command = tokio::process::Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut process = command.spawn().map_err(|source| {
            let message = format!(
                "the MCP server `{program}` could not be started: {source}; install it, or give the path of its program"
            );
            Error::new(ErrorKind::Config, message).with_source(source)
        })?;
        let errors = Errors::default();
        let (Some(stdout), Some(stdin), Some(stderr)) =
            (process.stdout.take(), process.stdin.take(), process.stderr.take())
        else {
            let message = format!("the MCP server `{program}` was started without its streams");
            return Err(Error::new(ErrorKind::Other, message));
        };
        // Ends with the stream, that is with the process.
        let reading = tokio::spawn(errors.clone().keep(stderr));
        Ok((Self { process, errors, reading }, stdout, stdin))
    }

    /// What it wrote to its standard error.
    pub(crate) fn errors(&self) -> Errors {
        self.errors.clone()
    }

    /// Waits until it has ended by itself, or ends it after `patience`, and those it started with it; then
    /// its last words are there.
    pub(crate) async fn end(&mut self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.ended()).await;
        // Those it started may go on without it.
        self.kill();
        let last = async {
            let _ = self.process.wait().await;
            let _ = (&mut self.reading).await;
        };
        let _ = tokio::time::timeout(LAST_WORDS, last).await;
    }

    /// Waits until it has ended by itself. Where that can be seen without waiting for it in the system's
    /// sense, its id stays its own, and so does that of the group.
    async fn ended(&mut self) {
        if has_ended(self.process.id()).await.is_err() {
            let _ = self.process.wait().await;
        }
    }

    fn kill(&mut self) {
        // There is no id once it has been waited for: then another process may go by it.
        kill_group(self.process.id());
        let _ = self.process.start_kill();
    }
}

/// Waits for the end of a process of ours without taking its id from it.
#[cfg(all(unix, not(any(target_os = "cygwin", target_os = "openbsd", target_os = "redox"))))]
async fn has_ended(id: Option<u32>) -> std::io::Result<()> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    use tokio::signal::unix::{SignalKind, signal};

    let id = id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let id = id.ok_or(std::io::ErrorKind::NotFound)?;
    // Before the first look, so that no end is missed.
    let mut ends = signal(SignalKind::child())?;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(id), look)?.is_none() {
        ends.recv().await.ok_or(std::io::ErrorKind::BrokenPipe)?;
    }
    Ok(())
}

#[cfg(not(all(unix, not(any(target_os = "cygwin", target_os = "openbsd", target_os = "redox")))))]
async fn has_ended(_: Option<u32>) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Kills the processes that began with the one of this id: a program such as `npx` starts the server as
/// a process of its own.
#[cfg(unix)]
fn kill_group(id: Option<u32>) {
    let id = id.and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
        // They may have ended already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: Option<u32>) {}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Child {
    // Not the command: its arguments and environment may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("id", &self.process.id()).finish_non_exhaustive()
    }
}

impl Errors {
    async fn keep(self, mut stderr: ChildStderr) {
        let mut chunk = [0; 1024];
        while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
            let mut kept = self.lock();
            kept.extend(chunk.iter().take(read));
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus);
        }
    }

    /// The text so far; `None` where there is none.
    pub(crate) fn text(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.lock()).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
