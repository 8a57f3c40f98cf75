//! Checks the replies and turns them into figures and a page.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

use super::{
    Failure, Fault, FetchLog, Kind, Load, Page, Plan, Served, Source, Wish,
    addresses::shown, time,
};
use crate::{
    digest::Digest,
    laps::Laps,
    outcome::{Better, Metric, Model, Outcome},
    units,
};

/// A finished measurement.
#[derive(Debug)]
pub struct Finished {
    /// What was to be done.
    pub plan: Plan,
    /// What each worker fetched.
    pub logs: Vec<FetchLog>,
    /// What the server reports, if it was ours.
    pub served: Option<Served>,
    /// The anonymous memory of this program before any worker was started, if
    /// the kernel reports it.
    pub before: Option<u64>,
    /// Time and resources.
    pub laps: Laps,
}

/// Checks the result of every address, and builds the outcome.
///
/// # Errors
///
/// Fails if an address was never fetched, or fetched twice; if a body is not
/// what it should be, where that is known; or if something failed that should
/// have worked, or the other way round.
pub fn outcome(model: Model, finished: &[Finished]) -> Result<Outcome> {
    let mut laps = Laps::none();
    let mut rows = Vec::new();
    for one in finished {
        laps.add(&one.laps);
        rows.push(Row::new(one).with_context(|| one.plan.name())?);
    }
    let mut outcome = Outcome::new("fetch", model, &laps);
    outcome.parameters = rows.iter().map(Row::parameters).collect();
    outcome.answer = answer(&rows);
    outcome.result = rows.iter().map(Row::result).collect();
    outcome.metrics = metrics(&rows);
    outcome.story = story(model, &rows);
    outcome.is_told = true;
    outcome.meaning = meaning(model, &rows);
    Ok(outcome)
}

/// A measurement whose replies were checked.
struct Row<'a> {
    finished: &'a Finished,
    /// The result of each address, in order.
    replies: Vec<&'a Result<Page, Failure>>,
}

impl<'a> Row<'a> {
    fn new(finished: &'a Finished) -> Result<Self> {
        let replies = in_order(&finished.plan, &finished.logs)?;
        let row = Row { finished, replies };
        if let Some(load) = row.load() {
            for (place, reply) in (0..).zip(&row.replies) {
                let wish = load.wish(place).context("nobody asked for this")?;
                check(&wish, reply).with_context(|| wish.to_string())?;
            }
        }
        if let (true, Some(served)) = (row.is_smooth(), finished.served) {
            let (asked, of) = (served.requests, finished.plan.requests());
            ensure!(asked == of, "the server got {asked} requests, not {of}");
        }
        Ok(row)
    }

    fn plan(&self) -> &Plan {
        &self.finished.plan
    }

    /// The load of our own server, if it was used.
    fn load(&self) -> Option<&Load> {
        match &self.plan().source {
            Source::Server(load) => Some(load),
            Source::File(_) => None,
        }
    }

    /// Whether nothing was planned to fail, so that there is an ideal time.
    fn is_smooth(&self) -> bool {
        self.load().is_some_and(|load| load.stride == 0)
    }

    /// Seconds for all replies.
    fn work(&self) -> f64 {
        self.finished.laps.seconds().work
    }

    /// The ideal time, in which only the server's delay counts, as a share of
    /// the real time.
    fn share(&self) -> Option<f64> {
        let load = self.load().filter(|_| self.is_smooth())?;
        let rounds = load.requests as f64 / self.plan().workers as f64;
        Some(rounds * load.delay.as_secs_f64() / self.work())
    }

    fn connections(&self) -> Option<u64> {
        Some(self.finished.served?.connections)
    }

    /// How much the anonymous memory of all processes grew, per worker.
    fn memory(&self) -> Option<f64> {
        let after = self.finished.laps.anonymous_memory()?;
        let grown = after.saturating_sub(self.finished.before?);
        Some(grown as f64 / self.plan().workers as f64)
    }

