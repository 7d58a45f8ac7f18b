//! [`Server`]: a process that listens on the loopback, until it is dropped.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest wait until a server answers; a proxy in Python may take half a minute on a busy machine.
const START: Duration = Duration::from_secs(180);

/// Longest wait until a server that was asked to stop has done so.
const STOP: Duration = Duration::from_secs(10);

/// A running server. Dropping it stops the process.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    process: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// Starts a server that takes `--host` and `--port` on a free port, and waits until `path` answers
    /// with 200.
    pub(crate) fn start(
        name: &'static str,
        path: &str,
        mut command: Command,
        folder: &Path,
    ) -> Result<Self> {
        let address = free_address()?;
        command.args(["--host", "127.0.0.1", "--port", &address.port().to_string()]);
        Self::start_at(address, name, path, command, folder)
    }

    /// Starts a server that has been told of `address`, and waits until `path` answers with 200.
    pub(crate) fn start_at(
        address: SocketAddr,
        name: &'static str,
        path: &str,
        mut command: Command,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let start = Instant::now();
        let process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { name, process, address, log };
        while !server.answers(path) {
            if let Some(status) = server.process.try_wait()? {
                bail!("{name} ended with {status}:\n{}", server.last_words());
            }
            if start.elapsed() > START {
                bail!("{name} did not answer within {START:?}:\n{}", server.last_words());
            }
            sleep(Duration::from_millis(100));
        }
        let id = server.process.id();
        eprintln!("== {name} answers after {:.1} s, process {id}", start.elapsed().as_secs_f64());
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whether a `GET` of the path is answered with 200.
    fn answers(&self, path: &str) -> bool {
        let wait = Duration::from_secs(2);
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect_timeout(&self.address, wait)?;
            stream.set_read_timeout(Some(wait))?;
            write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
            let mut line = [0; 12];
            stream.read_exact(&mut line)?;
            Ok(line.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }

    /// The end of what the server wrote.
    fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        // A server that is asked stops the processes that it has started itself.
        if cfg!(unix) {
            let id = self.process.id().to_string();
            let _asked = Command::new("kill").args(["-TERM", &id]).status();
            let start = Instant::now();
            while start.elapsed() < STOP {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    return;
                }
                sleep(Duration::from_millis(50));
            }
        }
        eprintln!("== {} is ended by force", self.name);
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

/// An address that nobody listens at. Someone else may take it before the server does, who then says so.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
    Ok(probe.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: &str = "
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == '/health' else 404)
        self.end_headers()
address = (sys.argv[2], int(sys.argv[4]))
http.server.HTTPServer(address, Handler).serve_forever()
";

    fn command(program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    #[test]
    fn a_dropped_server_is_gone() {
        if Command::new("python3").arg("--version").output().is_err() {
            println!("skipped: no python3");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let command = command("python3", &["-c", ANSWERS]);
        let server = Server::start("answers", "/health", command, folder.path()).unwrap();
        let address = server.address;
        assert!(server.url().starts_with("http://127.0.0.1:"));
        assert!(!server.answers("/elsewhere"));
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn a_server_that_ends_says_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let command = command("sh", &["-c", "echo no such model; exit 3"]);
        let error = Server::start("brief", "/health", command, folder.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no such model") && text.contains('3'), "{text}");
    }
}
