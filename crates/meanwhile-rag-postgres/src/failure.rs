//! [`failed`]: what Postgres and the pool report, as errors that say what to do and hold no password.

use deadpool_postgres::PoolError;
use meanwhile_core::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// Reads an error of the server or of the connection to it.
pub(crate) fn failed(error: tokio_postgres::Error) -> Error {
    let Some(code) = error.code().cloned() else {
        let message = "the connection to Postgres failed; is the server there, does it want TLS (feature `tls`; of `meanwhile`, `rag-postgres-tls`), and does this machine trust its certificate?";
        return Error::new(ErrorKind::Connection, message).with_retryable(true).with_source(error);
    };
    let (kind, message) = if [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]
    .contains(&code)
    {
        (ErrorKind::Authentication, "Postgres refuses the name or the password")
    } else if code == SqlState::INSUFFICIENT_PRIVILEGE {
        (
            ErrorKind::PermissionDenied,
            "the role may not do this in Postgres; grant it, or use another",
        )
    } else if [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(&code)
    {
        (ErrorKind::Conflict, "another transaction was in the way; try again")
    } else if [SqlState::CHARACTER_NOT_IN_REPERTOIRE, SqlState::UNTRANSLATABLE_CHARACTER]
        .contains(&code)
    {
        (
            ErrorKind::Config,
            "Postgres cannot store a text with the character U+0000; take it out of the document",
        )
    } else if [SqlState::TOO_MANY_CONNECTIONS, SqlState::CANNOT_CONNECT_NOW].contains(&code) {
        (ErrorKind::Overloaded, "Postgres takes no more connections now; try again later")
    } else if code == SqlState::INVALID_CATALOG_NAME {
        (ErrorKind::NotFound, "there is no such database; create it first")
    } else {
        (ErrorKind::Other, "Postgres failed")
    };
    let retryable = matches!(kind, ErrorKind::Conflict | ErrorKind::Overloaded);
    Error::new(kind, message)
        .with_retryable(retryable)
        .with_code(code.code().to_owned())
        .with_source(error)
}

/// Reads an error of the pool.
pub(crate) fn no_connection(error: PoolError) -> Error {
    match error {
        PoolError::Backend(error) => failed(error),
        error => {
            let message = "there is no connection to Postgres to be had from the pool";
            Error::new(ErrorKind::Connection, message).with_source(error)
        }
    }
}
