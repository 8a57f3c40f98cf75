//! The page of a calibration.

use std::fmt;

use crate::{
    judge::{
        calibration::{Calibration, Tally, Trust},
        disturbance,
    },
    run::refusal::Refusal,
    show::table,
};

impl fmt::Display for Calibration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<[String; 2]> = self
            .trials
            .iter()
            .map(|(percent, tally)| line(*percent, tally))
            .collect();
        let lines = lines.iter().map(|[what, words]| [&**what, &**words]);
        writeln!(formatter, "{}\n", table::facts(lines))?;
        for refusal in &self.refusals {
            let Refusal { scenario, model, .. } = refusal;
            let words = refusal.words();
            writeln!(formatter, "refused: {scenario}, {model}: {words}")?;
        }
        let disturbances = disturbance::around(&self.environment);
        let disturbances = table::disturbances(&disturbances);
        write!(formatter, "{}\n\n{disturbances}", self.trust())
    }
}

fn line(percent: u32, tally: &Tally) -> [String; 2] {
    let Tally { right, wrong, too_noisy, not_found } = tally;
    let all = tally.all();
    let (what, found) = match percent {
        0 => ("each program against itself".into(), "no clear difference"),
        _ => (format!("slower by {percent} %"), "found"),
    };
    let not_found = match not_found {
        0 => String::new(),
        _ => format!("called no clear difference in {not_found}, "),
    };
    let words = format!(
        "{found} in {right} of {all} rows, {not_found}too noisy to tell in \
         {too_noisy}, a false verdict in {wrong}"
    );
    [what, words]
}

impl fmt::Display for Trust {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Trust::Trusted => {
                "The judge may be trusted on this machine now: of a hundred \
                 verdicts on what is known,\nno more than 5 are wrong or open."
            }
            Trust::TooNoisy => {
                "This machine is too noisy now: the judge says so where it \
                 cannot tell, and is not wrong,\nbut a difference of a few per \
                 cent may not be found."
            }
            Trust::Untried => {
                "Nothing was judged: the programs have no figure that answers a \
                 question. Exit status 1."
            }
            Trust::Wrong => {
                "THE JUDGE IS WRONG on this machine now, in more than 5 of a \
                 hundred verdicts:\nbelieve no difference near 10 %. Exit \
                 status 1."
            }
        })
    }
}
