//! Every quantity that a rule can ask for: from the measurements, from what
//! happened to workers, or from the sources.

use common::estimate::Estimate;

use crate::{
    claims::{
        evidence::Evidence,
        facts,
        interpret::Source,
        quantity::{Quantity, Setting},
        ruling::Missing,
        texts,
    },
    judge::stopping,
};

impl Source for Evidence<'_> {
    fn estimate(&self, quantity: &Quantity) -> Result<Estimate, Missing> {
        match *quantity {
            Quantity::Figure(figure) => {
                self.figure(figure).map(|figure| stopping::estimate(&figure))
            }
            Quantity::Most(figure) => {
                let values = self.figure(figure)?;
                Ok(exactly(values.into_iter().fold(0.0, f64::max)))
            }
            Quantity::Advantage(figure) => self.advantage(figure),
            Quantity::Ratio(above, below) => self.ratio(above, below),
            Quantity::SpeedUp(model, parts) => self.speed_up(model, parts),
            Quantity::Efficiency(model, parts) => {
                let limit = self.setting(Setting::Limit)?;
                Ok(self.speed_up(model, parts)?.divided_by(limit))
            }
            Quantity::BusyCores(model) => self.busy_cores(model),
            Quantity::Setting(setting) => self.setting(setting).map(exactly),
            Quantity::Seen(fact) => facts::count(fact, self).map(exactly),
            Quantity::Count(count) => texts::number(count).map(exactly),
            Quantity::Gil => Ok(exactly(f64::from(u8::from(self.has_gil())))),
        }
    }
}

fn exactly(number: f64) -> Estimate {
    Estimate { median: number, low: number, high: number }
}
