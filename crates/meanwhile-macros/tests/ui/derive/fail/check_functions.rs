use meanwhile::prelude::*;

struct Opaque;

fn says_bool(_: &u8) -> bool {
    true
}

fn says_opaque(_: &u8) -> Result<(), Opaque> {
    Ok(())
}

fn of_text(_: &str) -> Result<(), String> {
    Ok(())
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Outcome {
    #[extract(check = "says_bool")]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Shown {
    #[extract(check = "says_opaque")]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
struct Argument {
    #[extract(check = "of_text")]
    a: u8,
}

#[derive(Extract, Deserialize, JsonSchema)]
#[extract(check = "missing")]
struct Missing {
    a: u8,
}

#[derive(Deserialize, JsonSchema)]
struct Plain {
    a: u8,
}

#[call("scripted/any")]
async fn list() -> Result<Vec<Plain>> {
    "Which?"
}

fn main() {}
