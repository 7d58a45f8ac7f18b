//! [`failed`]: what SQLite reports, as an error that says what to do.

use meanwhile_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Reads an error of SQLite.
pub(crate) fn failed(error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Conflict,
            "another process has kept the index locked for too long; try again when it is done",
        ),
        Some(ErrorCode::OperationInterrupted) => return crate::threads::Cancelled::error(),
        Some(ErrorCode::DiskFull) => (
            ErrorKind::Other,
            "there is no room on the disk; what was being written is not in the index",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            ErrorKind::PermissionDenied,
            "the file of the index, or its folder, may not be written to",
        ),
        Some(ErrorCode::CannotOpen) => (
            ErrorKind::NotFound,
            "the file of the index cannot be opened; its folder must be there",
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Decode,
            "the file is no SQLite database, or a damaged one; give the index another path, and ingest again",
        ),
        _ => (ErrorKind::Other, "SQLite failed"),
    };
    let retryable = kind == ErrorKind::Conflict;
    Error::new(kind, message).with_retryable(retryable).with_source(error)
}
