//! Pairs that do the same work are judged, in words.

use std::fs;

use assert_cmd::Command;
use common::outcome::{Better, Metric, Model};
use unicode_width::UnicodeWidthStr as _;

use crate::planted::{
    BOTH, COMPARE, LOOK, Stage, run, squeezed, told, write_program,
};

/// The row of the table that begins with these words, single-spaced.
fn row(table: &str, beginning: &str) -> String {
    let spaced = |line: &str| -> String {
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut rows = table.lines().map(spaced);
    let found = rows.find(|line| line.starts_with(beginning));
    found.unwrap_or_else(|| panic!("no row {beginning} in\n{table}"))
}

#[test]
fn a_side_against_itself_is_no_clear_difference() {
    let stage = Stage::with("shared-state");
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    assert_eq!(result.stderr, "");
    assert_eq!(
        row(&result.stdout, "transfers, lock "),
        "transfers, lock 19.0 Mop/s 19.0 Mop/s \
         no clear difference [1.00, 1.00]"
    );
    // Four rows, and the answer.
    assert_eq!(result.stdout.matches("no clear difference [").count(), 5);
}

#[test]
fn a_faster_side_is_named_with_its_factor() {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Processes, |asked| {
        // 10 % slower, with a noise of 1 %.
        let noise = 1.0 + 0.01 * (asked.pair % 3) as f64;
        asked.outcome.laps.work *= 1.10 * noise;
        asked.scale(0, 1.0 / (14.0 * noise));
        asked.scale(1, 1.5);
        asked.scale_memory(3.0);
    });
    let table = run(&mut stage.compare(&["shared-state"])).stdout;
    assert!(
        row(&table, "total").ends_with("threads 1.11× faster [1.10, 1.12]")
    );
    let lock = row(&table, "transfers, lock");
    assert!(lock.ends_with("threads 14× faster [14, 14]"), "{lock}");
    let atomic = row(&table, "transfers, atomic");
    assert!(atomic.ends_with("processes 1.50× faster [1.50, 1.50]"));
    let memory = row(&table, "memory");
    assert_eq!(
        memory,
        "memory 8.40 MB 25.2 MB threads 3.0× smaller [3.0, 3.0]"
    );
}

#[test]
fn noise_is_not_taken_for_a_difference() {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Processes, |asked| {
        let factors = [1.0, 0.7, 1.6, 0.9, 1.3, 1.0, 1.1];
        asked.outcome.laps.work *= factors[asked.pair % factors.len()];
    });
    let table = run(&mut stage.compare(&["shared-state"])).stdout;
    let total = row(&table, "total");
    assert!(total.ends_with("too noisy to tell [0.70, 1.60]"), "{total}");
}

#[test]
fn a_fact_is_shown_and_not_judged() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            let lost = Metric::new("lost", "lost", "1", Better::Neither, 1e6);
            asked.outcome.metrics.push(lost.of("racy"));
        });
    }
    let table = run(&mut stage.compare(&["shared-state"])).stdout;
    assert_eq!(
        row(&table, "lost, racy"),
        "lost, racy 1,000,000 1,000,000 shown, not judged"
    );
}

#[test]
fn memory_that_a_kernel_does_not_tell_is_not_judged() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.resources.peak_proportional_memory = None;
        });
    }
    let table = run(&mut stage.compare(&["shared-state"])).stdout;
    assert_eq!(row(&table, "memory"), "memory not available");
}

/// A figure of some pairs is none of all.
#[test]
fn a_figure_that_one_pair_lacks_is_not_judged() {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Threads, |asked| {
        if asked.pair == 2 {
            asked.outcome.metrics[0].value = None;
        }
    });
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    let lock = row(&result.stdout, "transfers, lock");
    assert!(lock.ends_with("op/s not available"), "{lock}");
}

