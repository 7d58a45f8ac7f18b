use meanwhile::prelude::*;

struct Db;

/// Takes what cannot be cloned.
#[tool]
async fn takes(#[host] db: Db) {
    let _ = db;
}

fn main() {}
