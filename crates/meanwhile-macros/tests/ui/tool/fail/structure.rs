use meanwhile::prelude::*;

#[tool]
#[derive(Deserialize, JsonSchema)]
struct Silent {
    query: String,
}

/// Is a tuple.
#[tool]
#[derive(Deserialize, JsonSchema)]
struct Tuple(String);

/// Is generic.
#[tool]
#[derive(Deserialize, JsonSchema)]
struct Generic<T> {
    value: T,
}

/// Names a type.
#[tool(type = Other)]
#[derive(Deserialize, JsonSchema)]
struct Typed {}

/// Is a choice.
#[tool]
enum Choice {
    One,
}

fn main() {}
