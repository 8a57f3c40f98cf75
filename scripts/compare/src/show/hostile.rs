//! A file of samples may come from anywhere. Whatever it contains, it is either
//! read or refused with a message, and nothing made of it panics.

use std::{collections::BTreeMap, panic, path::Path};

use common::{
    laps::Laps,
    machine::Machine,
    outcome::{Better, Metric, Model, Outcome},
    scenarios,
};
use serde_json::{Value, json};

use crate::{
    claims,
    judge::{change, results::Results, verdict::Verdict},
    run::{
        environment::{Environment, Place, Reading},
        samples::SCHEMA,
    },
    show::{
        comparison::Comparison,
        report::{fates, plots},
        side_by_side,
        table::Page,
    },
};

/// Numbers that may be in a file, and values that are not numbers.
fn values() -> [Value; 9] {
    [
        json!(-1),
        json!(-1e308),
        json!(1e308),
        json!(5e-324),
        json!(u64::MAX),
        json!("\u{1b}[2J\n"),
        json!([]),
        json!({}),
        json!(null),
    ]
}

/// One slice of a scenario. Its result has a chart or table of its own in the
/// scenarios that have one.
fn document(scenario: &str) -> Value {
    let result = match scenario {
        "matrix" => json!([{
            "name": "a",
            "timeline": {"load": [0.0, 1.0], "transform": [1.0, 2.0],
                         "worker": 0},
        }]),
        "kill-workers" => {
            let attempts = json!({
                "tried": 3, "stopped": 2, "abandoned": 1, "locks_held": 1,
                "locks_poisoned": 1, "p50": 0.1,
            });
            json!({"kinds": {"loop": {"ask": attempts}}})
        }
        "crash" => json!([{
            "way": "abort", "hold": "lock", "death": "SIGABRT", "hung": false,
            "survivors": 1, "lost": 2, "repairs": 1,
        }]),
        "confine" => json!([{
            "variant": "confined", "act": "read", "cell": "harmed",
            "how": "it read the secret", "alone": "contained",
        }]),
        _ => json!({"transfers": 7}),
    };
    let sample = |model| {
        let metrics = vec![
            Metric::new("trip-64", "64 B trip", "s", Better::Lower, 1e-6)
                .of("ring"),
            Metric::new("work", "work", "s", Better::Lower, 2.0).of("load"),
            Metric::new(
                "longest-frame-gap.worker",
                "frame gap",
                "s",
                Better::Lower,
                2.0,
            ),
            Metric::new("count", "count", "1", Better::Neither, 3.0),
        ];
        let outcome = Outcome {
            answer: "9f3c".into(),
            parameters: json!({"workers": 2}),
            result: result.clone(),
            metrics,
            ..Outcome::new(scenario, model, &Laps::none())
        };
        json!({
            "model": model, "part": "lock", "workers": 2, "pair": 1,
            "slice": 1, "turn": 1, "outcome": outcome,
        })
    };
    json!({
        "schema": SCHEMA, "command": ["--quick"],
        "date": "2026-11-22T10:00:00Z", "machine": Machine::this(),
        "budget": 1.0, "workers": 2,
        "samples": [sample(Model::Threads), sample(Model::Processes)],
        "refusals": [],
        "environment": environment(),
    })
}

fn environment() -> Environment {
    let reading = |time| Reading {
        after: "ipc".into(),
        time,
        busy: Some(time),
        stolen: Some(time),
        memory_stall: Some(time),
        pauses: Some(1),
        spin: 1.0,
        ..Reading::default()
    };
    let place =
        Place { quota: Some(1.0), cores_online: Some(2), ..Place::default() };
    Environment {
        place,
        readings: vec![reading(1.0), reading(2.0)],
        dropped: BTreeMap::from([("ipc".into(), 1)]),
    }
}

/// The places of all values, including nested ones.
fn places(value: &Value, place: &str, all: &mut Vec<String>) {
    let mut within = |key: &str, value: &Value| {
        let place = format!("{place}/{key}");
        all.push(place.clone());
        places(value, &place, all);
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| within(key, value));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| within(&index.to_string(), item));
        }
        _ => {}
    }
}

/// Everything made of results, except the sources, which no file affects, and
/// the claims, which take long.
fn shown(text: &str) -> Option<String> {
    let results = Results::parse(text).ok()?;
    let (verdicts, claims) = (results.verdicts(), Vec::new());
    let answers = Vec::new();
    let comparison = &Comparison { results, verdicts, claims, answers };
    let samples = Path::new("samples.json");
    let mut page =
        Page { comparison, samples, report: None, all: true }.to_string();
    let Comparison { results, verdicts, .. } = comparison;
    for measured in &results.scenarios {
        let verdicts: Vec<&Verdict> = verdicts.iter().collect();
        page += &plots::rounds(measured, &verdicts).into_string();
        page += &plots::of(measured, &verdicts).into_string();
        page += &fates::of(measured).into_string();
    }
    let other = Results::parse(text).ok()?;
    if let Ok(changes) = change::changes(results, &other) {
        let changes = &changes;
        let both = side_by_side::Page { old: results, new: &other, changes };
        page += &both.to_string();
    }
    Some(page)
}

