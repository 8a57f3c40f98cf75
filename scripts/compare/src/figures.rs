//! What is compared: the metrics of an outcome, and two that it implies.

use common::outcome::{Better, Metric, Outcome};

/// What a user waits for, then the outcome's own metrics, then the memory
/// that all of it takes.
pub fn of(outcome: &Outcome) -> Vec<Metric> {
    let memory = outcome.resources.peak_proportional_memory as f64;
    let mut figures = vec![cost("total", "s", outcome.laps.total())];
    figures.extend(outcome.metrics.iter().cloned());
    figures.push(Metric {
        // Some kernels do not tell, and nothing takes no memory at all.
        better: match memory > 0.0 {
            true => Better::Lower,
            false => Better::Neither,
        },
        ..cost("memory", "B", memory)
    });
    figures
}

/// The figure among these that is called the same.
pub fn find<'all>(
    metric: &Metric,
    figures: &'all [Metric],
) -> Option<&'all Metric> {
    figures.iter().find(|other| {
        other.name == metric.name && other.variant == metric.variant
    })
}

/// As people call it: the metric, and its variant if it has one.
pub fn name(metric: &str, variant: Option<&str>) -> String {
    match variant {
        Some(variant) => format!("{metric}, {variant}"),
        None => metric.to_owned(),
    }
}

fn cost(name: &str, unit: &str, value: f64) -> Metric {
    Metric {
        name: name.into(),
        variant: None,
        unit: unit.into(),
        better: Better::Lower,
        value,
    }
}
