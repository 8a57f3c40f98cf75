//! What a program does wrong is a row that says so, and exit status 1.

use common::outcome::{Better, Metric, Model, Outcome};

use crate::planted::{BOTH, Fifo, Result, SAY_HERE, Stage, run, squeezed};

/// A stage whose processes do something wrong, by a few lines of shell.
fn stage_with(lines: &str) -> Stage {
    let stage = Stage::with("shared-state");
    stage.misbehave("shared-state", Model::Processes, lines);
    stage
}

/// A stage whose processes print something else, from pair 3 on.
fn stage_that_alters(alter: impl Fn(&mut Outcome)) -> Stage {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Processes, |asked| {
        if asked.pair >= 3 {
            alter(&mut asked.outcome);
        }
    });
    stage
}

fn compare(stage: &Stage) -> Result {
    run(&mut stage.compare(&["shared-state"]))
}

/// Holds that the comparison refused with these words, and judged nothing.
/// The table wraps words, so they are compared without their line ends.
#[track_caller]
fn assert_refused(result: &Result, words: &str) {
    let page = squeezed(&result.stdout);
    assert!(page.contains(&squeezed(words)), "{}", result.stdout);
    assert!(page.contains("Refused: 1 of"), "{}", result.stdout);
    for judgement in ["faster [", "no clear", "too noisy", "[1.00"] {
        let table = result.stdout.split("“").next().unwrap();
        assert!(!table.contains(judgement), "{}", result.stdout);
    }
    assert_eq!(result.code, Some(1));
}

#[test]
fn a_crash() {
    let stage = stage_with(
        "[ $pair = 3 ] && { echo one >&2; echo 'no such account' >&2; exit 3; }",
    );
    let result = compare(&stage);
    assert_refused(
        &result,
        "pair 3 refused it exited too early: exit status 3: no such account",
    );
    let refusal = &stage.document()["refusals"][0];
    assert_eq!(refusal["model"], "processes");
    assert_eq!(refusal["slice"]["pair"], 3);
    assert_eq!(refusal["reason"], "it exited too early: exit status 3");
    assert_eq!(refusal["stderr"], "one\nno such account\n");
}

#[test]
fn a_signal() {
    let stage = stage_with("kill -SEGV $$");
    assert_refused(
        &compare(&stage),
        "pair 1 refused it exited too early: killed by SIGSEGV",
    );
}

#[test]
fn a_refusal_ends_its_scenario_and_no_other() {
    let stage = Stage::with("matrix");
    let threads = stage.plant("shared-state", Model::Threads, |_| {});
    let processes = stage.misbehave("shared-state", Model::Processes, "exit 1");
    let result = run(&mut stage.compare(&["shared-state", "matrix"]));
    assert_eq!(result.code, Some(1));
    assert!(result.stdout.contains("exit status 1"));
    assert!(result.stdout.contains("speed-up of threads"));
    assert!(result.stdout.contains("Refused: 1 of 2 scenarios."));
    assert_eq!((stage.starts(&threads), stage.starts(&processes)), (1, 1));
}

#[test]
fn a_missing_program() {
    let stage = Stage::new();
    let result = compare(&stage);
    assert_refused(&result, "outside its slices");
    assert_refused(&result, "program not found");
    assert_eq!(result.stdout.matches("outside its slices").count(), 2);
}

#[test]
fn a_program_that_cannot_be_executed() {
    let stage = Stage::with("shared-state");
    let path = stage.programs().join("shared-state-threads");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "").unwrap();
    let words = "it could not be run: Permission denied";
    assert_refused(&compare(&stage), words);
}

/// The program and what it started sleep for longer than a test waits, and
/// hold no lifeline: only the signal to their group can end them.
#[test]
fn a_hang() {
    let stage = Stage::with("shared-state");
    let lines = format!("{SAY_HERE}; echo waiting >&2; sleep 60 & sleep 60");
    let program = stage.misbehave("shared-state", Model::Processes, &lines);
    let mut fifo = Fifo::of(&program);
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.args(["--deadline", "2"]));
    let words = "it was killed at its deadline of 2 s: waiting";
    assert_refused(&result, words);
    fifo.wait_for_here();
    fifo.wait_for_the_end();
}

