//! What changes an index, each in one transaction; rows are locked in the order of their keys, so that
//! writers wait for each other and never in a circle.

use deadpool_postgres::Transaction;
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{Chunk, ChunkKey, IndexedDocument};
use tokio_postgres::types::{Json, ToSql};

use crate::failure::failed;
use crate::schema::Schema;
use crate::words;

/// Chunks that are written by one statement: what is prepared for it takes a millisecond of whoever polls.
const PART: usize = 64;

/// Writes a document in place of what there was under its id; `language` is that of the index.
pub(crate) async fn put(
    transaction: &Transaction<'_>,
    schema: &Schema,
    language: &str,
    indexed: &IndexedDocument,
) -> Result<()> {
    let (document, state) = (&indexed.document, &indexed.state);
    let hash = state.hash.as_bytes().as_slice();
    let metadata = Json(&document.metadata);
    execute(
        transaction,
        &format!(
            "INSERT INTO {schema}.documents (id, hash, fingerprint, source, metadata, text)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, fingerprint = excluded.fingerprint,
                source = excluded.source, metadata = excluded.metadata, text = excluded.text"
        ),
        &[&document.id, &hash, &state.fingerprint, &document.source, &metadata, &document.text],
    )
    .await?;
    let old = format!("DELETE FROM {schema}.chunks WHERE document = $1");
    execute(transaction, &old, &[&document.id]).await?;
    let mut vectors = indexed.vectors.chunks(PART);
    for (part, first) in indexed.chunks.chunks(PART).zip((0..).step_by(PART)) {
        let vectors = vectors.next().unwrap_or_default();
        put_chunks(transaction, schema, language, &document.id, first, part, vectors).await?;
    }
    Ok(())
}

/// Writes some chunks of a document, the first of which stands at the place `first`.
async fn put_chunks(
    transaction: &Transaction<'_>,
    schema: &Schema,
    language: &str,
    document: &str,
    first: i64,
    chunks: &[Chunk],
    vectors: &[Vec<f32>],
) -> Result<()> {
    let rows = Rows::of(chunks)?;
    let dimensions = vectors.first().map_or(0, Vec::len);
    let dimensions = i64::try_from(dimensions).unwrap_or(i64::MAX);
    let values: Vec<f32> = vectors.concat();
    execute(
        transaction,
        &format!(
            "INSERT INTO {schema}.chunks
                (document, position, first_byte, end_byte, length, key, metadata, text, words, vector)
            SELECT $1, $12::int8 + place - 1, first_byte, end_byte, length, key, metadata, text,
                to_tsvector($2::text::regconfig, plain),
                CASE WHEN $3::int8 > 0 THEN
                    ($4::float4[])[((place - 1) * $3::int8 + 1)::int4 : (place * $3::int8)::int4]::vector
                END
            FROM unnest($5::int8[], $6::int8[], $7::int8[], $8::bytea[], $9::jsonb[], $10::text[],
                $11::text[]) WITH ORDINALITY
                AS rows (first_byte, end_byte, length, key, metadata, text, plain, place)"
        ),
        &[
            &document,
            &language,
            &dimensions,
            &values,
            &rows.first_bytes,
            &rows.end_bytes,
            &rows.lengths,
            &rows.keys,
            &rows.metadata,
            &rows.texts,
            &rows.words,
            &first,
        ],
    )
    .await?;
    // They are found at the chunks from now on. Whoever else writes the same keys deletes them then.
    let cached = format!(
        "DELETE FROM {schema}.cached WHERE key IN (SELECT key FROM {schema}.cached
            WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE SKIP LOCKED)"
    );
    if !vectors.is_empty() {
        execute(transaction, &cached, &[&rows.keys]).await?;
    }
    Ok(())
}

/// The columns of chunks.
struct Rows<'a> {
    first_bytes: Vec<i64>,
    end_bytes: Vec<i64>,
    lengths: Vec<i64>,
    keys: Vec<&'a [u8]>,
    metadata: Vec<Json<&'a meanwhile_rag::Metadata>>,
    texts: Vec<&'a str>,
    words: Vec<String>,
}

