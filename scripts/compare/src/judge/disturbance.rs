//! What may have disturbed the figures: each disturbance with its size and a
//! remedy. Pure functions of the readings in [`environment`] and of what the
//! programs reported about themselves.
//!
//! A disturbance is no refusal. The programs took turns and the judge looks at
//! their spread, so most disturbances widen an interval rather than falsify a
//! verdict. But a reader of "too noisy to tell" wants to know why.
//!
//! [`environment`]: crate::run::environment

use serde::Serialize;

use crate::{
    judge::results::Results,
    run::{
        environment::{Environment, Place, Reading},
        plan::count,
    },
};

/// Above this share of all cores' time used by others, workers wait for a core,
/// and a side with one more worker would lose to the other. An idle desktop
/// stays below 2 %.
const LOAD: f64 = 0.05;

/// The same for time stolen by the hypervisor. A guest can neither prevent nor
/// explain it, and a host that is not overcommitted steals nothing.
const STOLEN: f64 = 0.01;

/// The same for time in which a program waited for memory. With memory to
/// spare, none does.
const STALLED: f64 = 0.01;

/// The kernel counts in ticks of a hundredth of a second on each core: less
/// than this means nothing, however short the scenario.
const TICKS: f64 = 0.05;

/// The slowest spin over the fastest. Within a pair, drift cancels out; beyond
/// half of what [`finding`](crate::judge::finding) calls near, a side's figures
/// no longer describe one machine.
const DRIFT: f64 = 1.05;

/// Something that may have disturbed the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disturbance {
    /// What it was, with its size.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Disturbance {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Disturbance { what: what.into(), remedy: remedy.into() }
    }
}

/// All disturbances of these results, the worst first.
pub fn of(results: &Results) -> Vec<Disturbance> {
    let programs = [debug_build(results), one_core(results)];
    let around = results.environment.iter().flat_map(around);
    programs.into_iter().flatten().chain(around).collect()
}

/// Those of the surroundings alone.
pub fn around(environment: &Environment) -> Vec<Disturbance> {
    let Environment { place, readings, .. } = environment;
    let spans = spans(environment);
    [
        unknown(&spans),
        load(&spans),
        stolen(&spans),
        dropped(environment),
        stalled(&spans),
        quota(place, &spans),
        drift(readings),
        governor(place),
        not_pinned(place),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The programs may come from elsewhere, so what they report counts.
fn debug_build(results: &Results) -> Option<Disturbance> {
    let scenarios = results.scenarios.iter();
    let mut samples = scenarios.flat_map(|scenario| &scenario.samples);
    samples.any(|sample| sample.outcome.machine.profile == "debug").then(|| {
        Disturbance::new(
            "DEBUG BUILD: these times say nothing about threads or \
                 processes",
            "use scripts/compare.sh, which builds in release mode",
        )
    })
}

fn one_core(results: &Results) -> Option<Disturbance> {
    (results.heading.machine.cores == 1).then(|| {
        Disturbance::new(
            "one core only: nothing ran in parallel, and no speed-up is \
             possible",
            "measure on two or more cores, or check whether taskset or a \
             container leaves only one",
        )
    })
}

/// The share of all cores' time that was not available to a scenario's programs
/// while they ran. None if the kernel does not report it.
pub fn taken(environment: &Environment, scenario: &str) -> Option<f64> {
    let spans = spans(environment);
    let span = spans.iter().find(|span| span.scenario == scenario)?;
    Some((span.others? + span.stolen.unwrap_or(0.0)) / span.cores?)
}

/// What passed during each scenario, summed over all its turns.
fn spans(environment: &Environment) -> Vec<Span<'_>> {
    let Environment { place, readings, .. } = environment;
    let mut spans: Vec<Span<'_>> = Vec::new();
    for pair in readings.windows(2) {
        let span = Span::between(&pair[0], &pair[1], place.cores_online);
        let same = spans.iter_mut().find(|it| it.scenario == span.scenario);
        match same {
            Some(same) => same.add(&span),
            None => spans.push(span),
        }
    }
    spans
}

/// What passed between two readings. None where the kernel does not report it.
struct Span<'all> {
    scenario: &'all str,
    seconds: f64,
    /// All cores' time together.
    cores: Option<f64>,
    others: Option<f64>,
    stolen: Option<f64>,
    stalled: Option<f64>,
    pauses: Option<u64>,
}