/// The program ends at once and well, but what it started holds its stdout
/// open for longer than a test waits.
#[test]
fn a_process_left_behind() {
    let stage = Stage::with("shared-state");
    let lines = format!("{SAY_HERE}; sleep 60 &");
    let program = stage.misbehave("shared-state", Model::Processes, &lines);
    let mut fifo = Fifo::of(&program);
    assert_refused(&compare(&stage), "it left a process behind");
    fifo.wait_for_here();
    fifo.wait_for_the_end();
}

/// As above, and it is beyond the reach of the group's signal.
#[test]
fn a_process_left_behind_in_a_session_of_its_own() {
    let stage = Stage::with("shared-state");
    let lines = format!("{SAY_HERE}; setsid sleep 3 &");
    let program = stage.misbehave("shared-state", Model::Processes, &lines);
    let mut fifo = Fifo::of(&program);
    assert_refused(&compare(&stage), "it left a process behind");
    fifo.wait_for_here();
    // It ends by itself.
    fifo.wait_for_the_end();
}

#[test]
fn a_flood() {
    let result = compare(&stage_with("head -c 64000000 /dev/zero"));
    assert_refused(&result, "it printed more than 16 MiB");
}

/// It ends at its deadline, though there is always something to read.
#[test]
fn a_flood_of_errors() {
    let stage = stage_with("while :; do echo 'no such account' >&2; done");
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.args(["--deadline", "2"]));
    let words = "it was killed at its deadline of 2 s: no such account";
    assert_refused(&result, words);
    let kept = stage.document()["refusals"][0]["stderr"].to_string();
    assert!(kept.len() < 80 << 10, "{} bytes", kept.len());
}

/// It answers, and then goes on with something else while the other's turn is,
/// which lasts until it has. Beside much else it may get less than the quarter
/// of a core by which it is found out; then it is tried again.
#[test]
fn work_between_slices() {
    const TRIES: usize = 20;
    let stage = Stage::with("shared-state");
    let busy = stage.programs().join("busy");
    let busy = busy.display();
    let goes_on = format!(
        "touch {busy}; printf '{{\"outcome\":'; cat \"$outcome\"; echo '}}'; \
         i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; rm {busy}; \
         continue"
    );
    let waits = format!("while [ -e {busy} ]; do sleep 0.01; done");
    stage.misbehave("shared-state", Model::Processes, &goes_on);
    stage.misbehave("shared-state", Model::Threads, &waits);
    let mut tries = (0..TRIES).map(|_| compare(&stage));
    let refused = tries.find(|result| result.code == Some(1)).unwrap();
    assert_refused(&refused, "it did not sleep between its slices: in");
}

#[test]
fn much_on_stderr_is_no_fault() {
    let stage = stage_with("head -c 1000000 /dev/zero >&2");
    assert_eq!(compare(&stage).code, Some(0));
}

#[test]
fn silence() {
    let result = compare(&stage_with("echo 'all well' >&2; exit 0"));
    assert_refused(&result, "it exited too early: exit status 0: all well");
}

#[test]
fn garbage() {
    let result = compare(&stage_with("echo Hello; exit 0"));
    assert_refused(&result, "it did not print JSON: expected value at line 1");
}

/// In one piece: a second answer that comes later is taken for that to the next
/// request, and refused for what it says.
#[test]
fn two_answers() {
    let twice = "answer=\"{\\\"outcome\\\":$(cat \"$outcome\")}\"; \
                 printf '%s\\n%s\\n' \"$answer\" \"$answer\"; continue";
    let result = compare(&stage_with(twice));
    assert_refused(&result, "it printed more than it was asked for");
}

#[test]
fn a_document_that_is_no_outcome() {
    let result =
        compare(&stage_with("echo '{\"outcome\":{\"schema\": 2}}'; exit 0"));
    assert_refused(&result, "it did not print an outcome: missing field");
}

#[test]
fn a_document_of_another_time() {
    let result = compare(&stage_that_alters(|outcome| outcome.schema = 9));
    assert_refused(&result, "it printed schema 9, expected");
}

