//! [`open`], which makes the tables of an index or checks that they are there, and connections to them.

use std::path::Path;
use std::time::Duration;

use meanwhile_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::failure::failed;

/// Says in the head of the file that it is an index: "MwRg".
const APPLICATION: i32 = 0x4d77_5267;

/// The tables that this version reads and writes.
const VERSION: i32 = 1;

/// How long another process may keep the file to itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// Ids of chunks are never used again and those of one document follow each other, so that whoever keeps
/// vectors in memory learns what is new from the ids, and what is gone from `removals`. The text of a
/// chunk is read out of that of its document. A vector is kept once for all chunks of one key, and before
/// its chunks where the work on a document is not finished.
const TABLES: &str = "
CREATE TABLE state (
    revision INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    dimensions INTEGER
) STRICT;
INSERT INTO state VALUES (0, 0, NULL);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    hash BLOB NOT NULL,
    fingerprint TEXT NOT NULL,
    source TEXT,
    metadata TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document INTEGER NOT NULL,
    position INTEGER NOT NULL,
    first_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    vector INTEGER,
    key BLOB NOT NULL,
    metadata TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunks_of_documents ON chunks (document, position);
CREATE INDEX chunks_of_vectors ON chunks (vector) WHERE vector IS NOT NULL;
CREATE TABLE vectors (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL) STRICT;
CREATE TABLE removals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE VIRTUAL TABLE words USING fts5 (
    text, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
";

/// Connections to one index.
pub(crate) struct Connections {
    pub(crate) writer: Connection,
    pub(crate) readers: Vec<Connection>,
}

/// Opens the index at `path`, makes it where there is no file. Blocks.
pub(crate) fn open(path: &Path, readers: usize) -> Result<Connections> {
    let at = |error: Error| {
        let message = format!("{}: {}", path.display(), error.message());
        error.with_message(message)
    };
    let mut writer = connect(path).map_err(at)?;
    prepare(&mut writer).map_err(at)?;
    let reader = || {
        let connection = connect(path)?;
        connection.pragma_update(None, "query_only", true).map_err(failed)?;
        Ok(connection)
    };
    let readers = (0..readers).map(|_| reader()).collect::<Result<_>>().map_err(at)?;
    Ok(Connections { writer, readers })
}

fn connect(path: &Path) -> Result<Connection> {
    // Without `SQLITE_OPEN_URI`: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> Result<()> {
    let number = |name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed)
    };
    let empty = number("schema_version")? == 0;
    check(empty, number("application_id")?, number("user_version")?)?;
    if empty {
        // Three vectors of 384 dimensions fit on a page of twice the usual size with less waste.
        connection.pragma_update(None, "page_size", 8192).map_err(failed)?;
    }
    // Readers do not wait for the writer, nor the writer for readers.
    connection.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
    // What was written outlives the process at once, and a loss of power from the next checkpoint on:
    // until then a document may be found not to be done, and is done again.
    connection.pragma_update(None, "synchronous", "normal").map_err(failed)?;
    connection.pragma_update(None, "cache_size", -16_384).map_err(failed)?;
    if empty {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let made: i32 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        // Another process may have been first.
        if made == 0 {
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

fn check(empty: bool, application: i32, version: i32) -> Result<()> {
    if empty || (application == APPLICATION && version == VERSION) {
        return Ok(());
    }
    let message = if application == APPLICATION {
        format!(
            "the index is of version {version}, and this program reads version {VERSION}; update the program, or ingest into another file"
        )
    } else {
        "the file is a database of something else; give the index a file of its own".to_owned()
    };
    Err(Error::new(ErrorKind::Config, message))
}