impl<'all> Span<'all> {
    fn between(
        first: &Reading,
        last: &'all Reading,
        cores: Option<usize>,
    ) -> Self {
        let passed =
            |of: fn(&Reading) -> Option<f64>| Some(of(last)? - of(first)?);
        let pauses = last.pauses.zip(first.pauses);
        let seconds = last.time - first.time;
        Span {
            scenario: &last.after,
            seconds,
            cores: cores.map(|cores| seconds * cores as f64),
            others: passed(|reading| Some(reading.busy? - reading.own)),
            stolen: passed(|reading| reading.stolen),
            stalled: passed(|reading| reading.memory_stall),
            pauses: pauses.map(|(last, first)| last.saturating_sub(first)),
        }
    }

    fn add(&mut self, other: &Self) {
        let sum = |one: Option<f64>, other| Some(one? + other?);
        self.seconds += other.seconds;
        self.cores = sum(self.cores, other.cores);
        self.others = sum(self.others, other.others);
        self.stolen = sum(self.stolen, other.stolen);
        self.stalled = sum(self.stalled, other.stalled);
        let pauses = self.pauses.zip(other.pauses);
        self.pauses = pauses.map(|(one, other)| one.saturating_add(other));
    }
}

/// If nothing is counted, it must not look as if there had been no disturbance.
fn unknown(spans: &[Span<'_>]) -> Option<Disturbance> {
    let is_unknown = |span: &Span<'_>| span.others.is_none();
    spans.iter().any(is_unknown).then(|| {
        Disturbance::new(
            "the kernel does not report how busy the cores are: whether other \
             programs ran meanwhile is not known",
            "measure where /proc is complete: not mounted with subset=pid",
        )
    })
}

fn load(spans: &[Span<'_>]) -> Option<Disturbance> {
    let shares = above(spans, LOAD, |span| span.others.zip(span.cores))?;
    Some(Disturbance::new(
        format!("other programs took CPU time: {shares}"),
        "stop them, or measure again later; top shows which they are",
    ))
}

fn stolen(spans: &[Span<'_>]) -> Option<Disturbance> {
    let shares = above(spans, STOLEN, |span| span.stolen.zip(span.cores))?;
    Some(Disturbance::new(
        format!("the hypervisor took CPU time: {shares}"),
        "measure at another time, or on a machine with dedicated cores",
    ))
}

fn dropped(environment: &Environment) -> Option<Disturbance> {
    let dropped = environment.dropped.iter();
    let words: Vec<String> = dropped
        .map(|(scenario, pairs)| {
            format!("{} of {scenario}", count(*pairs, "pair"))
        })
        .collect();
    (!words.is_empty()).then(|| {
        Disturbance::new(
            format!(
                "pairs dropped, because the hypervisor took their CPU time: {}",
                words.join(", ")
            ),
            "nothing to do: other pairs were measured instead",
        )
    })
}

fn stalled(spans: &[Span<'_>]) -> Option<Disturbance> {
    let shares =
        above(spans, STALLED, |span| Some((span.stalled?, span.seconds)))?;
    Some(Disturbance::new(
        format!("memory was short; share of time spent waiting: {shares}"),
        "stop the programs that fill the memory; free shows how much is left",
    ))
}

/// Where the share exceeds the limit, the largest first: `31 % during matrix,
/// 12 % during ipc`.
fn above(
    spans: &[Span<'_>],
    limit: f64,
    part_of: impl Fn(&Span<'_>) -> Option<(f64, f64)>,
) -> Option<String> {
    let mut shares: Vec<(f64, &str)> = spans
        .iter()
        .filter_map(|span| Some((part_of(span)?, span.scenario)))
        .filter(|((part, whole), _)| *part > TICKS && part / whole > limit)
        .map(|((part, whole), scenario)| (part / whole, scenario))
        .collect();
    shares.sort_by(|(this, _), (that, _)| that.total_cmp(this));
    let words: Vec<String> = shares
        .iter()
        .map(|(share, scenario)| {
            format!("{:.0} % during {scenario}", 100.0 * share)
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A quota of at least all cores limits nothing.
fn quota(place: &Place, spans: &[Span<'_>]) -> Option<Disturbance> {
    let online = place.cores_online;
    let is_limit = |cores: &f64| online.is_none_or(|all| *cores < all as f64);
    let cores = place.quota.filter(is_limit)?;
    let pauses = spans
        .iter()
        .try_fold(0_u64, |sum, span| Some(sum.saturating_add(span.pauses?)));
    let paused = match pauses {
        None => "how often it was exhausted is not known".into(),
        Some(0) => "it was never exhausted".into(),
        Some(1) => "it was exhausted once, which stopped the programs".into(),
        Some(pauses) => format!(
            "it was exhausted {pauses} times, which stopped the programs"
        ),
    };
    Some(Disturbance::new(
        format!(
            "a CPU quota of {cores:.2} of {}: {paused}",
            online.map_or("all cores".into(), |all| count(all, "core"))
        ),
        "run the container without a CPU limit (docker run without --cpus), \
         or use no more --workers than the quota has cores",
    ))
}

fn drift(readings: &[Reading]) -> Option<Disturbance> {
    let spins = readings.iter().map(|reading| reading.spin);
    let slowest = spins.clone().fold(0.0, f64::max);
    let drift = slowest / spins.fold(f64::INFINITY, f64::min);
    (drift > DRIFT).then(|| {
        Disturbance::new(
            format!(
                "the CPU clock drifted: the same multiplications took up to \
                 {drift:.2} times as long"
            ),
            "ratios are of runs side by side and suffer least; for figures that \
             can be compared between rows, let it cool down, plug it in, disable \
             turbo boost; on a virtual machine, measure at another time",
        )
    })
}

fn governor(place: &Place) -> Option<Disturbance> {
    let others = place.governors.iter();
    let others: Vec<String> = others
        .filter(|(governor, _)| *governor != "performance")
        .map(|(governor, &cores)| {
            format!("{governor} on {}", count(cores, "core"))
        })
        .collect();
    (!others.is_empty()).then(|| {
        Disturbance::new(
            format!(
                "the clock may follow the load: the governor is {}",
                others.join(", ")
            ),
            "sudo cpupower frequency-set --governor performance",
        )
    })
}

/// Harmless where all cores are alike.
fn not_pinned(place: &Place) -> Option<Disturbance> {
    let is_free = place.cores_allowed == place.cores_online;
    (place.core_kinds > 1 && is_free).then(|| {
        Disturbance::new(
            format!(
                "there are {} kinds of core, and the kernel may move workers \
                 from one kind to another",
                place.core_kinds
            ),
            "choose cores of one kind (lscpu --extended lists them): \
             taskset --cpu-list 0,1 scripts/compare.sh",
        )
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Ten seconds on two cores, with nothing to report.
    fn quiet() -> Environment {
        let first = Reading {
            busy: Some(100.0),
            stolen: Some(3.0),
            own: 40.0,
            memory_stall: Some(7.0),
            pauses: Some(0),
            spin: 2e-3,
            ..Reading::default()
        };
        let last = Reading {
            after: "matrix".into(),
            time: 10.0,
            busy: Some(118.0),
            own: 58.0,
            ..first.clone()
        };
        let place = Place {
            cores_online: Some(2),
            cores_allowed: Some(1),
            ..Place::default()
        };
        let dropped = BTreeMap::new();
        Environment { place, readings: vec![first, last], dropped }
    }

    /// What is reported when one thing is unusual.
    fn said(change: impl Fn(&mut Place, &mut Reading)) -> Vec<String> {
        let mut environment = quiet();
        let Environment { place, readings, .. } = &mut environment;
        change(place, readings.last_mut().unwrap());
        let said = around(&environment).into_iter();
        said.inspect(|it| assert!(!it.remedy.is_empty()))
            .map(|it| it.what)
            .collect()
    }

    #[test]
    fn a_quiet_machine_is_not_talked_about() {
        assert_eq!(said(|_, _| {}), [""; 0]);
    }

    #[test]
    fn load_from_elsewhere_is_told_from_our_own() {
        let others =
            |seconds| said(move |_, last| last.busy = Some(118.0 + seconds));
        assert_eq!(others(0.9), [""; 0]);
        assert_eq!(
            others(6.2),
            ["other programs took CPU time: 31 % during matrix"]
        );
        let own = said(|_, last| (last.busy, last.own) = (Some(120.0), 60.0));
        assert_eq!(own, [""; 0]);
    }

    /// Two turns: ten seconds and thirty.
    #[test]
    fn the_turns_of_a_scenario_are_told_as_one() {
        let mut environment = quiet();
        let mut last = environment.readings[1].clone();
        last.time += 30.0;
        last.busy = last.busy.map(|busy| busy + 8.0);
        environment.readings.push(last);
        let words = around(&environment).into_iter().map(|it| it.what);
        let words: Vec<String> = words.collect();
        let one = "other programs took CPU time: 10 % during matrix";
        assert_eq!(words, [one]);
        assert_eq!(taken(&environment, "matrix"), Some(0.1));
        assert_eq!(taken(&environment, "ipc"), None);
    }

    #[test]
    fn stolen_time_is_of_all_cores() {
        let stolen =
            |seconds| said(move |_, last| last.stolen = Some(3.0 + seconds));
        assert_eq!(stolen(0.1), [""; 0]);
        let words = stolen(1.0);
        assert!(
            words[0].ends_with("took CPU time: 5 % during matrix"),
            "{words:?}"
        );
    }

    #[test]
    fn memory_that_was_waited_for_is_told() {
        let stalled = |seconds| {
            said(move |_, last| last.memory_stall = Some(7.0 + seconds))
        };
        assert_eq!(stalled(0.09), [""; 0]);
        let words = stalled(2.0);
        assert!(words[0].contains("20 % during matrix"), "{words:?}");
    }

    #[test]
    fn what_a_kernel_does_not_count_is_no_disturbance() {
        let silent = said(|_, last| {
            (last.stolen, last.memory_stall) = (None, None);
        });
        assert_eq!(silent, [""; 0]);
    }

    #[test]
    fn what_is_not_known_does_not_pass_for_quiet() {
        let silent = said(|place, last| {
            (place.cores_online, last.busy) = (None, None);
        });
        assert_eq!(silent.len(), 1, "{silent:?}");
        assert!(silent[0].ends_with("is not known"), "{silent:?}");
    }

    #[test]
    fn a_few_ticks_of_a_short_scenario_tell_nothing() {
        let short = |others| {
            said(move |_, last| {
                last.time = 0.1;
                last.busy = Some(118.0 + others);
            })
        };
        assert_eq!(short(0.04), [""; 0]);
        assert_eq!(short(0.1).len(), 1);
    }

    #[test]
    fn a_quota_is_told_with_how_often_it_was_used_up() {
        let quota = |cores, pauses: Option<u64>| {
            said(move |place, last| {
                place.quota = Some(cores);
                last.pauses = pauses;
            })
        };
        assert_eq!(quota(2.0, Some(0)), [""; 0]);
        assert_eq!(
            quota(1.5, Some(0)),
            ["a CPU quota of 1.50 of 2 cores: it was never exhausted"]
        );
        assert!(quota(1.5, Some(1))[0].contains("exhausted once"));
        assert!(quota(1.5, Some(17))[0].contains("exhausted 17 times"));
        assert!(quota(1.5, None)[0].ends_with("exhausted is not known"));
    }

    #[test]
    fn a_clock_that_drifts_is_told_by_its_factor() {
        let spin = |factor| said(move |_, last| last.spin = 2e-3 * factor);
        assert_eq!(spin(1.04), [""; 0]);
        assert!(spin(1.25)[0].contains("up to 1.25 times as long"));
        assert!(spin(0.8)[0].contains("up to 1.25 times as long"));
    }

    #[test]
    fn a_governor_that_follows_the_load_is_named() {
        let governor = |name: &'static str| {
            said(move |place, _| place.governors.extend([(name.into(), 2)]))
        };
        assert_eq!(governor("performance"), [""; 0]);
        assert!(governor("powersave")[0].ends_with("powersave on 2 cores"));
    }

    #[test]
    fn cores_of_several_kinds_are_told_where_a_worker_may_change_them() {
        let told = |kinds, cores| {
            said(move |place, _| {
                place.core_kinds = kinds;
                place.cores_allowed = Some(cores);
            })
        };
        assert_eq!(told(1, 2), [""; 0]);
        assert_eq!(told(2, 1), [""; 0]);
        assert!(told(2, 2)[0].starts_with("there are 2 kinds of core"));
    }

    #[test]
    fn the_worst_scenario_comes_first() {
        let mut environment = quiet();
        let mut next = environment.readings[1].clone();
        next.after = "ipc".into();
        next.time += 10.0;
        next.busy = Some(130.0);
        environment.readings[1].busy = Some(120.0);
        environment.readings.push(next);
        let said = around(&environment);
        assert!(
            said[0].what.ends_with("50 % during ipc, 10 % during matrix"),
            "{said:?}"
        );
    }
}
