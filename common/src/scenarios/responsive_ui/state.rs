//! What is on the screen, and how keys and news change it.

use std::{
    collections::VecDeque,
    fmt,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use signal_hook::consts::SIGINT;

use super::{
    line::Line,
    message::{Event, News, Query, Row},
};
use crate::digest::Digest;

/// How many rows are kept for viewing. The others are only counted.
const KEPT_ROWS: usize = 1000;

/// How many frames are remembered: more than any screen has columns.
const KEPT_GAPS: usize = 500;

/// How many rows a page key scrolls.
const PAGE: isize = 10;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// To the input line.
    Query,
    /// To the list of databases.
    Databases,
}

/// What a user does.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Presses a key.
    Key(KeyEvent),
    /// Pastes text.
    Paste(String),
    /// Terminates the program from outside, with a signal.
    Signal(i32),
}

/// What the program does in response.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Runs queries, one per database.
    Ask(Vec<Query>),
    /// Cancels these queries.
    Cancel(Vec<u64>),
    /// Leaves, because of a signal or because the user is done.
    Leave(Option<i32>),
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With all its rows.
    Done,
    /// On request.
    Cancelled,
    /// With an error.
    Failed(String),
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Done => formatter.write_str("came to its end"),
            Ending::Cancelled => formatter.write_str("was cancelled"),
            Ending::Failed(reason) => write!(formatter, "failed: {reason}"),
        }
    }
}

/// A query and its result.
#[derive(Debug)]
pub struct Run {
    /// The id of the query.
    pub id: u64,
    /// When it was started.
    pub begun: Instant,
    /// When it ended, and how.
    pub ended: Option<(Instant, Ending)>,
    /// Whether it is being cancelled.
    pub cancelling: bool,
    /// The number of rows received.
    pub count: u64,
    /// Their contents in bytes.
    pub bytes: u64,
    /// The digest of all rows, in order.
    pub digest: Digest,
}

/// Everything on the screen.
#[derive(Debug)]
pub struct State {
    /// What runs the queries: `threads`, `processes`, `no worker`.
    pub title: String,
    /// The databases to choose from.
    pub databases: Vec<PathBuf>,
    /// The selected database.
    pub selected: usize,
    /// How many are queried at once: the selected one and those below it.
    pub at_once: usize,
    /// Where keys go.
    pub focus: Focus,
    /// The input line.
    pub line: Line,
    /// The latest queries.
    pub runs: Vec<Run>,
    /// The column names of the result.
    pub columns: Vec<String>,
    /// The first rows of the result.
    pub rows: Vec<Row>,
    /// The first visible row.
    pub top: usize,
    /// When the program started.
    pub begun: Instant,
    /// The times between recent frames, the newest last.
    pub gaps: VecDeque<Duration>,
    examples: Vec<String>,
    example: usize,
}

/// The last query id: unique in the program, across sessions.
static ASKED: AtomicU64 = AtomicU64::new(0);

impl State {
    /// The initial state: no query yet; the first example is in the line.
    pub fn new(
        title: String,
        databases: &[PathBuf],
        at_once: usize,
        examples: Vec<String>,
    ) -> Self {
        State {
            title,
            databases: databases.to_vec(),
            selected: 0,
            at_once,
            focus: Focus::Query,
            line: Line::new(examples.first().map_or("", String::as_str)),
            runs: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            top: 0,
            begun: Instant::now(),
            gaps: VecDeque::new(),
            examples,
            example: 0,
        }
    }

    /// Whether a query is running.
    pub fn is_running(&self) -> bool {
        self.runs.iter().any(|run| run.ended.is_none())
    }

    /// Handles an input.
    pub fn take_in(&mut self, input: Input) -> Option<Action> {
        match input {
            Input::Key(key) => self.press(key),
            Input::Paste(text) => {
                self.focus = Focus::Query;
                self.line.insert(&text);
                None
            }
            Input::Signal(signal) => Some(Action::Leave(Some(signal))),
        }
    }

