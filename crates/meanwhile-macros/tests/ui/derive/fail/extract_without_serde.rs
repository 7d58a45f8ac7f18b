use meanwhile::prelude::*;

#[derive(Extract)]
struct Book {
    title: String,
}

#[derive(Extract, Deserialize)]
struct Page {
    number: u8,
}

fn main() {}
