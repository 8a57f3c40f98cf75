//! What a demo prints: a story for a person, or one JSON document.

use std::{fmt, ops::Not};

use anyhow::{bail, ensure};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    escaped::escaped_json,
    laps::{Laps, Seconds},
    machine::Machine,
    resources::Resources,
    units,
};

/// The version of the JSON document.
pub const SCHEMA: u32 = 2;

/// Which side of a pair.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Workers are threads of one process.
    Threads,
    /// Workers are processes.
    Processes,
}

impl fmt::Display for Model {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Model::Threads => "threads",
            Model::Processes => "processes",
        })
    }
}

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A rate.
    Higher,
    /// A cost.
    Lower,
    /// A fact, which is shown but not judged.
    Neither,
}

/// One figure of a run, in SI base units.
///
/// Both sides have most metrics, and these are compared. A metric without a
/// counterpart must be marked with [`Metric::only`], so that one missing by
/// mistake is not taken for one that cannot exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its key: `trip-64.ring.spin`. It stays the same when the label changes,
    /// is the only thing that identifies a metric, and is never shown.
    pub id: String,
    /// What was measured, for a person. Labels are never compared.
    pub label: String,
    /// The variant, for a person, if the scenario has variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `s`, `B`, `op/s`, …; `1` for a plain count.
    pub unit: String,
    /// Which values are better.
    pub better: Better,
    /// The figure. None if this machine does not report it: that is not zero,
    /// and it is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The only side that can do this. The other has no such metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Model>,
    /// Kept among the samples, but not a row of the comparison.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub detail: bool,
}

impl Metric {
    /// A metric that both sides have: its key, and its name for a person. The
    /// value may be unknown.
    pub fn new(
        id: &str,
        label: &str,
        unit: &str,
        better: Better,
        value: impl Into<Option<f64>>,
    ) -> Self {
        Metric {
            id: id.into(),
            label: label.into(),
            variant: None,
            unit: unit.into(),
            better,
            value: value.into(),
            only: None,
            detail: false,
        }
    }

    /// The metric of this variant, whose name is also its key.
    pub fn of(self, variant: impl fmt::Display) -> Self {
        let key = variant.to_string();
        self.of_called(&key, &key)
    }

    /// The metric of the variant with this key, which people call `label`.
    pub fn of_called(self, key: &str, label: &str) -> Self {
        let id = format!("{}.{key}", self.id);
        Metric { id, variant: Some(label.into()), ..self }
    }

    /// Marks something that only this side can do.
    pub fn only(self, model: Model) -> Self {
        Metric { only: Some(model), ..self }
    }

    /// Marks a detail, for a closer look.
    pub fn detail(self) -> Self {
        Metric { detail: true, ..self }
    }

    /// The name for a person: its label, and its variant if it has one.
    pub fn name(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{}, {variant}", self.label),
            None => self.label.clone(),
        }
    }
}

/// Whether `id` is a valid key: words of lower-case letters and digits, joined
/// by hyphens within a level and by full stops between levels.
pub fn is_key(id: &str) -> bool {
    let is_word = |word: &str| {
        let mut letters = word.bytes();
        let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
        !word.is_empty() && letters.all(is_plain)
    };
    id.split(['.', '-']).all(is_word)
}

/// The part of an answer that does not depend on the last bits of floats. They
/// differ between languages, whose libraries add in different orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Portable {
    /// The digest of the exact part: equal in every language.
    pub answer: String,
    /// Floats: equal in every language to within a billionth of the largest.
    pub figures: Vec<f64>,
}

/// The result of one run of one demo, whose answer was checked.
///
/// The fields that JSON omits are for a person only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The side.
    pub model: Model,
    /// Every parameter that shapes the work.
    pub parameters: Value,
    /// The digest of the result: equal on both sides.
    pub answer: String,
    /// What another language can reproduce, if it cannot reproduce `answer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portable: Option<Portable>,
    /// The part of the result that a person wants to see.
    pub result: Value,
    /// Where the time went.
    pub laps: Seconds,
    /// The figures.
    pub metrics: Vec<Metric>,
    /// Resources that the run used, all workers included.
    pub resources: Resources,
    /// Where it was measured.
    pub machine: Machine,
    /// What happened, in a few lines.
    #[serde(skip)]
    pub story: Vec<String>,
    /// Whether the story already contains the figures, so no list is needed.
    #[serde(skip)]
    pub is_told: bool,
    /// What the figures mean, in one sentence.
    #[serde(skip)]
    pub meaning: String,
}

impl Outcome {
    /// An outcome with its measurements; the scenario fills in the rest.
    pub fn new(scenario: &str, model: Model, laps: &Laps) -> Self {
        Outcome {
            schema: SCHEMA,
            scenario: scenario.into(),
            model,
            parameters: Value::Null,
            answer: String::new(),
            portable: None,
            result: Value::Null,
            laps: laps.seconds(),
            metrics: Vec::new(),
            resources: laps.resources(),
            machine: Machine::this(),
            story: Vec::new(),
            is_told: false,
            meaning: String::new(),
        }
    }

