use meanwhile::prelude::*;

fn main() {
    let (number, image) = (5, Image::url("x"));
    let _ = prompt!("{number:image}");
    let _ = prompt!("{image:audio}");
    let _ = prompt!("{image:images}");
    let _ = prompt!("{number:parts}");
}
