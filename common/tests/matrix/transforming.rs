//! The transformation against a textbook's, written for this test.

use std::fmt::Write as _;

use common::scenarios::matrix::{Finished, Source, load, transform};
use proptest::{collection::vec, prelude::*};

use crate::{Folder, finish};

type Matrix = Vec<Vec<f64>>;

/// A few numbers are whole, and some columns may well be constant.
fn matrices() -> impl Strategy<Value = Matrix> {
    let number = prop_oneof![
        3 => -1e3..1e3_f64,
        1 => (-3..3_i32).prop_map(f64::from),
    ];
    (1..7_usize, 2..25_usize)
        .prop_flat_map(move |(columns, rows)| {
            (
                vec(vec(number.clone(), columns), rows),
                vec(prop::bool::weighted(0.15), columns),
            )
        })
        .prop_map(|(mut matrix, constant)| {
            let first = matrix[0].clone();
            for row in &mut matrix {
                for (column, is_constant) in constant.iter().enumerate() {
                    if *is_constant {
                        row[column] = first[column];
                    }
                }
            }
            matrix
        })
}

fn database(folder: &Folder, matrix: &[Vec<f64>]) -> Source {
    let names = |column| format!("c{column}");
    let columns: Vec<String> = (0..matrix[0].len()).map(names).collect();
    let mut sql = format!("BEGIN; CREATE TABLE t ({});", columns.join(","));
    for row in matrix {
        let numbers: Vec<String> =
            row.iter().map(|number| format!("{number:e}")).collect();
        write!(sql, "INSERT INTO t VALUES ({});", numbers.join(",")).unwrap();
    }
    folder.database(&(sql + "COMMIT;"))
}

fn finished(matrix: &[Vec<f64>]) -> Finished<Vec<f64>> {
    finish(&database(&Folder::new(), matrix)).unwrap()
}

/// Each column in standard units; zeros, where it is constant.
fn standardised(matrix: &Matrix) -> Matrix {
    let rows = matrix.len() as f64;
    let mut columns = transposed(matrix);
    for column in &mut columns {
        let mean = column.iter().sum::<f64>() / rows;
        let square = |x: &f64| (x - mean) * (x - mean);
        let variance = column.iter().map(square).sum::<f64>() / (rows - 1.0);
        let is_constant = column.iter().all(|x| *x == column[0]);
        for x in column.iter_mut() {
            *x = if is_constant { 0.0 } else { (*x - mean) / variance.sqrt() };
        }
    }
    transposed(&columns)
}

fn transposed(matrix: &Matrix) -> Matrix {
    let column = |index: usize| matrix.iter().map(|row| row[index]).collect();
    (0..matrix[0].len()).map(column).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(x, y)| x * y).sum()
}

fn correlation(standardised: &Matrix) -> Matrix {
    let columns = transposed(standardised);
    let degrees_of_freedom = (standardised.len() - 1) as f64;
    let with = |one: &Vec<f64>| {
        columns
            .iter()
            .map(|other| dot(one, other) / degrees_of_freedom)
            .collect()
    };
    columns.iter().map(with).collect()
}

/// Jacobi's method: turn in one plane after the other until the rest is gone.
fn eigenvalues(mut matrix: Matrix) -> Vec<f64> {
    let size = matrix.len();
    for _ in 0..60 {
        for p in 0..size {
            for q in p + 1..size {
                turn(&mut matrix, p, q);
            }
        }
    }
    let mut values: Vec<f64> = (0..size).map(|i| matrix[i][i]).collect();
    values.sort_by(|one, other| other.total_cmp(one));
    values
}

fn turn(matrix: &mut Matrix, p: usize, q: usize) {
    if matrix[p][q] == 0.0 {
        return;
    }
    let angle = 0.5 * (2.0 * matrix[p][q]).atan2(matrix[q][q] - matrix[p][p]);
    let (sine, cosine) = angle.sin_cos();
    let turned = |one: f64, other: f64| {
        (cosine * one - sine * other, sine * one + cosine * other)
    };
    for row in matrix.iter_mut() {
        (row[p], row[q]) = turned(row[p], row[q]);
    }
    let (upper, lower) = matrix.split_at_mut(q);
    for (one, other) in upper[p].iter_mut().zip(&mut lower[0]) {
        (*one, *other) = turned(*one, *other);
    }
}

