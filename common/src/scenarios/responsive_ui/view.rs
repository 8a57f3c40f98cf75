//! How the screen looks. It only uses what every terminal has, so that it is
//! readable on dark and on light backgrounds: the terminal's own two colours,
//! bold, dim and reversed, and red for errors.

use std::{path::PathBuf, time::Duration};

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Layout, Position, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line as Text, Span},
    widgets::{
        Block, List, ListItem, ListState, Padding, Paragraph, Row as TableRow,
        Sparkline, SparklineBar, Table, Wrap,
    },
};

use super::{
    line::Line,
    message::{Row, Value},
    state::{Ending, Focus, Run, State},
};
use crate::{escaped::Escaped, units};

/// The height of the plot of gaps, in milliseconds. Longer gaps fill it.
const TALLEST_GAP: u64 = 100;

/// A gap that a person notices, in milliseconds.
const LONG_GAP: u64 = 50;

/// The widest column, so that more than one fits.
const WIDEST_COLUMN: usize = 24;

/// Between two columns.
const SPACE: u16 = 2;

/// The lines of the query that are visible at once.
const MOST_LINES: usize = 4;

/// Draws all of it.
pub fn view(frame: &mut Frame<'_>, state: &State) {
    let width = frame.area().width.saturating_sub(2).max(1);
    let (lines, cursor) = wrapped(&state.line, width);
    let [title, query, middle, gaps, status, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2 + lines.len() as u16),
        Constraint::Min(3),
        Constraint::Length(4),
        Constraint::Length(2),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let [list, result] =
        Layout::horizontal([Constraint::Length(22), Constraint::Min(10)])
            .areas(middle);
    draw_title(frame, state, title);
    draw_query(frame, state, lines, cursor, query);
    draw_databases(frame, state, list);
    draw_result(frame, state, result);
    draw_gaps(frame, state, gaps);
    frame.render_widget(status_line(state), status);
    frame.render_widget(key_line(state), keys);
}

fn draw_title(frame: &mut Frame<'_>, state: &State, area: Rect) {
    const SPINNER: [char; 10] =
        ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
    let time = state.begun.elapsed();
    let turn = time.as_millis() as usize / 80 % SPINNER.len();
    let title = format!(", {}", state.title);
    let name = Text::from(vec![" responsive-ui".bold(), title.into()]);
    let clock = format!("{} {:.1} s ", SPINNER[turn], time.as_secs_f64());
    frame.render_widget(name, area);
    frame.render_widget(Text::from(clock).alignment(Alignment::Right), area);
}

fn draw_query(
    frame: &mut Frame<'_>,
    state: &State,
    lines: Vec<String>,
    cursor: (u16, u16),
    area: Rect,
) {
    let has_focus = state.focus == Focus::Query;
    let lines: Vec<_> = lines.into_iter().map(Text::from).collect();
    frame.render_widget(
        Paragraph::new(lines).block(block("Query".into(), has_focus)),
        area,
    );
    if has_focus {
        let (x, y) = (area.x + 1 + cursor.0, area.y + 1 + cursor.1);
        frame.set_cursor_position(Position { x, y });
    }
}

/// The query in as many lines as it takes, except those too far from the
/// cursor; and the position of the cursor in them.
fn wrapped(line: &Line, width: u16) -> (Vec<String>, (u16, u16)) {
    let (before, after) = line.halves();
    let mut wrap = Wrapping::new(width.into(), before.chars().count());
    // The cursor may be after the end.
    let text = format!("{before}{after} ");
    text.split_inclusive(' ').for_each(|word| wrap.push_word(word));
    let (column, row) = wrap.cursor;
    let first = (row + 1).saturating_sub(MOST_LINES);
    let shown = wrap.lines.into_iter().skip(first).take(MOST_LINES);
    (shown.collect(), (column as u16, (row - first) as u16))
}

