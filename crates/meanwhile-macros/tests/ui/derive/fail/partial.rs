use meanwhile::Partial;
use serde::Deserialize;

#[derive(Partial)]
struct Pair(String, String);

#[derive(Partial)]
union Either {
    number: u32,
    letter: char,
}

#[derive(Partial)]
struct Generic<T> {
    value: T,
}

#[derive(Deserialize, Partial)]
struct Marked {
    progress: bool,
    #[partial(hole)]
    rest: String,
    #[serde(flatten)]
    more: String,
}

fn main() {}