    /// Handles news from a database. News about a query that is no longer shown
    /// comes too late, and is ignored.
    pub fn take_over(&mut self, event: Event) {
        let runs = &mut self.runs;
        let Some(place) = runs.iter().position(|run| run.id == event.id) else {
            return;
        };
        let run = &mut runs[place];
        match event.news {
            News::Columns(columns) => self.columns = columns,
            News::Rows(rows) => {
                run.count_in(&rows);
                let room = KEPT_ROWS.saturating_sub(self.rows.len());
                self.rows.extend(rows.into_iter().take(room));
            }
            News::Done => run.end(Ending::Done),
            News::Cancelled => run.end(Ending::Cancelled),
            News::Failed(reason) => run.end(Ending::Failed(reason)),
        }
    }

    /// Records a frame and the time since the previous one.
    pub fn drawn_after(&mut self, gap: Duration) {
        self.gaps.push_back(gap);
        if self.gaps.len() > KEPT_GAPS {
            self.gaps.pop_front();
        }
    }

    fn press(&mut self, key: KeyEvent) -> Option<Action> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.press_control(key.code);
        }
        match key.code {
            KeyCode::Enter => return self.ask(),
            KeyCode::Esc => return self.cancel(),
            KeyCode::F(10) => return Some(Action::Leave(None)),
            KeyCode::Tab | KeyCode::BackTab => self.turn(),
            KeyCode::PageUp => self.scroll(-PAGE),
            KeyCode::PageDown => self.scroll(PAGE),
            code if self.focus == Focus::Query => self.edit(code),
            code => return self.choose(code),
        }
        None
    }

    /// In raw mode the terminal does not turn Ctrl-C into a signal, but that is
    /// what the user means.
    fn press_control(&mut self, code: KeyCode) -> Option<Action> {
        match code {
            KeyCode::Char('q') => return Some(Action::Leave(None)),
            KeyCode::Char('c') => return Some(Action::Leave(Some(SIGINT))),
            KeyCode::Char('u') => self.line = Line::default(),
            KeyCode::Char('a') => self.line.go(isize::MIN),
            KeyCode::Char('e') => self.line.go(isize::MAX),
            _ => {}
        }
        None
    }

    fn turn(&mut self) {
        self.focus = match self.focus {
            Focus::Query => Focus::Databases,
            Focus::Databases => Focus::Query,
        };
    }

    fn edit(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char(letter) => self.line.insert(&letter.to_string()),
            KeyCode::Backspace => self.line.backspace(),
            KeyCode::Delete => self.line.delete(),
            KeyCode::Left => self.line.go(-1),
            KeyCode::Right => self.line.go(1),
            KeyCode::Home => self.line.go(isize::MIN),
            KeyCode::End => self.line.go(isize::MAX),
            KeyCode::Up => self.show_example(-1),
            KeyCode::Down => self.show_example(1),
            _ => {}
        }
    }

    fn choose(&mut self, code: KeyCode) -> Option<Action> {
        let last = self.databases.len() - 1;
        match code {
            KeyCode::Char('q') => return Some(Action::Leave(None)),
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.selected = last.min(self.selected + 1),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            _ => {}
        }
        None
    }

    fn show_example(&mut self, by: isize) {
        let count = self.examples.len() as isize;
        let next = (self.example as isize + by).rem_euclid(count.max(1));
        self.example = next as usize;
        if let Some(example) = self.examples.get(self.example) {
            self.line = Line::new(example);
        }
    }

    fn scroll(&mut self, by: isize) {
        let last = self.rows.len().saturating_sub(1);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// One query at a time: the user must cancel this one before the next.
    fn ask(&mut self) -> Option<Action> {
        if self.is_running() {
            return None;
        }
        (self.columns, self.rows, self.top) = Default::default();
        let count = self.databases.len();
        let places = (0..self.at_once).map(|one| (self.selected + one) % count);
        let mut queries = Vec::new();
        for place in places.collect::<Vec<_>>() {
            queries.push(Query {
                id: 1 + ASKED.fetch_add(1, Relaxed),
                database: self.databases[place].clone(),
                sql: self.line.text().into(),
            });
        }
        self.runs = queries.iter().map(|query| Run::new(query.id)).collect();
        Some(Action::Ask(queries))
    }

    fn cancel(&mut self) -> Option<Action> {
        let running = self.runs.iter_mut().filter(|run| run.ended.is_none());
        let cancel = |run: &mut Run| {
            run.cancelling = true;
            run.id
        };
        let ids: Vec<_> = running.map(cancel).collect();
        (!ids.is_empty()).then_some(Action::Cancel(ids))
    }
}

