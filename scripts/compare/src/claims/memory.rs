//! Claims on memory, and on handing over what is in it.

use crate::claims::{
    Claim, Missing, Place, Ruling,
    evidence::{Evidence, Figure},
    ruling::exceeds,
};
use crate::verdict::{TIMES, interval, times};

pub static CLAIMS: [Claim; 1] = [Claim {
    id: "C10",
    statement: "processes take more memory",
    place: Place {
        scenario: "worker-cost",
        file: "src/idle.rs",
        function: "run",
    },
    rust: processes_take_more,
}];

/// What nobody would choose by is not more.
const MORE: f64 = 1.25;

fn processes_take_more(evidence: &Evidence<'_>) -> Result<Ruling, Missing> {
    let threads =
        Figure::threads("worker-cost", "private bytes").of("idle, 64");
    let factor = evidence.ratio(threads.by_processes(), threads)?;
    let figure =
        format!("{}{TIMES} {}", times(factor.median), interval(factor));
    Ok(match exceeds(factor, MORE)? {
        true => Ruling::holds(figure),
        false => Ruling::does_not_hold(figure),
    })
}

#[cfg(test)]
mod tests {
    use crate::claims::{Standing, planted::Planted};

    #[test]
    fn processes_take_more_memory_or_not() {
        let standing = |threads, processes| {
            let name = ("private bytes", Some("idle, 64"));
            let planted = Planted::nothing();
            let planted =
                planted.both("worker-cost", name, [threads, processes]);
            planted.ruling("C10").standing
        };
        assert_eq!(standing(9e3, 70e3), Standing::Holds);
        assert_eq!(standing(9e3, 10e3), Standing::DoesNotHold);
    }
}
