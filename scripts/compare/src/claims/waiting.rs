//! Claims on those who wait: a person for a frame, a client for replies.

use common::{estimate::Estimate, scenarios::FRAME, units::human};

use crate::{
    claims::{
        Claim, Missing, Place, Ruling,
        evidence::{Evidence, Figure},
        ruling::exceeds,
    },
    verdict::{TIMES, times},
};

pub static CLAIMS: [Claim; 4] = [
    Claim {
        id: "C13",
        statement: "threads make a UI responsive",
        place: Place {
            scenario: SCREEN,
            file: "src/main.rs",
            function: "spawn_and_join",
        },
        rust: threads_make_it_responsive,
    },
    Claim {
        id: "C15",
        statement: "threads are a great choice for I/O",
        place: Place {
            scenario: FETCH,
            file: "src/main.rs",
            function: "worker",
        },
        rust: threads_are_great_for_io,
    },
    Claim {
        id: "C24",
        statement: "a query freezes the UI's only thread",
        place: Place { scenario: SCREEN, file: "src/main.rs", function: "run" },
        rust: a_query_freezes_the_screen,
    },
    Claim {
        id: "C25",
        statement: "a worker thread keeps it responsive",
        place: Place {
            scenario: SCREEN,
            file: "src/main.rs",
            function: "worker",
        },
        rust: a_thread_keeps_it_responsive,
    },
];

const SCREEN: &str = "responsive-ui";

/// From a key to the frame that shows it: for all keys but one in a hundred.
const LATENCY: Figure = Figure::threads(SCREEN, "input to frame p99");

const FETCH: &str = "fetch";

/// Far more than there are cores.
const CROWD: &str = "64 workers";

/// "Responsive": up to a tenth of a second, a person feels that the screen
/// answers at once (J. Nielsen, Usability Engineering, section 5.5).
const INSTANT: f64 = 0.1;

/// "Frozen": for nine tenths of the query or more, nothing moves.
const FROZEN: f64 = 0.9;

/// "Great": no more than a fifth is lost of what waiting alone would take.
const GREAT: f64 = 0.8;

/// "Choice": of who takes a quarter more, that is not said without a word.
const DEARER: f64 = 1.25;

/// Without them it must not be: else it is not they who make it so.
fn threads_make_it_responsive(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let alone = evidence.estimate(LATENCY.of("no worker"))?;
    let helped = evidence.estimate(LATENCY.of("worker"))?;
    let figure = format!("p99 {}, alone {}", seconds(helped), seconds(alone));
    let is_made = exceeds(alone, INSTANT)? && !exceeds(helped, INSTANT)?;
    Ok(match is_made {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

/// Great is what comes near the ideal, and has no cheaper alternative.
fn threads_are_great_for_io(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let threads = |metric| Figure::threads(FETCH, metric).of(CROWD);
    let share = evidence.estimate(threads("share of the ideal"))?;
    let near = format!("threads {} of ideal", human(share.median, "share"));
    if !exceeds(share, GREAT)? {
        return Ok(Ruling::does_not_hold(near));
    }
    for (what, metric) in
        [("memory", "memory a worker"), ("CPU", "CPU a reply")]
    {
        let figure = threads(metric);
        let cost = evidence.ratio(figure, figure.by_processes())?;
        if exceeds(cost, DEARER)? {
            let more = times(cost.median);
            return Ok(Ruling::reworded(
                "they come near the ideal, but processes do it cheaper",
                format!("{near}, {more}{TIMES} the {what}"),
            ));
        }
    }
    Ok(Ruling::holds(near))
}

/// Whoever is quick enough freezes nothing that a person could see.
fn a_query_freezes_the_screen(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let figure = |metric| Figure::threads(SCREEN, metric).of("no worker");
    let gap = figure("longest gap of frames");
    let share = evidence.ratio(gap, figure("query"))?;
    let gap = evidence.estimate(gap)?;
    let is_frozen = exceeds(share, FROZEN)? && exceeds(gap, INSTANT)?;
    let share = human(share.median, "share");
    let figure = format!("{}, {share} of the query", seconds(gap));
    Ok(match is_frozen {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

fn a_thread_keeps_it_responsive(
    evidence: &Evidence<'_>,
) -> Result<Ruling, Missing> {
    let latency = evidence.estimate(LATENCY.of("worker"))?;
    let figure = format!("threads p99 {}", seconds(latency));
    if !exceeds(latency, FRAME.as_secs_f64())? {
        return Ok(Ruling::holds(figure));
    }
    Ok(match exceeds(latency, INSTANT)? {
        true => Ruling::does_not_hold(figure),
        false => Ruling::reworded(
            "nobody feels a wait, but frames are missed",
            figure,
        ),
    })
}

fn seconds(estimate: Estimate) -> String {
    human(estimate.median, "s")
}
