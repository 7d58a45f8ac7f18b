//! Azure's errors: what to do about them, and what the content filter found.

use meanwhile_core::{Error, ErrorKind};
use serde_json::Value;

use crate::filter;

/// Adds to the message of an error what its body tells and what helps.
pub(crate) fn explain(error: Error, body: &[u8]) -> Error {
    let more = match (error.kind(), error.code()) {
        (ErrorKind::ModelNotFound, Some("DeploymentNotFound")) => {
            "; the model is named by its deployment, which must exist in this resource".to_owned()
        }
        (ErrorKind::NotFound, _) => "; check the endpoint, the API version and whether the \
             model is served on this path"
            .to_owned(),
        (ErrorKind::ContentFilter, _) => {
            let value: Value = serde_json::from_slice(body).unwrap_or_default();
            let categories = filter::categories(&value);
            if categories.is_empty() {
                return error;
            }
            let list: Vec<&str> = categories.iter().map(String::as_str).collect();
            format!(" (found: {})", list.join(", "))
        }
        _ => return error,
    };
    let message = format!("{}{more}", error.message().trim_end_matches('.'));
    error.with_message(message)
}
