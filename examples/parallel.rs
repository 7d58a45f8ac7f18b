//! Many calls at once: results in the order of the calls, and partial successes kept.

use meanwhile::prelude::*;

#[call("local/smollm2-135m", max_tokens = 25, seed = 1)]
async fn recommend_book(genre: &str) -> Result<String> {
    "Name one {genre} book."
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let genres = ["fantasy", "mystery", "romance"];

    // The first error cancels the others.
    let books = gather(genres.map(recommend_book)).await?;
    for (genre, book) in genres.iter().zip(books) {
        println!("{genre}: {}", book.replace('\n', " "));
    }

    // At most two at a time; every result is kept.
    let mut calls: Vec<_> = genres.map(recommend_book).into();
    calls.push(recommend_book("horror").model("local/no-such-model"));
    for result in gather(calls).limit(2).settle().await {
        match result {
            Ok(book) => println!("ok: {} characters", book.len()),
            Err(error) => println!("failed: {error}"),
        }
    }
    Ok(())
}