#[test]
fn an_impostor() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.model = Model::Threads;
    }));
    assert_refused(&result, "it identifies itself as shared-state-threads");
    let result = compare(&stage_that_alters(|outcome| {
        outcome.scenario = "matrix".into();
    }));
    assert_refused(&result, "it identifies itself as matrix-processes");
}

#[test]
fn a_lie_about_the_answer() {
    let stage = Stage::with("shared-state");
    stage.plant("shared-state", Model::Processes, |asked| {
        asked.outcome.answer = "0000000000".into();
    });
    let result = compare(&stage);
    for words in ["pair 1 refused", "answered 00000000", "answered 9f3c1234"] {
        assert_refused(&result, words);
    }
    // Both stay on record.
    assert_eq!(stage.document()["samples"].as_array().unwrap().len(), 2);
}

/// It does not know that it did wrong, so what it wrote explains nothing.
#[test]
fn what_a_liar_wrote_is_not_quoted() {
    let lines = "echo 'all is well' >&2; printf '{\"outcome\":'; \
                 sed s/9f3c/0000/ \"$outcome\"; echo '}'; continue";
    let result = compare(&stage_with(lines));
    assert_refused(&result, "answered 00001234");
    assert!(!result.stdout.contains("all is well"), "{}", result.stdout);
}

#[test]
fn an_answer_that_changes_from_pair_to_pair() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.answer = "77777777aa".into();
    }));
    for words in ["pair 3 refused it answered 77777777", "answered 9f3c1234"] {
        assert_refused(&result, words);
    }
}

#[test]
fn an_answer_that_depends_on_the_number_of_workers() {
    let stage = Stage::with("matrix");
    for model in BOTH {
        stage.plant("matrix", model, |asked| {
            asked.outcome.answer = format!("{}111111111", asked.workers);
        });
    }
    let result = run(&mut stage.compare(&["matrix"]));
    for words in ["pair 1 refused", "answered 11111111", "answered 21111111"] {
        assert_refused(&result, words);
    }
}

#[test]
fn an_answer_that_is_missing_on_both_sides() {
    let stage = Stage::new();
    for model in BOTH {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.answer.clear();
        });
    }
    assert_refused(&compare(&stage), "it gave no answer");
}

#[test]
fn a_metric_that_one_side_lacks() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics.pop();
    }));
    let words = "it has no transfers, atomic, but threads, lock, pair 1, \
                 has transfers, atomic in op/s";
    assert_refused(&result, words);
    let result = compare(&stage_that_alters(|outcome| {
        let more = Metric::new("switches", "switches", "1", Better::Lower, 5.0);
        outcome.metrics.push(more);
    }));
    let words = "it has switches in 1, lower is better, \
                 but threads, lock, pair 1, has no switches";
    assert_refused(&result, words);
}

fn wait() -> Metric {
    Metric::new("wait", "wait", "s", Better::Lower, 5e-6)
}

/// A stage where each side waits in its own way. From pair 3 on, the metrics
/// of one are altered, of which the last is its own.
fn stage_of_own_metrics(model: Model, alter: fn(&mut Vec<Metric>)) -> Stage {
    let stage = Stage::new();
    for side in BOTH {
        stage.plant("shared-state", side, |asked| {
            let metrics = &mut asked.outcome.metrics;
            metrics.push(wait().of(side).only(side));
            if side == model && asked.pair >= 3 {
                alter(metrics);
            }
        });
    }
    stage
}

/// A stage where threads have this metric more, and processes that.
fn stage_of_two_metrics(threads: Metric, processes: Metric) -> Stage {
    let stage = Stage::new();
    for (model, metric) in BOTH.into_iter().zip([threads, processes]) {
        stage.plant("shared-state", model, |asked| {
            asked.outcome.metrics.push(metric.clone());
        });
    }
    stage
}

