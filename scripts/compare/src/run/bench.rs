//! Pairs of programs: started, asked slice by slice, and stopped.
//!
//! Both programs of a pair stay alive and take turns. The order in which they
//! are asked is random for each slice, and each starts with an environment of a
//! different size. The size shifts the stack, and with it what lies where in
//! the caches: that becomes chance from pair to pair, not an advantage of one
//! side (T. Mytkowicz et al., Producing wrong data without doing anything
//! obviously wrong!, ASPLOS 2009).

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use common::{
    input::Input,
    outcome::Model,
    scenarios::{Part, Scenario},
};

use crate::run::{
    document, environment,
    interpreter::Interpreters,
    measured::Measured,
    plan::{Plan, Series, Slice},
    program::living::Living,
    refusal::{Reason, Refusal},
    samples::Sample,
    session::Session,
};

const BOTH: [Model; 2] = [Model::Threads, Model::Processes];

/// The variable that enlarges a program's environment, and the most it adds.
const PADDING: (&str, u32) = ("COMPARE_PADDING", 4096);

/// Where and how programs are run.
#[derive(Debug)]
pub struct Bench {
    /// The folder of the programs.
    pub programs: PathBuf,
    /// The folder of the scripts for CPython.
    pub scripts: PathBuf,
    /// The interpreters to run them with.
    pub interpreters: Interpreters,
    /// The seed of all input.
    pub seed: u64,
    /// How long one slice may take.
    pub patience: Duration,
    /// Whether a pair counts however much CPU time the hypervisor took.
    pub keeps_disturbed: bool,
}

impl Bench {
    /// What is compared of a scenario: the pair, and the comparison with
    /// CPython. All missing programs are found here at once.
    pub fn sessions(&self, plan: Plan) -> Vec<Session> {
        let interpreters = self.interpreters.all.len();
        let mut sessions = Vec::new();
        if interpreters > 0 && !plan.scenario.cpython.is_empty() {
            let others = (0..interpreters).map(Series::CPython);
            let series = [Series::Beside].into_iter().chain(others);
            let plans = series.map(|series| Plan { series, ..plan });
            sessions.push(Session::new(plans));
        }
        sessions.retain(|session| !session.parts.is_empty());
        sessions.insert(0, Session::new([plan]));
        for measured in sessions.iter_mut().flat_map(|it| &mut it.measured) {
            self.look_for_programs(measured);
        }
        sessions
    }

    /// Both sides are looked up together: after a forgotten build, all missing
    /// programs are reported at once.
    fn look_for_programs(&self, measured: &mut Measured) {
        let Plan { scenario, series, sides, .. } = measured.plan;
        let missing = sides
            .into_iter()
            .map(|model| (model, self.file(scenario, series, model)))
            .filter(|(_, program)| !program.is_file())
            .map(|(model, program)| {
                let reason = Reason::Missing(program);
                Refusal::outright(scenario, series, model, reason)
            });
        measured.refusals.extend(missing);
    }

    /// Runs one more pair of programs on its slices of all open parts. If it
    /// was disturbed, the whole pair is dropped and counted, and this returns
    /// false. A program's fault is not an error but a refusal.
    pub fn pair(&self, session: &mut Session) -> bool {
        let number = session.pairs + 1;
        let stolen = environment::Stolen::begin();
        let mut pair = Pair::start(self, session, number);
        pair.work(session);
        pair.finish(session);
        let may_drop = !self.keeps_disturbed && session.may_drop();
        if may_drop && stolen.disturbs() {
            session.drop_pair(number);
            return false;
        }
        session.pairs = number;
        true
    }

    fn program(&self, plan: &Plan, side: Model, random: &mut Input) -> Command {
        let Plan { scenario, series, .. } = *plan;
        let model = plan.program(side);
        let mut command = match series {
            Series::CPython(number) => {
                let interpreter = &self.interpreters.all[number];
                let mut command =
                    interpreter.stay(scenario, &self.scripts, model);
                // Where it finds the databases of the pair.
                let target = self.programs.parent();
                command
                    .env("CARGO_TARGET_DIR", target.unwrap_or(&self.programs));
                command
            }
            Series::Pair | Series::Beside => {
                Command::new(self.file(scenario, series, model))
            }
        };
        let (name, most) = PADDING;
        let padding = "-".repeat(random.below(most) as usize);
        command.arg("--slices").env(name, padding);
        command
    }

    fn file(
        &self,
        scenario: &Scenario,
        series: Series,
        model: Model,
    ) -> PathBuf {
        match series {
            Series::CPython(_) => self.scripts.join(scenario.script()),
            Series::Pair | Series::Beside => {
                self.programs.join(scenario.program(model))
            }
        }
    }
}

/// The running programs: both sides, in one language or several.
struct Pair<'bench> {
    bench: &'bench Bench,
    number: usize,
    /// How many slices have been asked for.
    turn: usize,
    random: Input,
    /// For each series of the session, threads first. Empty if the series was
    /// refused.
    programs: Vec<Vec<Living>>,
}

/// Which program is asked. The series is its number in the session.
#[derive(Clone, Copy)]
struct Turn {
    series: usize,
    model: Model,
    workers: usize,
}

