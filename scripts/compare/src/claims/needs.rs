//! The answer to "threads or processes?": what a program may need, and which of
//! the two this run recommends for it.
//!
//! A recommendation follows from figures by a rule, as a claim's standing does.
//! Each rests on rows that a quick comparison has too.

use common::outcome::{
    Better,
    Model::{self, Processes, Threads},
};
use serde::Serialize;

use crate::{
    claims::{
        about::confining::CONFINED,
        claim::{NOTICED, UNNOTICED},
        interpret::{self, Source},
        quantity::{
            Acting, Dying, Fact, Figure, Hanging, MATRIX, Quantity, Setting,
            processes, threads,
        },
        rule::{
            Form, Shown, When, all, at_most, exceeds, none, not, show, some,
        },
        ruling::Missing,
    },
    judge::words::TIMES,
};

/// What a run recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Threads are clearly better at it.
    Threads,
    /// Processes are clearly better at it.
    Processes,
    /// Both are good at it, or as good.
    Either,
}

/// What a program needs, and how it is decided which of the two serves it.
#[derive(Debug)]
pub struct Need {
    /// It completes "use threads when …".
    pub need: &'static str,
    /// The pair that shows it.
    pub scenario: &'static str,
    /// What was measured, in words.
    shown: Shown,
    /// The first that applies decides.
    choices: Vec<(When, Choice)>,
}

/// What this run recommends for a need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// [`Need::need`].
    pub need: &'static str,
    /// [`Need::scenario`].
    pub scenario: &'static str,
    /// None if this run cannot tell.
    pub choice: Option<Choice>,
    /// The figures it rests on, or why there is no recommendation.
    pub words: String,
}

impl Need {
    /// From what is known of these quantities.
    pub fn answer(&self, source: &dyn Source) -> Answer {
        let chosen = interpret::first(&self.choices, source);
        let told = chosen.and_then(|choice| {
            Ok((*choice, interpret::in_words(&self.shown, source)?))
        });
        let (choice, words) = match told {
            Ok((choice, words)) => (Some(choice), words),
            Err(Missing(why)) => (None, why),
        };
        Answer { need: self.need, scenario: self.scenario, choice, words }
    }

    /// Every figure that it asks for.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        let thresholds = self.choices.iter().flat_map(|(it, _)| {
            it.thresholds().into_iter().map(|(quantity, _)| quantity)
        });
        let quantities = thresholds.chain(self.shown.quantities());
        quantities.flat_map(Quantity::figures)
    }
}

/// All needs, in the order in which the answer has them.
pub fn all_needs() -> [Need; 11] {
    [
        computing(),
        waiting(),
        responsive(),
        sharing(),
        handing_over(),
        messages(),
        starting(),
        stopping(),
        surviving(),
        distrusting(),
        mapping(),
    ]
}

/// What workers that run pure Python make of all cores.
pub fn pure_python(source: &dyn Source) -> Option<String> {
    let speed_up = |model| Quantity::SpeedUp(model, &["work.pure"]);
    let shown = show(
        "in pure Python, all threads compute {} as fast as one, all processes \
         {}",
        [(speed_up(Threads), Form::Times), (speed_up(Processes), Form::Times)],
    );
    interpret::in_words(&shown, source).ok()
}

fn computing() -> Need {
    let speed_up = |model| Quantity::SpeedUp(model, &[]);
    let uses_them = |model| exceeds(Quantity::Efficiency(model, &[]), 0.75);
    Need {
        need: "work has to use all cores",
        scenario: MATRIX,
        shown: show(
            "on {}, all threads compute {} as fast as one, all processes {}",
            [
                (Quantity::Setting(Setting::UsableCores), Form::Of("core")),
                (speed_up(Threads), Form::Times),
                (speed_up(Processes), Form::Times),
            ],
        ),
        choices: where_good(uses_them),
    }
}

