//! The product that a worker of `matrix` computes, on one core, beside
//! numpy's: `cargo bench -p common --features matrix --bench product`.
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
use common::scenarios::matrix::product;
use faer::{Mat, MatMut, MatRef};

/// What numpy runs: a product for each line that it reads. The factors are
/// made as `entry` makes them.
const NUMPY: &str = "
import sys, time
import numpy
size = int(sys.argv[1])
row, column = numpy.mgrid[0:size, 0:size]
left = (7 * row + 13 * column) % 101 / 101
right = (11 * row + 3 * column) % 103 / 103
product = numpy.empty((size, size))
print('ready', flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    numpy.matmul(left, right, out=product)
    seconds = time.perf_counter() - start
    print(seconds, product.trace(), flush=True)
";

/// One product: how long it took, and its trace, which proves that it was the
/// same product.
struct Sample {
    seconds: f64,
    trace: f64,
}

fn main() -> Result<()> {
    // Cargo says `--bench` when it measures. Without it this is a test run,
    // which only wants to see that it works.
    let (size, rounds) = match env::args().any(|flag| flag == "--bench") {
        true => (1024, 60),
        false => (32, 2),
    };
    let mut faer = Faer::new(size);
    let Some(mut numpy) = Numpy::start(size)? else {
        let samples = (0..rounds).map(|_| Ok(faer.multiply()));
        let seconds = seconds(samples.collect::<Result<Vec<_>>>()?);
        println!("faer  {:.1} GFLOP/s", rate(size, &seconds));
        println!("there is no python3 with numpy to compare with");
        return Ok(());
    };
    let (ours, theirs) = alternate(&mut faer, &mut numpy, rounds)?;
    report(size, &ours, &theirs);
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
    let (one, other) = (ours[0].trace, theirs[0].trace);
    ensure!(
        (one - other).abs() <= 1e-9 * one,
        "the products differ: trace {one}, and by numpy {other}"
    );
    Ok((seconds(ours), seconds(theirs)))
}

fn seconds(samples: Vec<Sample>) -> Vec<f64> {
    samples.iter().map(|sample| sample.seconds).collect()
}

fn report(size: usize, ours: &[f64], theirs: &[f64]) {
    println!("product of two matrices, n = {size}, one core");
    println!("faer   {:6.1} GFLOP/s", rate(size, ours));
    println!("numpy  {:6.1} GFLOP/s", rate(size, theirs));
    let ratios: Vec<f64> =
        theirs.iter().zip(ours).map(|(their, our)| their / our).collect();
    let [low, median, high] =
        [0.25, 0.5, 0.75].map(|part| quantile(&ratios, part));
    println!(
        "ratio  {median:6.3}, half of the {} rounds in [{low:.3}, {high:.3}]",
        ratios.len()
    );
}

/// The median rate, in units of 10⁹ additions and multiplications a second.
fn rate(size: usize, seconds: &[f64]) -> f64 {
    2.0 * (size as f64).powi(3) / quantile(seconds, 0.5) / 1e9
}

fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * part).round() as usize]
}

struct Faer {
    size: usize,
    left: Vec<f64>,
    right: Mat<f64>,
    product: Vec<f64>,
}

impl Faer {
    fn new(size: usize) -> Self {
        let rows = (0..size).flat_map(|row| {
            (0..size).map(move |column| entry(row, column, 7, 13, 101))
        });
        Faer {
            size,
            left: rows.collect(),
            right: Mat::from_fn(size, size, |row, column| {
                entry(row, column, 11, 3, 103)
            }),
            product: vec![0.0; size * size],
        }
    }

    fn multiply(&mut self) -> Sample {
        let size = self.size;
        let start = Instant::now();
        product(
            MatRef::from_row_major_slice(&self.left, size, size),
            self.right.as_ref(),
            MatMut::from_column_major_slice_mut(&mut self.product, size, size),
        );
        let seconds = start.elapsed().as_secs_f64();
        let trace = self.product.iter().step_by(size + 1).sum();
        Sample { seconds, trace }
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
    fn start(size: usize) -> Result<Option<Self>> {
        let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let Ok(mut child) = Command::new(python)
            .args(["-c", NUMPY, &size.to_string()])
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
        let (seconds, trace) =
            line.trim().split_once(' ').context("numpy is gone")?;
        Ok(Sample { seconds: seconds.parse()?, trace: trace.parse()? })
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
