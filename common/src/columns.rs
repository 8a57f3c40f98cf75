//! The tables that a demo prints: no rules, words left-aligned, figures
//! right-aligned.

use comfy_table::{CellAlignment, Row, Table, presets};

/// A table with words in the first column and figures in all others.
pub(crate) fn columns(headings: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(headings);
    if let Some(words) = table.column_mut(0) {
        words.set_padding((0, 0));
    }
    for figures in table.column_iter_mut().skip(1) {
        figures.set_padding((2, 0));
        figures.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The lines of a table, for a story.
pub(crate) fn lines(table: &Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}
