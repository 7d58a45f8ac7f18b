//! No warnings come from what the macros write.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]

use meanwhile::prelude::*;

/// Recommends.
#[call("openai/gpt-4o-mini", temperature = 0.7, tools = [look_up], stop = ["a"])]
#[inline]
pub async fn recommend(genre: &str, mut count: u8, _unused: u8) -> Result<String> {
    count += 1;
    if genre.is_empty() {
        return "Recommend {count} books";
    }
    "Recommend {count} {genre} books"
}

/// Later.
#[call("openai/gpt-4o-mini")]
pub async fn later<'a, T: std::fmt::Display + Sync>(genre: &'a str, count: &T) -> Result<String> {
    let genre = async { genre }.await;
    "Recommend {count} {genre} books"
}

/// A shelf.
#[derive(Debug)]
pub struct Shelf;

impl Shelf {
    /// Describes.
    #[call(model = "openai/gpt-4o-mini")]
    pub async fn describe(&self) -> Result<u8> {
        "{self:?}"
    }
}

/// Looks up.
#[tool]
pub fn look_up(title: &str) -> String {
    title.to_owned()
}

/// A set.
#[derive(Debug, ToolSet)]
#[non_exhaustive]
pub enum Set {
    /// Looks up.
    LookUp(LookUp),
}

/// A book.
#[derive(Debug, Extract, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Book {
    /// Title.
    pub title: String,
}

fn main() {
    drop(recommend("a", 1, 2));
    drop(later("a", &1));
    drop(Shelf.describe());
    drop(prompt!("x"));
}
