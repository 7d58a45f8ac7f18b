use meanwhile::prelude::*;

#[derive(ToolSet)]
enum Desk {
    Text(String),
}

fn main() {}