/// A text that wraps where a line is full, between words if possible.
struct Wrapping {
    width: usize,
    lines: Vec<String>,
    filled: usize,
    /// How many characters come before the cursor.
    before: usize,
    cursor: (usize, usize),
}

impl Wrapping {
    fn new(width: usize, before: usize) -> Self {
        let lines = vec![String::new()];
        Wrapping { width, lines, filled: 0, before, cursor: (0, 0) }
    }

    fn push_word(&mut self, word: &str) {
        let width = Span::raw(word.trim_end()).width();
        if self.filled + width > self.width && width <= self.width {
            self.next_line();
        }
        word.chars().for_each(|sign| self.push(sign));
    }

    fn push(&mut self, sign: char) {
        let width = Span::raw(sign.to_string()).width();
        // A blank may hang over the edge, where nobody misses it.
        if self.filled + width > self.width && sign != ' ' {
            self.next_line();
        }
        let row = self.lines.len() - 1;
        if self.before == 0 {
            self.cursor = (self.filled.min(self.width - 1), row);
        }
        self.before = self.before.wrapping_sub(1);
        self.lines[row].push(sign);
        self.filled += width;
    }

    fn next_line(&mut self) {
        self.lines.push(String::new());
        self.filled = 0;
    }
}

fn draw_databases(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let has_focus = state.focus == Focus::Databases;
    let name = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        ListItem::new(Escaped(stem).to_string())
    };
    let style =
        if has_focus { Style::new().reversed() } else { Style::new().bold() };
    let list = List::new(state.databases.iter().map(name))
        .highlight_symbol("▸ ")
        .highlight_style(style)
        .block(block("Databases".into(), has_focus));
    let mut selected = ListState::default().with_selected(Some(state.selected));
    frame.render_stateful_widget(list, area, &mut selected);
}

fn draw_result(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let room = usize::from(area.height.saturating_sub(3));
    let rows: Vec<&Row> =
        state.rows.iter().skip(state.top).take(room).collect();
    let widths = widths(&state.columns, &rows, area.width.saturating_sub(2));
    let shown = widths.len();
    let mut block = block(heading(state), false);
    if !rows.is_empty() {
        block = block.title_bottom(extent(state, rows.len(), shown));
    }
    if state.columns.is_empty() {
        let hint = Paragraph::new("Rows appear here.".dim()).block(block);
        frame.render_widget(hint, area);
        return;
    }
    let names = names(&state.columns[..shown], rows.first());
    let cells = rows.into_iter().map(|row| cells(row, shown));
    let table = Table::new(cells, widths.into_iter().map(Constraint::Length))
        .column_spacing(SPACE)
        .header(names.bold())
        .block(block);
    frame.render_widget(table, area);
}

/// A name is aligned like its numbers: to the right.
fn names(columns: &[String], first: Option<&&Row>) -> TableRow<'static> {
    let first = first.map_or(&[][..], |row| row.as_slice());
    let name = |(place, name): (usize, &String)| {
        aligned(Text::from(name.clone()), first.get(place))
    };
    columns.iter().enumerate().map(name).collect()
}

fn cells(row: &Row, shown: usize) -> TableRow<'static> {
    let cell = |value: &Value| {
        let text = aligned(Text::from(value.to_string()), Some(value));
        if value == &Value::Null { text.dim() } else { text }
    };
    row.iter().take(shown).map(cell).collect()
}

fn aligned(text: Text<'static>, like: Option<&Value>) -> Text<'static> {
    match like {
        Some(Value::Integer(_) | Value::Real(_)) => text.right_aligned(),
        _ => text,
    }
}

/// As wide as their contents, for as many columns as fit.
fn widths(columns: &[String], rows: &[&Row], room: u16) -> Vec<u16> {
    let mut left = usize::from(room);
    let mut widths = Vec::new();
    for (index, name) in columns.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let cells = cells.map(|value| Span::raw(value.to_string()).width());
        let widest = cells.chain([Span::raw(name).width()]).max().unwrap_or(1);
        let width = widest.min(WIDEST_COLUMN);
        if width > left && !widths.is_empty() {
            break;
        }
        widths.push(width.min(left) as u16);
        left = left.saturating_sub(width + usize::from(SPACE));
    }
    widths
}

