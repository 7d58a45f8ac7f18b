use meanwhile::prelude::*;

struct Book;

#[call("openai/gpt-4o-mini")]
async fn describe(book: Book) -> Result<String> {
    "Describe {book}"
}

fn main() {
    let books = vec!["a"];
    let _ = prompt!("Describe {books}");
}
