//! What the jobs do. The ways to get stuck that differ between threads and
//! processes are in the siblings.

use std::hint::black_box;

use libc::{c_int, fnmatch};

use crate::input::Input;

/// Iterations of a good job: about a tenth of a millisecond.
const TURNS: u32 = 40_000;

/// A little work, whose result depends on all of it.
pub fn good_work(seed: u64, number: u64) -> u64 {
    let mut input = Input::new(seed, number);
    let start = u64::from(input.below(u32::MAX));
    (0..TURNS).fold(start, |sum, _| {
        black_box(sum.rotate_left(7) ^ u64::from(input.below(u32::MAX)))
    })
}

/// A query that counts forever. It stops for `sqlite3_interrupt`, which SQLite
/// checks between any two steps.
pub const ENDLESS_QUERY: &str = "\
    WITH RECURSIVE numbers(number) AS (\
        VALUES (1) UNION ALL SELECT number + 1 FROM numbers\
    ) SELECT count(*) FROM numbers";

/// Patterns with alternatives, as in shells: fnmatch(3), a GNU extension.
const FNM_EXTMATCH: c_int = 1 << 5;

/// A C library call that does not return in anybody's lifetime: it matches a
/// name against a pattern, and tries all ways to cut the name into pieces, of
/// which there are more than 2^60. Programs do get such patterns from their
/// users.
pub fn native_call() -> bool {
    let name =
        c"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let pattern = c"*(*(a|aa))b";
    // SAFETY: both are strings that end with a zero and outlive the call.
    let result =
        unsafe { fnmatch(pattern.as_ptr(), name.as_ptr(), FNM_EXTMATCH) };
    result == 0
}
