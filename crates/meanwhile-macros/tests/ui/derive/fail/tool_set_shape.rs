use meanwhile::prelude::*;

/// Looks up.
#[tool]
fn look_up() -> u8 {
    0
}

#[derive(ToolSet)]
struct Alone(LookUp);

#[derive(ToolSet)]
enum Mixed {
    LookUp(LookUp),
    Again(LookUp),
    Unit,
    Named { tool: LookUp },
    Two(LookUp, LookUp),
}

#[derive(ToolSet)]
enum Empty {}

fn main() {}
