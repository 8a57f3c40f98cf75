//! Correlation, its eigenvectors, and the projection onto the leading ones:
//! the principal components of the standardised columns.
//!
//! The kernels are faer's. With [`Par::Seq`] they run on the calling thread,
//! and the order of their sums depends only on sizes, not on where in memory a
//! matrix is.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use faer::{
    Accum, Mat, MatMut, MatRef, Par,
    diag::Diag,
    dyn_stack::{MemBuffer, MemStack},
    linalg::{
        evd::{
            ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch,
        },
        matmul::{
            matmul,
            triangular::{self, BlockStructure},
        },
    },
};

use super::{Figures, Report, Span, Table, Timeline};
use crate::{databases::Version, laps::monotonic};

/// The minimum share of the variance that the kept components carry.
const SHARE: f64 = 0.95;

/// How many rows are multiplied at once. Faer packs a whole factor before it
/// multiplies; a packed strip of it stays in the second-level cache. For 4800
/// rows of 700 this makes both products a seventh faster, and any strip from 64
/// to 200 rows will do.
const STRIP: usize = 192;

/// The principal components of a table, and its rows in standard units: all
/// that the projection needs.
#[derive(Debug)]
pub struct Components {
    figures: Figures,
    version: Version,
    load: Span,
    transform_start: Duration,
    /// Row by row.
    standardised: Vec<f64>,
    /// The kept eigenvectors, as columns.
    basis: Mat<f64>,
}

impl Components {
    /// How many numbers the projection has.
    pub fn projection_len(&self) -> usize {
        self.figures.rows_used * self.figures.components_kept
    }

    /// Writes the projection, one column per kept component. `worker` is the
    /// number of the worker that did all this.
    ///
    /// The product is computed directly in `projection`, wherever that is:
    /// nothing is copied.
    ///
    /// # Errors
    ///
    /// Fails if `projection` is not [as long as it should
    /// be](Self::projection_len).
    pub fn project_into(
        self,
        projection: &mut [f64],
        worker: usize,
    ) -> Result<Report> {
        let (rows, kept) =
            (self.figures.rows_used, self.figures.components_kept);
        ensure!(
            projection.len() == self.projection_len(),
            "a projection of {rows} rows onto {kept} components does not fit \
             into {} numbers",
            projection.len()
        );
        product(
            MatRef::from_row_major_slice(
                &self.standardised,
                rows,
                self.basis.nrows(),
            ),
            self.basis.as_ref(),
            MatMut::from_column_major_slice_mut(projection, rows, kept),
        );
        let transform = Span { start: self.transform_start, end: monotonic() };
        Ok(Report {
            figures: self.figures,
            version: self.version,
            timeline: Timeline { worker, load: self.load, transform },
        })
    }
}

/// Standardises the columns and finds the principal components.
///
/// A column whose values are all the same has no standard units: it counts as
/// all zeros, with an eigenvalue of exactly zero.
///
/// # Errors
///
/// Fails, naming the file, if the variance of a column is too large for a
/// float, or if the eigenvalues do not converge.
pub fn transform(table: Table) -> Result<Components> {
    let transform_start = monotonic();
    let source = table.source.clone();
    source.blame(decompose(table, transform_start))
}

/// The product of two matrices, on one core. It is fastest if `left` is stored
/// row by row, and `right` and `product` column by column.
///
/// # Panics
///
/// Panics if the sizes do not match.
pub fn product(
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    mut product: MatMut<'_, f64>,
) {
    for start in (0..left.nrows()).step_by(STRIP) {
        let height = STRIP.min(left.nrows() - start);
        matmul(
            product.as_mut().subrows_mut(start, height),
            Accum::Replace,
            left.subrows(start, height),
            right,
            1.0,
            Par::Seq,
        );
    }
}

fn decompose(
    mut table: Table,
    transform_start: Duration,
) -> Result<Components> {
    let deviations = standardise(&mut table)?;
    let varying: Vec<usize> = (0..deviations.len())
        .filter(|&column| deviations[column].is_finite())
        .collect();
    let (ascending, vectors) = eigen(&correlation(&table), &varying)?;
    let eigenvalues = descending(&ascending, table.columns.len());
    let kept = kept(&eigenvalues).min(varying.len());
    Ok(Components {
        figures: Figures {
            name: table.source.name(),
            rows_used: table.rows(),
            rows_left_out: table.rows_left_out,
            columns_used: table.columns,
            columns_left_out: table.columns_left_out,
            columns_made_constant: table.columns_made_constant,
            eigenvalues,
            components_kept: kept,
        },
        version: table.version,
        load: table.load,
        transform_start,
        standardised: table.values,
        basis: basis(&vectors, &varying, deviations.len(), kept),
    })
}

/// Turns each value into (value − mean) / deviation, in place, and returns the
/// deviations. That of a constant column is infinite: it turns the column into
/// zeros, where zero would give 0 / 0.
fn standardise(table: &mut Table) -> Result<Vec<f64>> {
    let means = shift(&mut table.values, table.columns.len());
    let deviations = deviations(table, &means)?;
    for row in table.values.chunks_exact_mut(means.len()) {
        for ((value, mean), deviation) in
            row.iter_mut().zip(&means).zip(&deviations)
        {
            *value = (*value - mean) / deviation;
        }
    }
    Ok(deviations)
}

