use meanwhile::prelude::*;

#[derive(Extract)]
struct Borrowed<'a> {
    title: &'a str,
}

#[derive(Extract)]
union Either {
    a: u8,
    b: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
#[meanwhile(create = x)]
struct Key {
    a: u8,
}

fn main() {}
