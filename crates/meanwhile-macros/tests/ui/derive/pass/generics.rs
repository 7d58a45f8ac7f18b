use meanwhile::prelude::*;

#[derive(Extract, Deserialize, JsonSchema)]
struct Page<T> {
    items: Vec<T>,
}

#[derive(Extract, Deserialize, JsonSchema)]
enum Kind {
    Known(u8),
    Other,
}

fn output<T: Extract>() {
    let _ = T::output();
}

fn main() {
    output::<Page<u8>>();
    output::<Page<Kind>>();
    output::<Kind>();
    let _ = (Kind::Known(1), Kind::Other, Page::<u8> { items: vec![] }.items);
}
