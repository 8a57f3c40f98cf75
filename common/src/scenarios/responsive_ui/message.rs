//! What goes between the screen and a database: moved by threads, encoded by
//! processes.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, escaped::Escaped, path_bytes};

/// From the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// No two have the same: whatever comes of it bears it as well, so that
    /// what comes late is not taken for the answer to a later one.
    pub id: u64,
    /// The database to ask.
    #[serde(with = "path_bytes")]
    pub database: PathBuf,
    /// What to ask it.
    pub sql: String,
}

/// What came of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The query's.
    pub id: u64,
    /// What came.
    pub news: News,
}

/// To the screen: columns, then rows, then one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum News {
    /// The names of the columns.
    Columns(Vec<String>),
    /// Some more rows.
    Rows(Vec<Row>),
    /// Those were all.
    Done,
    /// It ended because it was to be cancelled.
    Cancelled,
    /// Why there is no result, and what to do.
    Failed(String),
}

/// A row of a result.
pub type Row = Vec<Value>;

/// A value, as far as a screen has room for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// NULL.
    Null,
    /// An INTEGER.
    Integer(i64),
    /// A REAL.
    Real(f64),
    /// The beginning of a TEXT.
    Text(String),
    /// How long a BLOB is.
    Blob(u64),
}

impl Value {
    /// Its content in bytes, without what memory or a message adds to it.
    pub fn size(&self) -> u64 {
        match self {
            Value::Null => 0,
            Value::Integer(_) | Value::Real(_) | Value::Blob(_) => 8,
            Value::Text(text) => text.len() as u64,
        }
    }

    /// Adds it to the fingerprint of a result, with its kind before it.
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
