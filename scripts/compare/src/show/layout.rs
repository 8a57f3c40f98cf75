//! Text in columns, as wide as a terminal, a mail or a printed page.

use std::{io::stdout, iter, sync::LazyLock};

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle, Width, presets,
};
use rustix::termios::tcgetwinsize;

/// The widths of columns are given for this width, one column between each two
/// included. It fits into a mail and onto a printed page.
const FULL: u16 = 100;

/// A terminal that is narrower than this wraps lines.
const NARROW: u16 = 80;

/// Text wider than this may give way in a narrow terminal; figures do not.
const FIGURES: u16 = 20;

static WIDTH: LazyLock<u16> = LazyLock::new(|| {
    let terminal = tcgetwinsize(stdout()).ok().map(|size| size.ws_col);
    let known = terminal.filter(|columns| *columns > 0);
    known.map_or(FULL, |columns| columns.clamp(NARROW, FULL))
});

/// Each scenario has its own table, so the widths are fixed to align their
/// columns.
pub const COLUMNS: [u16; 4] = [30, 12, 12, 43];

const STYLE: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─').junction('─'));

/// Text, wrapped.
pub fn paragraph(text: &str) -> String {
    columns([FULL], iter::once([text.to_owned()]))
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
    for (column, width) in table.column_iter_mut().zip(fitted(columns, *WIDTH))
    {
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
    for (column, width) in table.column_iter_mut().zip(fitted(widths, *WIDTH)) {
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

/// Widths for [`FULL`], for a page that may be narrower: columns of text give
/// way, in proportion.
fn fitted<const N: usize>(widths: [u16; N], page: u16) -> [u16; N] {
    let is_text = |width: &u16| *width > FIGURES;
    let missing = FULL - page.min(FULL);
    let text: u16 = widths.into_iter().filter(is_text).sum();
    widths.map(|width| {
        if is_text(&width) {
            width - (width * missing).div_ceil(text)
        } else {
            width
        }
    })
}

fn table(style: TableStyle) -> Table {
    let mut table = Table::new();
    table
        .load_style(style)
        .set_width(*WIDTH)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_gives_way_in_a_narrow_terminal_and_figures_do_not() {
        assert_eq!(fitted(COLUMNS, FULL), COLUMNS);
        assert_eq!(fitted(COLUMNS, 300), COLUMNS);
        for widths in [[30, 12, 12, 43], [42, 58, 0, 0]] {
            let narrow = fitted(widths, NARROW);
            let sum = |widths: [u16; 4]| widths.into_iter().sum::<u16>();
            assert!(sum(narrow) <= sum(widths) - 20, "{narrow:?}");
            assert!(sum(narrow) >= sum(widths) - 22, "{narrow:?}");
            assert_eq!(narrow[1] == widths[1], widths[1] <= FIGURES);
        }
        assert_eq!(fitted([FULL], NARROW), [NARROW]);
    }
}
