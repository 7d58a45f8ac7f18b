use meanwhile::prelude::*;

#[derive(Signature)]
struct Nothing;

#[derive(Signature)]
struct Pair(String, String);

#[derive(Signature)]
enum Choice {
    One,
}

#[derive(Signature)]
struct NoOutput {
    #[input]
    question: String,
}

#[derive(Signature)]
struct Generic<T> {
    #[input]
    question: T,
    #[output]
    answer: String,
}

#[derive(Signature)]
#[signature(derives(PartialEq))]
struct Fields {
    question: String,
    #[input]
    #[output]
    both: String,
    #[input(default = 3)]
    k: u8,
    #[output(descr = "short")]
    answer: String,
    #[output(history)]
    said: String,
}

fn main() {}