impl<'a> Rows<'a> {
    fn of(chunks: &'a [Chunk]) -> Result<Self> {
        let mut rows = Self {
            first_bytes: Vec::new(),
            end_bytes: Vec::new(),
            lengths: Vec::new(),
            keys: Vec::new(),
            metadata: Vec::new(),
            texts: Vec::new(),
            words: Vec::new(),
        };
        for chunk in chunks {
            let (plain, length) = words::plain(&chunk.text);
            rows.first_bytes.push(number(chunk.span.start)?);
            rows.end_bytes.push(number(chunk.span.end)?);
            rows.lengths.push(number(length)?);
            rows.keys.push(chunk.key.as_bytes());
            rows.metadata.push(Json(&chunk.metadata));
            rows.texts.push(&chunk.text);
            rows.words.push(plain);
        }
        Ok(rows)
    }
}

/// Deletes documents with all that belongs to them; returns how many there were.
pub(crate) async fn delete(
    transaction: &Transaction<'_>,
    schema: &Schema,
    ids: &[String],
) -> Result<u64> {
    let sql = format!(
        "DELETE FROM {schema}.documents WHERE id IN (SELECT id FROM {schema}.documents
            WHERE id = ANY ($1::text[]) ORDER BY id FOR UPDATE)"
    );
    execute(transaction, &sql, &[&ids]).await
}

/// Keeps vectors for chunks that are to come; all are of one length.
pub(crate) async fn cache(
    transaction: &Transaction<'_>,
    schema: &Schema,
    vectors: &[(ChunkKey, Vec<f32>)],
) -> Result<()> {
    // Rows are locked in the order of their keys.
    let mut sorted: Vec<&(ChunkKey, Vec<f32>)> = vectors.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    for part in sorted.chunks(PART) {
        cache_part(transaction, schema, part).await?;
    }
    Ok(())
}

async fn cache_part(
    transaction: &Transaction<'_>,
    schema: &Schema,
    vectors: &[&(ChunkKey, Vec<f32>)],
) -> Result<()> {
    let keys: Vec<&[u8]> = vectors.iter().map(|(key, _)| key.as_bytes().as_slice()).collect();
    let dimensions = number(vectors.first().map_or(0, |(_, vector)| vector.len()))?;
    let values: Vec<f32> = vectors.iter().flat_map(|(_, vector)| vector).copied().collect();
    let sql = format!(
        "INSERT INTO {schema}.cached (key, vector)
        SELECT DISTINCT ON (key) key,
            ($3::float4[])[((place - 1) * $2::int8 + 1)::int4 : (place * $2::int8)::int4]::vector
        FROM unnest($1::bytea[]) WITH ORDINALITY AS rows (key, place) ORDER BY key
        ON CONFLICT (key) DO UPDATE SET vector = excluded.vector"
    );
    execute(transaction, &sql, &[&keys, &dimensions, &values]).await.map(drop)
}

/// Deletes cached vectors but for those that somebody is writing or deleting now; returns how many there were.
pub(crate) async fn clear_cached(transaction: &Transaction<'_>, schema: &Schema) -> Result<u64> {
    let sql = format!(
        "DELETE FROM {schema}.cached WHERE key IN
            (SELECT key FROM {schema}.cached ORDER BY key FOR UPDATE SKIP LOCKED)"
    );
    execute(transaction, &sql, &[]).await
}

async fn execute(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<u64> {
    let statement = transaction.prepare_cached(sql).await.map_err(failed)?;
    transaction.execute(&statement, parameters).await.map_err(failed)
}

fn number(value: usize) -> Result<i64> {
    i64::try_from(value).map_err(|error| {
        Error::new(ErrorKind::Config, "the document is too long to be stored").with_source(error)
    })
}
