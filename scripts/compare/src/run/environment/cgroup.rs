//! What the control groups of this process allow it to use: a container's quota
//! (cgroups(7); the kernel's admin-guide/cgroup-v2 and scheduler/sched-bwc).
//! Linux only.
//!
//! A quota is not a number of cores. Two cores' worth on a machine with eight
//! lets eight workers run at once until the period's share is exhausted, then
//! stops all of them until the next period.

use std::{fs, path::PathBuf};

use common::cgroup::folders;

/// How many cores' worth of time there is. None if unlimited.
pub fn quota() -> Option<f64> {
    tightest(&folders("cpu"))
}

/// In how many periods it was exhausted so far, which stopped the programs.
/// None if the kernel does not report it.
pub fn pauses() -> Option<u64> {
    pauses_in(&folders("cpu"))
}

fn tightest(folders: &[PathBuf]) -> Option<f64> {
    let quotas = folders.iter().filter_map(|folder| {
        let read = |name| fs::read_to_string(folder.join(name)).ok();
        let maximum = read("cpu.max").or_else(|| {
            let quota = read("cpu.cfs_quota_us")?;
            Some(quota + &read("cpu.cfs_period_us")?)
        });
        cores(&maximum?)
    });
    quotas.reduce(f64::min)
}

fn pauses_in(folders: &[PathBuf]) -> Option<u64> {
    let texts = folders.iter().map(|folder| folder.join("cpu.stat"));
    let texts = texts.filter_map(|path| fs::read_to_string(path).ok());
    texts.filter_map(|text| throttled(&text)).reduce(|one, more| one + more)
}

/// The quota over the period. Without a limit, it is `max` in version 2 and -1
/// in version 1.
fn cores(maximum: &str) -> Option<f64> {
    let mut words = maximum.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

/// Both versions use the same name.
fn throttled(statistics: &str) -> Option<u64> {
    let mut lines = statistics.lines();
    lines
        .find_map(|line| line.strip_prefix("nr_throttled "))
        .and_then(|number| number.trim().parse().ok())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_read_in_both_versions() {
        assert_eq!(cores("150000 100000\n"), Some(1.5));
        assert_eq!(cores("max 100000\n"), None);
        assert_eq!(cores("200000\n100000\n"), Some(2.0));
        assert_eq!(cores("-1\n100000\n"), None);
        assert_eq!(cores(""), None);
    }

    #[test]
    fn pauses_are_read_in_both_versions() {
        let second = "usage_usec 1\nuser_usec 1\nsystem_usec 0\n\
                      nr_periods 90\nnr_throttled 17\nthrottled_usec 812\n";
        let first = "nr_periods 90\nnr_throttled 4\nthrottled_time 812000\n";
        assert_eq!(throttled(second), Some(17));
        assert_eq!(throttled(first), Some(4));
        assert_eq!(throttled("usage_usec 1\n"), None);
    }

    /// The root has no files of its own, as in reality.
    #[test]
    fn the_tightest_quota_counts_and_every_pause() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "a/b", "a/b/c"].map(|it| root.path().join(it));
        for (folder, (quota, pauses)) in
            folders.iter().zip([("max", 3), ("150000", 2), ("300000", 0)])
        {
            fs::create_dir(folder).unwrap();
            let maximum = format!("{quota} 100000\n");
            fs::write(folder.join("cpu.max"), maximum).unwrap();
            let statistics = format!("nr_throttled {pauses}\n");
            fs::write(folder.join("cpu.stat"), statistics).unwrap();
        }
        let all = [&[root.path().to_owned()][..], &folders].concat();
        assert_eq!((tightest(&all), pauses_in(&all)), (Some(1.5), Some(5)));
        assert_eq!((tightest(&all[..2]), pauses_in(&[])), (None, None));
    }

    #[test]
    fn a_quota_of_the_first_version_stands_in_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text| fs::write(folder.path().join(name), text);
        write("cpu.cfs_quota_us", "50000\n").unwrap();
        write("cpu.cfs_period_us", "100000\n").unwrap();
        assert_eq!(tightest(&[folder.path().to_owned()]), Some(0.5));
    }
}
