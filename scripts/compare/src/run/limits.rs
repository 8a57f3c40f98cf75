//! The benches that compare with what a machine can do at best.

use std::{
    env,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use anyhow::Context as _;

/// The packages and their benches. Each ends with its goals, met or missed.
const BENCHES: [[&str; 2]; 3] = [
    ["ipc-processes", "yardsticks"],
    ["process-kit", "pool"],
    ["worker-cost-processes", "start"],
];

const WORKSPACE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");

/// Becomes `cargo bench`, which builds them and runs them one by one.
///
/// # Errors
///
/// Fails if cargo cannot be started.
pub fn measure() -> anyhow::Result<ExitCode> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = Command::new(&cargo);
    bench.args(["bench", "--manifest-path", WORKSPACE]);
    for [package, name] in BENCHES {
        bench.args(["--package", package, "--bench", name]);
    }
    let error = bench.exec();
    Err(error).with_context(|| {
        format!("cannot start {cargo:?}: install Rust, see https://rustup.rs")
    })
}