/// Subtracts the first row from each column, and returns the means of the
/// differences. So time stamps become as exact as lengths, although their mean
/// would otherwise be rounded at the scale of their year; and a constant column
/// is exactly zero from here on.
fn shift(values: &mut [f64], columns: usize) -> Vec<f64> {
    let rows = (values.len() / columns) as f64;
    let first = values[..columns].to_vec();
    let mut sums = vec![0.0; columns];
    for row in values.chunks_exact_mut(columns) {
        for ((sum, value), first) in sums.iter_mut().zip(row).zip(&first) {
            *value -= first;
            *sum += *value;
        }
    }
    sums.into_iter().map(|sum| sum / rows).collect()
}

/// Standard deviations, with n − 1.
fn deviations(table: &Table, means: &[f64]) -> Result<Vec<f64>> {
    let mut squares = vec![0.0; means.len()];
    for row in table.values.chunks_exact(means.len()) {
        for ((square, value), mean) in squares.iter_mut().zip(row).zip(means) {
            *square += (value - mean) * (value - mean);
        }
    }
    let degrees_of_freedom = (table.rows() - 1) as f64;
    let variances = squares.iter().map(|square| square / degrees_of_freedom);
    variances
        .zip(&table.columns)
        .map(|(variance, column)| deviation(variance, column))
        .collect()
}

/// A variance below the smallest normal float counts as zero: values so close
/// together are as good as constant.
fn deviation(variance: f64, column: &str) -> Result<f64> {
    ensure!(
        variance.is_finite(),
        "the numbers of column {column:?} are too far apart: their variance \
         does not fit into a float"
    );
    if variance < f64::MIN_POSITIVE {
        Ok(f64::INFINITY)
    } else {
        Ok(variance.sqrt())
    }
}

/// The covariance of the standardised columns. It is symmetric: only the lower
/// half is computed, and the upper half stays zero.
fn correlation(standardised: &Table) -> Mat<f64> {
    let columns = standardised.columns.len();
    let factor = 1.0 / (standardised.rows() - 1) as f64;
    let mut correlation = Mat::zeros(columns, columns);
    for strip in standardised.values.chunks(STRIP * columns) {
        let rows = strip.len() / columns;
        let strip = MatRef::from_row_major_slice(strip, rows, columns);
        triangular::matmul(
            &mut correlation,
            BlockStructure::TriangularLower,
            Accum::Add,
            strip.transpose(),
            BlockStructure::Rectangular,
            strip,
            BlockStructure::Rectangular,
            factor,
            Par::Seq,
        );
    }
    correlation
}

/// The eigenvalues, ascending, and the eigenvectors of the submatrix of the
/// `varying` columns.
fn eigen(
    correlation: &Mat<f64>,
    varying: &[usize],
) -> Result<(Vec<f64>, Mat<f64>)> {
    let size = varying.len();
    if size == 0 {
        // Faer's scratch requirement is undefined for this size.
        return Ok((Vec::new(), Mat::new()));
    }
    let part = Mat::from_fn(size, size, |row, column| {
        correlation[(varying[row], varying[column])]
    });
    let mut values = Diag::zeros(size);
    let mut vectors = Mat::zeros(size, size);
    let scratch = self_adjoint_evd_scratch::<f64>(
        size,
        ComputeEigenvectors::Yes,
        Par::Seq,
        Default::default(),
    );
    self_adjoint_evd(
        part.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|error| anyhow!("the eigenvalues do not converge: {error:?}"))?;
    let values = values.column_vector().iter().copied().collect();
    Ok((values, vectors))
}

/// All eigenvalues, the largest first, with a zero for each constant column.
/// Where there are more columns than rows, rounding leaves some slightly below
/// zero; they stay as computed, after the zeros.
fn descending(ascending: &[f64], columns: usize) -> Vec<f64> {
    let mut eigenvalues = ascending.to_vec();
    eigenvalues.resize(columns, 0.0);
    eigenvalues.sort_by(|one, other| other.total_cmp(one));
    eigenvalues
}

/// The smallest number of leading eigenvalues that reach `SHARE` of the sum.
fn kept(eigenvalues: &[f64]) -> usize {
    let enough = SHARE * eigenvalues.iter().sum::<f64>();
    let mut sum = 0.0;
    let too_few = eigenvalues.iter().take_while(|value| {
        sum += **value;
        sum < enough
    });
    too_few.count() + 1
}

/// The leading eigenvectors as columns, over all columns of the table: constant
/// ones contribute nothing.
///
/// An eigenvector may point either way. Here its largest component is positive;
/// of equally large ones, the first.
fn basis(
    vectors: &Mat<f64>,
    varying: &[usize],
    columns: usize,
    kept: usize,
) -> Mat<f64> {
    let mut basis = Mat::zeros(columns, kept);
    for component in 0..kept {
        let vector = vectors.col(vectors.ncols() - 1 - component);
        let largest = vector.iter().fold(0.0_f64, |largest, &value| {
            if value.abs() > largest.abs() { value } else { largest }
        });
        for (&column, value) in varying.iter().zip(vector.iter()) {
            basis[(column, component)] = value * largest.signum();
        }
    }
    basis
}
