//! Claims about the use of cores, and about the lock that CPython holds while
//! it interprets (the GIL). Where threads run in parallel there is no such
//! lock, and claims about it do not apply. All of them rest on one scenario.
//!
//! After loading, CPython does that scenario's work twice: in pure Python,
//! which needs the GIL, and in native code, which releases it. Claims about the
//! GIL are judged by the former, unless they are about the latter.

use common::outcome::Model::{self, Processes, Threads};

use crate::claims::{
    claim::{Claim, Group, Place},
    quantity::{MATRIX, Quantity, Setting, by_processes, processes, threads},
    rule::{
        Case, Form, Rule, Shown, When, all, at_most, else_, exceeds, show, some,
    },
};

pub fn group() -> Group {
    let place = |function| Place::new(MATRIX, "src/main.rs", function);
    let claims = vec![
        Claim {
            id: "C03",
            statement: "processes use every core",
            place: place("spawn_and_join"),
            rust: processes_use_every_core(&WHOLE),
            cpython: processes_use_every_core(&PURE),
        },
        Claim {
            id: "C04",
            statement: "processes avoid the GIL",
            place: place("worker"),
            rust: taking_turns(&WHOLE, When::only_in_cpython, true),
            cpython: taking_turns(&PURE, When::refutes, true),
        },
        Claim {
            id: "C08",
            statement: "processes are a must for CPU work",
            place: place("spawn_and_join"),
            rust: processes_are_a_must(),
            cpython: processes_are_a_must_in_python(),
        },
        Claim {
            id: "C14",
            statement: "code that releases the GIL scales",
            place: place("worker"),
            rust: native_code_scales(&WHOLE, When::only_in_cpython),
            cpython: native_code_scales(&NATIVE, When::holds),
        },
        Claim {
            id: "C16",
            statement: "threads are subject to the GIL",
            place: place("spawn_and_join"),
            rust: taking_turns(&WHOLE, When::only_in_cpython, false),
            cpython: taking_turns(&PURE, When::refutes, false),
        },
        Claim {
            id: "C27",
            statement: "threads never do two things at once",
            place: place("worker"),
            rust: one_thing_at_a_time(&BUSY, When::only_in_cpython),
            cpython: one_thing_at_a_time(&BUSY_IN_PYTHON, When::refutes),
        },
        Claim {
            id: "C28",
            statement: "threads help a little, while waiting",
            place: place("worker"),
            rust: threads_help_a_little(),
            cpython: threads_help_a_little_in_python(),
        },
        Claim {
            id: "C29",
            statement: "six processes at full efficiency",
            place: place("spawn_and_join"),
            rust: each_at_full_efficiency(&WHOLE),
            cpython: each_at_full_efficiency(&PURE),
        },
    ];
    Group { title: "Cores, and the GIL", claims }
}

/// "Every core": with a quarter of the speed missing, one core of four might as
/// well be absent.
const EVERY: f64 = 0.75;

/// "At once": a lock that admits one worker at a time leaves a speed-up of one,
/// and two cores without a lock give two. This is halfway, so "a little" help
/// ends here too.
const SEVERAL: f64 = 1.5;

/// "A must": without them, two thirds of the speed or less remain.
const MUST: f64 = 1.5;

/// "Further": less than anybody would choose by is not further.
const FURTHER: f64 = 1.25;

/// "Full": not with a tenth missing.
const FULL: f64 = 0.9;

/// "A little": less than a tenth is hard to distinguish from no help at all.
const LITTLE: f64 = 1.1;

/// A kind of work, with the texts of its figures.
struct Work {
    parts: &'static [&'static str],
    threads: &'static str,
    processes: &'static str,
    both: &'static str,
}

const WHOLE: Work = Work {
    parts: &[],
    threads: "all threads compute {} as fast as one",
    processes: "all processes compute {} as fast as one, of at most {}",
    both: "all threads compute {} as fast as one, all processes {}",
};

