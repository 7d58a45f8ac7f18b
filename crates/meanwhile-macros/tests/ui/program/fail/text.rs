use meanwhile::prelude::*;

signature! { Twice = "question, question -> answer" }

fn main() {
    let _ = signature!("question");
    let _ = signature!("a -> b -> c");
    let _ = signature!("a: list[int, 1b: str -> , ");
    let _ = signature!(question -> answer);
}