impl<'bench> Pair<'bench> {
    fn start(
        bench: &'bench Bench,
        session: &mut Session,
        number: usize,
    ) -> Self {
        let begin = Instant::now();
        let stream = session.pairs + session.dropped;
        let random = Input::new(bench.seed, stream as u64);
        let programs = Vec::new();
        let mut pair = Pair { bench, number, turn: 0, random, programs };
        for measured in &mut session.measured {
            let mut programs = Vec::new();
            for model in BOTH {
                match pair.start_one(&measured.plan, model) {
                    Ok(program) => programs.push(program),
                    Err((reason, stderr)) => {
                        measured.refuse(model, reason, stderr)
                    }
                }
                if !measured.is_sound() {
                    break;
                }
            }
            pair.programs.push(programs);
        }
        session.start = begin.elapsed();
        pair
    }

    fn start_one(
        &mut self,
        plan: &Plan,
        model: Model,
    ) -> Result<Living, (Reason, String)> {
        let mut command = self.bench.program(plan, model, &mut self.random);
        Living::start(&mut command, self.bench.patience)
    }

    /// All slices of all open parts, one slice of each at a time.
    fn work(&mut self, session: &mut Session) {
        let most = session.open().map(|(_, part)| part.slices).max();
        for slice in 1..=most.unwrap_or(0) {
            let open = session.open().filter(|(_, it)| slice <= it.slices);
            let mut open: Vec<usize> = open.map(|(index, _)| index).collect();
            self.shuffle(&mut open);
            for part in open {
                let begin = Instant::now();
                let what = session.parts[part].part;
                self.one_slice(session, what, slice);
                session.parts[part].took(begin.elapsed());
            }
        }
    }

    /// The same slice on every program, in random order.
    fn one_slice(
        &mut self,
        session: &mut Session,
        part: &'static Part,
        slice: usize,
    ) {
        let mut turns = Vec::new();
        for (series, measured) in session.measured.iter().enumerate() {
            for workers in measured.plan.crews() {
                let turn = |model| Turn { series, model, workers };
                turns.extend(BOTH.map(turn));
            }
        }
        self.shuffle(&mut turns);
        for Turn { series, model, workers } in turns {
            let measured = &session.measured[series];
            if !session.is_sound() || !measured.is_sound() {
                continue;
            }
            self.turn += 1;
            let asked = Slice {
                series: measured.plan.series,
                model,
                part: part.name,
                workers,
                pair: self.number,
                slice,
                turn: self.turn,
            };
            self.take(session, series, part, asked);
        }
    }

    /// Asks for one slice, which adds a sample, a refusal or both: an outcome
    /// that disagrees with an earlier one is worth keeping.
    fn take(
        &mut self,
        session: &mut Session,
        series: usize,
        part: &Part,
        slice: Slice,
    ) {
        let bench = self.bench;
        let plan = session.measured[series].plan;
        let flags = bench.flags(&session.measured[series], part, slice);
        let model = plan.program(slice.model);
        let side = usize::from(slice.model == Model::Processes);
        let living = &mut self.programs[series][side];
        let answered = living.ask(&flags, bench.patience).and_then(|answer| {
            let outcome = document::outcome(&answer, plan.scenario, model)?;
            Ok(Sample::new(slice, answer, outcome))
        });
        let accepted = answered.and_then(|sample| {
            session.measured[series].accept(sample).map_err(Reason::from)
        });
        let refused = accepted.err().or_else(|| session.across(series));
        if let Some(reason) = refused {
            let (reason, stderr) = self.last_words(series, side, reason);
            let refusal = Refusal::of(plan.scenario, slice, reason, stderr);
            session.measured[series].refusals.push(refusal);
        } else if part.spoils == Some(model) {
            self.replace(&mut session.measured[series], series, slice.model);
        }
    }

    /// A program left with threads that nothing can stop is unfit for another
    /// slice.
    fn replace(&mut self, measured: &mut Measured, series: usize, side: Model) {
        let index = usize::from(side == Model::Processes);
        match self.start_one(&measured.plan, side) {
            Ok(living) => self.programs[series][index] = living,
            Err((reason, stderr)) => {
                self.programs[series].clear();
                measured.refuse(side, reason, stderr);
            }
        }
    }

    /// The reason for a program's fault, and what it wrote about it. The
    /// program is stopped: it may have crashed.
    fn last_words(
        &mut self,
        series: usize,
        side: usize,
        reason: Reason,
    ) -> (Reason, String) {
        let programs = &mut self.programs[series];
        let living = programs.swap_remove(side);
        programs.clear();
        living.last_words(reason)
    }

    /// Lets all programs exit; their exit is checked too.
    fn finish(self, session: &mut Session) {
        for (programs, measured) in
            self.programs.into_iter().zip(&mut session.measured)
        {
            for (living, model) in programs.into_iter().zip(BOTH) {
                if measured.is_sound()
                    && let Err((reason, stderr)) =
                        living.finish(self.bench.patience)
                {
                    measured.refuse(model, reason, stderr);
                }
            }
        }
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for left in (1..all.len()).rev() {
            all.swap(left, self.random.below(left as u32 + 1) as usize);
        }
    }
}

impl Bench {
    /// Each side has to find the right answer by itself once. From then on, it
    /// is given that answer.
    fn flags(
        &self,
        measured: &Measured,
        part: &Part,
        slice: Slice,
    ) -> Vec<String> {
        let flags = part.flags.iter().map(|flag| (*flag).to_owned());
        let mut flags: Vec<String> = flags.collect();
        flags.extend(["--seed".into(), self.seed.to_string()]);
        if measured.plan.scenario.crew {
            flags.extend(["--workers".into(), slice.workers.to_string()]);
        }
        let mut own = measured.of_crew(slice.model, slice.workers);
        if own.any(|sample| sample.slice.part == part.name)
            && let Some(answer) = measured.answer(part.name)
        {
            flags.extend(["--expect".into(), answer.into()]);
        }
        flags
    }
}
