//! What is read from an index as it is: documents, chunks, states, cached vectors, counts.

use std::ops::Range;

use deadpool_postgres::Client;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{Chunk, ChunkKey, ContentHash, Counts, Document, DocumentState, Metadata};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json, ToSql};

use crate::failure::failed;
use crate::schema::{Schema, dimensions};

/// The columns that [`chunk`] reads.
pub(crate) const CHUNK: &str = "document, position, first_byte, end_byte, key, metadata, text";

/// What is done of these documents, in their order.
pub(crate) async fn states(
    client: &Client,
    schema: &Schema,
    ids: &[String],
) -> Result<Vec<Option<DocumentState>>> {
    let sql = format!(
        "SELECT hash, fingerprint FROM unnest($1::text[]) WITH ORDINALITY AS asked (id, place)
        LEFT JOIN {schema}.documents USING (id) ORDER BY place"
    );
    let state = |row: &Row| {
        let Some(hash) = column::<Option<&[u8]>>(row, 0)? else { return Ok(None) };
        let hash = ContentHash::from_bytes(digest(hash)?);
        Ok(Some(DocumentState::new(hash, column::<String>(row, 1)?)))
    };
    query(client, &sql, &[&ids]).await?.iter().map(state).collect()
}

/// The ids of documents after `after`, in the order of their bytes.
pub(crate) async fn document_ids(
    client: &Client,
    schema: &Schema,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = match after {
        Some(after) => {
            let sql =
                format!("SELECT id FROM {schema}.documents WHERE id > $1 ORDER BY id LIMIT $2");
            query(client, &sql, &[&after, &limit]).await?
        }
        None => {
            let sql = format!("SELECT id FROM {schema}.documents ORDER BY id LIMIT $1");
            query(client, &sql, &[&limit]).await?
        }
    };
    rows.iter().map(|row| column(row, 0)).collect()
}

/// The vectors that are known for these keys, in their order.
pub(crate) async fn vectors(
    client: &Client,
    schema: &Schema,
    keys: &[ChunkKey],
) -> Result<Vec<Option<Vec<f32>>>> {
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
    // As plain numbers: the type of the column changes with the first vector.
    let sql = format!(
        "SELECT coalesce(
            (SELECT vector FROM {schema}.cached WHERE cached.key = asked.key),
            (SELECT vector FROM {schema}.chunks
                WHERE chunks.key = asked.key AND vector IS NOT NULL LIMIT 1)
        )::float4[] FROM unnest($1::bytea[]) WITH ORDINALITY AS asked (key, place) ORDER BY place"
    );
    query(client, &sql, &[&keys]).await?.iter().map(|row| column(row, 0)).collect()
}

/// One document.
pub(crate) async fn document(
    client: &Client,
    schema: &Schema,
    id: &str,
) -> Result<Option<Document>> {
    let sql = format!("SELECT text, metadata, source FROM {schema}.documents WHERE id = $1");
    let rows = query(client, &sql, &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let Json(metadata) = column::<Json<Metadata>>(row, 1)?;
    let mut document = Document::new(id, column::<String>(row, 0)?).with_metadata(metadata);
    document.source = column(row, 2)?;
    Ok(Some(document))
}

/// The chunks of one document whose index lies in the range, by index.
pub(crate) async fn chunks(
    client: &Client,
    schema: &Schema,
    id: &str,
    range: Range<u32>,
) -> Result<Vec<Chunk>> {
    let sql = format!(
        "SELECT {CHUNK} FROM {schema}.chunks
        WHERE document = $1 AND position >= $2 AND position < $3 ORDER BY position"
    );
    let (start, end) = (i64::from(range.start), i64::from(range.end));
    query(client, &sql, &[&id, &start, &end]).await?.iter().map(chunk).collect()
}

/// How much is stored.
pub(crate) async fn count(client: &Client, schema: &Schema) -> Result<Counts> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM {schema}.documents), (SELECT count(*) FROM {schema}.chunks),
            (SELECT dimensions FROM {schema}.state)"
    );
    let rows = query(client, &sql, &[]).await?;
    let row = rows.first().ok_or_else(damaged)?;
    let number =
        |place| column::<i64>(row, place).map(|number| u64::try_from(number).unwrap_or_default());
    Ok(Counts::new(number(0)?, number(1)?, dimensions(column(row, 2)?)))
}

/// Reads a row of [`CHUNK`].
pub(crate) fn chunk(row: &Row) -> Result<Chunk> {
    let number = |place| {
        column::<i64>(row, place).and_then(|number| usize::try_from(number).map_err(|_| damaged()))
    };
    let index = u32::try_from(number(1)?).map_err(|_| damaged())?;
    let span = number(2)?..number(3)?;
    let key = ChunkKey::from_bytes(digest(column(row, 4)?)?);
    let Json(metadata) = column::<Json<Metadata>>(row, 5)?;
    let (document, text) = (column::<String>(row, 0)?, column::<String>(row, 6)?);
    Ok(Chunk::new(document, index, span, text, key).with_metadata(metadata))
}

/// Asks the server with a statement that is prepared once for each connection.
pub(crate) async fn query(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    client.query(&statement, parameters).await.map_err(failed)
}

/// Reads one value of a row.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<T> {
    row.try_get(place).map_err(|error| damaged().with_source(error))
}

fn digest(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| damaged())
}

fn damaged() -> Error {
    let message = "a row of the index is not as this program writes it; use a schema of its own";
    Error::new(ErrorKind::Decode, message)
}
