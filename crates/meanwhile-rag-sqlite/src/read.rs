//! What is read from an index as it is: documents, chunks, states, cached vectors, counts.

use std::ops::Range;

use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{Chunk, ChunkKey, ContentHash, Counts, Document, DocumentState, Metadata};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::failure::failed;
use crate::vectors::from_bytes;

/// The columns that [`Place::of`] reads.
const PLACE: &str = "document, position, first_byte, end_byte, key, metadata";

/// What is done of these documents, in their order.
pub(crate) fn states(
    connection: &Connection,
    ids: &[String],
) -> Result<Vec<Option<DocumentState>>> {
    let sql = "SELECT hash, fingerprint FROM documents WHERE id = ?";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let state = |row: &Row<'_>| {
        let hash = ContentHash::from_bytes(row.get(0)?);
        Ok(DocumentState::new(hash, row.get::<_, String>(1)?))
    };
    ids.iter()
        .map(|id| statement.query_row([id], state).optional())
        .collect::<Result<_, _>>()
        .map_err(failed)
}

/// The ids of documents after `after`, in the order of their bytes.
pub(crate) fn document_ids(
    connection: &Connection,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = || -> rusqlite::Result<Vec<String>> {
        match after {
            Some(after) => connection
                .prepare_cached("SELECT id FROM documents WHERE id > ? ORDER BY id LIMIT ?")?
                .query_map(params![after, limit], |row| row.get(0))?
                .collect(),
            None => connection
                .prepare_cached("SELECT id FROM documents ORDER BY id LIMIT ?")?
                .query_map([limit], |row| row.get(0))?
                .collect(),
        }
    };
    read().map_err(failed)
}

/// The vectors that are known for these keys, in their order.
pub(crate) fn vectors(connection: &Connection, keys: &[ChunkKey]) -> Result<Vec<Option<Vec<f32>>>> {
    let sql = "SELECT vector FROM vectors WHERE key = ?";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let vector = |row: &Row<'_>| Ok(from_bytes(row.get_ref(0)?.as_blob()?).collect());
    keys.iter()
        .map(|key| statement.query_row([key.as_bytes()], vector).optional())
        .collect::<Result<_, _>>()
        .map_err(failed)
}

/// The dimensions of all vectors, once there has been one.
pub(crate) fn dimensions(connection: &Connection) -> Result<Option<usize>> {
    connection
        .prepare_cached("SELECT dimensions FROM state")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed)
}

/// One document.
pub(crate) fn document(connection: &Connection, id: &str) -> Result<Option<Document>> {
    let sql = "SELECT text, metadata, source FROM documents WHERE id = ?";
    let parts = |row: &Row<'_>| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
    };
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([id], parts).optional())
        .map_err(failed)?;
    let Some((text, metadata, source)) = found else { return Ok(None) };
    let mut document = Document::new(id, text).with_metadata(read_metadata(&metadata)?);
    document.source = source;
    Ok(Some(document))
}

/// The chunks of one document whose index lies in the range, by index.
pub(crate) fn chunks(connection: &Connection, id: &str, range: Range<u32>) -> Result<Vec<Chunk>> {
    let sql = format!(
        "SELECT {PLACE} FROM chunks WHERE document = (SELECT number FROM documents WHERE id = ?)
        AND position >= ? AND position < ? ORDER BY position"
    );
    // The chunks and the text are of the same moment.
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    let places: Vec<Place> = transaction
        .prepare_cached(&sql)
        .and_then(|mut statement| {
            statement.query_map(params![id, range.start, range.end], Place::of)?.collect()
        })
        .map_err(failed)?;
    places.into_iter().map(|place| place.read(&transaction, id.to_owned())).collect()
}

/// One chunk by its own id, in the transaction that it was found in.
pub(crate) fn chunk(connection: &Connection, id: i64) -> Result<Chunk> {
    let sql = format!("SELECT {PLACE} FROM chunks WHERE id = ?");
    let place = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([id], Place::of))
        .map_err(failed)?;
    let document = connection
        .prepare_cached("SELECT id FROM documents WHERE number = ?")
        .and_then(|mut statement| statement.query_row([place.document], |row| row.get(0)))
        .map_err(failed)?;
    place.read(connection, document)
}

/// How much is stored.
pub(crate) fn count(connection: &Connection) -> Result<Counts> {
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    let rows = |sql: &str| {
        transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(failed)
    };
    let documents = rows("SELECT count(*) FROM documents")?;
    let chunks = rows("SELECT count(*) FROM chunks")?;
    Ok(Counts::new(documents, chunks, dimensions(&transaction)?))
}

/// Reads metadata as it was written.
pub(crate) fn read_metadata(json: &str) -> Result<Metadata> {
    serde_json::from_str(json).map_err(|error| {
        let message = "metadata in the index is no JSON; ingest the document again";
        Error::new(ErrorKind::Decode, message).with_source(error)
    })
}

/// Where a chunk is, and what is known about it.
struct Place {
    document: i64,
    index: u32,
    first: usize,
    end: usize,
    key: [u8; 32],
    metadata: String,
}

impl Place {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            document: row.get(0)?,
            index: row.get(1)?,
            first: row.get(2)?,
            end: row.get(3)?,
            key: row.get(4)?,
            metadata: row.get(5)?,
        })
    }

    /// Reads the text of the chunk, and no more of its document.
    fn read(self, connection: &Connection, document: String) -> Result<Chunk> {
        let damaged = || {
            let message = format!("the text of {document:?} is damaged; ingest it again");
            Error::new(ErrorKind::Decode, message)
        };
        let mut text = vec![0; self.end.checked_sub(self.first).ok_or_else(damaged)?];
        connection
            .blob_open(c"main", c"documents", c"text", self.document, true)
            .and_then(|blob| blob.read_at_exact(&mut text, self.first))
            .map_err(failed)?;
        let text = String::from_utf8(text).map_err(|_| damaged())?;
        let key = ChunkKey::from_bytes(self.key);
        let chunk = Chunk::new(document, self.index, self.first..self.end, text, key);
        Ok(chunk.with_metadata(read_metadata(&self.metadata)?))
    }
}
