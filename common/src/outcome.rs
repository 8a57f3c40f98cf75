//! What a demo prints: a story for a person, or one JSON document.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    laps::{Laps, Seconds},
    machine::Machine,
    resources::Resources,
    units,
};

/// The version of the JSON document.
pub const SCHEMA: u32 = 1;

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

/// Which way a metric is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A rate.
    Higher,
    /// A cost.
    Lower,
    /// A fact that is shown and not judged.
    Neither,
}

/// One figure of a run, in SI base units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What was measured.
    pub name: String,
    /// The variant that it belongs to, where the scenario has variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `s`, `B`, `op/s`, …; `1` for a plain count.
    pub unit: String,
    /// Which way is good.
    pub better: Better,
    /// The figure.
    pub value: f64,
}

/// The result of one run of one demo, whose answer was found right.
///
/// The fields that are skipped in JSON are for a person only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The side.
    pub model: Model,
    /// What was asked: every parameter that shapes the work.
    pub parameters: Value,
    /// The digest of the result: equal on both sides.
    pub answer: String,
    /// What a person would want to look at.
    pub result: Value,
    /// Where the time went.
    pub laps: Seconds,
    /// The figures.
    pub metrics: Vec<Metric>,
    /// What the run took from the machine, all workers included.
    pub resources: Resources,
    /// Where it was measured.
    pub machine: Machine,
    /// What happened, in a few lines.
    #[serde(skip)]
    pub story: Vec<String>,
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
            result: Value::Null,
            laps: laps.seconds(),
            metrics: Vec::new(),
            resources: laps.resources(),
            machine: Machine::this(),
            story: Vec::new(),
            meaning: String::new(),
        }
    }

    /// The document that `--json` prints.
    ///
    /// # Errors
    ///
    /// Fails if a figure is not a number: JSON has no way to write it.
    pub fn json(&self) -> anyhow::Result<String> {
        for metric in &self.metrics {
            anyhow::ensure!(
                metric.value.is_finite(),
                "the metric {} is {}, which is no figure",
                metric.name,
                metric.value
            );
        }
        Ok(serde_json::to_string(self)?)
    }

    /// The same for a person: story, figures, meaning.
    pub fn human(&self) -> String {
        let mut text = format!("{}, {}\n\n", self.scenario, self.model);
        for line in &self.story {
            text += &format!("{line}\n");
        }
        text += &format!("\n{}\n\n{}\n", self.figures(), self.expense());
        text += &format!("answer {}\n\n{}\n", &self.answer, self.meaning);
        text
    }

    fn figures(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for metric in &self.metrics {
            table.add_row([
                metric.name.clone(),
                metric.variant.clone().unwrap_or_default(),
                units::human(metric.value, &metric.unit),
            ]);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn expense(&self) -> String {
        let Seconds { start, work, stop } = self.laps;
        let used = &self.resources;
        format!(
            "start {}, work {}, stop {}\n\
             CPU {} user, {} system; {} switches; memory {}\n",
            units::human(start, "s"),
            units::human(work, "s"),
            units::human(stop, "s"),
            units::human(used.cpu_user, "s"),
            units::human(used.cpu_system, "s"),
            used.voluntary_switches + used.involuntary_switches,
            units::human(used.peak_proportional_memory as f64, "B"),
        )
    }
}
