//! Confine: code that you do not trust; what can it harm?
//! Here: threads, which share what they should give up.
//! There: examples-processes/confine/src/main.rs
//! Watch: what each hostile act does to its host, and which means stops it.
//! Run: cargo run --release -p confine-threads -- --quick

mod costs;
mod fork;
mod hired;
mod host;
mod judge;
mod means;
mod sibling;

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
    // threads: the child is not a worker. It is the host of one, which has to
    // be expendable.
    match role() {
        Role::Main => demo::main(Model::Threads, run),
        Role::Worker(parent) => parent.serve(|order, _| host::serve(order)),
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
