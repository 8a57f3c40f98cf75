//! The sources of every pair and the scripts for CPython, as of the build of
//! this program.
//!
//! | module | contents |
//! |---|---|
//! | [`counts`] | what they are made of, in numbers |
//! | [`scripts`](mod@scripts) | the same for the CPython scripts |

pub mod counts;
pub mod scripts;

use common::{outcome::Model, scenarios::Scenario};

/// One file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Relative to the root of the workspace:
    /// `examples-threads/ipc/src/main.rs`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Source {
    /// Its name within the package: `src/main.rs`.
    pub fn name(&self) -> &'static str {
        let mut parts = self.path.splitn(3, '/');
        parts.nth(2).unwrap_or(self.path)
    }
}

/// A file on both sides.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// Of threads.
    pub threads: Source,
    /// Of processes.
    pub processes: Source,
}

/// A file that only one side has.
#[derive(Debug, Clone, Copy)]
pub struct Single {
    /// The side that has it.
    pub model: Model,
    /// The file.
    pub source: Source,
}

const REASON: &str = "//! It has no twin: ";

impl Single {
    /// Why the other side has none, in the file's own words.
    pub fn reason(&self) -> String {
        let text = self.source.text;
        let start =
            text.find(REASON).map_or(text.len(), |at| at + REASON.len());
        let paragraph = text[start..].lines().enumerate();
        let lines = paragraph.map_while(|(index, line)| match index {
            0 => Some(line),
            _ => line.strip_prefix("//! "),
        });
        lines.collect::<Vec<_>>().join(" ")
    }
}

/// All files of all packages, including the kits, sorted by path; and all
/// scripts.
static ALL: &[Source] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The files of a scenario on both sides, `src/main.rs` first, the manifest
/// last. Files of only one side are its [`singles`].
pub fn pairs(scenario: &Scenario) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = files(scenario.name, Model::Threads)
        .filter_map(|threads| {
            let twin = |other: &Source| other.name() == threads.name();
            let processes =
                files(scenario.name, Model::Processes).find(twin)?;
            Some(Pair { threads, processes })
        })
        .collect();
    pairs.sort_by_key(|pair| match pair.threads.name() {
        "src/main.rs" => (0, ""),
        "Cargo.toml" => (2, ""),
        name => (1, name),
    });
    pairs
}

/// The files that one side of a scenario has alone, those of threads first.
pub fn singles(scenario: &Scenario) -> Vec<Single> {
    let sides = [
        (Model::Threads, Model::Processes),
        (Model::Processes, Model::Threads),
    ];
    let alone = sides.map(|(model, other)| {
        let all = files(scenario.name, model);
        all.filter(move |file| {
            let mut others = files(scenario.name, other);
            others.all(|other| other.name() != file.name())
        })
        .map(move |source| Single { model, source })
    });
    alone.into_iter().flatten().collect()
}

/// The files of one package: `ipc`, or `kit`.
pub fn files(package: &str, model: Model) -> impl Iterator<Item = Source> {
    let folder = format!("examples-{model}/{package}/");
    ALL.iter().copied().filter(move |file| file.path.starts_with(&folder))
}

/// All scripts for CPython: those of scenarios, and what they share.
pub fn scripts() -> impl Iterator<Item = Source> {
    let is_script = |file: &Source| file.path.starts_with("scripts/");
    ALL.iter().copied().filter(is_script)
}

#[cfg(test)]
mod tests {
    use common::scenarios;

    use super::*;

    #[test]
    fn every_scenario_has_its_pairs() {
        for scenario in scenarios::ALL {
            let pairs = pairs(scenario);
            let (first, last) = (pairs[0], pairs[pairs.len() - 1]);
            assert_eq!(first.threads.name(), "src/main.rs");
            assert_eq!(last.processes.name(), "Cargo.toml");
            let singles = singles(scenario);
            for model in [Model::Threads, Model::Processes] {
                let of_it = singles.iter().filter(|one| one.model == model);
                let all = files(scenario.name, model).count();
                assert_eq!(pairs.len() + of_it.count(), all);
            }
        }
    }

    #[test]
    fn what_one_side_has_alone_says_why() {
        let singles: Vec<_> = scenarios::ALL.iter().flat_map(singles).collect();
        assert!(singles.len() > 9, "{singles:#?}");
        for one in singles {
            let reason = one.reason();
            let path = one.source.path;
            assert!(reason.ends_with('.'), "{path}: {reason}");
            assert!(!reason.contains("//!"), "{path}: {reason}");
        }
    }

    #[test]
    fn a_pair_is_of_both_sides() {
        for Pair { threads, processes } in pairs(&scenarios::ALL[0]) {
            assert!(threads.path.starts_with("examples-threads/"));
            assert!(processes.path.starts_with("examples-processes/"));
            assert_ne!(threads.text, processes.text);
        }
    }

    #[test]
    fn the_kit_of_processes_is_there() {
        let kit = files("kit", Model::Processes);
        assert!(kit.into_iter().any(|file| file.name() == "src/pool/turn.rs"));
    }

    #[test]
    fn what_is_compared_with_cpython_has_its_script() {
        let names: Vec<&str> = scripts().map(|file| file.name()).collect();
        assert!(names.contains(&"contract.py"), "{names:?}");
        let scenarios = scenarios::ALL.iter();
        for scenario in scenarios.filter(|one| one.cpython_run.is_some()) {
            let script = scenario.script();
            assert!(names.contains(&script.as_str()), "{script}");
        }
    }
}
