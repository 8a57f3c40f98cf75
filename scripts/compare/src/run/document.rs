//! From the output of a program to its outcome, or to the reason why there is
//! none.

use std::fmt;

use common::{
    escaped::Escaped,
    outcome::{Model, Outcome, SCHEMA},
    scenarios::Scenario,
};
use serde::Deserialize;
use serde_json::{Deserializer, Error, value::RawValue};

/// Why there is no outcome.
#[derive(Debug)]
pub enum NoOutcome {
    /// It printed nothing.
    Silence,
    /// It printed something other than JSON.
    NotJson(Error),
    /// It printed a document and more.
    MoreThanOne,
    /// It printed a document of another version.
    Schema(u32),
    /// It printed a document with a missing or wrong part.
    Malformed(Error),
    /// It identifies itself as another program.
    Impostor(String),
}

impl fmt::Display for NoOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            NoOutcome::Silence => "it printed nothing".into(),
            NoOutcome::NotJson(error) => {
                format!("it did not print JSON: {error}")
            }
            NoOutcome::MoreThanOne => "it printed several documents".into(),
            NoOutcome::Schema(schema) => {
                format!("it printed schema {schema}, expected {SCHEMA}")
            }
            NoOutcome::Malformed(error) => {
                format!("it did not print an outcome: {error}")
            }
            NoOutcome::Impostor(name) => {
                format!("it identifies itself as {}", Escaped(name))
            }
        };
        formatter.write_str(&words)
    }
}

/// The outcome printed by a program that was run once.
///
/// # Errors
///
/// Fails if it is not an outcome of this program.
pub fn read(
    stdout: &[u8],
    scenario: &Scenario,
    model: Model,
) -> Result<Outcome, NoOutcome> {
    outcome(&only_document(stdout)?, scenario, model)
}

/// The outcome in a document.
///
/// # Errors
///
/// Fails if it is not an outcome of this program.
pub fn outcome(
    document: &RawValue,
    scenario: &Scenario,
    model: Model,
) -> Result<Outcome, NoOutcome> {
    let schema = schema(document)?;
    if schema != SCHEMA {
        return Err(NoOutcome::Schema(schema));
    }
    let outcome: Outcome =
        serde_json::from_str(document.get()).map_err(NoOutcome::Malformed)?;
    let name = format!("{}-{}", outcome.scenario, outcome.model);
    if name == scenario.program(model) {
        Ok(outcome)
    } else {
        Err(NoOutcome::Impostor(name))
    }
}

fn only_document(stdout: &[u8]) -> Result<Box<RawValue>, NoOutcome> {
    let mut documents = Deserializer::from_slice(stdout).into_iter();
    let first = documents.next().ok_or(NoOutcome::Silence)?;
    let document = first.map_err(NoOutcome::NotJson)?;
    match documents.next() {
        None => Ok(document),
        Some(_) => Err(NoOutcome::MoreThanOne),
    }
}

/// Read separately, because the rest of another schema may have another shape.
fn schema(document: &RawValue) -> Result<u32, NoOutcome> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    serde_json::from_str(document.get())
        .map(|head: Head| head.schema)
        .map_err(NoOutcome::Malformed)
}

#[cfg(test)]
mod tests {
    use common::scenarios;

    use super::*;

    fn words(stdout: &str) -> String {
        let scenario = &scenarios::ALL[0];
        match read(stdout.as_bytes(), scenario, Model::Threads) {
            Ok(_) => "well".into(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn tells_apart_what_is_wrong() {
        assert_eq!(words(""), "it printed nothing");
        assert_eq!(words("{}{}"), "it printed several documents");
        assert_eq!(words("{} done"), "it printed several documents");
        let schema = words(r#"{"schema": 7}"#);
        assert_eq!(schema, "it printed schema 7, expected 2");
        assert!(words("Hello").starts_with("it did not print JSON: "));
        assert!(words("{").starts_with("it did not print JSON: "));
        assert!(words("{}").contains("missing field `schema`"));
        assert!(words(r#"{"schema": 2}"#).contains("missing field"));
    }
}
