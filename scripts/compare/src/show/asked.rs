//! The ids of all figures that are used by claims, advice, charts and
//! README.md. A test compares them with what the programs measure.

use crate::{
    claims,
    judge::verdict,
    show::{advise, readme, report::plots},
};

/// The language, the scenario and the id; a final `*` stands for all ids with
/// that prefix.
pub type Asked = (&'static str, &'static str, String);

/// All of them.
pub fn all() -> impl Iterator<Item = Asked> {
    let readme = readme::ROWS
        .into_iter()
        .map(|[scenario, id, _]| ("rust", scenario, id.to_owned()));
    let advice = advise::ASKED
        .into_iter()
        .map(|[scenario, id]| ("rust", scenario, id.to_owned()));
    let frames = plots::FRAMES.map(|id| ("rust", "responsive-ui", id));
    let charts =
        [("rust", "ipc", plots::TRIP), ("cpython", "matrix", verdict::WORK)];
    let charts = frames.into_iter().chain(charts);
    let charts = charts.map(|(language, scenario, begin)| {
        (language, scenario, format!("{begin}*"))
    });
    readme.chain(advice).chain(charts).chain(claims::asked())
}
