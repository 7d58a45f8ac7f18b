//! What changes an index: each function is one transaction, and raises the revision by which readers see it.

use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_rag::{
    Chunk, ChunkKey, Document, DocumentState, IndexedDocument, dimension_mismatch,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde::Serialize;

use crate::failure::failed;
use crate::read::dimensions;
use crate::vectors::to_bytes;

/// Removals that are remembered. Whoever was away for longer reads everything again.
const REMEMBERED: i64 = 10_000;

/// Writes a document in place of what there was under its id.
pub(crate) fn put(connection: &mut Connection, indexed: &IndexedDocument) -> Result<()> {
    let given = indexed.check()?;
    change(connection, |transaction| {
        let orphans = remove(transaction, &indexed.document.id)?.unwrap_or_default();
        fix_dimensions(transaction, given)?;
        let number = insert_document(transaction, &indexed.document, &indexed.state)?;
        let mut vectors = indexed.vectors.iter();
        for chunk in &indexed.chunks {
            let vector = vectors.next().map(|vector| keep_vector(transaction, &chunk.key, vector));
            insert_chunk(transaction, number, chunk, vector.transpose()?)?;
        }
        // After the new chunks: what they use again is no orphan.
        drop_orphans(transaction, &orphans)
    })
}

/// Deletes documents; returns how many there were.
pub(crate) fn delete(connection: &mut Connection, ids: &[String]) -> Result<u64> {
    change(connection, |transaction| {
        let mut deleted = 0;
        for id in ids {
            if let Some(orphans) = remove(transaction, id)? {
                drop_orphans(transaction, &orphans)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    })
}

/// Keeps vectors for chunks that are to come.
pub(crate) fn cache(connection: &mut Connection, vectors: &[(ChunkKey, Vec<f32>)]) -> Result<()> {
    let Some((_, first)) = vectors.first() else { return Ok(()) };
    if let Some((_, other)) = vectors.iter().find(|(_, vector)| vector.len() != first.len()) {
        return Err(dimension_mismatch(first.len(), other.len()));
    }
    if first.is_empty() {
        return Err(Error::new(ErrorKind::Config, "a vector of no dimensions cannot be stored"));
    }
    change(connection, |transaction| {
        fix_dimensions(transaction, Some(first.len()))?;
        for (key, vector) in vectors {
            keep_vector(transaction, key, vector)?;
        }
        Ok(())
    })
}

/// Deletes the vectors that no chunk has; returns how many there were.
pub(crate) fn clear_cached(connection: &mut Connection) -> Result<u64> {
    change(connection, |transaction| {
        let sql = "DELETE FROM vectors
            WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.vector = vectors.id)";
        let deleted = transaction.execute(sql, []).map_err(failed)?;
        Ok(deleted as u64)
    })
}

fn change<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let value = work(&transaction)?;
    transaction
        .prepare_cached("UPDATE state SET revision = revision + 1")
        .and_then(|mut statement| statement.execute([]))
        .map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(value)
}

/// Removes a document and its chunks. Returns the vectors that its chunks had; `None` where it was not
/// there.
fn remove(transaction: &Transaction<'_>, id: &str) -> Result<Option<Vec<i64>>> {
    let number: Option<i64> = transaction
        .prepare_cached("DELETE FROM documents WHERE id = ? RETURNING number")
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional())
        .map_err(failed)?;
    let Some(number) = number else { return Ok(None) };
    let removed = || -> rusqlite::Result<Vec<i64>> {
        let mut statement = transaction
            .prepare_cached("DELETE FROM chunks WHERE document = ? RETURNING id, vector")?;
        let mut rows = statement.query([number])?;
        let (mut first, mut last, mut vectors) = (i64::MAX, i64::MIN, Vec::new());
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            (first, last) = (first.min(id), last.max(id));
            vectors.extend(row.get::<_, Option<i64>>(1)?);
        }
        if first > last {
            return Ok(vectors);
        }
        transaction
            .prepare_cached("DELETE FROM words WHERE rowid BETWEEN ? AND ?")?
            .execute([first, last])?;
        transaction
            .prepare_cached("INSERT INTO removals (first, last) VALUES (?, ?)")?
            .execute([first, last])?;
        let forgotten = transaction.last_insert_rowid() - REMEMBERED;
        transaction
            .prepare_cached("DELETE FROM removals WHERE number <= ?")?
            .execute([forgotten])?;
        vectors.sort_unstable();
        vectors.dedup();
        Ok(vectors)
    };
    removed().map(Some).map_err(failed)
}

