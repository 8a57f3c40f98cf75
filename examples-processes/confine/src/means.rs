//! The means to confine a worker.

use common::scenarios::confine::{
    DESCRIPTORS, FILE_SIZE, MEMORY, Means, SECONDS, Variant, has,
};
use process_kit::{
    Confinement,
    confinement::{Calls, Files, Limits, Tcp},
};

/// What a worker gives up, if it is to be confined: every means that one of the
/// acts shows. `Confinement::strict` has more.
pub fn confinement(
    variant: Variant,
    without: Option<Means>,
) -> Option<Confinement> {
    let with = |means| has(variant, without, means);
    let confinement = Confinement {
        files: with(Means::Files).then(Files::default),
        tcp: with(Means::Tcp).then(Tcp::default),
        calls: with(Means::Calls).then_some(CALLS),
        // processes: they have variables, descriptors and limits of their own.
        environment: with(Means::Environment).then(Vec::new),
        descriptors: with(Means::Leftovers),
        limits: Limits {
            memory: with(Means::Memory).then_some(MEMORY),
            processor_seconds: with(Means::Time).then_some(SECONDS),
            descriptors: with(Means::Descriptors).then_some(DESCRIPTORS),
            file_size: with(Means::FileSize).then_some(FILE_SIZE),
            processes: None,
        },
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