#[test]
fn a_metric_that_only_the_other_side_can_have() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics.push(wait().of("park").only(Model::Threads));
    }));
    let words = "pair 3 refused \
                 it has wait, park, but says that only threads have it";
    assert_refused(&result, words);
    let stage = stage_of_two_metrics(wait().only(Model::Processes), wait());
    let words = "pair 1 refused \
                 it has wait, but says that only processes have it";
    assert_refused(&compare(&stage), words);
}

/// The other side never had it, and is no witness.
#[test]
fn a_metric_of_one_side_that_is_missing_later() {
    for model in BOTH {
        let stage = stage_of_own_metrics(model, |metrics| {
            metrics.pop();
        });
        let words = format!(
            "pair 3 refused it has no wait, {model}, but {model}, lock, pair 1, \
             has wait, {model} in s, lower is better, for {model} only"
        );
        assert_refused(&compare(&stage), &words);
    }
}

#[test]
fn a_metric_of_one_side_that_was_not_there_before() {
    for model in BOTH {
        let stage = stage_of_own_metrics(model, |metrics| {
            let own = metrics.last().cloned().unwrap();
            metrics.push(own.of("late"));
        });
        let words = format!(
            "pair 3 refused it has wait, late in s, lower is better, \
             for {model} only, but {model}, lock, pair 1, has no wait, late"
        );
        assert_refused(&compare(&stage), &words);
    }
}

#[test]
fn a_metric_of_one_side_that_means_something_else_later() {
    for model in BOTH {
        let stage = stage_of_own_metrics(model, |metrics| {
            metrics.last_mut().unwrap().unit = "1".into();
        });
        let words = format!(
            "pair 3 refused it has wait, {model} in 1, lower is better, \
             for {model} only, but {model}, lock, pair 1, has wait, \
             {model} in s, lower is better, for {model} only"
        );
        assert_refused(&compare(&stage), &words);
    }
}

/// Either side may be asked first.
#[test]
fn a_metric_that_one_side_calls_its_own_and_both_have() {
    for (threads, processes) in [
        (wait().only(Model::Threads), wait()),
        (wait(), wait().only(Model::Processes)),
    ] {
        let result = compare(&stage_of_two_metrics(threads, processes));
        assert_refused(&result, "it has wait in s, lower is better, ");
        assert_refused(&result, " pair 1, has wait in s, lower is better");
    }
}

#[test]
fn a_metric_that_each_side_calls_its_own() {
    let [threads, processes] = BOTH.map(|model| wait().only(model));
    let result = compare(&stage_of_two_metrics(threads, processes));
    for model in BOTH {
        let words = format!("lower is better, for {model} only");
        assert_refused(&result, &words);
    }
}

#[test]
fn a_detail_that_one_side_lacks() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics.push(wait().detail());
    }));
    let words = "it has wait in s, lower is better, as a detail, \
                 but threads, lock, pair 1, has no wait";
    assert_refused(&result, words);
}

#[test]
fn a_detail_that_the_other_side_shows() {
    let result = compare(&stage_of_two_metrics(wait(), wait().detail()));
    assert_refused(&result, "it has wait in s, lower is better");
    assert_refused(&result, "lower is better, as a detail");
}

#[test]
fn a_metric_in_another_unit() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics[0].unit = "s".into();
        outcome.metrics[0].better = Better::Lower;
    }));
    let words = "it has transfers, lock in s, lower is better, but";
    assert_refused(&result, words);
}

#[test]
fn two_metrics_of_one_name() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics.push(outcome.metrics[0].clone());
    }));
    assert_refused(&result, "it has two metrics called transfers, lock");
}

#[test]
fn a_negative_figure() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.metrics[0].value = Some(-1.5);
    }));
    assert_refused(&result, "its metric transfers, lock is -1.5");
}

#[test]
fn other_work() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.parameters["seed"] = 2.into();
    }));
    let words =
        "it ran with seed 2, but threads, lock, pair 1, ran with seed 1";
    assert_refused(&result, words);
}

#[test]
fn another_build() {
    let result = compare(&stage_that_alters(|outcome| {
        outcome.machine.profile = "debug".into();
    }));
    for words in [
        "it is a debug build by rustc 1.95.0, but ",
        "is a release build by rustc 1.95.0",
    ] {
        assert_refused(&result, words);
    }
}
