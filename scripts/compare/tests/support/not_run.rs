//! What a test cannot do here is said, and never skipped in silence.

use std::{env, fs::OpenOptions, io::Write as _};

/// Says it now, and once more at the end of `scripts/test.sh`, which names a
/// file for that in `NOT_RUN`.
pub fn not_run(what: &str) {
    eprintln!("Not run: {what}");
    if let Some(list) = env::var_os("NOT_RUN") {
        let list = OpenOptions::new().append(true).open(list);
        writeln!(list.unwrap(), "{what}").unwrap();
    }
}
