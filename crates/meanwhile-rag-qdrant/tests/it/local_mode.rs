//! [`LocalMode`]: a process that answers as a server does, by Qdrant's own client for Python.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use meanwhile_rag_qdrant::{QdrantBuilder, QdrantStore};

const PACKAGE: &str = "qdrant-client";
const VERSION: &str = "1.20.0";

/// A process that ends with the test.
pub(crate) struct LocalMode {
    child: Child,
    port: u16,
}

impl LocalMode {
    /// `None`, with a word about it, where the package cannot be had.
    pub(crate) fn start() -> Option<Self> {
        let packages = match installed() {
            Ok(packages) => packages,
            Err(reason) => {
                println!("skipped: no {PACKAGE} of Python: {reason}");
                return None;
            }
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/local_mode.py");
        // It ends when its input does, also where this test is killed.
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the script says its port");
        Some(Self { child, port })
    }

    pub(crate) fn store(&self, collection: &str) -> QdrantBuilder {
        let url = format!("http://127.0.0.1:{}", self.port);
        QdrantStore::builder(url, collection).api_key("test-key")
    }
}

impl Drop for LocalMode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the packages, installed once for all tests of this machine.
fn installed() -> Result<PathBuf, String> {
    let place = std::env::temp_dir().join(format!("meanwhile-{PACKAGE}-{VERSION}"));
    if place.join("qdrant_client").exists() {
        return Ok(place);
    }
    let fresh = tempfile::Builder::new().prefix("meanwhile-install-").tempdir();
    let fresh = fresh.map_err(|error| error.to_string())?;
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--target"])
        .arg(fresh.path())
        .arg(format!("{PACKAGE}=={VERSION}"))
        .output()
        .map_err(|error| format!("python3: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("pip: {}", said.lines().last().unwrap_or("failed")));
    }
    // Another test may have been first.
    let _ = std::fs::rename(fresh.path(), &place);
    if place.join("qdrant_client").exists() {
        Ok(place)
    } else {
        Err("nothing was installed".into())
    }
}
