//! What a child of this program is to be.
//!
//! It has no twin: with threads the host is the only child. Here the worker is
//! one as well, a child of the host.

use anyhow::Result;
use common::scenarios::confine::Seen;
use process_kit::Parent;
use serde::{Deserialize, Serialize};

use crate::{
    forked::{self, Forking},
    hired::Post,
    host::{self, Order},
    worker,
};

#[derive(Serialize, Deserialize)]
pub enum Part {
    Host(Order),
    Worker(Box<Post>),
    Forking(Box<Forking>),
}

/// Plays it. Only a host has seen something.
pub fn play(part: Part, _: &mut Parent) -> Result<Option<Seen>> {
    match part {
        Part::Host(order) => host::serve(order).map(Some),
        Part::Worker(post) => worker(*post).map(|()| None),
        Part::Forking(forking) => forked::serve(*forking).map(|()| None),
    }
}
