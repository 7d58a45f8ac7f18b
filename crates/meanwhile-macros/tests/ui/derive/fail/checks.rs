use meanwhile::prelude::*;

#[derive(Extract, Deserialize, JsonSchema)]
#[extract(check = "no such path")]
struct Words {
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
#[extract(valid = "fine")]
struct Key {
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Unquoted {
    #[extract(check = fine)]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Nothing {
    #[extract()]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Skipped {
    #[serde(skip)]
    #[extract(check = "fine")]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
enum Variant {
    #[extract(check = "fine")]
    A(u8),
}

fn fine(_: &u8) -> Result<(), String> {
    Ok(())
}

fn main() {}
