//! Citations of every kind of place to the one of the core.

use meanwhile_core::{Citation, ProviderData};
use serde_json::Value;

use crate::DIALECT;

/// Reads a citation. The places in it are places in the source, not in the answer; they stay in the
/// data, which goes back verbatim.
pub(crate) fn citation(raw: Value) -> Citation {
    let text = |names: &[&str]| {
        let found = names.iter().filter_map(|name| raw.get(name)).find_map(Value::as_str);
        found.map(str::to_owned)
    };
    let index = |name: &str| Some(raw.get(name)?.as_u64()?.to_string());
    let mut citation = Citation::new();
    citation.url = text(&["url", "source"]);
    citation.title = text(&["title", "document_title"]);
    citation.quote = text(&["cited_text"]);
    citation.document = text(&["file_id"])
        .or_else(|| index("document_index"))
        .or_else(|| index("search_result_index"));
    citation.with_data(ProviderData::new(DIALECT, raw))
}