const PURE: Work = Work {
    parts: &["work.pure"],
    threads: "in pure Python, all threads compute {} as fast as one",
    processes: "in pure Python, all processes compute {} as fast as one, of \
                at most {}",
    both: "in pure Python, all threads compute {} as fast as one, all \
           processes {}",
};

const NATIVE: Work = Work {
    parts: &["work.native"],
    threads: "in native code, all threads compute {} as fast as one",
    processes: "in native code, all processes compute {} as fast as one, of \
                at most {}",
    both: "in native code, all threads compute {} as fast as one, all \
           processes {}",
};

impl Work {
    const fn speed_up(&self, model: Model) -> Quantity {
        Quantity::SpeedUp(model, self.parts)
    }

    const fn at_once(&self) -> AtOnce {
        AtOnce(self.speed_up(Threads), self.speed_up(Processes))
    }
}

/// How many workers of a side run at once, threads first. The other side is the
/// control: if processes do no better, threads do not take turns because they
/// are threads.
struct AtOnce(Quantity, Quantity);

/// By CPU time from the kernel, not by what workers report: one that waits for
/// a lock believes it is working.
const BUSY: AtOnce =
    AtOnce(Quantity::BusyCores(Threads), Quantity::BusyCores(Processes));

/// The same for pure Python.
const BUSY_IN_PYTHON: AtOnce = AtOnce(
    Quantity::Ratio(threads(MATRIX, "cpu.pure"), threads(MATRIX, "work.pure")),
    Quantity::Ratio(
        processes(MATRIX, "cpu.pure"),
        processes(MATRIX, "work.pure"),
    ),
);

/// How many times as fast as threads processes are, with all workers.
pub const GAIN: Quantity = by_processes(MATRIX, "databases");

/// The same for pure Python.
pub const GAIN_IN_PYTHON: Quantity = Quantity::Ratio(
    threads(MATRIX, "work.pure"),
    processes(MATRIX, "work.pure"),
);

/// The reason if not even processes run at once.
const NEITHER: &str = "matrix: not even processes scale";

impl AtOnce {
    fn scale(&self) -> When {
        exceeds(self.0, SEVERAL)
    }

    fn take_turns(&self) -> When {
        all([at_most(self.0, SEVERAL), exceeds(self.1, SEVERAL)])
    }

    /// Neither side runs at once.
    fn is_neither(&self) -> Case {
        all([at_most(self.0, SEVERAL), at_most(self.1, SEVERAL)])
            .tells_nothing(NEITHER)
    }
}

/// One worker or one core can only do one thing at a time.
fn too_few() -> Case {
    at_most(Quantity::Setting(Setting::UsableCores), 1.0)
        .tells_nothing("matrix: needs two workers and two cores")
}

/// The consequence if threads scale, whatever is said about a lock.
type Void = fn(When) -> Case;

/// Confirmed by a high share of the greatest possible speed-up, otherwise
/// refuted. A core without a job is not counted.
fn processes_use_every_core(work: &Work) -> Rule {
    let share = Quantity::Efficiency(Processes, work.parts);
    of_at_most(work).by([
        too_few(),
        some(Quantity::Setting(Setting::IdleCores))
            .tells_nothing("matrix: fewer workers than cores, so some idle"),
        exceeds(share, EVERY).holds(),
        else_().refutes(),
    ])
}

/// Confirmed if threads take turns where processes do not; void if they scale.
fn taking_turns(work: &Work, void: Void, are_both_shown: bool) -> Rule {
    let of = |model| (work.speed_up(model), Form::Times);
    let shown = if are_both_shown {
        show(work.both, [of(Threads), of(Processes)])
    } else {
        show(work.threads, [of(Threads)])
    };
    judged_by(work.at_once(), shown, void)
}

fn judged_by(at_once: AtOnce, shown: Shown, void: Void) -> Rule {
    shown
        .by([too_few(), void(at_once.scale()), at_once.take_turns().holds()])
        .or(NEITHER)
}

