//! `cargo xtask new-provider NAME`: lays out the rooms of a provider crate, which compile and pass
//! the conformance suite before the first change.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::run::{cargo, root, run};

/// The provider to lay out.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The id before `/` in model strings: lower-case letters, digits and `-`
    name: String,
    /// The root of the workspace, if it is another than this one
    #[arg(long)]
    workspace: Option<PathBuf>,
}

/// Where each file goes below the crate's folder, and its template.
const FILES: [(&str, &str); 8] = [
    ("Cargo.toml", include_str!("../templates/provider/Cargo.toml.tmpl")),
    ("src/lib.rs", include_str!("../templates/provider/lib.rs.tmpl")),
    ("src/config.rs", include_str!("../templates/provider/config.rs.tmpl")),
    ("src/codec.rs", include_str!("../templates/provider/codec.rs.tmpl")),
    ("src/encode.rs", include_str!("../templates/provider/encode.rs.tmpl")),
    ("src/decode.rs", include_str!("../templates/provider/decode.rs.tmpl")),
    ("src/wire.rs", include_str!("../templates/provider/wire.rs.tmpl")),
    ("src/error.rs", include_str!("../templates/provider/error.rs.tmpl")),
];

const TESTS: (&str, &str) =
    ("tests/it/main.rs", include_str!("../templates/provider/tests.rs.tmpl"));

/// Behind this line stands the new crate in the root manifest.
const NEIGHBOUR: &str = "meanwhile-core = {";

/// Writes the crate and adds it to the workspace.
pub(crate) fn new_provider(arguments: &Arguments) -> Result<()> {
    let name = arguments.name.as_str();
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    ensure!(
        name.split('-').all(is_word),
        "`{name}` cannot be an id; use lower-case letters, digits and `-`, as in `acme-cloud`"
    );
    let workspace = arguments.workspace.clone().unwrap_or_else(root);
    let folder = workspace.join(format!("crates/meanwhile-{name}"));
    if folder.exists() {
        bail!("there is a `{}` already", folder.display());
    }
    for (path, template) in FILES.into_iter().chain([TESTS]) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, fill(template, name))
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    add_to_workspace(&workspace.join("Cargo.toml"), name)?;
    // How lines break depends on how long the name is.
    let package = format!("meanwhile-{name}");
    run(cargo(&["fmt", "--package", &package]).current_dir(&workspace))?;
    eprintln!("{}", next_steps(name));
    Ok(())
}

/// Puts the names in.
fn fill(template: &str, name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    let type_name: String = name.split('-').map(|word| -> String { capital(word) }).collect();
    let snake = name.replace('-', "_");
    template
        .replace("{{name}}", name)
        .replace("{{Name}}", &type_name)
        .replace("{{NAME}}", &snake.to_ascii_uppercase())
        .replace("{{snake}}", &snake)
}

fn add_to_workspace(manifest: &std::path::Path, name: &str) -> Result<()> {
    let text = fs::read_to_string(manifest).context("there is no root manifest")?;
    let at = text.find(NEIGHBOUR).context("the root manifest does not name the core")?;
    let (before, after) = text.split_at(at);
    let line = format!(
        "meanwhile-{name} = {{ path = \"crates/meanwhile-{name}\", version = \"0.1.0\", default-features = false }}\n"
    );
    fs::write(manifest, [before, &line, after].concat())?;
    Ok(())
}

fn next_steps(name: &str) -> String {
    format!(
        "laid out crates/meanwhile-{name}; `cargo test -p meanwhile-{name}` passes.
Next: the wire's own types, messages and settings (docs/adding-a-provider.md). For users of the
facade: a feature `{name}` in crates/meanwhile/Cargo.toml, and its row in
crates/meanwhile/src/providers.rs. Before it is committed: `cargo xtask readme`."
    )
}
