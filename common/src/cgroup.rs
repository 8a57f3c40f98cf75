//! The control groups of this process, and how much memory their limits leave
//! (cgroups(7); the kernel's admin-guide/cgroup-v2 and cgroup-v1/memory).
//! Linux only.

use std::{
    fs,
    path::{Path, PathBuf},
};

use procfs::process::{MountInfo, Process};

/// Bytes that memory limits still leave to this process. None if there is no
/// limit, or the kernel does not report one.
pub fn memory_left() -> Option<u64> {
    least_left(&folders("memory"))
}

/// The folders of this process's group for a controller and of all its
/// ancestors, whose limits apply too. Empty if the kernel does not report them.
pub fn folders(controller: &str) -> Vec<PathBuf> {
    let Ok(process) = Process::myself() else {
        return Vec::new();
    };
    let (Ok(groups), Ok(mounts)) = (process.cgroups(), process.mountinfo())
    else {
        return Vec::new();
    };
    let governing = groups.0.iter().filter_map(|group| {
        let version_2 = group.controllers.iter().all(String::is_empty);
        let is_its = |mount: &&MountInfo| governs(mount, controller, version_2);
        let mount = mounts.0.iter().find(is_its)?;
        let is_named = |name: &String| name == controller;
        (version_2 || group.controllers.iter().any(is_named))
            .then(|| and_around(&group.pathname, mount))
    });
    governing.flatten().collect()
}

fn governs(mount: &MountInfo, controller: &str, version_2: bool) -> bool {
    if version_2 {
        return mount.fs_type == "cgroup2";
    }
    mount.fs_type == "cgroup" && mount.super_options.contains_key(controller)
}

/// A container sees its own group mounted as the root.
fn and_around(group: &str, mount: &MountInfo) -> Vec<PathBuf> {
    let group = Path::new(group);
    let below = group.strip_prefix(&mount.root).unwrap_or(group);
    let below = below.strip_prefix("/").unwrap_or(below);
    let around = below.ancestors();
    around.map(|group| mount.mount_point.join(group)).collect()
}

fn least_left(folders: &[PathBuf]) -> Option<u64> {
    folders.iter().filter_map(|folder| left_in(folder)).min()
}

/// A group may use what is below its limit, plus its reclaimable file cache.
/// This reads the files of version 2 or version 1. Without a limit, version 2
/// reports `max`, and version 1 a number larger than any memory.
fn left_in(folder: &Path) -> Option<u64> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let bytes = |names: [&str; 2]| -> Option<u64> {
        names.into_iter().find_map(text)?.trim().parse().ok()
    };
    let limit = bytes(["memory.max", "memory.limit_in_bytes"])?;
    let used = bytes(["memory.current", "memory.usage_in_bytes"])?;
    let spare = text("memory.stat").and_then(|text| can_be_given_up(&text));
    Some(limit.saturating_sub(used.saturating_sub(spare.unwrap_or(0))))
}

/// In version 1 only the total includes descendant groups, as version 2 does.
fn can_be_given_up(statistics: &str) -> Option<u64> {
    let number = |name| {
        let mut lines = statistics.lines();
        lines.find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
    };
    number("total_inactive_file ").or_else(|| number("inactive_file "))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn group(folder: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    /// The root has no such files, as on a real system.
    #[test]
    fn the_least_that_any_group_leaves_counts() {
        let root = tempfile::tempdir().unwrap();
        let [outer, inner] = ["a", "a/b"].map(|it| root.path().join(it));
        group(&outer, &[("memory.max", "max\n"), ("memory.current", "9\n")]);
        let all = [root.path().to_owned(), outer.clone(), inner.clone()];
        group(&inner, &[]);
        assert_eq!(least_left(&all), None);
        group(&inner, &[("memory.max", "1000\n"), ("memory.current", "700\n")]);
        assert_eq!(least_left(&all), Some(300));
        let cache = "anon 500\ninactive_file 150\nactive_file 50\n";
        group(&inner, &[("memory.stat", cache)]);
        assert_eq!(least_left(&all), Some(450));
        group(&outer, &[("memory.max", "109\n")]);
        assert_eq!(least_left(&all), Some(100));
        group(&inner, &[("memory.current", "2000\n")]);
        assert_eq!(least_left(&all), Some(0));
    }

    #[test]
    fn the_first_version_has_other_names() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            ("memory.limit_in_bytes", "1000\n"),
            ("memory.usage_in_bytes", "700\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 50\n"),
        ];
        group(root.path(), &files);
        assert_eq!(least_left(&[root.path().to_owned()]), Some(350));
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
            [&second, &first, &memory].map(|it| governs(it, "cpu", version_2))
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
