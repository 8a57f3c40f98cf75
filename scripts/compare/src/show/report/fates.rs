//! Who could be stopped, and who survived: results that are not about speed.

use std::collections::BTreeMap;

use common::{outcome::Model, units};
use maud::{Markup, html};
use serde::{Deserialize, de::DeserializeOwned};

use crate::run::{measured::Measured, plan::count};

/// The table of a scenario, if it has one.
pub fn of(measured: &Measured) -> Markup {
    html! {
        @match measured.plan.scenario.name {
            "kill-workers" => (stopped(measured)),
            "crash" => (survived(measured)),
            _ => {}
        }
    }
}

/// The results of every slice, as far as they have this form.
fn results<Found: DeserializeOwned>(
    measured: &Measured,
    model: Model,
) -> Vec<Found> {
    measured
        .of(model)
        .filter_map(|sample| Found::deserialize(&sample.outcome.result).ok())
        .collect()
}

#[derive(Debug, Deserialize)]
struct Stuck {
    kinds: BTreeMap<String, BTreeMap<String, Attempts>>,
}

#[derive(Debug, Default, Clone, Deserialize)]
struct Attempts {
    tried: u64,
    stopped: u64,
    abandoned: u64,
    locks_held: u64,
    locks_poisoned: u64,
    p50: f64,
}

impl Attempts {
    fn add(&mut self, more: &Self) {
        // Without a successful attempt there is no time.
        if more.stopped > 0 {
            self.p50 = self.p50.max(more.p50);
        }
        // A file may contain any number.
        for (all, more) in [
            (&mut self.tried, more.tried),
            (&mut self.stopped, more.stopped),
            (&mut self.abandoned, more.abandoned),
            (&mut self.locks_held, more.locks_held),
            (&mut self.locks_poisoned, more.locks_poisoned),
        ] {
            *all = all.saturating_add(more);
        }
    }
}

/// By the kind of hang and by the way of stopping it.
type Table = BTreeMap<(String, String), Attempts>;

fn stopped(measured: &Measured) -> Markup {
    let [threads, processes] = [Model::Threads, Model::Processes]
        .map(|model| summed(results(measured, model)));
    let mut rows: Vec<_> = threads.keys().chain(processes.keys()).collect();
    rows.sort_by_key(|(kind, way)| (kind.clone(), rank(way)));
    rows.dedup();
    html! {
        h3 { "What stops a hung worker, all slices together" }
        div.wide tabindex="0" role="region" aria-label="hung workers" {
            table {
                thead { tr {
                    th { "hung in" } th { "stopped by" }
                    th { "threads" } th { "processes" }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.0) }
                    td { (row.1) }
                    td { (attempts(threads.get(row))) }
                    td { (attempts(processes.get(row))) }
                } } }
            }
        }
    }
}

/// The milder ways come first.
fn rank(way: &str) -> usize {
    let ways = ["ask", "interrupt", "force"];
    ways.iter().position(|other| *other == way).unwrap_or(ways.len())
}

fn summed(rounds: Vec<Stuck>) -> Table {
    let mut table = Table::new();
    for (kind, ways) in rounds.into_iter().flat_map(|round| round.kinds) {
        for (way, attempts) in ways {
            table.entry((kind.clone(), way)).or_default().add(&attempts);
        }
    }
    table
}