/// Deletes those of these vectors that no chunk has any more.
fn drop_orphans(transaction: &Transaction<'_>, vectors: &[i64]) -> Result<()> {
    let sql = "DELETE FROM vectors WHERE id = ?1
        AND NOT EXISTS (SELECT 1 FROM chunks WHERE vector = ?1)";
    let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
    for id in vectors {
        statement.execute([id]).map_err(failed)?;
    }
    Ok(())
}

/// Checks that vectors of `given` dimensions may be stored: all have those of the first one.
fn fix_dimensions(transaction: &Transaction<'_>, given: Option<usize>) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    match dimensions(transaction)? {
        Some(stored) if stored != given => Err(dimension_mismatch(stored, given)),
        Some(_) => Ok(()),
        None => transaction
            .execute("UPDATE state SET dimensions = ?", [given])
            .map(drop)
            .map_err(failed),
    }
}

fn insert_document(
    transaction: &Transaction<'_>,
    document: &Document,
    state: &DocumentState,
) -> Result<i64> {
    let sql = "INSERT INTO documents (id, hash, fingerprint, source, metadata, text)
        VALUES (?, ?, ?, ?, ?, ?)";
    let metadata = json(&document.metadata)?;
    let row = params![
        document.id,
        state.hash.as_bytes(),
        state.fingerprint,
        document.source,
        metadata,
        document.text
    ];
    transaction.prepare_cached(sql).and_then(|mut statement| statement.insert(row)).map_err(failed)
}

fn insert_chunk(
    transaction: &Transaction<'_>,
    document: i64,
    chunk: &Chunk,
    vector: Option<i64>,
) -> Result<()> {
    let sql = "INSERT INTO chunks
        (document, position, first_byte, end_byte, vector, key, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let metadata = json(&chunk.metadata)?;
    let row = params![
        document,
        chunk.index,
        byte(chunk.span.start)?,
        byte(chunk.span.end)?,
        vector,
        chunk.key.as_bytes(),
        metadata
    ];
    let inserted = || -> rusqlite::Result<()> {
        let id = transaction.prepare_cached(sql)?.insert(row)?;
        transaction
            .prepare_cached("INSERT INTO words (rowid, text) VALUES (?, ?)")?
            .execute(params![id, chunk.text])?;
        Ok(())
    };
    inserted().map_err(failed)
}

/// The id of the vector of `key`, which is written where it is not there.
fn keep_vector(transaction: &Transaction<'_>, key: &ChunkKey, vector: &[f32]) -> Result<i64> {
    let bytes = to_bytes(vector);
    let kept = || -> rusqlite::Result<i64> {
        let known = transaction
            .prepare_cached("SELECT id, vector = ? FROM vectors WHERE key = ?")?
            .query_row(params![bytes, key.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        match known {
            Some((id, true)) => Ok(id),
            // One key should have one vector. Where it gets another, that is the one of all its chunks
            // from now on, and whoever keeps them in memory reads everything again.
            Some((id, false)) => {
                transaction
                    .prepare_cached("UPDATE vectors SET vector = ? WHERE id = ?")?
                    .execute(params![bytes, id])?;
                transaction.prepare_cached("UPDATE state SET epoch = epoch + 1")?.execute([])?;
                Ok(id)
            }
            None => transaction
                .prepare_cached("INSERT INTO vectors (key, vector) VALUES (?, ?)")?
                .insert(params![key.as_bytes(), bytes]),
        }
    };
    kept().map_err(failed)
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Error::new(ErrorKind::Config, "metadata cannot be written as JSON").with_source(error)
    })
}

fn byte(place: usize) -> Result<i64> {
    i64::try_from(place).map_err(|error| {
        Error::new(ErrorKind::Config, "the document is too long to be stored").with_source(error)
    })
}
