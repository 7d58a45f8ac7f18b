use meanwhile::prelude::*;

/// Cannot be read.
#[tool]
struct Unread {
    query: String,
}

impl Unread {
    async fn call(&self, _: &ToolContext) -> usize {
        self.query.len()
    }
}

/// Does nothing.
#[tool]
#[derive(Deserialize, JsonSchema)]
struct Idle {}

fn main() {}
