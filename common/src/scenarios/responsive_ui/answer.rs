//! The worker's part: a query runs to its end, and its rows are handed over as
//! they come.

use std::{
    mem,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use rusqlite::{Connection, ErrorCode, types::ValueRef};

use super::message::{Event, News, Query, Row, Value};
use crate::{databases, escaped::Escaped};

/// The maximum number of rows in a batch: each hand-over has its price.
const MOST_ROWS: usize = 256;

/// The maximum bytes in a batch, because a channel has limited room.
const MOST_BYTES: u64 = 32 << 10;

/// No row waits longer than this for others. It is less than a frame.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// How many steps SQLite takes between two checks whether to continue: less
/// than a tenth of a millisecond, while a check is a system call at worst.
const STEPS: i32 = 4000;

/// How long to wait for another program that is writing to the database. SQLite
/// cannot be interrupted during that wait, so it is too short for a person to
/// notice.
const BUSY: Duration = Duration::from_millis(20);

/// How much of a text is shown.
const LONGEST_TEXT: usize = 1024;

/// The worker's ends of the connection to the screen.
pub trait Link: Send + 'static {
    /// Waits for the next query; None means that there are no more.
    fn take(&mut self) -> Option<Query>;

    /// Called when a query gets its own new connection.
    fn begin(&mut self, _query: &Query, _connection: &Connection) {}

    /// Whether the query should be cancelled. Never waits.
    fn is_cancelled(&mut self, query: u64) -> bool;

    /// Hands over an event. Waits while the screen is behind, so that the
    /// memory does not fill up.
    ///
    /// # Errors
    ///
    /// Fails if the screen is gone.
    fn give(&mut self, event: Event) -> Result<()>;
}

/// Answers queries until there are no more, or no screen.
pub fn serve(link: impl Link) {
    let desk = Arc::new(Mutex::new(Desk::new(link)));
    let mut has_screen = true;
    while has_screen && let Some(query) = next(&desk) {
        let ending = |error| ending(&query.database, error);
        let news = run(&query, &desk).unwrap_or_else(ending);
        has_screen = lock(&desk).close(news).is_ok();
    }
}

/// Does not keep the lock: SQLite needs it while the query runs.
fn next<L: Link>(desk: &Mutex<Desk<L>>) -> Option<Query> {
    lock(desk).open()
}

/// Each query has its own connection. So a late interrupt cannot hit another
/// query, and a replaced file is noticed.
fn run<L: Link>(query: &Query, desk: &Arc<Mutex<Desk<L>>>) -> Result<News> {
    ensure!(!query.sql.trim().is_empty(), "no query: type one, then Enter");
    let mut connection = databases::open(&query.database)
        .map_err(|error| anyhow!("{error:#}: {OTHER_DATABASE}"))?;
    connection.busy_timeout(BUSY)?;
    lock(desk).link.begin(query, &connection);
    let ticking = desk.clone();
    connection.progress_handler(STEPS, Some(move || lock(&ticking).tick()))?;
    let mut statement = connection.prepare(&query.sql)?;
    let columns = databases::column_names(&connection, &query.sql);
    let shown = |name| Escaped(&name).to_string();
    let columns = columns.into_iter().map(shown).collect();
    lock(desk).give(News::Columns(columns))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if lock(desk).is_done_with(read(row)?)? {
            return Ok(News::Cancelled);
        }
    }
    Ok(News::Done)
}

/// The running query, and its rows waiting to be handed over.
struct Desk<L> {
    link: L,
    query: u64,
    rows: Vec<Row>,
    bytes: u64,
    /// Since when the first of them could have been handed over.
    since: Option<Instant>,
}

impl<L: Link> Desk<L> {
    fn new(link: L) -> Self {
        Desk { link, query: 0, rows: Vec::new(), bytes: 0, since: None }
    }

    fn open(&mut self) -> Option<Query> {
        let query = self.link.take()?;
        self.query = query.id;
        self.since = None;
        Some(query)
    }

    /// SQLite stops if this returns true. Rows do not wait for the next one,
    /// which may take long to come.
    fn tick(&mut self) -> bool {
        let handed = if self.is_due() { self.flush() } else { Ok(()) };
        handed.is_err() || self.link.is_cancelled(self.query)
    }

    /// Adds a row; returns whether it should be the last.
    fn is_done_with(&mut self, row: Row) -> Result<bool> {
        self.bytes += row.iter().map(Value::size).sum::<u64>();
        self.rows.push(row);
        if !self.is_due() {
            return Ok(false);
        }
        self.flush()?;
        Ok(self.link.is_cancelled(self.query))
    }

    fn is_due(&self) -> bool {
        let is_late = |since: Instant| since.elapsed() >= LONGEST_WAIT;
        self.rows.len() >= MOST_ROWS
            || self.bytes >= MOST_BYTES
            || !self.rows.is_empty() && self.since.is_none_or(is_late)
    }

    fn flush(&mut self) -> Result<()> {
        let rows = mem::take(&mut self.rows);
        self.bytes = 0;
        if !rows.is_empty() {
            self.give(News::Rows(rows))?;
        }
        self.since = Some(Instant::now());
        Ok(())
    }

