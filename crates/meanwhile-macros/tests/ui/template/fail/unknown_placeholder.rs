use meanwhile::prelude::*;

const SHELF: u8 = 3;

#[call("openai/gpt-4o-mini")]
async fn recommend_book(genre: &str) -> Result<String> {
    let count = 2;
    let _ = (genre, count);
    "SYSTEM: Shelf {SHELF}.
     USER: Recommend {cuont} {gnre} books by {nobody_at_all}"
}

#[call("openai/gpt-4o-mini")]
async fn without_self(genre: &str) -> Result<String> {
    "Recommend {self.count} {genre} books"
}

fn main() {
    let genre = "noir";
    let _ = prompt!("Recommend a {gnre} book");
    let _ = genre;
}
