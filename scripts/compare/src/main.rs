//! Threads or processes? Runs every pair on this machine, proves that both
//! sides did the same work, and says in words what came out.
//!
//! | module | holds |
//! |---|---|
//! | [`arguments`] | what the comparison is asked to do |
//! | [`plan`] | what is asked of which program |
//! | [`schedule`] | which pair of programs comes next |
//! | [`session`] | what is measured together |
//! | [`bench`](mod@bench) | pairs of programs: started, asked, ended |
//! | [`living`] | a program that is asked for one slice after the other |
//! | [`measured`] | what came of one scenario, by pairs of programs |
//! | [`interpreter`] | the interpreters of Python that there are |
//! | [`beside`] | a scenario in two languages |
//! | [`child`] | a program: started, watched, ended |
//! | [`guarded`] | a program that is not ours, and ends with this one |
//! | [`document`] | from what a program printed to an outcome |
//! | [`figures`] | what is compared |
//! | [`agreement`] | whether both sides did the same work |
//! | [`refusal`] | why a run does not count, in words |
//! | [`samples`] | the file that keeps every sample |
//! | [`results`] | all that was measured, now or read back from that file |
//! | [`sources`] | the sources of every pair, as they were built |
//! | [`counts`] | what they are made of, in numbers |
//! | [`scripts`] | the same of those for CPython |
//! | [`environment`] | what else went on while the programs ran |
//! | [`cgroup`] | what a container leaves to them |
//! | [`disturbance`] | what of that may have disturbed the figures |
//! | [`judge`] | what a ratio means: numbers only |
//! | [`stopping`] | when a row is decided |
//! | [`verdict`] | what the figures say, in words |
//! | [`claims`] | what people say of both, judged by these figures |
//! | [`shell`] | arguments as a person types them |
//! | [`table`] | the page that a person reads |
//! | [`change`] | what changed from one comparison to another |
//! | [`side_by_side`] | the page of two comparisons |
//! | [`calibration`] | what the judge says of pairs whose truth is known |
//! | [`report`] | the same with plots and sources, as one HTML file |
//! | [`progress`] | the line on a terminal |
//! | [`asked`] | the ids of all figures that anything rests on |
//! | [`advise`] | which side is for a task, by these results |
//! | [`readme`] | the table of results in README.md |
//!
//! Linux only: [`child`], [`guarded`], [`environment`], [`cgroup`].

mod advise;
mod agreement;
mod arguments;
mod asked;
mod bench;
mod beside;
mod calibration;
mod cgroup;
mod change;
mod child;
mod claims;
mod counts;
mod disturbance;
mod document;
mod environment;
mod figures;
mod guarded;
mod interpreter;
mod judge;
mod living;
mod measured;
mod plan;
#[cfg(test)]
mod planted;
mod progress;
mod readme;
mod refusal;
mod report;
mod results;
mod samples;
mod schedule;
mod scripts;
mod session;
mod shell;
mod side_by_side;
mod sources;
mod stopping;
mod table;
mod verdict;

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use common::{demo, escaped::Escaped, inherited};

use crate::{
    advise::Advice,
    arguments::Arguments,
    bench::Bench,
    claims::Judged,
    environment::Environment,
    report::Report,
    results::Results,
    samples::{Conclusion, Heading, Journal},
    table::Page,
    verdict::Verdict,
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
    let calibration = calibration::calibrate(arguments)?;
    demo::print(&calibration)?;
    Ok(match calibration.is_wrong() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The exit status is 0 if nothing got clearly worse: a script can take this
/// for a guard.
fn compare_with(old: &Path, new: &Path) -> anyhow::Result<ExitCode> {
    let (old, new) = (Results::read(old)?, Results::read(new)?);
    let changes = change::changes(&old, &new)?;
    demo::print(side_by_side::Page {
        old: &old,
        new: &new,
        changes: &changes,
    })?;
    let mut changes = changes.iter();
    Ok(match changes.any(|(_, changed)| changed.is_for_the_worse()) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The exit status is 0 if every scenario was judged, 1 if one was refused.
fn compare(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // The samples are on disk already, and the program that runs holds a
    // lifeline, which the kernel cuts with this process.
    demo::end_on_signals()?;
    let bench = Bench::new(arguments)?;
    let heading = Heading::of(arguments, &bench.interpreters);
    let samples = arguments.samples()?;
    Report::check(&samples)?;
    let mut journal = Journal::create(&samples, &heading)?;
    let mut environment = Environment::begin();
    let plans = arguments.plans().into_iter();
    let mut sessions: Vec<_> =
        plans.flat_map(|plan| bench.sessions(plan)).collect();
    let budget = arguments.budget();
    schedule::measure(
        &bench,
        &mut sessions,
        budget,
        Some(&mut journal),
        &mut environment,
    )?;
    let results = Results::of_sessions(heading, sessions, environment);
    let (verdicts, claims) = (results.verdicts(), claims::judge(&results));
    journal.conclude(&Conclusion::new(&verdicts, &claims, &results))?;
    demo::print(Page {
        results: &results,
        verdicts: &verdicts,
        claims: &claims,
        samples: journal.path(),
    })?;
    write_report(&results, &verdicts, &claims, journal.path())?;
    Ok(status(&results))
}

/// From an old file, without measuring.
fn report_again(samples: &Path) -> anyhow::Result<ExitCode> {
    let results = Results::read(samples)?;
    let (verdicts, claims) = (results.verdicts(), claims::judge(&results));
    write_report(&results, &verdicts, &claims, samples)?;
    Ok(status(&results))
}

fn write_report(
    results: &Results,
    verdicts: &[Verdict],
    claims: &[Judged],
    samples: &Path,
) -> anyhow::Result<()> {
    let report = Report { results, verdicts, claims };
    let path = report.write(samples)?;
    demo::print(format_args!("report    {}\n", Escaped(&path)))
}

fn status(results: &Results) -> ExitCode {
    match results.are_sound() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
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

/// A line for each: the language, the scenario and the id.
fn list_ids() -> anyhow::Result<ExitCode> {
    for (language, scenario, id) in asked::all() {
        demo::print(format_args!("{language} {scenario} {id}\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn last_results(arguments: &Arguments) -> anyhow::Result<Results> {
    Results::read(&arguments.samples()?).context(
        "there is nothing to go by: run scripts/compare.sh first, which \
         measures",
    )
}