#[test]
fn a_scaling_scenario_shows_the_speed_up_of_each_side() {
    let stage = Stage::with("matrix");
    stage.plant("matrix", Model::Processes, |asked| {
        if asked.workers == 2 {
            asked.outcome.laps.work = 1.0;
        }
    });
    let result = run(&mut stage.compare(&["matrix"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    assert_eq!(
        row(&result.stdout, "speed-up of threads"),
        "speed-up of threads 2.0× on 2 cores, efficiency 1.00 [1.00, 1.00]"
    );
    assert_eq!(
        row(&result.stdout, "speed-up of processes"),
        "speed-up of processes 1.60× on 2 cores, efficiency 0.80 [0.80, 0.80]"
    );
    assert!(row(&result.stdout, "total").contains("802 ms 1.00 s"));
}

#[test]
fn one_worker_has_no_speed_up() {
    let stage = Stage::with("matrix");
    let result = run(&mut stage.compare_with(1, &["matrix"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    assert_eq!(
        row(&result.stdout, "speed-up of threads"),
        "speed-up of threads not measured: only one worker"
    );
}

#[test]
fn the_programs_are_told_what_to_do() {
    let stage = Stage::new();
    let programs = BOTH.map(|model| stage.plant("crash", model, |_| {}));
    let mut command = stage.compare(&["crash"]);
    let result = run(command.args(["--seed", "7"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for program in programs {
        assert_eq!(stage.starts(&program), LOOK);
        let told = told(&program);
        let mut asked: Vec<&str> = Vec::new();
        for told in &told {
            let told = told.trim_end_matches(']');
            let (what, expected) =
                told.split_once(r#","--expect""#).unwrap_or((told, ""));
            assert!(what.contains(r#""--seed","7","--workers","2""#), "{what}");
            // Each side finds out by itself what is right, once.
            assert_eq!(expected.is_empty(), !asked.contains(&what), "{told}");
            assert!(expected.is_empty() || expected.contains("9f3c1234aa"));
            asked.push(what);
        }
    }
}

#[test]
fn every_scenario_is_compared_unless_some_are_chosen() {
    let stage = Stage::new();
    for scenario in common::scenarios::ALL {
        for model in BOTH {
            stage.plant(scenario.name, model, |_| {});
        }
    }
    let result = run(&mut stage.compare(&[]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for scenario in common::scenarios::ALL {
        assert!(result.stdout.contains(scenario.question));
    }
    let chosen = run(&mut stage.compare(&["matrix"]));
    assert!(!chosen.stdout.contains("shared-state:"));
}

/// On one core, two ends of a ring cannot be compared.
#[test]
fn what_takes_more_cores_than_there_are_says_so() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("ipc", model, |_| {});
    }
    let arguments = stage.arguments(2, &["ipc"]);
    let mut command = Command::new("taskset");
    command.args(["-c", "0", COMPARE]).args(arguments);
    let result = run(&mut command);
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert!(result.stdout.contains("Not measured: needs at least two cores"));
}

/// Only who shares out work is told among how many.
#[test]
fn a_pair_that_shares_out_no_work_is_told_no_number_of_workers() {
    let stage = Stage::new();
    let programs =
        BOTH.map(|model| stage.plant("responsive-ui", model, |_| {}));
    let result = run(&mut stage.compare(&["responsive-ui"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for program in programs {
        assert!(told(&program).iter().all(|it| !it.contains("--workers")));
    }
}

/// The others answer a question, and are asked of every pair.
#[test]
fn what_is_only_counted_is_asked_of_the_first_pair_alone() {
    let stage = Stage::new();
    let programs = BOTH.map(|model| stage.plant("crash", model, |_| {}));
    let result = run(&mut stage.compare(&["crash"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for program in programs {
        let told = told(&program);
        let asked = |of: &str| told.iter().filter(|it| it.contains(of)).count();
        let [counted, judged] =
            ["--variant=exit", "--variant=abort"].map(asked);
        assert!((1..=2).contains(&counted), "{told:?}");
        assert!(judged >= LOOK, "{told:?}");
    }
}

#[test]
fn a_debug_build_is_called_one() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.machine.profile = "debug".into();
        });
    }
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.stdout.matches("DEBUG BUILD").count(), 1);
    let release = run(&mut Stage::with("matrix").compare(&["matrix"]));
    assert!(!release.stdout.contains("DEBUG BUILD"));
}

/// It changes what they cost to start.
#[test]
fn processes_that_are_linked_statically_are_called_so() {
    let words = "The processes are linked statically";
    let stage = Stage::with("worker-cost");
    let usual = run(&mut stage.compare(&["worker-cost"]));
    assert!(!usual.stdout.contains(words), "{}", usual.stdout);
    let stage = Stage::with("worker-cost");
    stage.plant("worker-cost", Model::Processes, |asked| {
        asked.outcome.machine.link = "static".into();
    });
    let result = run(&mut stage.compare(&["worker-cost"]));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert!(squeezed(&result.stdout).contains(words), "{}", result.stdout);
    let report = stage.samples().with_extension("html");
    assert!(fs::read_to_string(report).unwrap().contains(words));
}

fn wait(variant: &str) -> Metric {
    Metric::new("wait", "wait", "s", Better::Lower, 5e-6).of(variant)
}

/// A stage where each side has its own ways to wait, and both have one.
fn stage_of_ways_to_wait(scenario: &str) -> Stage {
    let stage = Stage::new();
    stage.plant(scenario, Model::Threads, |asked| {
        asked.outcome.metrics.extend([
            wait("channel").only(Model::Threads),
            wait("ring"),
            wait("park").only(Model::Threads),
        ]);
    });
    stage.plant(scenario, Model::Processes, |asked| {
        asked.outcome.metrics.extend([
            wait("pipe").only(Model::Processes),
            wait("socket").only(Model::Processes),
            wait("ring"),
            wait("signal").only(Model::Processes),
        ]);
    });
    stage
}

/// The ids of the rows of the only scenario, each by its variant if it has one.
fn rows(stage: &Stage) -> Vec<String> {
    let document = stage.document();
    let rows = document["verdicts"].as_array().unwrap().iter();
    let ids = rows.map(|row| row["id"].as_str().unwrap());
    ids.map(|id| id.rsplit('.').next().unwrap().to_owned()).collect()
}

#[test]
fn what_only_one_side_can_do_is_said_in_words() {
    let stage = stage_of_ways_to_wait("shared-state");
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for (beginning, expected) in [
        ("wait, channel", "wait, channel 5.00 µs threads only"),
        ("wait, pipe", "wait, pipe 5.00 µs processes only"),
        (
            "wait, ring",
            "wait, ring 5.00 µs 5.00 µs no clear difference [1.00, 1.00]",
        ),
    ] {
        assert_eq!(row(&result.stdout, beginning), expected);
    }
}

/// The figure stands in its side's column, and nothing is judged.
#[test]
fn what_only_one_side_can_do_has_one_figure() {
    let stage = stage_of_ways_to_wait("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    let document = stage.document();
    let mut verdicts = document["verdicts"].as_array().unwrap().iter();
    for (id, threads, processes) in
        [("wait.channel", Some(5e-6), None), ("wait.pipe", None, Some(5e-6))]
    {
        let row = verdicts.find(|row| row["id"] == id).unwrap();
        assert_eq!(row["threads"].as_f64(), threads);
        assert_eq!(row["processes"].as_f64(), processes);
        assert!(row["ratio"].is_null() && row["finding"].is_null(), "{row}");
    }
}

#[test]
fn the_rows_of_both_sides_read_as_one_ladder() {
    let stage = stage_of_ways_to_wait("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    assert_eq!(
        rows(&stage).join(" "),
        "total lock atomic channel pipe socket ring park signal memory"
    );
}

/// A fact that only one side has is no less its own.
#[test]
fn what_is_not_judged_may_be_of_one_side() {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Processes, |asked| {
        let pages = Metric::new("pages", "pages", "1", Better::Neither, 512.0);
        asked.outcome.metrics.push(pages.only(Model::Processes));
    });
    let table = run(&mut stage.compare(&["shared-state"])).stdout;
    assert_eq!(row(&table, "pages"), "pages 512 processes only");
}

#[test]
fn a_detail_is_no_row_and_stays_among_the_samples() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.metrics.extend([
                wait("ring-64").detail(),
                wait(&format!("{model}-alone")).detail().only(model),
            ]);
        });
    }
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    assert_eq!(rows(&stage).join(" "), "total lock atomic memory");
    assert!(!result.stdout.contains("wait, "), "{}", result.stdout);
    let document = stage.document();
    for sample in document["samples"].as_array().unwrap() {
        let metrics = sample["outcome"]["metrics"].as_array().unwrap();
        if metrics.is_empty() {
            continue;
        }
        let details = metrics.iter().filter(|metric| metric["detail"] == true);
        assert_eq!(details.count(), 2);
    }
}

#[test]
fn a_speed_up_is_of_the_work_whatever_else_a_side_can_do() {
    let stage = stage_of_ways_to_wait("matrix");
    let result = run(&mut stage.compare(&["matrix"]));
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    for model in BOTH {
        let beginning = format!("speed-up of {model}");
        assert_eq!(
            row(&result.stdout, &beginning),
            beginning + " 2.0× on 2 cores, efficiency 1.00 [1.00, 1.00]"
        );
    }
    let rows = rows(&stage);
    assert_eq!(rows[rows.len() - 3], "memory");
    assert_eq!(rows[rows.len() - 1], "processes");
}

/// One worker has nobody to hand anything to, say.
#[test]
fn a_metric_that_only_many_workers_have_is_shown() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("matrix", model, |asked| {
            if asked.workers > 1 {
                let wait = Metric::new("wait", "wait", "s", Better::Lower, 0.5);
                asked.outcome.metrics.push(wait);
                let own = Metric::new("own", "own", "s", Better::Lower, 0.5);
                asked.outcome.metrics.push(own.of(model).only(model));
            }
        });
    }
    let table = run(&mut stage.compare(&["matrix"])).stdout;
    assert!(row(&table, "wait").starts_with("wait 500 ms 500 ms"));
    assert!(row(&table, "own, threads").ends_with("threads only"));
}

/// With everything in it that could make a line too long.
#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    let stage = Stage::with("matrix");
    stage.plant("shared-state", Model::Threads, |_| {});
    stage.misbehave(
        "shared-state",
        Model::Processes,
        "printf '数据库%.0s' $(seq 99) >&2; exit 1",
    );
    for model in BOTH {
        stage.plant("matrix", model, |asked| {
            let name = "a metric that has a name as long as a sentence";
            let variant = "a_variant_that_has_no_space_anywhere_in_its_name";
            let metric =
                Metric::new("long", name, "B/s", Better::Higher, 1e300);
            let both = metric.clone().of_called("both", variant);
            asked.outcome.metrics.push(both);
            let own = "only_one_side_has_a_variant_that_has_no_space_in_it";
            let own = metric.of_called("own", own).only(model);
            asked.outcome.metrics.push(own);
        });
    }
    let mut command = stage.compare(&["shared-state", "matrix"]);
    let result = run(command.args(["--deadline", "119.12345678901234567"]));
    assert_eq!(result.code, Some(1));
    for line in result.stdout.lines() {
        assert!(line.width() <= 100, "{} columns: {line}", line.width());
        assert_eq!(line.trim_end(), line, "white space at the end");
    }
}

/// The kernel gives the comparison one core, and it says what that means.
#[test]
fn one_core_only_is_named_above_the_answer_and_kept() {
    let stage = Stage::with("shared-state");
    let limited = stage.programs().join("limited");
    write_program(&limited, "#!/bin/sh\nexec taskset -c 0 \"$@\"\n");
    let mut command = Command::new(limited);
    command.arg(COMPARE).args(stage.arguments(2, &["shared-state"]));
    let table = run(&mut command).stdout;
    let named = table.find("one core only").unwrap();
    assert!(named < table.find("This run says").unwrap(), "{table}");
    let document = stage.document();
    assert_eq!(document["environment"]["place"]["cores_allowed"], 1);
    let disturbances = document["disturbances"].as_array().unwrap();
    let what = disturbances[0]["what"].as_str().unwrap();
    assert!(what.starts_with("one core only"), "{what}");
}

/// A program that does nothing but take a core, for a second or so.
#[test]
fn load_from_elsewhere_is_named_with_its_scenario() {
    let stage = Stage::with("shared-state");
    let script = "#!/bin/sh\nwhile :; do :; done\n";
    let program = stage.programs().join("busy");
    write_program(&program, script);
    let mut busy = std::process::Command::new(program).spawn().unwrap();
    stage.misbehave("shared-state", Model::Threads, "sleep 0.1");
    let result = run(&mut stage.compare(&["shared-state"]));
    busy.kill().unwrap();
    busy.wait().unwrap();
    assert_eq!(result.code, Some(0), "{}", result.stdout);
    let words = row(&result.stdout, "warning other programs took CPU time: ");
    assert!(words.ends_with("% during shared-state"), "{words}");
    let readings = stage.document()["environment"]["readings"].clone();
    assert_eq!(readings[1]["after"], "shared-state");
}
