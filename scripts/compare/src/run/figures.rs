//! What is compared: the metrics of an outcome, and two that follow from it.

use common::{
    estimate,
    outcome::{Better, Metric, Outcome},
};

/// The outcome's own metrics. If it stands for the whole scenario, they are
/// preceded by the total time and followed by the total memory.
pub fn of(outcome: &Outcome, is_whole: bool) -> Vec<Metric> {
    let mut figures = outcome.metrics.clone();
    if is_whole {
        let lower = |id, unit, value: Option<f64>| {
            Metric::new(id, id, unit, Better::Lower, value)
        };
        figures.insert(0, lower("total", "s", Some(outcome.laps.total())));
        let memory = outcome.resources.peak_proportional_memory;
        figures.push(lower("memory", "B", memory.map(|bytes| bytes as f64)));
    }
    figures
}

/// The figures of both sides in the order of threads. A figure that only
/// processes have is inserted right before the one that follows it in their
/// order, and below what only threads have at the same place.
pub fn merged<'all>(
    threads: impl IntoIterator<Item = &'all Metric>,
    processes: impl IntoIterator<Item = &'all Metric>,
) -> Vec<&'all Metric> {
    let mut rows: Vec<&Metric> = threads.into_iter().collect();
    let processes: Vec<&Metric> = processes.into_iter().collect();
    let mut place = rows.len();
    for metric in processes.into_iter().rev() {
        match rows.iter().position(|row| row.id == metric.id) {
            Some(found) => place = found,
            None => rows.insert(place, metric),
        }
    }
    rows
}

/// The same figure among these.
pub fn find<'all>(
    metric: &Metric,
    figures: &'all [Metric],
) -> Option<&'all Metric> {
    figures.iter().find(|other| other.id == metric.id)
}

/// How many times better the first was than the second, one by one. None for a
/// metric without better and worse.
pub fn advantages(
    first: &[f64],
    second: &[f64],
    better: Better,
) -> Option<Vec<f64>> {
    match better {
        Better::Higher => Some(estimate::ratios(first, second)),
        Better::Lower => Some(estimate::ratios(second, first)),
        Better::Neither => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::slice;

    use common::outcome::Model;
    use proptest::prelude::*;

    use super::*;

    fn named(name: &str) -> Metric {
        Metric::new(name, "wait", "s", Better::Lower, 1.0)
    }

    /// One side's share of rows in this order, each of which belongs to both
    /// sides or only one.
    fn side(rows: &[Option<Model>], model: Model) -> Vec<Metric> {
        rows.iter()
            .enumerate()
            .filter(|(_, only)| only.is_none_or(|only| only == model))
            .map(|(index, &only)| Metric { only, ..named(&index.to_string()) })
            .collect()
    }

    fn rows() -> impl Strategy<Value = Vec<Option<Model>>> {
        prop::collection::vec(
            prop_oneof![
                Just(None),
                Just(Some(Model::Threads)),
                Just(Some(Model::Processes)),
            ],
            0..20,
        )
    }

    /// The names, one letter each.
    fn merge(threads: &str, processes: &str) -> String {
        let figures = |names: &str| -> Vec<Metric> {
            names.chars().map(|name| named(&name.to_string())).collect()
        };
        let (threads, processes) = (figures(threads), figures(processes));
        let rows = merged(&threads, &processes);
        rows.iter().map(|metric| metric.id.as_str()).collect()
    }

    #[test]
    fn a_ladder_of_both_sides_reads_as_one() {
        assert_eq!(merge("abc", "abc"), "abc");
        assert_eq!(merge("aTb", "aPQb"), "aTPQb");
        assert_eq!(merge("aTbUc", "PabQc"), "PaTbUQc");
        assert_eq!(merge("a", "aPQ"), "aPQ");
        assert_eq!(merge("", "PQ"), "PQ");
        assert_eq!(merge("abc", "cPab"), "Pabc");
    }

    #[test]
    fn a_label_tells_nothing_apart_and_an_id_does() {
        let wait = named("wait");
        let delay = Metric { label: "delay".into(), ..wait.clone() };
        assert_eq!(find(&delay, slice::from_ref(&wait)), Some(&wait));
        let other = Metric { id: "wait-2".into(), ..wait.clone() };
        assert_eq!(find(&other, &[wait]), None);
    }

    #[test]
    fn a_variant_of_another_name_is_another_figure() {
        let threads = [named("wait").of("channel"), named("memory")];
        let processes = [named("wait").of("pipe"), named("memory")];
        let rows = merged(&threads, &processes);
        assert_eq!(rows, [&threads[0], &processes[0], &threads[1]]);
    }

    proptest! {
        #[test]
        fn a_merger_keeps_every_row_once_and_both_orders(rows in rows()) {
            let threads = side(&rows, Model::Threads);
            let processes = side(&rows, Model::Processes);
            let merged = merged(&threads, &processes);
            prop_assert_eq!(merged.len(), rows.len());
            for figures in [&threads, &processes] {
                let kept = merged
                    .iter()
                    .filter(|metric| find(metric, figures).is_some());
                prop_assert!(kept.copied().eq(figures));
            }
        }

        #[test]
        fn no_order_of_processes_loses_or_doubles_a_row(
            (rows, order) in rows().prop_flat_map(|rows| {
                let processes = side(&rows, Model::Processes);
                (Just(rows), Just(processes).prop_shuffle())
            })
        ) {
            let threads = side(&rows, Model::Threads);
            let mut names: Vec<usize> = merged(&threads, &order)
                .iter()
                .map(|metric| metric.id.parse().unwrap())
                .collect();
            names.sort();
            prop_assert_eq!(names, (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