fn attempts(attempts: Option<&Attempts>) -> Markup {
    let Some(found) = attempts else {
        return html! { span.quiet { "not needed" } };
    };
    html! {
        @if found.stopped == 0 {
            span.bad { "✗ never" }
        } @else {
            span.good { "✓ " (found.stopped) }
        }
        " of " (found.tried)
        @if found.stopped > 0 {
            ", within " (units::human(found.p50, "s"))
        }
        @for (number, what) in [
            (found.abandoned, "abandoned"),
            (found.locks_held, "still holding a lock"),
            (found.locks_poisoned, "left a lock to recover"),
        ] {
            @if number > 0 { "; " (number) " " (what) }
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Death {
    way: String,
    hold: String,
    death: Option<String>,
    hung: bool,
    survivors: u64,
    lost: u64,
    repairs: u64,
}

fn survived(measured: &Measured) -> Markup {
    let [threads, processes]: [Vec<Death>; 2] =
        [Model::Threads, Model::Processes]
            .map(|model| results::<Vec<Death>>(measured, model).concat());
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for death in &threads {
        let row = (death.way.as_str(), death.hold.as_str());
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    html! {
        h3 { "Who survives a worker's death, all slices together" }
        div.wide tabindex="0" role="region" aria-label="deaths" {
            table {
                thead { tr {
                    th { "dies by" } th { "holding" }
                    th { "threads" } th { "processes" }
                } }
                tbody { @for row in rows { tr {
                    th scope="row" { (row.0) }
                    td { (row.1) }
                    td { (fate(&threads, row)) }
                    td { (fate(&processes, row)) }
                } } }
            }
        }
    }
}

fn fate(deaths: &[Death], (way, hold): (&str, &str)) -> Markup {
    let of_this = |death: &&Death| death.way == way && death.hold == hold;
    let deaths: Vec<&Death> = deaths.iter().filter(of_this).collect();
    let number = |is: fn(&Death) -> bool| {
        deaths.iter().filter(|death| is(death)).count()
    };
    let survived = number(|death| death.survivors > 0);
    let hung = number(|death| death.hung);
    let repaired = number(|death| death.repairs > 0);
    let lost = deaths.iter().map(|death| death.lost).max().unwrap_or(0);
    let end = deaths.iter().find_map(|death| death.death.as_deref());
    html! {
        @if survived == deaths.len() && survived > 0 {
            span.good { "✓ the others survive" }
        } @else if survived == 0 {
            span.bad { "✗ no survivors" }
        } @else {
            "the others survive " (survived) " of "
            (count(deaths.len(), "death"))
        }
        @if let Some(end) = end { ", " (end) }
        @if hung > 0 { ", hung forever" }
        @if repaired > 0 { ", lock recovered" }
        @if lost > 0 { ", up to " (count(lost as usize, "transfer")) " lost" }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn stuck(stopped: u64, p50: f64) -> Stuck {
        let attempts = json!({
            "tried": 3, "stopped": stopped, "abandoned": 0, "locks_held": 1,
            "locks_poisoned": 0, "p50": p50,
        });
        let kinds = json!({"kinds": {"loop": {"ask": attempts}}});
        serde_json::from_value(kinds).unwrap()
    }

    #[test]
    fn attempts_of_all_rounds_are_added() {
        let table = summed(vec![stuck(3, 2e-3), stuck(0, 9.0), stuck(2, 1e-3)]);
        let found = &table[&("loop".to_owned(), "ask".to_owned())];
        let words = attempts(Some(found)).into_string();
        assert!(words.contains("✓ 5</span> of 9, within 2.00 ms"), "{words}");
        assert!(words.contains("3 still holding a lock"), "{words}");
        let never = attempts(Some(&Attempts { tried: 2, ..found.clone() }));
        assert!(never.into_string().contains("✓"));
        let never = Attempts { stopped: 0, ..found.clone() };
        assert!(attempts(Some(&never)).into_string().contains("✗ never"));
    }

    #[test]
    fn a_fate_is_told_of_every_round() {
        let death = |survivors, hung| Death {
            way: "abort".into(),
            hold: "lock".into(),
            death: None,
            hung,
            survivors,
            lost: 0,
            repairs: 0,
        };
        let words =
            |deaths: &[Death]| fate(deaths, ("abort", "lock")).into_string();
        assert!(words(&[death(1, false)]).contains("✓ the others survive"));
        assert!(words(&[death(0, true)]).contains("no survivors"));
        assert!(words(&[death(0, true)]).contains("hung forever"));
        let torn = words(&[death(1, false), death(0, false)]);
        assert!(torn.contains("survive 1 of 2 deaths"), "{torn}");
    }
}
