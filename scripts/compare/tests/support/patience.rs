//! Patience with workers that are to stop: on a busy machine they may have to
//! wait for a core.

/// How long each way to stop a worker has. Far longer than that takes.
pub const GRACE: &str = "--grace=1s";

/// What the comparison asks for, with that patience.
pub fn patient<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let patient = |flag: &&'a str| {
        if flag.starts_with("--grace=") { GRACE } else { *flag }
    };
    flags.iter().map(patient).collect()
}
