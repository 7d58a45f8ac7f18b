use std::fmt::Display;

use meanwhile::prelude::*;

struct Db;

/// Changes.
#[tool]
fn changes(#[host] db: &mut Db) {
    let _ = db;
}

/// Borrows text.
#[tool]
fn text(#[host] name: &str) {
    let _ = name;
}

/// Borrows a trait.
#[tool]
fn object(#[host] shown: &dyn Display) {
    let _ = shown;
}

/// Takes any.
#[tool]
fn any(#[host] shown: impl Display) {
    let _ = shown;
}

/// Takes it twice.
#[tool]
fn twice(#[host] first: &Db, #[host] second: Db) {
    let _ = (first, second);
}

/// Says too much.
#[tool]
fn says(#[host(Db)] db: &Db, #[host] #[serde(default)] text: &String) {
    let _ = (db, text);
}

/// Takes apart.
#[tool]
fn takes_apart(#[host] Db: &Db) {}

#[call("a/b")]
async fn called(#[host] db: &Db) -> Result<String> {
    "{db}"
}

fn main() {}
