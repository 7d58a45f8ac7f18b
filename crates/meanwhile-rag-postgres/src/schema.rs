//! [`prepare`], which makes the tables of an index or checks that they are there.

use std::fmt;

use deadpool_postgres::{Client, Transaction};
use meanwhile_core::{Error, ErrorKind, Result};

use crate::failure::failed;

/// The tables that this version reads and writes.
const VERSION: i32 = 1;

/// The most dimensions that pgvector can index as 32-bit numbers.
const INDEXED: usize = 2_000;

/// A schema's name, quoted for statements.
#[derive(Debug, Clone)]
pub(crate) struct Schema(String);

impl Schema {
    /// Quotes a name.
    pub(crate) fn new(name: &str) -> Result<Self> {
        if name.is_empty() || name.len() > 63 || name.contains('\0') {
            let message = format!("{name:?} is no name for a schema; it has 1 to 63 bytes");
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self(format!("\"{}\"", name.replace('"', "\"\""))))
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn tables(schema: &Schema) -> String {
    format!(
        r#"
CREATE TABLE {schema}.state (version int4 NOT NULL, language text NOT NULL, dimensions int4);
CREATE TABLE {schema}.documents (
    id text COLLATE "C" PRIMARY KEY,
    hash bytea NOT NULL,
    fingerprint text NOT NULL,
    source text,
    metadata jsonb NOT NULL,
    text text NOT NULL
);
CREATE TABLE {schema}.chunks (
    document text COLLATE "C" NOT NULL REFERENCES {schema}.documents ON DELETE CASCADE,
    position int8 NOT NULL,
    first_byte int8 NOT NULL,
    end_byte int8 NOT NULL,
    length int8 NOT NULL,
    key bytea NOT NULL,
    metadata jsonb NOT NULL,
    text text NOT NULL,
    words tsvector NOT NULL,
    vector vector,
    PRIMARY KEY (document, position)
);
CREATE INDEX ON {schema}.chunks USING gin (words);
CREATE INDEX ON {schema}.chunks USING gin (metadata jsonb_path_ops);
CREATE INDEX ON {schema}.chunks (key);
CREATE TABLE {schema}.cached (key bytea PRIMARY KEY, vector vector NOT NULL);
"#
    )
}

/// Makes the tables where they are not, in one transaction that waits for others who do the same. Returns
/// the dimensions of the vectors, once there has been one.
pub(crate) async fn prepare(
    client: &mut Client,
    schema: &Schema,
    language: &str,
    approximate: bool,
) -> Result<Option<usize>> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtext($1))", &[&format!("meanwhile {schema}")])
        .await
        .map_err(failed)?;
    let state = format!("{schema}.state");
    let there = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&state])
        .await
        .and_then(|row| row.try_get::<_, bool>(0))
        .map_err(failed)?;
    if !there {
        make(&transaction, schema, language).await?;
    }
    let row = transaction
        .query_one(&format!("SELECT version, language, dimensions FROM {state}"), &[])
        .await
        .map_err(failed)?;
    let (version, stored): (i32, String) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    if version != VERSION {
        let message = format!(
            "the index in schema {schema} is of version {version}, and this program reads version {VERSION}; update the program, or use another schema"
        );
        return Err(Error::new(ErrorKind::Config, message));
    }
    if stored != language {
        let message = format!(
            "the index in schema {schema} is of the language {stored:?}, not {language:?}; open it as such, or use another schema"
        );
        return Err(Error::new(ErrorKind::Config, message));
    }
    let dimensions = dimensions(row.try_get(2).map_err(failed)?);
    if let (true, Some(dimensions)) = (approximate, dimensions) {
        index(&transaction, schema, dimensions).await?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(dimensions)
}

async fn make(transaction: &Transaction<'_>, schema: &Schema, language: &str) -> Result<()> {
    transaction.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").await.map_err(|error| {
        let message = "the extension `vector` is not in this database: install pgvector on the server, and let an administrator run CREATE EXTENSION vector";
        Error::new(ErrorKind::Unsupported, message).with_source(error)
    })?;
    transaction
        .execute("SELECT $1::text::regconfig", &[&language])
        .await
        .map_err(|error| {
            let message = format!(
                "Postgres has no text search configuration {language:?}; `\\dF` in psql lists those it has"
            );
            Error::new(ErrorKind::Config, message).with_source(error)
        })?;
    let schema_and_tables = format!("CREATE SCHEMA IF NOT EXISTS {schema};{}", tables(schema));
    transaction.batch_execute(&schema_and_tables).await.map_err(failed)?;
    let state = format!("INSERT INTO {schema}.state VALUES ($1, $2, NULL)");
    transaction.execute(&state, &[&VERSION, &language]).await.map_err(failed)?;
    Ok(())
}

/// Fixes the dimensions of all vectors at those of the first; returns those that are fixed already, and
/// waits for others who do the same.
pub(crate) async fn fix_dimensions(
    transaction: &Transaction<'_>,
    schema: &Schema,
    given: usize,
    approximate: bool,
) -> Result<Option<usize>> {
    let row = transaction
        .query_one(&format!("SELECT dimensions FROM {schema}.state FOR UPDATE"), &[])
        .await
        .map_err(failed)?;
    let fixed = dimensions(row.try_get(0).map_err(failed)?);
    if fixed.is_some() {
        return Ok(fixed);
    }
    let fix = format!(
        "ALTER TABLE {schema}.chunks ALTER COLUMN vector TYPE vector({given});
        ALTER TABLE {schema}.cached ALTER COLUMN vector TYPE vector({given});
        UPDATE {schema}.state SET dimensions = {given};"
    );
    transaction.batch_execute(&fix).await.map_err(failed)?;
    if approximate {
        index(transaction, schema, given).await?;
    }
    Ok(None)
}

async fn index(transaction: &Transaction<'_>, schema: &Schema, dimensions: usize) -> Result<()> {
    if dimensions > INDEXED {
        let message = format!(
            "pgvector indexes vectors of up to {INDEXED} dimensions, and these have {dimensions}; ask the embedder for fewer, or search exactly"
        );
        return Err(Error::new(ErrorKind::Config, message));
    }
    let sql = format!(
        "CREATE INDEX IF NOT EXISTS chunks_by_vector ON {schema}.chunks USING hnsw (vector vector_cosine_ops)"
    );
    transaction.batch_execute(&sql).await.map_err(failed)
}

/// Reads the column of dimensions.
pub(crate) fn dimensions(stored: Option<i32>) -> Option<usize> {
    stored.and_then(|dimensions| usize::try_from(dimensions).ok())
}
