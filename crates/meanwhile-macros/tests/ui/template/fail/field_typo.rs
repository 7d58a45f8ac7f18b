use meanwhile::prelude::*;

struct Book {
    title: String,
}

#[call("openai/gpt-4o-mini")]
async fn describe(b: &Book) -> Result<String> {
    "Describe {b.titel}"
}

fn main() {
    let book = Book { title: String::new() };
    let _ = book.title;
}