fn heading(state: &State) -> String {
    match total(&state.runs) {
        0 => "Result".into(),
        count => format!("Result: {}", rows(count)),
    }
}

/// The visible part of the result.
fn extent(state: &State, seen: usize, columns: usize) -> String {
    let (first, last) = (state.top + 1, state.top + seen);
    let kept = units::human(state.rows.len() as f64, "1");
    let mut text = format!(" rows {first} to {last} of {kept} kept");
    if columns < state.columns.len() {
        text += &format!(", {columns} of {} columns", state.columns.len());
    }
    text + " "
}

fn draw_gaps(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let room = usize::from(area.width.saturating_sub(2));
    let newest: Vec<_> = state.gaps.iter().rev().take(room).collect();
    let (last, longest) = (newest.first(), newest.iter().max());
    let time = |gap: Option<&&Duration>| {
        gap.map_or(0.0, |gap| gap.as_secs_f64() * 1e3)
    };
    let heading = format!(
        "Time between frames: {:.0} ms, longest {:.0} ms",
        time(last),
        time(longest)
    );
    let bars = newest.into_iter().rev().map(|gap| {
        let gap = gap.as_millis() as u64;
        let style = if gap >= LONG_GAP {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        };
        SparklineBar::from(gap.min(TALLEST_GAP)).style(style)
    });
    let plot = Sparkline::default()
        .data(bars.collect::<Vec<_>>())
        .max(TALLEST_GAP)
        .block(block(heading, false));
    frame.render_widget(plot, area);
}

fn status_line(state: &State) -> Paragraph<'static> {
    let failure = state.runs.iter().find_map(|run| match &run.ended {
        Some((_, Ending::Failed(reason))) => Some(reason),
        _ => None,
    });
    let text = match failure {
        Some(reason) => {
            let error = "error: ".fg(Color::Red).bold();
            Text::from(vec![error, reason.clone().into()])
        }
        None => Text::from(status(state)),
    };
    let indented = Block::new().padding(Padding::left(1));
    Paragraph::new(text).wrap(Wrap { trim: false }).block(indented)
}

fn status(state: &State) -> String {
    let runs = &state.runs;
    let Some(took) = runs.iter().map(Run::took).max() else {
        return "Ready.".into();
    };
    let so_far = format!(
        "{} in {}",
        rows(total(runs)),
        units::human(took.as_secs_f64(), "s")
    );
    let is_cancelled =
        |run: &Run| matches!(run.ended, Some((_, Ending::Cancelled)));
    if state.is_running() && runs.iter().any(|run| run.cancelling) {
        format!("Cancelling: {so_far}.")
    } else if state.is_running() {
        format!("Running: {so_far} so far; Esc cancels.")
    } else if runs.iter().any(is_cancelled) {
        format!("Cancelled: {so_far}.")
    } else {
        format!("Done: {so_far}.")
    }
}

fn total(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.count).sum()
}

fn rows(count: u64) -> String {
    match count {
        1 => "1 row".into(),
        _ => format!("{} rows", units::human(count as f64, "1")),
    }
}

fn key_line(state: &State) -> Text<'static> {
    let keys = match state.focus {
        Focus::Query => [
            ("Enter", "run"),
            ("Esc", "cancel"),
            ("↑↓", "examples"),
            ("PgUp/PgDn", "rows"),
            ("Tab", "databases"),
            ("Ctrl-Q", "leave"),
        ],
        Focus::Databases => [
            ("Enter", "run"),
            ("Esc", "cancel"),
            ("↑↓", "choose"),
            ("PgUp/PgDn", "rows"),
            ("Tab", "query"),
            ("q", "leave"),
        ],
    };
    let words = keys.into_iter().flat_map(|(key, what)| {
        [" ".into(), key.bold(), format!(" {what} ").into()]
    });
    words.collect::<Vec<Span<'_>>>().into()
}