#[test]
fn no_value_of_a_file_makes_anything_panic() {
    for scenario in
        ["ipc", "matrix", "kill-workers", "crash", "confine", "responsive-ui"]
    {
        let document = document(scenario);
        assert!(shown(&document.to_string()).is_some(), "{scenario}");
        let mut all = Vec::new();
        places(&document, "", &mut all);
        // The second sample is like the first, and the rest of the file is
        // like that of any other scenario.
        let is_new = |place: &str| match scenario {
            "ipc" => !place.starts_with("/samples/1/"),
            _ => place.starts_with("/samples/0/outcome/result"),
        };
        all.retain(|place| is_new(place));
        for (place, value) in all.iter().flat_map(|place| {
            values().into_iter().map(move |value| (place, value))
        }) {
            let text = altered(&document, place, &value);
            let told = panic::catch_unwind(|| shown(&text));
            assert!(told.is_ok(), "{scenario}: {place} is {value}");
        }
    }
}

/// The same for claims, with the figures of all scenarios they use.
#[test]
fn no_figure_of_a_file_makes_a_claim_panic() {
    for value in [json!(-1), json!(1e308), json!([])] {
        for place in ["result", "metrics/0/value"] {
            let mut all = document("ipc");
            let documents = scenarios::ALL.iter().map(|it| document(it.name));
            let samples = documents.flat_map(|document| {
                let text = altered(
                    &document,
                    &format!("/samples/0/outcome/{place}"),
                    &value,
                );
                let altered: Value =
                    serde_json::from_str(&text).expect("it is JSON");
                altered["samples"].as_array().cloned().unwrap_or_default()
            });
            all["samples"] = samples.collect();
            let text = all.to_string();
            let judged = panic::catch_unwind(|| {
                Results::parse(&text).map(|results| claims::judge(&results))
            });
            assert!(judged.is_ok(), "{place} is {value}");
        }
    }
}

fn altered(document: &Value, place: &str, value: &Value) -> String {
    let mut document = document.clone();
    *document.pointer_mut(place).expect("it is a place") = value.clone();
    document.to_string()
}

/// Each is named by its place and its value.
#[test]
fn what_is_no_figure_is_refused_by_name() {
    for (place, value, words) in [
        ("/samples/0/pair", json!(0), "samples[0]: pair is 0,"),
        ("/samples/0/pair", json!(61), "samples[0]: pair is 61,"),
        ("/samples/0/part", json!("none"), "samples[0]: part: \"none\""),
        ("/samples/0/workers", json!(0), "samples[0]: workers is 0"),
        (
            "/samples/0/outcome/schema",
            json!(9),
            "samples[0]: outcome.schema is 9",
        ),
        (
            "/samples/0/model",
            json!("processes"),
            "samples[0]: model is processes, but outcome.model is threads",
        ),
        (
            "/samples/0/outcome/laps/work",
            json!(-2),
            "ipc, threads, lock, pair 1: its laps.work is -2",
        ),
        (
            "/samples/1/outcome/resources/cpu_user",
            json!(-3),
            "ipc, processes, lock, pair 1: its resources.cpu_user is -3",
        ),
        (
            "/samples/1/outcome/metrics/0/value",
            json!(-4),
            "its metric 64 B trip, ring is -4",
        ),
        ("/budget", json!(-5), "budget is -5"),
        ("/workers", json!(0), "workers is 0"),
        ("/machine/cores", json!(0), "machine.cores is 0"),
        ("/date", json!("today"), "date is \"today\""),
        ("/schema", json!(1), "it has schema 1"),
        ("/schema", json!(-1), "-1"),
    ] {
        let mut document = document("ipc");
        *document.pointer_mut(place).expect("it is a place") = value;
        let error = Results::parse(&document.to_string())
            .map(|_| place)
            .expect_err("it is no figure");
        let told = format!("{error:#}");
        assert!(told.contains(words), "{place}: {told}");
    }
    let mut document = document("ipc");
    document["samples"][1] = document["samples"][0].clone();
    let error = Results::parse(&document.to_string()).map(|_| ());
    let told = format!("{:#}", error.expect_err("it is there twice"));
    assert!(told.contains("samples[1]: duplicate of"), "{told}");
}

/// A faulty run is kept, along with the reason why it does not count.
#[test]
fn what_was_refused_already_can_be_read() {
    let mut document = document("ipc");
    document["samples"][1]["outcome"]["laps"]["work"] = json!(-1);
    document["refusals"] = json!([{
        "scenario": "ipc", "model": "processes", "slice": null,
        "reason": "its laps.work is -1", "stderr": "",
    }]);
    let page = shown(&document.to_string()).expect("it can be read");
    assert!(page.contains("its laps.work is -1"), "{page}");
}
