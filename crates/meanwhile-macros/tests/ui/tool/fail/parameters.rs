use meanwhile::prelude::*;

struct Library;

/// Borrows.
#[tool]
fn borrows(library: &Library, name: &mut String, maybe: Option<&str>) -> u8 {
    let _ = (library, name, maybe);
    0
}

/// Takes apart.
#[tool]
fn takes_apart((a, b): (u8, u8)) -> u8 {
    a + b
}

/// Generic.
#[tool]
fn generic<T>(value: T) -> u8
where
    T: Into<u8>,
{
    value.into()
}

/// Anything.
#[tool]
fn anything(value: impl Into<u8>) -> u8 {
    value.into()
}

impl Library {
    /// Method.
    #[tool]
    fn method(&self) -> u8 {
        0
    }
}

fn main() {}