fn block(title: String, has_focus: bool) -> Block<'static> {
    let style = if has_focus {
        Style::new().add_modifier(Modifier::BOLD)
    } else {
        Style::new()
    };
    let border = if has_focus { Style::new() } else { Style::new().dim() };
    Block::bordered()
        .title(Span::styled(format!(" {title} "), style))
        .border_style(border)
}

#[cfg(test)]
mod tests {
    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::scenarios::responsive_ui::{
        Event, News,
        state::{Action, Input},
    };

    /// A screen that shows a result with two columns.
    fn answered(sql: &str) -> State {
        let databases = ["a/one.sqlite".into(), "b/two.sqlite".into()];
        let mut state = State::new("test".into(), &databases, 1, Vec::new());
        state.line = Line::new(sql);
        let enter = ratatui::crossterm::event::KeyCode::Enter;
        let asked = state.take_in(Input::Key(enter.into()));
        let Some(Action::Ask(queries)) = asked else {
            panic!("{asked:?}");
        };
        let row = vec![Value::Integer(-12), Value::Text("a\nb".into())];
        for news in [
            News::Columns(vec!["number".into(), "text".into()]),
            News::Rows(vec![row; 300]),
            News::Done,
        ] {
            state.take_over(Event { id: queries[0].id, news });
        }
        state
    }

    fn drawn(state: &State, (width, height): (u16, u16)) -> Vec<String> {
        let backend = TestBackend::new(width, height);
        let mut terminal = Terminal::new(backend).unwrap();
        terminal.draw(|frame| view(frame, state)).unwrap();
        let cells = terminal.backend().buffer().content();
        let rows = cells.chunks(width.max(1).into());
        let text = |row: &[ratatui::buffer::Cell]| {
            row.iter().map(|cell| cell.symbol()).collect()
        };
        rows.map(text).collect()
    }

    #[test]
    fn numbers_stand_right_and_texts_left() {
        let rows = drawn(&answered("SELECT"), (80, 24));
        assert!(rows.iter().any(|row| row.contains("│number  text")));
        assert!(rows.iter().any(|row| row.contains("│   -12  a\\nb")));
        assert!(rows.iter().any(|row| row.contains("Result: 300 rows")));
    }

    #[test]
    fn a_long_query_goes_on_in_the_next_line_with_the_cursor() {
        let long = "0123456789".repeat(20) + "the end";
        let state = answered(&long);
        let rows = drawn(&state, (80, 24));
        assert!(rows.iter().any(|row| row.contains("the end")), "{rows:?}");
        let (lines, cursor) = wrapped(&state.line, 78);
        assert_eq!((lines.len(), cursor), (3, (207 - 2 * 78, 2)));
        let (lines, cursor) = wrapped(&state.line, 13);
        assert_eq!(lines[1..3], ["9012345678901", "2345678901234"]);
        assert_eq!((&*lines[3], cursor), ("56789the end ", (12, 3)));
    }

    #[test]
    fn a_line_ends_between_words() {
        let (lines, cursor) = wrapped(&Line::new("one two three"), 8);
        assert_eq!(lines, ["one two ", "three "]);
        assert_eq!(cursor, (5, 1));
        let (lines, cursor) = wrapped(&Line::new("one two three"), 7);
        assert_eq!(lines, ["one two ", "three "]);
        assert_eq!(cursor, (5, 1));
    }

    #[test]
    fn what_is_wide_takes_two_columns() {
        let (lines, cursor) = wrapped(&Line::new("表表表"), 5);
        assert_eq!(lines, ["表表", "表 "]);
        assert_eq!(cursor, (2, 1));
    }

    #[test]
    fn no_window_is_too_small() {
        let state = answered("SELECT 1");
        for width in 1..30 {
            for height in 1..16 {
                drawn(&state, (width, height));
            }
        }
    }
}