fn is_near(one: f64, other: f64, scale: f64) -> bool {
    (one - other).abs() <= 1e-9 * scale
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn eigenvalues_are_the_textbook_s(matrix in matrices()) {
        let found = finished(&matrix).report.figures.eigenvalues;
        let expected = eigenvalues(correlation(&standardised(&matrix)));
        prop_assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert!(is_near(*found, *expected, expected.max(1.0)));
        }
        prop_assert!(found.is_sorted_by(|one, next| one >= next));
        // The trace of a correlation matrix.
        let constant = constant_columns(&matrix);
        let varying = (matrix[0].len() - constant) as f64;
        prop_assert!(is_near(found.iter().sum(), varying, varying.max(1.0)));
        let zeros = found.iter().filter(|value| **value == 0.0).count();
        prop_assert!(zeros >= constant);
    }

    #[test]
    fn components_are_the_fewest_that_carry_their_share(
        matrix in matrices()
    ) {
        let figures = finished(&matrix).report.figures;
        let values = figures.eigenvalues;
        let (kept, all): (_, f64) =
            (figures.components_kept, values.iter().sum());
        let carried = |kept: usize| values[..kept].iter().sum::<f64>();
        prop_assert!(carried(kept) >= 0.95 * all);
        prop_assert!(kept == 0 || carried(kept - 1) < 0.95 * all);
        prop_assert_eq!(kept == 0, all == 0.0);
    }

    #[test]
    fn the_projection_is_along_the_eigenvectors(matrix in matrices()) {
        let Finished { report, projection } = finished(&matrix);
        let rows = matrix.len();
        let standardised = standardised(&matrix);
        let correlation = correlation(&standardised);
        let columns = transposed(&standardised);
        for (column, value) in
            projection.chunks_exact(rows).zip(&report.figures.eigenvalues)
        {
            let scale = rows as f64 * value.max(1.0);
            let variance = dot(column, column) / (rows - 1) as f64;
            prop_assert!(is_near(variance, *value, scale));
            prop_assert!(is_near(column.iter().sum(), 0.0, scale));
            let factor = 1.0 / ((rows - 1) as f64 * value);
            let vector: Vec<f64> =
                columns.iter().map(|x| dot(x, column) * factor).collect();
            prop_assert!(is_near(dot(&vector, &vector), 1.0, scale));
            for (row, entry) in correlation.iter().zip(&vector) {
                prop_assert!(is_near(dot(row, &vector), value * entry, scale));
            }
            prop_assert!(largest_is_positive(&vector));
        }
    }

    #[test]
    fn what_the_projection_loses_is_what_was_not_kept(matrix in matrices()) {
        let Finished { report, projection } = finished(&matrix);
        let square = |values: &[f64]| dot(values, values);
        let whole = square(&standardised(&matrix).concat());
        let figures = report.figures;
        let lost: f64 =
            figures.eigenvalues[figures.components_kept..].iter().sum();
        let lost = lost * (matrix.len() - 1) as f64;
        prop_assert!(is_near(whole - square(&projection), lost, whole));
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        (one, other) in matrices().prop_flat_map(|matrix| {
            (Just(matrix.clone()), Just(matrix).prop_shuffle())
        })
    ) {
        let one = finished(&one).report.figures.eigenvalues;
        let other = finished(&other).report.figures.eigenvalues;
        for (one, other) in one.iter().zip(&other) {
            prop_assert!(is_near(*one, *other, one.max(1.0)));
        }
    }
}

fn constant_columns(matrix: &Matrix) -> usize {
    let is_constant =
        |column: &&Vec<f64>| column.iter().all(|value| *value == column[0]);
    transposed(matrix).iter().filter(is_constant).count()
}

