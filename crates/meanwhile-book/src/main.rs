//! Builds the book: `cargo run -p meanwhile-book`, into `target/book` or the folder that is named.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mdbook_driver::MDBook;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let to = std::env::args_os().nth(1).map_or_else(|| root.join("target/book"), PathBuf::from);
    match build(&root.join("docs"), &to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build(from: &Path, to: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut book = MDBook::load(from)?;
    book.config.build.build_dir = std::path::absolute(to)?;
    book.build()?;
    eprintln!("the book is in {}", to.join("index.html").display());
    Ok(())
}