    fn close(&mut self, news: News) -> Result<()> {
        self.flush()?;
        self.give(news)
    }

    fn give(&mut self, news: News) -> Result<()> {
        self.link.give(Event { id: self.query, news })
    }
}

/// A panic in the middle leaves nothing in a wrong state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let count = row.as_ref().column_count();
    (0..count).map(|index| Ok(value(row.get_ref(index)?))).collect()
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Blob(bytes) => Value::Blob(bytes.len() as u64),
        ValueRef::Text(text) => {
            let shown = &text[..text.len().min(LONGEST_TEXT)];
            Value::Text(String::from_utf8_lossy(shown).into_owned())
        }
    }
}

const OTHER_DATABASE: &str = "choose another database with Tab and ↓";

/// Why a query ended early.
fn ending(database: &Path, error: anyhow::Error) -> News {
    let Some(cause) = error.downcast_ref::<rusqlite::Error>() else {
        return News::Failed(format!("{error:#}"));
    };
    if let Some(why) = databases::not_readable_yet(database, cause) {
        return News::Failed(why.into());
    }
    let advice = match cause.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => return News::Cancelled,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program is writing to it; press Enter to try again"
        }
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::NotADatabase
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied,
        ) => OTHER_DATABASE,
        Some(ErrorCode::ReadOnly) => "the database is read-only; use SELECT",
        _ => "correct the query, then press Enter",
    };
    News::Failed(format!("{}: {advice}", Escaped(&reason(cause))))
}

/// SQLite's message, without the query, which is visible above it.
fn reason(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::{
        path::PathBuf,
        sync::mpsc::{Receiver, Sender, channel},
    };

    use super::*;

    /// Runs one query, and cancels it after `patience` rows.
    struct Script {
        query: Option<Query>,
        patience: usize,
        give: Sender<News>,
    }

    impl Link for Script {
        fn take(&mut self) -> Option<Query> {
            self.query.take()
        }

        fn is_cancelled(&mut self, query: u64) -> bool {
            assert_eq!(query, 7);
            self.patience == 0
        }

        fn give(&mut self, event: Event) -> Result<()> {
            assert_eq!(event.id, 7);
            if let News::Rows(rows) = &event.news {
                self.patience = self.patience.saturating_sub(rows.len());
            }
            Ok(self.give.send(event.news)?)
        }
    }

    fn news_of(sql: &str, patience: usize) -> Receiver<News> {
        let home = tempfile::tempdir().unwrap();
        let database: PathBuf = home.path().join("any.sqlite");
        std::fs::write(&database, []).unwrap();
        let (give, news) = channel();
        let query = Some(Query { id: 7, database, sql: sql.into() });
        serve(Script { query, patience, give });
        news
    }

    fn numbers(condition: &str) -> String {
        format!(
            "WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL \
             SELECT n + 1 FROM t {condition}) SELECT n FROM t"
        )
    }

    #[test]
    fn rows_go_together_but_not_too_many() {
        let (mut count, mut most, mut parts) = (0, 0, 0);
        let all = numbers("WHERE n < 10000");
        for news in news_of(&all, usize::MAX).iter() {
            if let News::Rows(rows) = news {
                count += rows.len();
                most = most.max(rows.len());
                parts += 1;
            }
        }
        assert_eq!((count, most), (10_000, MOST_ROWS));
        assert!(parts < 10_000 / 20, "{parts}");
    }

    #[test]
    fn large_rows_go_alone() {
        let large = "SELECT hex(zeroblob(20000)), 1 UNION ALL SELECT 2, 3";
        let news: Vec<_> = news_of(large, usize::MAX).iter().collect();
        let News::Rows(rows) = &news[1] else { panic!("{news:?}") };
        assert_eq!(rows[0][0], Value::Text("0".repeat(LONGEST_TEXT)));
        assert_eq!(news.last(), Some(&News::Done));
    }

    #[test]
    fn a_query_without_end_or_rows_can_be_cancelled() {
        let silent = numbers("") + " WHERE n < 0";
        let news: Vec<_> = news_of(&silent, 0).iter().collect();
        assert_eq!(news.last(), Some(&News::Cancelled));
    }

    #[test]
    fn no_row_waits_for_the_next() {
        let three = numbers("") + " WHERE n <= 3";
        let news: Vec<_> = news_of(&three, 3).iter().collect();
        let rows = news.iter().map(|news| match news {
            News::Rows(rows) => rows.len(),
            _ => 0,
        });
        assert_eq!(rows.sum::<usize>(), 3);
        assert_eq!(news.last(), Some(&News::Cancelled));
    }

    #[test]
    fn what_goes_wrong_says_what_to_do() {
        for (sql, advice) in [
            ("", "type one"),
            ("SELEC", "syntax error: correct the query"),
            ("SELECT abs(-9223372036854775808)", "integer overflow"),
            ("CREATE TABLE t (a)", "use SELECT"),
        ] {
            let news: Vec<_> = news_of(sql, usize::MAX).iter().collect();
            let Some(News::Failed(text)) = news.last() else {
                panic!("{news:?}")
            };
            assert!(text.contains(advice), "{text}");
        }
    }
}
