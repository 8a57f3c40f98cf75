//! Threads or processes? Runs every pair on this machine, verifies that both
//! sides did the same work, and reports the results.
//!
//! | floor | contents |
//! |---|---|
//! | [`run`](mod@run) | programs: what they are asked, and what they answer |
//! | [`judge`] | when enough is measured, and how the two sides compare |
//! | [`claims`] | what people say about both, compared with that |
//! | [`show`] | the pages for terminal, browser and README.md; the advice |
//!
//! A floor imports from those above it in this list, and from none below; a
//! test enforces it.
//!
//! Linux only: [`run::program`] and [`run::environment`].

mod arguments;
mod claims;
mod judge;
mod run;
mod show;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use common::{demo, escaped::Escaped, inherited};

use crate::{
    arguments::Arguments,
    judge::{calibration, change, results::Results, schedule},
    run::{
        environment::Environment, journal::Journal, limits, program::guarded,
        samples::Heading,
    },
    show::{
        advise::{self, Advice},
        asked,
        comparison::Comparison,
        readme, report, side_by_side,
        table::Page,
    },
};

fn main() -> ExitCode {
    inherited::put_in_order();
    if let Some(command) = guarded::asked() {
        return guarded::become_it(command);
    }
    match run(&Arguments::parse()) {
        Ok(status) => status,
        Err(error) => demo::status(Err(error)),
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some([old, new]) = arguments.compare_with()? {
        compare_with(&old, &new)
    } else if arguments.calibrate {
        calibrate(arguments)
    } else if arguments.limits {
        limits::measure()
    } else if let Some(samples) = &arguments.report {
        report_again(samples)
    } else if arguments.advise {
        give_advice(arguments)
    } else if arguments.readme {
        write_readme(arguments)
    } else if arguments.list_ids {
        list_ids()
    } else {
        compare(arguments)
    }
}

/// The exit status is 0 unless the judge is wrong too often.
fn calibrate(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    demo::end_on_signals()?;
    let calibration =
        calibration::calibrate(&arguments.bench()?, &arguments.plans())?;
    demo::print(&calibration)?;
    Ok(if calibration.is_wrong() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The exit status is 0 if nothing got clearly worse, so scripts can use it as
/// a regression guard.
fn compare_with(old: &Path, new: &Path) -> anyhow::Result<ExitCode> {
    let (old, new) = (Results::read(old)?, Results::read(new)?);
    let changes = change::changes(&old, &new)?;
    demo::print(side_by_side::Page {
        old: &old,
        new: &new,
        changes: &changes,
    })?;
    let mut changes = changes.iter();
    Ok(if changes.any(|(_, changed)| changed.is_for_the_worse()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The exit status is 0 if every scenario was judged, 1 if one was refused.
fn compare(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // The samples are already on disk, and the running program holds a
    // lifeline, which the kernel closes with this process.
    demo::end_on_signals()?;
    let bench = arguments.bench()?;
    let budget = arguments.budget();
    let heading =
        Heading::new(arguments.workers(), budget, &bench.interpreters);
    let samples = arguments.samples()?;
    report::check(&samples)?;
    let mut journal = Journal::create(&samples, &heading)?;
    let mut environment = Environment::begin();
    let plans = arguments.plans().into_iter();
    let mut sessions: Vec<_> =
        plans.flat_map(|plan| bench.sessions(plan)).collect();
    schedule::measure(
        &bench,
        &mut sessions,
        budget,
        Some(&mut journal),
        &mut environment,
    )?;
    let results = Results::of_sessions(heading, sessions, environment);
    let comparison = Comparison::of(results);
    journal.conclude(&comparison.conclusion())?;
    let samples = journal.path();
    // What was measured is told, whatever becomes of the report.
    let report = report::write(&comparison, samples);
    demo::print(Page {
        comparison: &comparison,
        samples,
        report: report.as_deref().ok(),
        all: arguments.all,
    })?;
    report?;
    Ok(status(&comparison))
}

/// From an old file, without measuring.
fn report_again(samples: &Path) -> anyhow::Result<ExitCode> {
    let comparison = Comparison::of(Results::read(samples)?);
    let path = report::write(&comparison, samples)?;
    demo::print(format_args!("report    {}\n", Escaped(&path)))?;
    Ok(status(&comparison))
}

fn status(comparison: &Comparison) -> ExitCode {
    if comparison.results.are_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn give_advice(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let results = last_results(arguments)?;
    let task = advise::complete(arguments.task.clone())?;
    let advice = Advice::new(&task, &results);
    demo::print(&advice)?;
    Ok(ExitCode::SUCCESS)
}

fn write_readme(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    readme::write(&last_results(arguments)?)?;
    Ok(ExitCode::SUCCESS)
}

/// One line each: the language, the scenario and the id.
fn list_ids() -> anyhow::Result<ExitCode> {
    for (language, scenario, id) in asked::all() {
        demo::print(format_args!("{language} {scenario} {id}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn last_results(arguments: &Arguments) -> anyhow::Result<Results> {
    Results::read(&arguments.samples()?).context(
        "there are no results yet: run scripts/compare.sh first, which \
         measures",
    )
}