    /// CPU seconds of the workers since the gate opened, per reply.
    fn cpu(&self) -> f64 {
        let logs = self.finished.logs.iter();
        let used: f64 = logs.map(|log| log.used.cpu).sum();
        used / self.replies.len() as f64
    }

    /// The failures, with addresses that are safe to show.
    fn failures(&self) -> impl Iterator<Item = (String, &'a Failure)> {
        let failed = |(place, reply): (i64, &&'a Result<Page, Failure>)| {
            let failure = reply.as_ref().err()?;
            let url = self.plan().address(place)?.url;
            Some((shown(&url), failure))
        };
        (0..).zip(&self.replies).filter_map(failed)
    }

    fn counted(&self) -> BTreeMap<Kind, u64> {
        let mut counted = BTreeMap::new();
        for (_, failure) in self.failures() {
            *counted.entry(failure.kind).or_default() += 1;
        }
        counted
    }

    fn bytes(&self) -> u64 {
        let pages = self.replies.iter().filter_map(|reply| reply.as_ref().ok());
        pages.map(|page| page.length).sum()
    }

    fn metrics(&self) -> Vec<Metric> {
        let (key, name) = (self.plan().key(), self.plan().name());
        let figure = |[id, label, unit]: [&str; 3], better, value| {
            let metric = Metric::new(id, label, unit, better, value);
            metric.of_called(&key, &name)
        };
        let (lower, neither) = (Better::Lower, Better::Neither);
        let (work, cpu) = (Some(self.work()), Some(self.cpu()));
        let mut metrics = vec![
            figure(["time", "total time", "s"], lower, work).detail(),
            figure(["memory", "memory per worker", "B"], lower, self.memory()),
            figure(["cpu", "CPU time per reply", "s"], lower, cpu),
        ];
        metrics.extend(self.share().map(|share| {
            let names = [SHARE, "share of the ideal time", "share"];
            figure(names, Better::Higher, Some(share))
        }));
        metrics.extend(self.connections().map(|opened| {
            let names = ["connections", "connections", "1"];
            figure(names, neither, Some(opened as f64)).detail()
        }));
        let failed = Some(self.failures().count() as f64);
        let names = ["failures", "failures", "1"];
        metrics.push(figure(names, neither, failed).detail());
        metrics
    }

    fn parameters(&self) -> Value {
        let Plan { workers, timeout, .. } = self.plan();
        let load = self.load();
        json!({
            "workers": workers,
            "timeout": timeout.as_secs_f64(),
            "requests": self.plan().requests(),
            "delay": load.map(|load| load.delay.as_secs_f64()),
            "size": load.map(|load| load.size),
            "seed": load.map(|load| load.seed),
            "one_fault_in": load.map(|load| load.stride),
        })
    }

