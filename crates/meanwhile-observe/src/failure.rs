//! What is said of a failure: its message may quote the answer, so that it counts as content.

use std::borrow::Cow;

use meanwhile_core::{Attempt, Error, ErrorKind};

/// Describes an error: by its message where content is recorded, else by kind, status and code.
pub(crate) fn of_error(error: &Error, content: bool) -> Cow<'_, str> {
    if content {
        return Cow::Borrowed(error.message());
    }
    Cow::Owned(described(error.kind(), error.status(), error.code()))
}

/// Describes a try that failed, likewise.
pub(crate) fn of_attempt(attempt: &Attempt, content: bool) -> Cow<'_, str> {
    if content {
        return Cow::Borrowed(&attempt.message);
    }
    Cow::Owned(described(attempt.kind, attempt.status, attempt.code.as_deref()))
}

fn described(kind: ErrorKind, status: Option<u16>, code: Option<&str>) -> String {
    match (status, code) {
        (Some(status), Some(code)) => format!("{kind} (status {status}, code {code})"),
        (Some(status), None) => format!("{kind} (status {status})"),
        (None, Some(code)) => format!("{kind} (code {code})"),
        (None, None) => kind.to_string(),
    }
}
