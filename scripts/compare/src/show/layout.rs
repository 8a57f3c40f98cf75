//! Text in columns, as wide as a terminal, a mail or a printed page.

use std::iter;

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle, Width, presets,
};

/// What fits into a terminal, a mail or a printed page.
pub const WIDTH: u16 = 100;

/// Each scenario has its own table, so the widths are fixed to align their
/// columns. With one column between each two, they add up to [`WIDTH`].
pub const COLUMNS: [u16; 4] = [30, 12, 12, 43];

const STYLE: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─').junction('─'));

/// Text, wrapped.
pub fn paragraph(text: &str) -> String {
    columns([WIDTH], iter::once([text.to_owned()]))
}

/// The same, as far from the edge as what is in a [`sheet`].
pub fn wrapped(text: &str) -> String {
    let mut table = table(presets::NOTHING);
    table.add_row([text]);
    table.trim_fmt()
}

/// Rows of a name, figures and text, in columns of these widths.
pub fn sheet<const N: usize>(
    columns: [u16; N],
    header: [&str; N],
    rows: Vec<[String; N]>,
) -> String {
    let mut table = table(STYLE);
    table.set_header(header).add_rows(rows);
    for (column, width) in table.column_iter_mut().zip(columns) {
        let width = Width::Fixed(width);
        column.set_constraint(ColumnConstraint::Absolute(width));
    }
    for figure in 1..N - 1 {
        if let Some(column) = table.column_mut(figure) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Rows without lines between them, in columns of these widths.
pub fn columns<const N: usize>(
    widths: [u16; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut table = table(presets::NOTHING);
    table.add_rows(rows);
    for (column, width) in table.column_iter_mut().zip(widths) {
        let width = Width::Fixed(width);
        column.set_padding((0, 1));
        column.set_constraint(ColumnConstraint::Absolute(width));
    }
    table.trim_fmt()
}

/// Lines with a label in front. Long ones are wrapped.
pub fn facts<'all>(facts: impl IntoIterator<Item = [&'all str; 2]>) -> String {
    let mut table = table(presets::NOTHING);
    table.add_rows(facts);
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

fn table(style: TableStyle) -> Table {
    let mut table = Table::new();
    table
        .load_style(style)
        .set_width(WIDTH)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table
}