fn waiting() -> Need {
    const FETCH: &str = "fetch";
    let figure = |model, id| figure(model, FETCH, id);
    let share = |model| figure(model, "share-of-ideal.workers-64");
    let memory = |model| figure(model, "memory.workers-64");
    let level = is_level(Quantity::Advantage(share(Threads)));
    let mut choices = where_good(|model| exceeds(share(model).q(), 0.75));
    choices.insert(0, (level, Choice::Either));
    Need {
        need: "workers mostly wait for the network",
        scenario: FETCH,
        shown: show(
            "64 threads reach {} of the ideal throughput, 64 processes {}; \
             each thread takes {}, each process {}",
            [
                (share(Threads).q(), Form::In("share")),
                (share(Processes).q(), Form::In("share")),
                (memory(Threads).q(), Form::In("B")),
                (memory(Processes).q(), Form::In("B")),
            ],
        ),
        choices,
    }
}

fn responsive() -> Need {
    const SCREEN: &str = "responsive-ui";
    let with = |model| figure(model, SCREEN, "input-to-frame-p50.worker");
    let without = |model| figure(model, SCREEN, "input-to-frame-p50.no-worker");
    let helps =
        |model| at_most(Quantity::Ratio(with(model), without(model)), 0.1);
    Need {
        need: "a UI must stay responsive during slow work",
        scenario: SCREEN,
        shown: show(
            "a keypress is handled in {} with a worker thread, {} with a \
             worker process, {} without a worker",
            [
                (with(Threads).q(), Form::In("s")),
                (with(Processes).q(), Form::In("s")),
                (without(Threads).q(), Form::In("s")),
            ],
        ),
        choices: where_good(helps),
    }
}

fn sharing() -> Need {
    let rate = |model| figure(model, "shared-state", "transfers.lock");
    by_figure(
        "workers keep updating the same data",
        rate(Threads),
        rate(Processes),
        "behind one lock, {} with threads and {} with processes: {}",
        ("op/s", Better::Higher),
    )
}

fn handing_over() -> Need {
    let time = |model| figure(model, "responsive-ui", "hand-over-row");
    by_figure(
        "workers hand over a lot of data",
        time(Threads),
        time(Processes),
        "receiving a row of a query takes {} from a thread, {} from a process: \
         {}",
        ("s", Better::Lower),
    )
}

fn messages() -> Need {
    let trip = |model| figure(model, "ipc", "trip-64.ring.block");
    by_figure(
        "workers exchange small messages",
        trip(Threads),
        trip(Processes),
        "a round trip between workers that sleep until a message arrives takes \
         {} with threads, {} with processes: {}",
        ("s", Better::Lower),
    )
}

fn starting() -> Need {
    let time = |model| figure(model, "worker-cost", "finish.anew");
    by_figure(
        "every job starts a worker",
        time(Threads),
        time(Processes),
        "an empty job takes {} in a new thread, {} in a new process: {}",
        ("s", Better::Lower),
    )
}

fn stopping() -> Need {
    let hang = |model, what| Quantity::Seen(Fact::Hanging(model, what));
    let ends = |model| hang(model, Hanging::EndsAlways);
    let goes_on = |model| hang(model, Hanging::GoesOn);
    Need {
        need: "a hung worker has to be stopped",
        scenario: "kill-workers",
        shown: show(
            "{} of {} kinds of hung process end within {}; {} of {} kinds of \
             hung thread never do",
            [
                (ends(Processes), Form::Plain),
                (hang(Processes, Hanging::Kinds), Form::Plain),
                (hang(Processes, Hanging::Longest), Form::In("s")),
                (goes_on(Threads), Form::Plain),
                (hang(Threads, Hanging::Kinds), Form::Plain),
            ],
        ),
        choices: by_harm(goes_on, |model| none(hang(model, Hanging::Open))),
    }
}

fn surviving() -> Need {
    let death = |model, what| Quantity::Seen(Fact::Dying(model, what));
    // A worker that is alone has nobody to take along.
    let is_tried = |model| {
        let others = some(Quantity::Setting(Setting::Others));
        all([others, none(death(model, Dying::Untried))])
    };
    Need {
        need: "a crash must not take the others down",
        scenario: "crash",
        shown: show(
            "of {} kinds of crash, the others survive {} with processes and {} \
             with threads",
            [
                (death(Processes, Dying::Ways), Form::Plain),
                (death(Processes, Dying::Spared), Form::Plain),
                (death(Threads, Dying::Spared), Form::Plain),
            ],
        ),
        choices: by_harm(|model| death(model, Dying::Felled), is_tried),
    }
}

