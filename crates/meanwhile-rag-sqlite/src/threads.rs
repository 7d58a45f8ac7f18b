//! [`Threads`] with a connection each, where everything that blocks is done: no future here waits for a disk.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_channel::oneshot;
use meanwhile_core::{Error, ErrorKind, Result};
use rusqlite::Connection;

/// Instructions of SQLite between two looks at whether the work is still wanted.
const INSTRUCTIONS: i32 = 10_000;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Whether the future that waits for some work was dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The error of work that nobody waits for any more.
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Cancelled, "the future that waited for the index was dropped")
    }
}

/// Says that the work is not wanted when it is dropped.
struct Wanted(Cancelled);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Threads that take work in turn. They end when this is dropped and what was begun is done.
pub(crate) struct Threads {
    jobs: Sender<Job>,
}

impl Threads {
    /// Starts a thread for each connection.
    pub(crate) fn start(name: &str, connections: Vec<Connection>, path: &Path) -> Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for connection in connections {
            let queue = queue.clone();
            let run = move || take_turns(&queue, connection);
            thread::Builder::new().name(name.to_owned()).spawn(run).map_err(|error| {
                let message = format!("no thread could be started for {}", path.display());
                Error::new(ErrorKind::Other, message).with_source(error)
            })?;
        }
        Ok(Self { jobs })
    }

    /// Does some work on the next thread that is free. Dropping the future stops it: what is not begun
    /// is never begun, and a statement under way is interrupted, its transaction rolled back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Cancelled) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, waiting) = oneshot::channel();
        let cancelled = Cancelled::default();
        let wanted = Wanted(cancelled.clone());
        let job: Job = Box::new(move |connection| {
            if cancelled.get() {
                return;
            }
            let stop = cancelled.clone();
            let outcome = connection
                .progress_handler(INSTRUCTIONS, Some(move || stop.get()))
                .map_err(crate::failure::failed)
                .and_then(|()| work(connection, &cancelled));
            // Nobody may be waiting any more.
            let _ = answer.send(outcome);
        });
        let ended = || Error::new(ErrorKind::Other, "a thread of the index ended; open it again");
        self.jobs.send(job).map_err(|_| ended())?;
        let outcome = waiting.await.map_err(|_| ended())?;
        drop(wanted);
        outcome
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

fn take_turns(queue: &Mutex<Receiver<Job>>, mut connection: Connection) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(&mut connection),
            Err(_) => return,
        }
    }
}
