//! What the control groups of this process leave to it: a container's quota
//! (cgroups(7); the kernel's admin-guide/cgroup-v2 and
//! scheduler/sched-bwc). Linux only.
//!
//! A quota is not a number of cores. Two cores' worth on a machine of eight
//! lets eight workers run at once until the period's share is used up, and
//! then stops all of them until the next period.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procfs::process::{MountInfo, Process};

/// How many cores' worth of time there is. None if it is not limited.
pub fn quota() -> Option<f64> {
    tightest(&folders())
}

/// In how many periods it was used up so far, and the programs were stopped.
pub fn pauses() -> u64 {
    pauses_in(&folders())
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

fn pauses_in(folders: &[PathBuf]) -> u64 {
    folders
        .iter()
        .filter_map(|folder| fs::read_to_string(folder.join("cpu.stat")).ok())
        .map(|text| throttled(&text))
        .sum()
}

/// The quota over the period. It is `max` in the second version, and -1 in
/// the first, where there is none.
fn cores(maximum: &str) -> Option<f64> {
    let mut words = maximum.split_whitespace();
    let quota: f64 = words.next()?.parse().ok()?;
    let period: f64 = words.next()?.parse().ok()?;
    (quota > 0.0 && period > 0.0).then_some(quota / period)
}

/// Both versions call it the same.
fn throttled(statistics: &str) -> u64 {
    let mut lines = statistics.lines();
    lines
        .find_map(|line| line.strip_prefix("nr_throttled "))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// The group of this process and all around it, for a limit on any of them
/// is one. None where the kernel does not tell.
fn folders() -> Vec<PathBuf> {
    let Ok(process) = Process::myself() else {
        return Vec::new();
    };
    let (Ok(groups), Ok(mounts)) = (process.cgroups(), process.mountinfo())
    else {
        return Vec::new();
    };
    let governing = groups.0.iter().filter_map(|group| {
        let version_2 = group.controllers.iter().all(String::is_empty);
        let mount =
            mounts.0.iter().find(|mount| governs_cpu(mount, version_2))?;
        let cpu = |name: &String| name == "cpu";
        (version_2 || group.controllers.iter().any(cpu))
            .then(|| and_around(&group.pathname, mount))
    });
    governing.flatten().collect()
}

fn governs_cpu(mount: &MountInfo, version_2: bool) -> bool {
    match version_2 {
        true => mount.fs_type == "cgroup2",
        false => {
            mount.fs_type == "cgroup" && mount.super_options.contains_key("cpu")
        }
    }
}

/// A container sees its own group mounted as if it were the root of all.
fn and_around(group: &str, mount: &MountInfo) -> Vec<PathBuf> {
    let group = Path::new(group);
    let below = group.strip_prefix(&mount.root).unwrap_or(group);
    let below = below.strip_prefix("/").unwrap_or(below);
    let around = below.ancestors();
    around.map(|group| mount.mount_point.join(group)).collect()
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
        assert_eq!(throttled(second), 17);
        assert_eq!(throttled(first), 4);
        assert_eq!(throttled("usage_usec 1\n"), 0);
    }

    /// The root has no files of its own, as it is.
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
        assert_eq!((tightest(&all), pauses_in(&all)), (Some(1.5), 5));
        assert_eq!((tightest(&all[..2]), pauses_in(&[])), (None, 0));
    }

    #[test]
    fn a_quota_of_the_first_version_stands_in_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text| fs::write(folder.path().join(name), text);
        write("cpu.cfs_quota_us", "50000\n").unwrap();
        write("cpu.cfs_period_us", "100000\n").unwrap();
        assert_eq!(tightest(&[folder.path().to_owned()]), Some(0.5));
    }

    fn mount(line: &str) -> MountInfo {
        MountInfo::from_line(line).unwrap()
    }

    #[test]
    fn the_mount_of_each_version_is_found() {
        let second = mount(
            "31 23 0:28 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw",
        );
        let first =
            mount("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu");
        let memory = mount(
            "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
        );
        let governing = |version_2| {
            [&second, &first, &memory].map(|it| governs_cpu(it, version_2))
        };
        assert_eq!(governing(true), [true, false, false]);
        assert_eq!(governing(false), [false, true, false]);
    }

    #[test]
    fn a_group_is_governed_by_all_around_it() {
        let root = mount("31 23 0:28 / /cg rw - cgroup2 cgroup2 rw");
        let folders = and_around("/user/app", &root);
        assert_eq!(
            folders,
            ["/cg/user/app", "/cg/user", "/cg/"].map(PathBuf::from)
        );
        let own = mount("31 23 0:28 /docker/a1 /cg rw - cgroup2 cgroup2 rw");
        assert_eq!(and_around("/docker/a1", &own), [PathBuf::from("/cg/")]);
    }
}
