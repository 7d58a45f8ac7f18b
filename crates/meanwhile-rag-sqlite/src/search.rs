//! [`Searcher`], which finds chunks by vector and by words, each search in one moment of the index.

use std::sync::{Arc, PoisonError, RwLock};

use meanwhile_core::Result;
use meanwhile_rag::{Origin, Scored, SearchBy, SearchQuery, dimension_mismatch};
use rusqlite::{Connection, Row, Transaction, params};

use crate::failure::failed;
use crate::fields::Fields;
use crate::matrix::{Best, Hit, Matrix};
use crate::read;
use crate::threads::Cancelled;
use crate::vectors::from_bytes;

/// Searches that others may overtake before one keeps them out.
const OVERTAKEN: usize = 2;

/// The vectors in memory, shared by all readers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Searcher(Arc<RwLock<Copied>>);

/// What is in memory, and what it is a copy of.
#[derive(Debug, Default)]
struct Copied {
    matrix: Matrix,
    /// The revision of the file that this is, or of which some is here already.
    revision: i64,
    /// Whether all of it is here: a reading that was given up is gone on with by the next search, so that
    /// searches with little time come to an end, too.
    is_whole: bool,
    epoch: i64,
    last_chunk: i64,
    last_removal: i64,
}

impl Searcher {
    /// Finds the chunks that fit best, the best first.
    pub(crate) fn search(
        &self,
        connection: &Connection,
        query: &SearchQuery,
        cancelled: &Cancelled,
    ) -> Result<Vec<Scored>> {
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let filter = query.filter.as_ref().map(Fields::of);
        match &query.by {
            SearchBy::Vector(vector) => {
                self.near(connection, vector, filter, query.limit, cancelled)
            }
            SearchBy::Text(text) => with_words(connection, text, filter, query.limit),
        }
    }

    fn near(
        &self,
        connection: &Connection,
        vector: &[f32],
        mut filter: Option<Fields>,
        limit: usize,
        cancelled: &Cancelled,
    ) -> Result<Vec<Scored>> {
        let mut scan = |transaction: &Transaction<'_>, copied: &Copied| {
            let stored = copied.matrix.dimensions();
            if stored == 0 {
                return Ok(Vec::new());
            }
            let allowed = filter.as_mut().map(|filter| allowed(transaction, filter)).transpose()?;
            let allowed = allowed.as_deref();
            let hits = copied.matrix.nearest(vector, allowed, limit, cancelled);
            read_hits(transaction, hits.ok_or_else(Cancelled::error)?, limit, Origin::Dense)
        };
        for _ in 0..OVERTAKEN {
            let transaction = connection.unchecked_transaction().map_err(failed)?;
            check_dimensions(&transaction, vector)?;
            let now = revision(&transaction)?;
            let copied = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if copied.is_whole && copied.revision == now.0 {
                return scan(&transaction, &copied);
            }
            drop(copied);
            let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
            copied.update(&transaction, now)?;
        }
        let mut copied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.unchecked_transaction().map_err(failed)?;
        check_dimensions(&transaction, vector)?;
        let now = revision(&transaction)?;
        copied.update(&transaction, now)?;
        scan(&transaction, &copied)
    }
}

impl Copied {
    /// Takes over what is new and what is gone in `transaction`, whose revision and epoch are `now`,
    /// unless this is a copy of a later moment.
    fn update(&mut self, transaction: &Transaction<'_>, now: (i64, i64)) -> Result<()> {
        let (revision, epoch) = now;
        if self.is_whole && self.revision >= revision {
            return Ok(());
        }
        // Rows of a later moment cannot be taken back.
        let resumes = self.epoch == epoch && self.revision <= revision;
        if !resumes || self.forgotten(transaction)? {
            *self = Self { epoch, ..Self::default() };
        }
        (self.revision, self.is_whole) = (revision, false);
        self.read_changes(transaction).map_err(failed)?;
        self.is_whole = true;
        Ok(())
    }

    /// Whether removals since the last time are not remembered any more.
    fn forgotten(&self, transaction: &Transaction<'_>) -> Result<bool> {
        let oldest: Option<i64> = transaction
            .prepare_cached("SELECT min(number) FROM removals")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(failed)?;
        Ok(oldest.is_some_and(|oldest| oldest > self.last_removal + 1))
    }

