use meanwhile::prelude::*;

fn main() {
    let text = "x";
    let _ = prompt!(text);
    let _ = prompt!("{text}", text);
    let _ = prompt!();
}
