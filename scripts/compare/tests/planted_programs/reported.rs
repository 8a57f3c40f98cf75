//! The report: written by every comparison, and again from its samples.

use std::{fs, path::PathBuf};

use assert_cmd::Command;
use common::outcome::Model;

use crate::planted::{BOTH, COMPARE, LOOK, Stage, run};

fn report_of(stage: &Stage) -> PathBuf {
    stage.samples().with_extension("html")
}

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[test]
fn a_comparison_ends_with_a_report_and_says_where() {
    let stage = Stage::with("shared-state");
    let result = run(&mut stage.compare(&["shared-state"]));
    let path = report_of(&stage);
    let mut lines = result.stdout.lines();
    let told = lines.find(|line| line.starts_with("report ")).unwrap();
    assert!(told.ends_with(&path.display().to_string()), "{told}");
    let page = fs::read_to_string(path).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    // After it, and at the head of the page, is the answer.
    let either = "Either will do when";
    assert!(lines.any(|line| line == either), "{}", result.stdout);
    let head = page.split("<section").next().unwrap();
    assert!(head.contains(either) && head.contains("behind one lock"));
    // Four rows that are judged, a mark for each pair.
    let plot = page.split("</figure>").next().unwrap();
    assert_eq!(count(plot, "<circle class=\"threads\""), 4 * LOOK);
    assert_eq!(count(plot, "<rect class=\"processes\""), 4 * LOOK);
}

#[test]
fn a_report_needs_nothing_but_itself() {
    let stage = Stage::with("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    let page = fs::read_to_string(report_of(&stage)).unwrap();
    for what in ["<script", " src=\"", "@import", "url(", "href=\"http"] {
        assert_eq!(count(&page, what), 0, "{what}");
    }
}

#[test]
fn a_report_can_be_made_again_without_a_program() {
    let stage = Stage::with("matrix");
    run(&mut stage.compare(&["matrix"]));
    let first = fs::read_to_string(report_of(&stage)).unwrap();
    fs::remove_file(report_of(&stage)).unwrap();
    fs::remove_dir_all(stage.programs()).unwrap();
    let mut again = Command::new(COMPARE);
    again.arg("--report").arg(stage.samples());
    assert_eq!(run(&mut again).code, Some(0));
    assert_eq!(fs::read_to_string(report_of(&stage)).unwrap(), first);
}

#[test]
fn what_a_program_says_cannot_become_part_of_the_page() {
    let stage = Stage::with("shared-state");
    let lines = "echo '<script>alert(1)</script>' >&2; exit 3";
    stage.misbehave("shared-state", Model::Processes, lines);
    let result = run(&mut stage.compare(&["shared-state"]));
    assert_eq!(result.code, Some(1));
    let page = fs::read_to_string(report_of(&stage)).unwrap();
    assert!(page.contains("exit status 3: &lt;script&gt;"));
    assert_eq!(count(&page, "<script"), 0);
    let mut again = Command::new(COMPARE);
    again.arg("--report").arg(stage.samples());
    assert_eq!(run(&mut again).code, Some(1));
}

#[test]
fn each_file_of_samples_has_a_report_of_its_own() {
    let stage = Stage::with("shared-state");
    run(&mut stage.compare(&["shared-state"]));
    let newer = fs::read_to_string(report_of(&stage)).unwrap();
    let mut document = stage.document();
    document["date"] = "2001-02-03T04:05:06Z".into();
    let older = stage.samples().with_file_name("older.json");
    fs::write(&older, document.to_string()).unwrap();
    let mut again = Command::new(COMPARE);
    let result = run(again.arg("--report").arg(&older));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert_eq!(fs::read_to_string(report_of(&stage)).unwrap(), newer);
    let page = fs::read_to_string(older.with_extension("html")).unwrap();
    assert!(page.contains("2001-02-03T04:05:06Z"));
}

/// Of a page of one's own, nothing is lost: it is said before anything is
/// measured, and by a report alone too.
#[test]
fn a_page_that_is_not_ours_is_left_as_it_is() {
    let stage = Stage::with("shared-state");
    let programs = BOTH
        .map(|model| stage.programs().join(format!("shared-state-{model}")));
    for page in ["<!DOCTYPE html><html><body>Mine.", "", "\u{e4}", "<!DOC"] {
        let file = stage.programs().join("mine.json");
        fs::write(file.with_extension("html"), page).unwrap();
        let mut command = stage.compare(&["shared-state"]);
        let result = run(command.arg("--json").arg(&file));
        assert_eq!(result.code, Some(1), "{page}");
        assert!(result.stderr.contains("mine.html, which is not a report"));
        let kept = fs::read_to_string(file.with_extension("html")).unwrap();
        assert_eq!(kept, page);
        assert!(!file.exists());
    }
    assert_eq!(programs.map(|program| stage.starts(&program)), [0, 0]);
}

/// What is named for samples is never taken for a report.
#[test]
fn samples_are_not_overwritten_by_their_report() {
    let stage = Stage::with("shared-state");
    let file = stage.programs().join("mine.html");
    let mut command = stage.compare(&["shared-state"]);
    let result = run(command.arg("--json").arg(&file));
    assert_eq!(result.code, Some(1), "{}", result.stdout);
    let words = "mine.html is where the report of these samples goes";
    assert!(result.stderr.contains(words), "{}", result.stderr);
    assert!(!file.exists());
}

#[test]
fn a_report_of_nothing_is_an_error_that_names_it() {
    let stage = Stage::new();
    let mut command = Command::new(COMPARE);
    let result = run(command.arg("--report").arg(stage.samples()));
    assert_eq!(result.code, Some(1));
    let name = stage.samples().display().to_string();
    assert!(result.stderr.contains(&name), "{}", result.stderr);
    assert!(!report_of(&stage).exists());
}

#[test]
fn a_report_of_old_samples_goes_with_no_measuring() {
    let mut command = Command::new(COMPARE);
    let result = run(command.args(["--report", "old.json", "--quick"]));
    assert_eq!(result.code, Some(2));
    assert!(result.stderr.contains("--report"), "{}", result.stderr);
}
