use meanwhile::prelude::*;

struct Notes;

#[toolkit]
impl Notes {
    /// Changes.
    #[tool]
    fn changes(&mut self) {}

    /// Takes itself.
    #[tool]
    fn takes(self) {}

    /// Is free.
    #[tool]
    fn free() {}

    /// Is generic.
    #[tool]
    fn generic<T>(&self, value: T) {
        let _ = value;
    }

    #[tool]
    fn says_nothing(&self) {}

    /// Names a type.
    #[tool(type = Other)]
    fn typed(&self) {}
}

struct Names;

#[toolkit]
impl Names {
    /// One.
    #[tool]
    fn one(&self) {}

    /// Another one.
    #[tool(name = "one")]
    fn another(&self) {}
}

struct Empty;

#[toolkit]
impl Empty {
    fn none(&self) {}
}

struct Generic<T>(T);

#[toolkit]
impl<T> Generic<T> {
    /// One.
    #[tool]
    fn one(&self) {}
}

#[toolkit]
impl Default for Empty {
    fn default() -> Self {
        Self
    }
}

#[toolkit]
fn no_impl() {}

fn main() {}