/// Confirmed if threads take turns, or if processes are far ahead anyway.
fn processes_are_a_must() -> Rule {
    let at_once = WHOLE.at_once();
    show("processes are {} as fast as threads", [(GAIN, Form::Times)]).by([
        too_few(),
        at_once.is_neither(),
        at_once.take_turns().holds(),
        exceeds(GAIN, MUST).holds(),
        else_().only_in_cpython(),
    ])
}

/// Native code does not need a process.
fn processes_are_a_must_in_python() -> Rule {
    let (pure, native) = (PURE.at_once(), NATIVE.at_once());
    show(
        "in pure Python, all threads compute {} as fast as one, and processes \
         {} as fast as threads",
        [(PURE.speed_up(Threads), Form::Times), (GAIN_IN_PYTHON, Form::Times)],
    )
    .by([
        too_few(),
        pure.is_neither(),
        all([pure.scale(), at_most(GAIN_IN_PYTHON, MUST)]).refutes(),
        native.take_turns().holds(),
        native
            .scale()
            .rewords("only for pure Python: native code scales in threads too"),
    ])
    .or(NEITHER)
}

/// Refuted if threads take turns at native code where processes do not.
fn native_code_scales(work: &Work, scales: Void) -> Rule {
    let at_once = work.at_once();
    show(work.threads, [(work.speed_up(Threads), Form::Times)])
        .by([
            too_few(),
            scales(at_once.scale()),
            at_once.take_turns().refutes(),
        ])
        .or(NEITHER)
}

fn one_thing_at_a_time(at_once: &AtOnce, void: Void) -> Rule {
    let AtOnce(threads, processes) = *at_once;
    let shown = show("threads keep {} cores busy", [(threads, Form::Number)]);
    judged_by(AtOnce(threads, processes), shown, void)
}

/// Confirmed if threads take turns; refuted if they scale and processes do not
/// get further.
fn threads_help_a_little() -> Rule {
    let at_once = WHOLE.at_once();
    show(
        WHOLE.both,
        [
            (WHOLE.speed_up(Threads), Form::Times),
            (WHOLE.speed_up(Processes), Form::Times),
        ],
    )
    .by([
        too_few(),
        at_once.is_neither(),
        at_once.take_turns().holds(),
        exceeds(GAIN, FURTHER)
            .rewords("threads help more than a little, processes even more"),
        else_().refutes(),
    ])
}

/// By the work that includes waiting (loading), and by what follows it.
fn threads_help_a_little_in_python() -> Rule {
    let at = |model| Quantity::SpeedUp(model, &["work.load", "work.pure"]);
    show(
        "at loading and pure Python, all threads compute {} as fast as one, all \
         processes {}",
        [(at(Threads), Form::Times), (at(Processes), Form::Times)],
    )
    .by([
        too_few(),
        exceeds(at(Threads), SEVERAL).refutes(),
        exceeds(at(Threads), LITTLE).holds(),
        else_().rewords("not even a little: there is little wait to overlap"),
    ])
}

/// Six jobs cannot have a core each if there are fewer: no figure can change
/// that. Otherwise confirmed or refuted by the share of the greatest possible
/// speed-up.
fn each_at_full_efficiency(work: &Work) -> Rule {
    let share = Quantity::Efficiency(Processes, work.parts);
    let setting = Quantity::Setting;
    let crowded = show(
        "{} on {}",
        [
            (setting(Setting::Jobs), Form::Of("job")),
            (setting(Setting::Cores), Form::Of("core")),
        ],
    );
    of_at_most(work).by([
        some(setting(Setting::JobsWithoutCore))
            .rewords("only up to the number of cores: no more can run at once")
            .showing(crowded),
        some(setting(Setting::JobsWithoutWorker))
            .tells_nothing("matrix: fewer workers than jobs, so some wait"),
        exceeds(share, FULL).holds(),
        else_().refutes(),
    ])
}

fn of_at_most(work: &Work) -> Shown {
    show(
        work.processes,
        [
            (work.speed_up(Processes), Form::Times),
            (Quantity::Setting(Setting::Limit), Form::Times),
        ],
    )
}
