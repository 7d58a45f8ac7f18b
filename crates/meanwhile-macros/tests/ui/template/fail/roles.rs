use meanwhile::prelude::*;

fn main() {
    let history: Vec<Message> = Vec::new();
    let _ = prompt!("SYSTEM: a\nUSERS: b");
    let _ = prompt!("TOOL: b");
    let _ = prompt!("Tell the USER: hi");
    let _ = prompt!("Hello\nUSER: b");
    let _ = prompt!("SYSTEM:\nUSER: b");
    let _ = prompt!("MESSAGES: {history} and more");
    let _ = prompt!("");
}
