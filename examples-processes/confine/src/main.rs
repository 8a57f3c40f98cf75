//! Confine: code that you do not trust; what can it harm?
//! Here: processes, each of which can give up what it must not have.
//! There: examples-threads/confine/src/main.rs
//! Watch: what each hostile act does to its host, and which means stops it.
//! Run: cargo run --release -p confine-processes -- --quick

mod costs;
mod fork;
mod forked;
mod hired;
mod host;
mod judge;
mod means;
mod part;

use std::process::ExitCode;

use anyhow::Result;
use common::{
    demo,
    outcome::{Model, Outcome},
    scenarios::confine::{self, Args, Attempt, Bill},
};
use process_kit::{Role, role};

use hired::Post;

fn main() -> ExitCode {
    // processes: a child may be a host as well as a worker, because the host of
    // a hostile worker has to be expendable.
    match role() {
        Role::Main => demo::main(Model::Processes, run),
        Role::Worker(parent) => parent.serve(part::play),
    }
}

fn run(model: Model, args: &Args) -> Result<Outcome> {
    let tried = demo::each(args.attempts(), Attempt::name, judge::try_act)?;
    let costs = demo::each(args.bills(), Bill::name, costs::measure)?;
    confine::outcome(model, &tried, &costs)
}

/// What every worker does.
fn worker(mut post: Post) -> Result<()> {
    post.confine()?;
    post.work()
}