impl Run {
    fn new(id: u64) -> Self {
        Run {
            id,
            begun: Instant::now(),
            ended: None,
            cancelling: false,
            count: 0,
            bytes: 0,
            digest: Digest::new(),
        }
    }

    fn count_in(&mut self, rows: &[Row]) {
        self.count += rows.len() as u64;
        for row in rows {
            self.digest.count(row.len() as u64);
            for value in row {
                self.bytes += value.size();
                value.digest(&mut self.digest);
            }
        }
    }

    fn end(&mut self, ending: Ending) {
        self.ended = Some((Instant::now(), ending));
    }

    /// How long it took, or has taken so far.
    pub fn took(&self) -> Duration {
        let end = self.ended.as_ref().map_or_else(Instant::now, |end| end.0);
        end - self.begun
    }
}

#[cfg(test)]
mod tests {
    use super::{super::message::Value, *};

    fn state() -> State {
        let databases = ["one".into(), "two".into(), "three".into()];
        let examples = vec!["SELECT 1".into(), "SELECT 2".into()];
        State::new("test".into(), &databases, 1, examples)
    }

    fn press(state: &mut State, code: KeyCode) -> Option<Action> {
        state.take_in(Input::Key(code.into()))
    }

    fn ask(state: &mut State) -> Vec<Query> {
        match press(state, KeyCode::Enter) {
            Some(Action::Ask(queries)) => queries,
            other => panic!("{other:?}"),
        }
    }

    fn rows(count: i64) -> News {
        News::Rows((0..count).map(|one| vec![Value::Integer(one)]).collect())
    }

    #[test]
    fn what_comes_late_is_not_taken_for_a_later_answer() {
        let mut state = state();
        let late = ask(&mut state)[0].id;
        assert_eq!(press(&mut state, KeyCode::Enter), None, "one at a time");
        let cancel = press(&mut state, KeyCode::Esc);
        assert_eq!(cancel, Some(Action::Cancel(vec![late])));
        state.take_over(Event { id: late, news: News::Cancelled });
        assert_eq!(press(&mut state, KeyCode::Esc), None, "it is over");
        let id = ask(&mut state)[0].id;
        for news in [rows(5), News::Done, News::Failed("late".into())] {
            state.take_over(Event { id: late, news });
        }
        assert!(state.is_running() && state.rows.is_empty());
        state.take_over(Event { id, news: rows(3) });
        state.take_over(Event { id, news: News::Done });
        assert_eq!((state.runs[0].count, state.rows.len()), (3, 3));
    }

    #[test]
    fn all_rows_are_counted_and_only_the_first_are_kept() {
        let mut state = state();
        let id = ask(&mut state)[0].id;
        for _ in 0..7 {
            state.take_over(Event { id, news: rows(256) });
        }
        assert_eq!(state.runs[0].count, 7 * 256);
        assert_eq!(state.rows.len(), KEPT_ROWS);
    }

    #[test]
    fn as_many_are_asked_as_are_told_from_the_selected_on() {
        let mut state = State { at_once: 2, ..state() };
        press(&mut state, KeyCode::Tab);
        press(&mut state, KeyCode::End);
        let queries = ask(&mut state);
        assert_eq!(queries[0].database, PathBuf::from("three"));
        assert_eq!(queries[1].database, PathBuf::from("one"));
        for query in queries {
            assert!(state.is_running());
            state.take_over(Event { id: query.id, news: News::Done });
        }
        assert!(!state.is_running());
    }

    #[test]
    fn a_q_leaves_the_list_and_goes_into_the_line() {
        let mut state = state();
        assert_eq!(press(&mut state, KeyCode::Char('q')), None);
        assert_eq!(state.line.text(), "SELECT 1q");
        press(&mut state, KeyCode::Tab);
        let leave = Some(Action::Leave(None));
        assert_eq!(press(&mut state, KeyCode::Char('q')), leave);
    }

    #[test]
    fn examples_come_round() {
        let mut state = state();
        for text in ["SELECT 2", "SELECT 1", "SELECT 2"] {
            press(&mut state, KeyCode::Down);
            assert_eq!(state.line.text(), text);
        }
    }
}
