use meanwhile::prelude::*;

struct Book;

fn main() {
    let (number, books, numbers) = (5, vec![Book], vec![5]);
    let _ = prompt!("{number:list}");
    let _ = prompt!("{books:list}");
    let _ = prompt!("{numbers:lists}");
}
