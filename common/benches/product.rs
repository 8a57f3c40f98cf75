//! The product that a worker of `matrix` computes, on one core, beside
//! numpy's: `cargo bench -p common --features matrix --bench product`. Once
//! square, as such figures are given everywhere; once of the projection's
//! shape.
//!
//! A machine's speed drifts from minute to minute, and so the two alternate:
//! numpy waits in a process of its own, and multiplies when it is asked to.
//! Each multiplies in the layout that suits it: numpy row by row, faer as in
//! the projection, rows by columns.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use common::scenarios::matrix;
use faer::{Mat, MatMut, MatRef};

/// What numpy runs: a product for each line that it reads. The factors are
/// made as `entry` makes them.
const NUMPY: &str = "
import sys, time
import numpy
rows, depth, columns = map(int, sys.argv[1:])
row, column = numpy.mgrid[0:rows, 0:depth]
left = (7 * row + 13 * column) % 101 / 101
row, column = numpy.mgrid[0:depth, 0:columns]
right = (11 * row + 3 * column) % 103 / 103
product = numpy.empty((rows, columns))
print('ready', flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    numpy.matmul(left, right, out=product)
    seconds = time.perf_counter() - start
    print(seconds, product.sum(), flush=True)
";

/// A matrix of `rows` by `depth`, multiplied by one of `depth` by `columns`.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    depth: usize,
    columns: usize,
}

/// One product: how long it took, and its sum, which proves that it was the
/// same product.
struct Sample {
    seconds: f64,
    sum: f64,
}

fn main() -> Result<()> {
    // Cargo says `--bench` when it measures. Without it this is a test run,
    // which only wants to see that it works.
    let (shapes, rounds) = if env::args().any(|flag| flag == "--bench") {
        (vec![Shape::square(1024), Shape::projection()], 60)
    } else {
        (vec![Shape::square(32)], 2)
    };
    for shape in shapes {
        compare(shape, rounds)?;
    }
    Ok(())
}

impl Shape {
    fn square(size: usize) -> Self {
        Shape { rows: size, depth: size, columns: size }
    }

    /// As in the first of the generated databases.
    fn projection() -> Self {
        Shape { rows: 4733, depth: 700, columns: 184 }
    }

    /// Billions of additions and multiplications.
    fn work(&self) -> f64 {
        2e-9 * (self.rows * self.depth * self.columns) as f64
    }
}

fn compare(shape: Shape, rounds: usize) -> Result<()> {
    let Shape { rows, depth, columns } = shape;
    println!("{rows} × {depth} by {depth} × {columns}, one core");
    let mut faer = Faer::new(shape);
    let Some(mut numpy) = Numpy::start(shape)? else {
        let samples = (0..rounds).map(|_| faer.multiply()).collect();
        println!("  faer   {:5.1} GFLOP/s", rate(shape, &seconds(samples)));
        println!("  numpy  is missing from python3: no ratio");
        return Ok(());
    };
    let (ours, theirs) = alternate(&mut faer, &mut numpy, rounds)?;
    report(shape, &ours, &theirs);
    Ok(())
}

/// Who goes first changes from round to round.
fn alternate(
    faer: &mut Faer,
    numpy: &mut Numpy,
    rounds: usize,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    faer.multiply();
    numpy.multiply()?;
    for round in 0..rounds {
        if round % 2 == 0 {
            ours.push(faer.multiply());
        }
        theirs.push(numpy.multiply()?);
        if round % 2 == 1 {
            ours.push(faer.multiply());
        }
    }
    let (one, other) = (ours[0].sum, theirs[0].sum);
    ensure!(
        (one - other).abs() <= 1e-9 * one,
        "the products differ: their sums are {one}, and by numpy {other}"
    );
    Ok((seconds(ours), seconds(theirs)))
}

fn seconds(samples: Vec<Sample>) -> Vec<f64> {
    samples.iter().map(|sample| sample.seconds).collect()
}

fn report(shape: Shape, ours: &[f64], theirs: &[f64]) {
    println!("  faer   {:5.1} GFLOP/s", rate(shape, ours));
    println!("  numpy  {:5.1} GFLOP/s", rate(shape, theirs));
    let ratios: Vec<f64> =
        theirs.iter().zip(ours).map(|(their, our)| their / our).collect();
    let [low, median, high] =
        [0.25, 0.5, 0.75].map(|part| quantile(&ratios, part));
    println!(
        "  faer is {median:.3} times as fast; \
         half of {} rounds lie in [{low:.3}, {high:.3}]",
        ratios.len()
    );
}

fn rate(shape: Shape, seconds: &[f64]) -> f64 {
    shape.work() / quantile(seconds, 0.5)
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

struct Faer {
    shape: Shape,
    left: Vec<f64>,
    right: Mat<f64>,
    product: Vec<f64>,
}

impl Faer {
    fn new(shape: Shape) -> Self {
        let Shape { rows, depth, columns } = shape;
        let left = (0..rows).flat_map(|row| {
            (0..depth).map(move |column| entry(row, column, 7, 13, 101))
        });
        let right = Mat::from_fn(depth, columns, |row, column| {
            entry(row, column, 11, 3, 103)
        });
        let product = vec![0.0; rows * columns];
        Faer { shape, left: left.collect(), right, product }
    }

    fn multiply(&mut self) -> Sample {
        let Shape { rows, depth, columns } = self.shape;
        let product = &mut self.product;
        let start = Instant::now();
        matrix::product(
            MatRef::from_row_major_slice(&self.left, rows, depth),
            self.right.as_ref(),
            MatMut::from_column_major_slice_mut(product, rows, columns),
        );
        let seconds = start.elapsed().as_secs_f64();
        Sample { seconds, sum: self.product.iter().sum() }
    }
}

fn entry(row: usize, column: usize, a: usize, b: usize, period: usize) -> f64 {
    ((a * row + b * column) % period) as f64 / period as f64
}

struct Numpy {
    child: Child,
    /// Closed, it ends the child.
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
}

impl Numpy {
    /// Starts numpy, if there is one.
    fn start(shape: Shape) -> Result<Option<Self>> {
        let Shape { rows, depth, columns } = shape;
        let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let Ok(mut child) = Command::new(python)
            .args(["-c", NUMPY])
            .args([rows, depth, columns].map(|size| size.to_string()))
            .envs(["OPENBLAS", "MKL", "OMP"].map(one_thread))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        else {
            return Ok(None);
        };
        let replies = child.stdout.take().context("numpy has no stdout")?;
        let mut numpy = Numpy {
            requests: child.stdin.take(),
            replies: BufReader::new(replies),
            child,
        };
        Ok((numpy.line()?.trim() == "ready").then_some(numpy))
    }

    fn multiply(&mut self) -> Result<Sample> {
        let requests = self.requests.as_mut().context("numpy has no stdin")?;
        writeln!(requests, "again")?;
        let line = self.line()?;
        let (seconds, sum) =
            line.trim().split_once(' ').context("numpy is gone")?;
        Ok(Sample { seconds: seconds.parse()?, sum: sum.parse()? })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.replies.read_line(&mut line)?;
        Ok(line)
    }
}

/// A bench that gives up leaves no child behind.
impl Drop for Numpy {
    fn drop(&mut self) {
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

fn one_thread(library: &str) -> (String, &'static str) {
    (format!("{library}_NUM_THREADS"), "1")
}
