//! The messages between the screen and a database: moved by threads, encoded by
//! processes.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, escaped::Escaped, path_bytes};

/// A message from the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// Unique: every answer carries it too, so that a late answer is not taken
    /// for one to a later query.
    pub id: u64,
    /// The database to query.
    #[serde(with = "path_bytes")]
    pub database: PathBuf,
    /// The query.
    pub sql: String,
}

/// A message to the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the query.
    pub id: u64,
    /// The news.
    pub news: News,
}

/// The news of a query: columns, then rows, then one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum News {
    /// The column names.
    Columns(Vec<String>),
    /// More rows.
    Rows(Vec<Row>),
    /// The end of all rows.
    Done,
    /// The query ended because it was cancelled.
    Cancelled,
    /// Why there is no result, and what to do.
    Failed(String),
}

/// A row of a result.
pub type Row = Vec<Value>;

/// A value, as much of it as a screen can show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// NULL.
    Null,
    /// An INTEGER.
    Integer(i64),
    /// A REAL.
    Real(f64),
    /// The start of a TEXT.
    Text(String),
    /// The length of a BLOB.
    Blob(u64),
}

impl Value {
    /// Its contents in bytes, without the overhead of memory or a message.
    pub fn size(&self) -> u64 {
        match self {
            Value::Null => 0,
            Value::Integer(_) | Value::Real(_) | Value::Blob(_) => 8,
            Value::Text(text) => text.len() as u64,
        }
    }

    /// Adds it to the digest of a result, preceded by its type.
    pub fn digest(&self, digest: &mut Digest) {
        match self {
            Value::Null => digest.text("null"),
            Value::Integer(number) => digest.text("i").integers(&[*number]),
            Value::Real(number) => digest.text("r").floats(&[*number]),
            Value::Text(text) => digest.text("t").text(text),
            Value::Blob(length) => digest.text("b").count(*length),
        };
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("NULL"),
            Value::Integer(number) => write!(formatter, "{number}"),
            Value::Real(number) => write!(formatter, "{number:.4}"),
            Value::Text(text) => write!(formatter, "{}", Escaped(text)),
            Value::Blob(length) => write!(formatter, "{length} bytes"),
        }
    }
}
