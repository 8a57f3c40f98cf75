//! Who could be stopped, who survived, and what was contained: results that are
//! not about speed.

use std::collections::BTreeMap;

use common::{outcome::Model, units};
use maud::{Markup, html};
use serde::{Deserialize, de::DeserializeOwned};

use crate::run::{
    measured::Measured,
    plan::count,
    tried::{Cell, Tried},
};

/// The table of a scenario, if it has one.
pub fn of(measured: &Measured) -> Markup {
    html! {
        @match measured.plan.scenario.name {
            "kill-workers" => (stopped(measured)),
            "crash" => (survived(measured)),
            "confine" => (contained(measured)),
            _ => {}
        }
    }
}

/// A table with a row for each thing that happened. The first cell of a row is
/// its heading.
fn table<const COLUMNS: usize>(
    title: &str,
    label: &str,
    columns: [&str; COLUMNS],
    rows: impl Iterator<Item = [Markup; COLUMNS]>,
) -> Markup {
    html! {
        h3 { (title) ", all slices together" }
        div.wide tabindex="0" role="region" aria-label=(label) {
            table {
                thead { tr { @for column in columns { th { (column) } } } }
                tbody { @for row in rows { tr {
                    @for (place, cell) in row.iter().enumerate() {
                        @if place == 0 {
                            th scope="row" { (cell) }
                        } @else {
                            td { (cell) }
                        }
                    }
                } } }
            }
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
    let cells = rows.into_iter().map(|row| {
        let [in_threads, in_processes] =
            [&threads, &processes].map(|side| attempts(side.get(row)));
        let (kind, way) = row;
        [html! { (kind) }, html! { (way) }, in_threads, in_processes]
    });
    table(
        "What stops a hung worker",
        "hung workers",
        ["hung in", "stopped by", "threads", "processes"],
        cells,
    )
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
    let cells = rows.into_iter().map(|row| {
        let [in_threads, in_processes] =
            [&threads, &processes].map(|side| fate(side, row));
        let (way, hold) = row;
        [html! { (way) }, html! { (hold) }, in_threads, in_processes]
    });
    table(
        "Who survives a worker's death",
        "deaths",
        ["dies by", "holding", "threads", "processes"],
        cells,
    )
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

fn contained(measured: &Measured) -> Markup {
    let [threads, processes]: [Vec<Tried>; 2] =
        [Model::Threads, Model::Processes]
            .map(|model| results::<Vec<Tried>>(measured, model).concat());
    let mut acts: Vec<&str> = Vec::new();
    for tried in threads.iter().chain(&processes) {
        if !acts.contains(&tried.act.as_str()) {
            acts.push(&tried.act);
        }
    }
    let rows = acts.into_iter().map(|act| {
        [
            html! { (act) },
            harm(&threads, ("bare", act)),
            harm(&threads, ("confined", act)),
            harm(&processes, ("bare", act)),
            harm(&processes, ("confined", act)),
        ]
    });
    let columns = [
        "act",
        "thread",
        "thread with a filter",
        "process",
        "confined process",
    ];
    table("Who contains a hostile act", "hostile acts", columns, rows)
}

/// The worst of all slices: harm that was done once can be done.
fn harm(tried: &[Tried], (variant, act): (&str, &str)) -> Markup {
    let of_this = |it: &&Tried| it.variant == variant && it.act == act;
    let tried: Vec<&Tried> = tried.iter().filter(of_this).collect();
    let Some(worst) = tried.iter().max_by_key(|it| it.cell) else {
        return html! { span.quiet { "not tried" } };
    };
    let fine = tried.iter().filter(|it| it.cell == Cell::Contained).count();
    html! {
        (mark(worst.cell))
        @if !worst.how.is_empty() { ": " (worst.how) }
        @if tried.iter().any(|it| it.is_bypassed()) {
            "; held until it asked a sibling"
        }
        @if 0 < fine && fine < tried.len() {
            "; contained in " (fine) " of " (count(tried.len(), "slice"))
        }
    }
}

fn mark(cell: Cell) -> Markup {
    html! {
        @match cell {
            Cell::Contained => span.good { "✓ contained" },
            Cell::Harmed => span.bad { "✗ harmed" },
            Cell::Dead => span.bad { "✗ host dead" },
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::judge::planted::Planted;

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

    fn tried(cell: Cell, alone: Option<Cell>) -> Tried {
        let (variant, act) = ("confined".into(), "peek".into());
        Tried { variant, act, cell, how: "<so>".into(), alone }
    }

    #[test]
    fn one_harmful_act_is_told_among_many_that_are_not() {
        use Cell::{Contained, Dead, Harmed};
        let words =
            |all: &[Tried]| harm(all, ("confined", "peek")).into_string();
        let fine = words(&[tried(Contained, None)]);
        assert!(fine.contains("✓ contained</span>: &lt;so"), "{fine}");
        let harmed = words(&[tried(Contained, None), tried(Harmed, None)]);
        assert!(harmed.contains("✗ harmed"), "{harmed}");
        assert!(harmed.contains("contained in 1 of 2 slices"), "{harmed}");
        let dead = words(&[tried(Harmed, None), tried(Dead, None)]);
        assert!(dead.contains("✗ host dead</span>"), "{dead}");
        assert!(!dead.contains("slices"), "{dead}");
        assert!(words(&[]).contains("not tried"));
        let bare = harm(&[tried(Contained, None)], ("bare", "peek"));
        assert!(bare.into_string().contains("not tried"));
    }

    #[test]
    fn what_a_filter_held_alone_is_said_beside_the_harm() {
        use Cell::{Contained, Harmed};
        let words = |it: Tried| harm(&[it], ("confined", "peek")).into_string();
        let said = "held until it asked a sibling";
        assert!(words(tried(Harmed, Some(Contained))).contains(said));
        assert!(!words(tried(Harmed, Some(Harmed))).contains(said));
        assert!(!words(tried(Contained, Some(Contained))).contains(said));
    }

    #[test]
    fn each_act_has_a_row_and_each_kind_of_worker_a_column() {
        let results = |how: [&str; 2]| {
            let row = |(variant, how): (&str, &str)| {
                json!({
                    "variant": variant, "act": "fork", "cell": "contained",
                    "how": how, "alone": null,
                })
            };
            let variants = ["bare", "confined"].into_iter().zip(how);
            json!(variants.map(row).collect::<Vec<_>>())
        };
        let planted = Planted::nothing()
            .result("confine", Model::Threads, results(["one", "two"]))
            .result("confine", Model::Processes, results(["three", "four"]));
        let results = planted.results();
        let page = of(results.find("confine").unwrap()).into_string();
        let place = |word: &str| page.find(word).unwrap();
        let places = ["thread<", "thread with a filter<", "one", "two"];
        let places = places.into_iter().chain(["three", "four"]).map(place);
        assert!(places.collect::<Vec<_>>().is_sorted(), "{page}");
        assert_eq!(page.matches("scope=\"row\"").count(), 1, "{page}");
    }
}