/// Where two are equally large but for rounding, either may count as larger.
fn largest_is_positive(vector: &[f64]) -> bool {
    let size = |value: &f64| value.abs();
    let largest = vector.iter().map(size).fold(0.0, f64::max);
    vector.iter().any(|value| *value >= largest * (1.0 - 1e-6))
}

/// Large enough that every kernel has blocks, strips and remainders.
fn large() -> Matrix {
    let number = |index: usize| ((index * index * 31) % 1009) as f64;
    let row = |row: usize| (0..67).map(|i| number(row * 67 + i)).collect();
    (0..301).map(row).collect()
}

#[test]
fn wherever_the_projection_lies_its_bits_are_the_same() {
    let folder = Folder::new();
    let source = database(&folder, &large());
    let expected = finish(&source).unwrap();
    for offset in 0..9 {
        let components = transform(load(&source).unwrap()).unwrap();
        let mut space = vec![0.0; offset + components.projection_len()];
        let projection = &mut space[offset..];
        let report = components.project_into(projection, 7).unwrap();
        assert_eq!(report.figures, expected.report.figures);
        let bits = |x: &f64| x.to_bits();
        assert!(
            projection
                .iter()
                .map(bits)
                .eq(expected.projection.iter().map(bits))
        );
        assert_eq!(report.timeline.worker, 7);
    }
}

#[test]
fn a_projection_of_another_size_is_refused() {
    let matrix = [vec![1.0, 2.0], vec![3.0, 5.0], vec![4.0, -1.0]];
    let folder = Folder::new();
    let source = database(&folder, &matrix);
    let components = transform(load(&source).unwrap()).unwrap();
    assert_eq!(components.projection_len(), 6);
    let error = components.project_into(&mut [0.0; 5], 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a projection of 3 rows onto 2 components does not fit into 5 numbers"
    );
}

#[test]
fn constant_columns_are_eigenvalues_of_exactly_zero() {
    let matrix: Matrix =
        (0..5).map(|row| vec![0.1, f64::from(row), 1e17]).collect();
    let Finished { report, projection } = finished(&matrix);
    let figures = report.figures;
    assert_eq!(figures.eigenvalues[1..], [0.0, 0.0]);
    assert!(is_near(figures.eigenvalues[0], 1.0, 1.0));
    assert_eq!(figures.components_kept, 1);
    assert!(is_near(projection[0], -(1.6_f64.sqrt()), 1.0));
}

#[test]
fn a_table_that_never_changes_has_no_components() {
    let Finished { report, projection } =
        finished(&[vec![0.3; 4], vec![0.3; 4]]);
    assert_eq!(report.figures.eigenvalues, [0.0; 4]);
    assert_eq!(report.figures.components_kept, 0);
    assert!(projection.is_empty());
}

#[test]
fn there_may_be_more_columns_than_rows() {
    let matrix: Matrix = large().into_iter().take(5).collect();
    let figures = finished(&matrix).report.figures;
    let values = figures.eigenvalues;
    assert_eq!(values.len(), 67);
    assert!(is_near(values[..4].iter().sum(), 67.0, 67.0));
    assert!(values[4..].iter().all(|value| is_near(*value, 0.0, 67.0)));
    assert!(figures.components_kept <= 4);
}

/// Microseconds since 1970: in all, 61 bits are needed.
#[test]
fn a_long_way_from_zero_nothing_is_lost() {
    let near: Matrix = large().into_iter().map(|row| row[..3].into()).collect();
    let far =
        near.iter().map(|row| row.iter().map(|value| 1.7e15 + value).collect());
    let far: Matrix = far.collect();
    let near = finished(&near).report.figures.eigenvalues;
    let far = finished(&far).report.figures.eigenvalues;
    for (near, far) in near.iter().zip(&far) {
        assert!((near - far).abs() < 1e-13, "{near} {far}");
    }
}
