//! Workers that share their one core with a program that wants all of it.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::{MODELS, demo, programs};
use common::{placement::pin_in_turn, scenarios::ALL};

/// Many times what it takes where nobody gives up the core for nothing.
const HANGS: Duration = Duration::from_secs(120);

struct Busy(Child);

impl Busy {
    fn begin() -> Self {
        let endless = ["-c", "while :; do :; done"];
        Busy(Command::new("sh").args(endless).spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A worker that gave up the core after each transfer would wait for the busy
/// one as often. And whether all others hang behind a plain lock is checked:
/// so all of them must be at work when one dies with it.
#[test]
fn a_crash_beside_a_busy_program_comes_to_an_end() {
    // To build them beside a busy program would take its time.
    programs();
    pin_in_turn(0).unwrap();
    let _busy = Busy::begin();
    let crash = ALL.iter().find(|scenario| scenario.name == "crash").unwrap();
    for model in MODELS {
        let mut program = demo(crash, model)
            .args(["--workers=3", "--transfers=20000", "--deaths=1"])
            .args(["--variant=abort", "--variant=panic", "--json"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + HANGS;
        while program.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                program.kill().unwrap();
                panic!("{model}: it hangs");
            }
            thread::sleep(Duration::from_millis(10));
        }
        assert!(program.wait().unwrap().success(), "{model}");
    }
}
