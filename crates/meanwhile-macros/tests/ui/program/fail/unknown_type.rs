use meanwhile::prelude::*;

fn main() {
    let _ = signature!("question -> answer: Unheard");
}