    /// The document that `--json` prints.
    ///
    /// # Errors
    ///
    /// Fails if a figure is not a finite number, which JSON cannot represent,
    /// or if its id is not a valid key.
    pub fn json(&self) -> anyhow::Result<String> {
        for metric in &self.metrics {
            ensure!(is_key(&metric.id), "{:?} is not a valid key", metric.id);
            if let Some(value) = metric.value.filter(|it| !it.is_finite()) {
                let name = metric.name();
                bail!("the metric {name} is {value}, not a finite number");
            }
        }
        Ok(escaped_json(&serde_json::to_string(self)?))
    }

    /// The text for a person: story, figures, meaning. An empty part leaves no
    /// gap.
    pub fn human(&self) -> String {
        let mut paragraphs = vec![
            format!("{}, {}", self.scenario, self.model),
            self.story.join("\n"),
            self.figures(),
            self.expense(),
            format!("answer {}", self.answer),
            self.meaning.clone(),
        ];
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        paragraphs.join("\n\n") + "\n"
    }

    /// Without the details, which the story shows in its own way.
    fn figures(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let listed = |metric: &&Metric| !metric.detail && !self.is_told;
        for metric in self.metrics.iter().filter(listed) {
            table.add_row([
                metric.label.clone(),
                metric.variant.clone().unwrap_or_default(),
                units::known(metric.value, &metric.unit),
            ]);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.to_string()
    }

    fn expense(&self) -> String {
        let Seconds { start, work, stop } = self.laps;
        let used = &self.resources;
        format!(
            "start {}, work {}, stop {}\n\
             CPU {} user, {} system; {} context switches; memory {}",
            units::human(start, "s"),
            units::human(work, "s"),
            units::human(stop, "s"),
            units::human(used.cpu_user, "s"),
            units::human(used.cpu_system, "s"),
            used.voluntary_switches + used.involuntary_switches,
            units::known(
                used.peak_proportional_memory.map(|bytes| bytes as f64),
                "B"
            ),
        )
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn outcome(metrics: Vec<Metric>) -> Outcome {
        Outcome {
            answer: "9f3c".into(),
            metrics,
            story: vec!["A message goes round.".into(), "It is back.".into()],
            meaning: "It costs something.".into(),
            ..Outcome::new("ipc", Model::Threads, &Laps::none())
        }
    }

    fn round_trip() -> Metric {
        Metric::new("trip", "round trip", "s", Better::Lower, 3e-6).of("ring")
    }

    #[test]
    fn what_is_usual_is_not_written() {
        let written = serde_json::to_string(&round_trip()).unwrap();
        assert_eq!(
            written,
            r#"{"id":"trip.ring","label":"round trip","variant":"ring","#
                .to_owned()
                + r#""unit":"s","better":"lower","value":3e-6}"#
        );
    }

    #[test]
    fn a_metric_is_read_as_it_was_written() {
        for metric in [
            round_trip(),
            round_trip().only(Model::Processes),
            round_trip().detail(),
            round_trip().only(Model::Threads).detail(),
        ] {
            let written = serde_json::to_string(&metric).unwrap();
            let read: Metric = serde_json::from_str(&written).unwrap();
            assert_eq!(read, metric, "{written}");
        }
    }

    #[test]
    fn a_label_is_no_key() {
        for key in ["trip", "trip-64.ring.spin", "idle-64.with-tables"] {
            assert!(is_key(key), "{key}");
        }
        for label in ["", "64 B", "CPU", ".a", "a.", "a--b", "a,b", "µ"] {
            assert!(!is_key(label), "{label}");
        }
        let unkeyed = Metric { id: "64 B".into(), ..round_trip() };
        let error = outcome(vec![unkeyed]).json().unwrap_err();
        assert_eq!(error.to_string(), "\"64 B\" is not a valid key");
    }

    #[test]
    fn a_person_reads_paragraphs() {
        let text = outcome(vec![round_trip()]).human();
        let paragraphs: Vec<&str> = text.split("\n\n").collect();
        assert_eq!(paragraphs[0], "ipc, threads");
        assert_eq!(paragraphs[1], "A message goes round.\nIt is back.");
        assert_eq!(paragraphs[2].trim(), "round trip  ring  3.00 µs");
        assert!(paragraphs[3].starts_with("start "));
        assert_eq!(paragraphs[4..], ["answer 9f3c", "It costs something.\n"]);
    }

    #[test]
    fn a_detail_is_left_to_the_story() {
        let slowest =
            Metric::new("slowest", "slowest", "s", Better::Lower, 9e-3);
        let both = outcome(vec![round_trip(), slowest.clone().detail()]);
        let one = outcome(vec![round_trip()]);
        assert_eq!(both.human(), one.human());
        assert!(both.json().unwrap().contains("slowest"));
        let details = outcome(vec![slowest.detail()]).human();
        assert!(details.contains("It is back.\n\nstart "), "{details}");
        assert!(!details.contains("\n\n\n"), "{details}");
    }

    #[test]
    fn what_there_is_nothing_of_leaves_no_gap() {
        let mut bare = outcome(Vec::new());
        bare.story.clear();
        bare.meaning.clear();
        let text = bare.human();
        assert!(text.starts_with("ipc, threads\n\nstart "), "{text}");
        assert!(text.ends_with("\n\nanswer 9f3c\n"), "{text}");
    }
}
