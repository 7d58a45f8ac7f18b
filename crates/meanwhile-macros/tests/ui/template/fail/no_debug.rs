use meanwhile::prelude::*;

struct Book;

fn main() {
    let book = Book;
    let _ = prompt!("Describe {book:?}");
}
