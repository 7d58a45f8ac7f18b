use meanwhile::prelude::*;

fn main() {
    let x = 1;
    let prompt = prompt!(r"USER: {{{x}}} \SYSTEM: {x:?} \n");
    assert_eq!(prompt.messages[0].text(), "{1} SYSTEM: 1 \\n");
}