    fn result(&self) -> Value {
        let failures = self.failures().map(|(address, failure)| {
            let Failure { kind, reason } = failure;
            json!({ "address": address, "kind": kind, "reason": reason })
        });
        let served = self.finished.served;
        json!({
            "workers": self.plan().workers,
            "replies": self.replies.len(),
            "bytes": self.bytes(),
            "time": self.work(),
            "share_of_the_ideal": self.share(),
            "connections": self.connections(),
            "requests_served": served.map(|served| served.requests),
            "memory_each": self.memory(),
            "cpu_each": self.cpu(),
            "counted": self.counted(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

/// The result of each address, exactly once, in order.
fn in_order<'a>(
    plan: &Plan,
    logs: &'a [FetchLog],
) -> Result<Vec<&'a Result<Page, Failure>>> {
    let mut replies = BTreeMap::new();
    for reply in logs.iter().flat_map(|log| &log.replies) {
        let before = replies.insert(reply.place, &reply.result);
        ensure!(before.is_none(), "address {} was fetched twice", reply.place);
    }
    for place in 0..plan.requests() {
        ensure!(replies.contains_key(&place), "address {place} is missing");
    }
    ensure!(replies.len() as u64 == plan.requests(), "too many addresses");
    Ok(replies.into_values().collect())
}

/// Checks that a reply is right to the byte, or fails as planned.
fn check(wish: &Wish, reply: &Result<Page, Failure>) -> Result<()> {
    match (wish.fault.map(counted_as), reply) {
        (None, Ok(page)) => {
            ensure!(page.length == wish.size, "{} bytes came", page.length);
            let is_right = page.digest == wish.body().digest();
            ensure!(is_right, "the wrong bytes came");
        }
        (Some(kind), Err(failure)) if failure.kind == kind => {}
        (Some(kind), Err(failure)) => bail!(
            "it failed with {}, expected {kind}: {}",
            failure.kind,
            failure.reason
        ),
        (Some(kind), Ok(_)) => bail!("it succeeded, expected {kind}"),
        (None, Err(Failure { kind: Kind::Timeout, reason })) => bail!(
            "{reason}: if the machine is busy, give it more time with --timeout"
        ),
        (None, Err(failure)) => bail!("{}", failure.reason),
    }
    Ok(())
}

/// Each fault counts as one kind of failure; two of them are timeouts.
fn counted_as(fault: Fault) -> Kind {
    match fault {
        Fault::Refused => Kind::Refused,
        Fault::Cut => Kind::Cut,
        Fault::Silent | Fault::Endless => Kind::Timeout,
        Fault::Redirects => Kind::Redirects,
        Fault::Status => Kind::Status,
        Fault::Oversized => Kind::Oversized,
    }
}

/// The results of all addresses, but not who fetched them, or when, or the
/// wording of a failure.
fn answer(rows: &[Row<'_>]) -> String {
    let mut answer = Digest::new();
    for row in rows {
        answer.count(row.plan().workers as u64);
        answer.count(row.replies.len() as u64);
        for reply in &row.replies {
            match reply {
                Ok(page) => answer.count(page.length).text(&page.digest),
                Err(failure) => answer.text(&failure.kind.to_string()),
            };
        }
    }
    answer.hex()
}

/// The id of the figure that is compared for every crew.
const SHARE: &str = "share-of-ideal";

/// The figures of the largest crew are compared, and every share of the ideal;
/// the others are details.
fn metrics(rows: &[Row<'_>]) -> Vec<Metric> {
    let smooth = rows.iter().filter(|row| row.is_smooth());
    let most = smooth.map(|row| row.plan().key()).next_back();
    let rank = |metric: Metric| {
        let is_shown = metric.id.split_once('.').is_some_and(|(figure, of)| {
            figure == SHARE || most.as_deref() == Some(of)
        });
        if is_shown { metric } else { metric.detail() }
    };
    rows.iter().flat_map(Row::metrics).map(rank).collect()
}

fn story(model: Model, rows: &[Row<'_>]) -> Vec<String> {
    let mut story = Vec::new();
    let (smooth, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row.is_smooth());
    if let Some(load) = smooth.first().and_then(|row| row.load()) {
        story.push(format!(
            "The server replies after {}, with {}.\nIdeal time: replies × {} \
             / workers.\n\n{}\n",
            time(load.delay),
            units::human(load.size as f64, "B"),
            time(load.delay),
            table(model, &smooth),
        ));
    }
    for row in others {
        story.push(match row.load() {
            Some(_) => faults(model, row),
            None => world(model, row),
        });
    }
    story
}

fn table(model: Model, rows: &[&Row<'_>]) -> Table {
    let mut table = columns([
        &model.to_string(),
        "replies",
        "time",
        "of ideal",
        "connections",
        "memory each",
        "CPU/reply",
    ]);
    for row in rows {
        table.add_row([
            row.plan().workers.to_string(),
            row.replies.len().to_string(),
            units::human(row.work(), "s"),
            row.share().map_or("".into(), |it| units::human(it, "share")),
            row.connections().map_or("".into(), |it| it.to_string()),
            units::known(row.memory(), "B"),
            units::human(row.cpu(), "s"),
        ]);
    }
    for index in 0..7 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// For each kind of failure, the first address stands for all of them.
fn faults(model: Model, row: &Row<'_>) -> String {
    let (all, failed) = (row.replies.len(), row.failures().count());
    let mut table = columns(["kind of failure", "times", "the first of them"]);
    for (kind, times) in row.counted() {
        let mut failures = row.failures();
        let first = failures.find(|(_, failure)| failure.kind == kind);
        let address = first.map(|(url, _)| without_host(&url));
        table.add_row([
            kind.to_string(),
            times.to_string(),
            address.unwrap_or_default(),
        ]);
    }
    format!(
        "Then {} fetch {all} more, {failed} of them faulty. The faulty ones \
         fail as\nplanned, and the other {} arrive intact. This takes {}.\n\n\
         {table}",
        crew(model, row),
        all - failed,
        units::human(row.work(), "s"),
    )
}

/// `64 threads`, `1 process`.
fn crew(model: Model, row: &Row<'_>) -> String {
    match (row.plan().workers, model) {
        (1, Model::Threads) => "1 thread".into(),
        (1, Model::Processes) => "1 process".into(),
        (more, model) => format!("{more} {model}"),
    }
}

/// The port differs from run to run.
fn without_host(url: &str) -> String {
    url.find("/?").map_or(url, |start| &url[start..]).into()
}

fn world(model: Model, row: &Row<'_>) -> String {
    let failed = row.failures().count();
    let mut lines = vec![format!(
        "{} addresses, fetched by {} in {}: {} replies with {},\nand \
         {failed} failures.",
        row.replies.len(),
        crew(model, row),
        units::human(row.work(), "s"),
        row.replies.len() - failed,
        units::human(row.bytes() as f64, "B"),
    )];
    for (url, Failure { kind, reason }) in row.failures() {
        lines.push(format!("{kind}: {url}\n  {reason}"));
    }
    lines.join("\n")
}

fn columns<const N: usize>(names: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(names);
    table
}

fn meaning(model: Model, rows: &[Row<'_>]) -> String {
    let smooth = rows.iter().filter(|row| row.is_smooth());
    let Some(most) = smooth.max_by_key(|row| row.plan().workers) else {
        return "Every address was fetched once. The contents were not \
                checked: nobody here\nknows what they should be."
            .into();
    };
    let share = units::known(most.share(), "share");
    let memory = most.memory().map_or(String::new(), |bytes| {
        format!(", for\n{} each", units::human(bytes, "B"))
    });
    let kept = match model {
        Model::Threads => "They share the connections of one agent.",
        Model::Processes => "Each has its own agent and connection.",
    };
    format!(
        "Waiting uses no core: {} reached {share} of the ideal{memory}. {kept}",
        crew(model, most)
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::Duration;

    use super::{super::Reply, *};

    fn plan(requests: u64, stride: u64) -> Plan {
        let ports = super::super::Ports { open: 1, closed: 2 };
        let delay = Duration::from_millis(50);
        let (size, seed) = (100, 7);
        let load = Load { requests, delay, size, seed, stride, ports };
        let timeout = Duration::from_secs(1);
        Plan { workers: 2, timeout, source: Source::Server(load) }
    }

    /// The reply that an honest worker would have got.
    fn reply(plan: &Plan, place: u64) -> Reply {
        let Source::Server(load) = &plan.source else { unreachable!() };
        let wish = load.wish(place).unwrap();
        let result = match wish.fault.map(counted_as) {
            Some(kind) => Err(Failure { kind, reason: "as told".into() }),
            None => {
                let digest = wish.body().digest();
                Ok(Page { length: wish.size, digest })
            }
        };
        Reply { place, result }
    }

    /// Two workers, of which the second was faster.
    fn finished(plan: Plan) -> Finished {
        let mut logs = vec![FetchLog::default(), FetchLog::default()];
        for place in 0..plan.requests() {
            let worker = usize::from(place % 3 > 0);
            logs[worker].replies.push(reply(&plan, place));
        }
        let requests = plan.requests();
        let served = Some(Served { connections: 2, requests });
        let mut laps = Laps::begin();
        laps.started();
        laps.worked(&[]);
        Finished { plan, logs, served, before: Some(0), laps }
    }

    fn error(finished: Finished) -> String {
        format!("{:#}", outcome(Model::Threads, &[finished]).unwrap_err())
    }

    #[test]
    fn what_is_right_has_one_answer() {
        let answer = |finished: Finished| {
            outcome(Model::Threads, &[finished]).unwrap().answer
        };
        let expected = answer(finished(plan(63, 9)));
        let mut other = finished(plan(63, 9));
        other.logs.reverse();
        other.logs[0].replies.reverse();
        for reply in &mut other.logs[0].replies {
            if let Err(failure) = &mut reply.result {
                failure.reason = "in other words".into();
            }
        }
        assert_eq!(answer(other), expected);
        assert_ne!(answer(finished(plan(64, 9))), expected);
    }

    #[test]
    fn whatever_is_wrong_is_an_error() {
        let mut lost = finished(plan(8, 0));
        lost.logs[1].replies.pop();
        assert!(error(lost).contains("address 7 is missing"));

        let mut twice = finished(plan(8, 0));
        let again = twice.logs[0].replies[0].clone();
        twice.logs[1].replies.push(again);
        assert!(error(twice).contains("address 0 was fetched twice"));

        let mut more = finished(plan(8, 0));
        let result = more.logs[0].replies[0].result.clone();
        more.logs[0].replies.push(Reply { place: 8, result });
        assert!(error(more).contains("too many"));

        let mut wrong = finished(plan(8, 0));
        let other = wrong.logs[0].replies[0].result.clone();
        wrong.logs[0].replies[1].result = other;
        assert!(error(wrong).contains("page=3: the wrong bytes came"));

        let mut short = finished(plan(8, 0));
        if let Ok(page) = &mut short.logs[0].replies[0].result {
            page.length -= 1;
        }
        assert!(error(short).contains("99 bytes came"));

        let mut again = finished(plan(8, 0));
        again.served = Some(Served { connections: 2, requests: 9 });
        assert!(error(again).contains("got 9 requests, not 8"));
    }

    #[test]
    fn a_failure_must_be_the_one_that_was_planted() {
        let failed = |kind| {
            let reason = "so it is".into();
            Err(Failure { kind, reason })
        };
        let mut harmed = finished(plan(8, 0));
        harmed.logs[0].replies[0].result = failed(Kind::Cut);
        assert!(error(harmed).contains("page=0: so it is"));

        let mut late = finished(plan(8, 0));
        late.logs[0].replies[0].result = failed(Kind::Timeout);
        assert!(error(late).contains("--timeout"));

        let mut other = finished(plan(63, 9));
        let replies = other.logs.iter_mut();
        let mut replies = replies.flat_map(|log| &mut log.replies);
        let first = replies.find(|reply| reply.result.is_err()).unwrap();
        first.result = failed(Kind::Other);
        assert!(error(other).contains("failed with other, expected timeout"));

        let mut none = finished(plan(63, 9));
        let good = none.logs[0].replies[0].result.clone();
        let replies = none.logs.iter_mut();
        let mut replies = replies.flat_map(|log| &mut log.replies);
        let first = replies.find(|reply| reply.result.is_err()).unwrap();
        first.result = good;
        assert!(error(none).contains("succeeded, expected timeout"));
    }

    #[test]
    fn the_ideal_is_the_delay_alone() {
        let smooth = finished(plan(8, 0));
        let row = Row::new(&smooth).unwrap();
        let share = row.share().unwrap() * row.work();
        assert!((share - 0.2).abs() < 1e-9, "{share}");
        let faulty = finished(plan(63, 9));
        assert_eq!(Row::new(&faulty).unwrap().share(), None);
    }
}