fn distrusting() -> Need {
    let act = |model, what| Quantity::Seen(Fact::Acting(model, CONFINED, what));
    let contained = |model| (act(model, Acting::Contained), Form::Plain);
    Need {
        need: "workers run code that you do not trust",
        scenario: "confine",
        shown: show(
            "of {} hostile acts, confined processes contain {} and confined \
             threads {}",
            [
                (act(Processes, Acting::Tried), Form::Plain),
                contained(Processes),
                contained(Threads),
            ],
        ),
        choices: by_harm(
            |model| act(model, Acting::Harmful),
            |model| none(act(model, Acting::Untried)),
        ),
    }
}

fn mapping() -> Need {
    const SPACE: &str = "address-space";
    let speed_up = |model| figure(model, SPACE, "map-1048576.speed-up");
    by_figure(
        "workers keep mapping and unmapping memory",
        speed_up(Threads),
        speed_up(Processes),
        "all threads together map {} as fast as one alone, all processes {}: {}",
        (TIMES, Better::Higher),
    )
}

const fn figure(
    model: Model,
    scenario: &'static str,
    id: &'static str,
) -> Figure {
    match model {
        Threads => threads(scenario, id),
        Processes => processes(scenario, id),
    }
}

/// Either where both are good enough, and one where the other clearly is not.
fn where_good(is_good: impl Fn(Model) -> When) -> Vec<(When, Choice)> {
    let [threads, processes] = [Threads, Processes].map(is_good);
    let alone =
        |one: &When, other: &When| all([one.clone(), not(other.clone())]);
    vec![
        (alone(&threads, &processes), Choice::Threads),
        (alone(&processes, &threads), Choice::Processes),
        (all([threads, processes]), Choice::Either),
    ]
}

/// The difference is one that nobody would notice.
fn is_level(advantage: Quantity) -> When {
    all([at_most(advantage, NOTICED), exceeds(advantage, UNNOTICED)])
}

/// By counts of what must not happen. That it did not show says something only
/// of a side on which all was tried.
fn by_harm(
    harm: impl Fn(Model) -> Quantity,
    is_tried: impl Fn(Model) -> When,
) -> Vec<(When, Choice)> {
    let is_safe = |model| all([none(harm(model)), is_tried(model)]);
    vec![
        (all([is_safe(Processes), some(harm(Threads))]), Choice::Processes),
        (all([is_safe(Threads), some(harm(Processes))]), Choice::Threads),
        (all([is_safe(Threads), is_safe(Processes)]), Choice::Either),
    ]
}

