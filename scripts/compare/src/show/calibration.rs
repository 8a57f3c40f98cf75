//! The page of a calibration.

use std::fmt;

use crate::{
    judge::{
        calibration::{Calibration, Tally, Trust},
        disturbance,
    },
    run::refusal::Refusal,
    show::{layout, table},
};

impl fmt::Display for Calibration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<[String; 2]> = self
            .trials
            .iter()
            .map(|(percent, tally)| line(*percent, tally))
            .collect();
        let lines = lines.iter().map(|[what, words]| [&**what, &**words]);
        writeln!(formatter, "{}\n", layout::facts(lines))?;
        for refusal in &self.refusals {
            let Refusal { scenario, model, .. } = refusal;
            let words = refusal.words();
            writeln!(formatter, "refused: {scenario}, {model}: {words}")?;
        }
        let disturbances = disturbance::around(&self.environment);
        let disturbances = table::disturbances(&disturbances);
        write!(
            formatter,
            "{}\n\n{disturbances}",
            layout::paragraph(&self.trust().to_string())
        )
    }
}

fn line(percent: u32, tally: &Tally) -> [String; 2] {
    let Tally { right, wrong, too_noisy, not_found } = tally;
    let all = tally.all();
    let (what, found) = match percent {
        0 => ("each program against itself".into(), "no clear difference"),
        _ => (format!("made slower by {percent} %"), "detected"),
    };
    let not_found = match not_found {
        0 => String::new(),
        _ => format!("no clear difference in {not_found}, "),
    };
    let words = format!(
        "{found} in {right} of {all} rows, {not_found}too noisy to tell in \
         {too_noisy}, wrong in {wrong}"
    );
    [what, words]
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Trust::Trusted => {
                "The verdicts can be trusted on this machine right now: of 100 \
                 known cases, at most 5 are judged wrongly or not at all."
            }
            Trust::TooNoisy => {
                "This machine is too noisy right now: the verdicts say so \
                 where they cannot tell, and are not wrong, but a difference \
                 of a few per cent may be missed."
            }
            Trust::Untried => {
                "Nothing was judged: the programs report no headline figure. \
                 Exit status 1."
            }
            Trust::Wrong => {
                "THE VERDICTS ARE WRONG on this machine right now, in more \
                 than 5 of 100 known cases: believe no difference near 10 %. \
                 Exit status 1."
            }
        })
    }
}