    fn read_changes(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut removals = transaction
            .prepare_cached("SELECT number, first, last FROM removals WHERE number > ?")?;
        let mut rows = removals.query([self.last_removal])?;
        while let Some(row) = rows.next()? {
            self.matrix.remove(row.get(1)?, row.get(2)?);
            self.last_removal = row.get(0)?;
        }
        let mut chunks = transaction.prepare_cached(
            "SELECT chunks.id, vectors.vector FROM chunks JOIN vectors ON vectors.id = chunks.vector
            WHERE chunks.id > ? ORDER BY chunks.id",
        )?;
        let mut rows = chunks.query([self.last_chunk])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            self.matrix.push(id, from_bytes(row.get_ref(1)?.as_blob()?));
            self.last_chunk = id;
        }
        Ok(())
    }
}

fn check_dimensions(transaction: &Transaction<'_>, vector: &[f32]) -> Result<()> {
    match read::dimensions(transaction)? {
        Some(stored) if stored != vector.len() => Err(dimension_mismatch(stored, vector.len())),
        _ => Ok(()),
    }
}

/// The revision and the epoch of the moment that the transaction sees.
fn revision(transaction: &Transaction<'_>) -> Result<(i64, i64)> {
    transaction
        .prepare_cached("SELECT revision, epoch FROM state")
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(failed)
}

/// The ids of all chunks with vectors that fulfil a filter, in order.
fn allowed(transaction: &Transaction<'_>, filter: &mut Fields) -> Result<Vec<i64>> {
    let sql = "SELECT id, metadata FROM chunks WHERE vector IS NOT NULL ORDER BY id";
    let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut allowed = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        if fulfils(filter, row, 1)? {
            allowed.push(row.get(0).map_err(failed)?);
        }
    }
    Ok(allowed)
}

fn fulfils(filter: &mut Fields, row: &Row<'_>, column: usize) -> Result<bool> {
    let json = row.get_ref(column).map_err(failed)?;
    filter.match_json(json.as_str().map_err(|error| failed(error.into()))?)
}

/// Finds chunks by the words of a text.
fn with_words(
    connection: &Connection,
    text: &str,
    mut filter: Option<Fields>,
    limit: usize,
) -> Result<Vec<Scored>> {
    let Some(expression) = any_word(text) else { return Ok(Vec::new()) };
    // Words first: there are fewer chunks with them than chunks.
    let sql = if filter.is_some() {
        "SELECT words.rowid, bm25(words), chunks.metadata
        FROM words CROSS JOIN chunks ON chunks.id = words.rowid WHERE words MATCH ?"
    } else {
        "SELECT rowid, bm25(words) FROM words WHERE words MATCH ?"
    };
    let transaction = connection.unchecked_transaction().map_err(failed)?;
    let mut best = Best::new(limit);
    {
        let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params![expression]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if let Some(filter) = &mut filter
                && !fulfils(filter, row, 2)?
            {
                continue;
            }
            let (id, score) = (row.get(0).map_err(failed)?, row.get::<_, f64>(1).map_err(failed)?);
            #[expect(clippy::cast_possible_truncation, reason = "a score needs no more")]
            best.offer(Hit { id, score: -score as f32 });
        }
    }
    read_hits(&transaction, best.hits(), limit, Origin::Text)
}

/// The expression of FTS5 for a text with at least one of these words; `None` where there is none.
fn any_word(text: &str) -> Option<String> {
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(|character: char| !character.is_alphanumeric()) {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    // In quotes nothing is an operator, and no word has a quote in it.
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

/// Reads chunks in their order, of equals the one of the smaller document and index first.
fn read_hits(
    transaction: &Transaction<'_>,
    hits: Vec<Hit>,
    limit: usize,
    origin: Origin,
) -> Result<Vec<Scored>> {
    let mut places = Vec::with_capacity(hits.len());
    {
        let sql = "SELECT documents.id, position
            FROM chunks JOIN documents ON documents.number = chunks.document WHERE chunks.id = ?";
        let mut statement = transaction.prepare_cached(sql).map_err(failed)?;
        for hit in hits {
            let place = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?));
            places.push((statement.query_row([hit.id], place).map_err(failed)?, hit));
        }
    }
    places.sort_by(|(left_place, left), (right_place, right)| {
        right.score.total_cmp(&left.score).then_with(|| left_place.cmp(right_place))
    });
    places.truncate(limit);
    places
        .into_iter()
        .map(|(_, hit)| Ok(Scored::new(read::chunk(transaction, hit.id)?, hit.score, origin)))
        .collect()
}