/// By one figure, with its unit, and which of two is better. A difference that
/// nobody would notice is no reason to choose.
fn by_figure(
    need: &'static str,
    threads: Figure,
    processes: Figure,
    text: &'static str,
    (unit, better): (&'static str, Better),
) -> Need {
    let advantage = Quantity::Advantage(threads);
    let form = match unit {
        TIMES => Form::Times,
        unit => Form::In(unit),
    };
    Need {
        need,
        scenario: threads.scenario,
        shown: show(
            text,
            [
                (threads.q(), form),
                (processes.q(), form),
                (advantage, Form::Verdict(unit, better)),
            ],
        ),
        choices: vec![
            (is_level(advantage), Choice::Either),
            (exceeds(advantage, 1.0), Choice::Threads),
            (at_most(advantage, 1.0), Choice::Processes),
        ],
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use common::estimate::Estimate;

    use super::*;
    use crate::{claims::evidence::Evidence, judge::planted::Planted};

    fn answer(planted: &Planted, need: &Need) -> Option<Choice> {
        let results = planted.results();
        need.answer(&Evidence::of_rust(&results)).choice
    }

    #[test]
    fn who_is_clearly_better_is_recommended() {
        for (seconds, choice) in [
            ([1.0, 3.0], Choice::Threads),
            ([3.0, 1.0], Choice::Processes),
            ([1.0, 1.1], Choice::Either),
        ] {
            let planted =
                Planted::nothing().both("worker-cost", "finish.anew", seconds);
            assert_eq!(answer(&planted, &starting()), Some(choice));
        }
    }

    /// One is good, and of the other that cannot be told.
    #[test]
    fn who_cannot_be_told_from_good_is_not_ruled_out() {
        const ID: &str = "share-of-ideal.workers-64";
        let shares = [0.4, 0.9, 0.4, 0.9, 0.4, 0.9, 0.4, 0.9];
        let planted = Planted::nothing()
            .rounds("fetch", Threads, ID, &shares)
            .rounds("fetch", Processes, ID, &[0.9; 8]);
        assert_eq!(answer(&planted, &waiting()), None);
    }

    #[test]
    fn what_is_too_noisy_recommends_nobody_and_says_why() {
        let noisy = [0.5, 2.0, 0.5, 2.0, 0.5, 2.0, 0.5, 2.0];
        let (even, id) = ([1.0; 8], "transfers.lock");
        let planted = Planted::nothing()
            .rounds("shared-state", Threads, id, &noisy)
            .rounds("shared-state", Processes, id, &even);
        let results = planted.results();
        let answer = sharing().answer(&Evidence::of_rust(&results));
        assert_eq!(answer.choice, None);
        assert!(answer.words.contains("too noisy"), "{}", answer.words);
    }

    #[test]
    fn without_figures_nobody_is_recommended() {
        let results = Planted::nothing().results();
        for need in all_needs() {
            let answer = need.answer(&Evidence::of_rust(&results));
            assert_eq!(answer.choice, None, "{}", need.need);
            assert!(!answer.words.is_empty(), "{}", need.need);
        }
    }

    /// So many of these, and none of anything else; and there are others.
    struct Counted(Vec<(Fact, f64)>);

    impl Source for Counted {
        fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing> {
            let mut known = self.0.iter();
            let number = match quantity {
                Quantity::Setting(_) => 1.0,
                Quantity::Seen(fact) => {
                    known.find(|(it, _)| it == fact).map_or(0.0, |it| it.1)
                }
                _ => return Err(Missing("it is not counted".into())),
            };
            Ok(Estimate { median: number, low: number, high: number })
        }
    }

    #[test]
    fn what_did_not_show_recommends_nobody_unless_all_was_tried() {
        use Fact::{Acting as Act, Dying as Death, Hanging as Hang};
        let goes_on = (Hang(Threads, Hanging::GoesOn), 3.0);
        let open = (Hang(Processes, Hanging::Open), 1.0);
        let felled = (Death(Threads, Dying::Felled), 5.0);
        let untried = (Death(Processes, Dying::Untried), 1.0);
        let harmful = (Act(Threads, CONFINED, Acting::Harmful), 15.0);
        let missed = (Act(Processes, CONFINED, Acting::Untried), 1.0);
        let choice = |need: Need, facts: &[_]| {
            need.answer(&Counted(facts.to_vec())).choice
        };
        assert_eq!(choice(stopping(), &[goes_on]), Some(Choice::Processes));
        assert_eq!(choice(stopping(), &[goes_on, open]), None);
        assert_eq!(choice(stopping(), &[]), Some(Choice::Either));
        assert_eq!(choice(surviving(), &[felled]), Some(Choice::Processes));
        assert_eq!(choice(surviving(), &[felled, untried]), None);
        assert_eq!(choice(distrusting(), &[harmful]), Some(Choice::Processes));
        assert_eq!(choice(distrusting(), &[harmful, missed]), None);
    }

    /// What a quick comparison has not measured, it cannot recommend. A figure
    /// is there if it is a headline, or of the same variant as one, or if the
    /// scenario is measured in one part.
    #[test]
    fn every_figure_is_one_that_a_quick_comparison_has() {
        let variant = |id: &str| id.split('.').nth(1).map(str::to_owned);
        for figure in all_needs().iter().flat_map(Need::figures) {
            let mut all = common::scenarios::ALL.iter();
            let parts =
                all.find(|it| it.name == figure.scenario).unwrap().parts;
            let mut headlines = parts.iter().flat_map(|part| part.headlines);
            let is_there = headlines.any(|id| {
                *id == figure.id || variant(id) == variant(figure.id)
            });
            assert!(is_there || parts.len() == 1, "{figure:?}");
        }
    }
}
