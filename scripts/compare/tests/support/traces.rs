//! What a program may leave behind: processes, and names in shared memory.
//!
//! A test that looks for them is a subreaper, see prctl(2): what a program
//! leaves becomes its child, and it can wait until it has none.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{self, Command},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Pid, WaitOptions, set_child_subreaper, wait},
};

/// From now on, what others leave is ours.
pub fn become_subreaper() {
    set_child_subreaper(Some(Pid::INIT)).unwrap();
}

/// Waits until no process is left, nor a name but the `old` ones.
pub fn nothing_is_left(old: &BTreeSet<String>, deadline: Instant, what: &str) {
    while is_child_left(what) || !orphaned_names().is_subset(old) {
        let names = orphaned_names();
        let is_time = Instant::now() < deadline;
        assert!(is_time, "{what}: {names:?}, {}", children());
        thread::sleep(Duration::from_millis(1));
    }
}

fn is_child_left(what: &str) -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return false,
            Err(error) => panic!("{what}: {error}"),
            Ok(Some(_)) => {}
            Ok(None) => return true,
        }
    }
}

/// Those whose parents are gone, and `ps` itself.
fn children() -> String {
    let mut list = Command::new("ps");
    list.args(["-o", "pid,stat,args", "--ppid", &process::id().to_string()]);
    String::from_utf8_lossy(&list.output().unwrap().stdout).into_owned()
}

/// The names in /dev/shm whose owners are dead: `process-kit`, `segment`, the
/// owner's id, and more. Those of the living are none of our business.
pub fn orphaned_names() -> BTreeSet<String> {
    let folder = fs::read_dir("/dev/shm").unwrap();
    folder
        .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("process-kit."))
        .filter(|name| !is_alive(name.split('.').nth(2).unwrap()))
        .collect()
}

fn is_alive(owner: &str) -> bool {
    Path::new("/proc").join(owner).exists()
}
