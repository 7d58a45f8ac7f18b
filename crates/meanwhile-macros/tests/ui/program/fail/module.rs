use meanwhile::prelude::*;

#[derive(Module)]
struct Program {
    predict: Predict,
    limit: usize,
}

#[derive(Module)]
enum Either {
    One(Predict),
}

#[derive(Module)]
struct Twice {
    #[module(name = "b")]
    a: Predict,
    b: Predict,
    #[module(hidden)]
    c: Predict,
}

fn main() {}
