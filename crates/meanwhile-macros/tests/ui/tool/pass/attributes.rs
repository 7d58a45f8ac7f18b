#![deny(warnings)]

use meanwhile::prelude::*;

/// Looks up.
///
/// More words.
#[tool(name = "look-up", type = Search, derive(Clone, PartialEq))]
#[must_use]
pub async fn look_up(
    /** Exact title. */ title: &str,
    #[serde(rename = "max")]
    #[schemars(range(min = 1))]
    limit: Option<u8>,
    #[allow(unused_variables)] also: &[u8],
) -> Vec<String> {
    vec![format!("{title} {limit:?}")]
}

#[tool(description = "Does nothing.")]
pub fn nothing() {}

fn main() {
    let search = Search { title: "a".into(), limit: None, also: vec![] };
    assert!(search == search.clone());
    assert_eq!(Search::toolbox().specs().next().map(|spec| spec.name.as_str()), Some("look-up"));
    Nothing {}.call();
}
