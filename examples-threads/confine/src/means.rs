//! The means to confine a worker.

use common::scenarios::confine::{Means, Variant, has};
use process_kit::{
    Confinement,
    confinement::{Calls, Files, Tcp},
};

/// What a worker gives up, if it is to be confined: everything that the kernel
/// keeps for each thread.
pub fn confinement(
    variant: Variant,
    without: Option<Means>,
) -> Option<Confinement> {
    let with = |means| has(variant, without, means);
    let confinement = Confinement {
        files: with(Means::Files).then(Files::default),
        tcp: with(Means::Tcp).then(Tcp::default),
        calls: with(Means::Calls).then_some(CALLS),
        // threads: variables, descriptors and limits belong to all of them.
        ..Confinement::default()
    };
    (variant == Variant::Confined).then_some(confinement)
}

/// A worker may reach servers, if only the rules for TCP allow one.
const CALLS: Calls = Calls {
    connect: true,
    listen: false,
    processes: false,
    memory_files: false,
};
