//! The comparison is a house of four floors. A file imports from its own floor
//! and from those below, and no files import one another in a circle: so each
//! can be read after those that it names, and without those that name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{
    Attribute, File, Item, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// From the ground up. Above them are the arguments, and `main`.
const FLOORS: [&str; 6] =
    ["run", "judge", "claims", "show", "arguments", "main"];

/// A file, as a path of modules: `["run", "program", "child"]`.
type Module = Vec<String>;

#[test]
fn nothing_is_imported_from_a_floor_above() {
    for (from, imports) in &graph() {
        for to in imports {
            assert!(
                floor(to) <= floor(from),
                "{} is below {}, and imports it",
                from.join("::"),
                to.join("::")
            );
        }
    }
}

/// Files that import none but those that are taken away already are taken
/// away. What stays is a circle, or stands on one.
#[test]
fn no_files_import_one_another_in_a_circle() {
    let mut left = graph();
    while let Some(free) = left.iter().find_map(|(module, imports)| {
        let is_free = !imports.iter().any(|it| left.contains_key(it));
        is_free.then(|| module.clone())
    }) {
        left.remove(&free);
    }
    assert!(left.is_empty(), "circles among {:#?}", left.keys());
}

#[test]
fn the_format_of_samples_is_read_with_the_ground_floor_alone() {
    let graph = graph();
    let samples = module("run/samples.rs");
    let mut reached = BTreeSet::new();
    let mut next = vec![&samples];
    while let Some(one) = next.pop() {
        if reached.insert(one) {
            next.extend(&graph[one]);
        }
    }
    for one in reached {
        assert_eq!(floor(one), 0, "{}", one.join("::"));
    }
}

fn floor(module: &Module) -> usize {
    let floor = FLOORS.iter().position(|floor| *floor == module[0]);
    floor.unwrap_or_else(|| panic!("{} is on no floor", module.join("::")))
}

fn module(file: &str) -> Module {
    let path = file.trim_end_matches(".rs").split('/');
    path.map(String::from).collect()
}

/// Every file, and what it imports.
fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut texts, mut tests) = (BTreeMap::new(), BTreeSet::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
                let text = fs::read_to_string(&path).unwrap();
                let file = syn::parse_file(&text).unwrap();
                tests.extend(test_files(&module(name), &file));
                texts.insert(module(name), file);
            }
        }
    }
    texts.retain(|module, _| !tests.contains(module));
    let all: BTreeSet<Module> = texts.keys().cloned().collect();
    texts
        .iter()
        .map(|(module, file)| (module.clone(), imports(module, file, &all)))
        .collect()
}

/// The files that are compiled for tests alone, which may look at everything.
fn test_files(parent: &Module, file: &File) -> Vec<Module> {
    let modules = file.items.iter().filter_map(|item| match item {
        Item::Mod(module) if is_test(&module.attrs) => Some(module),
        _ => None,
    });
    modules.map(|it| [&parent[..], &[it.ident.to_string()]].concat()).collect()
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| {
            list.path.is_ident("cfg") && list.tokens.to_string() == "test"
        })
    })
}

fn imports(
    this: &Module,
    file: &File,
    all: &BTreeSet<Module>,
) -> BTreeSet<Module> {
    let mut paths = Paths { this, found: Vec::new() };
    paths.visit_file(file);
    let named = paths.found.iter().filter_map(|path| {
        let lengths = (1..=path.len()).rev();
        lengths.map(|length| path[..length].to_vec()).find(|it| {
            // A path into this very file is no import.
            it == this || all.contains(it)
        })
    });
    named.filter(|it| it != this).collect()
}

/// The paths that begin at the crate or at the module above, and those that a
/// `mod` of this file begins.
struct Paths<'all> {
    this: &'all Module,
    found: Vec<Vec<String>>,
}

impl Paths<'_> {
    fn add(&mut self, path: Vec<String>) {
        let above = &self.this[..self.this.len() - 1];
        match path.split_first() {
            Some((first, rest)) if first == "crate" => {
                self.found.push(rest.to_vec());
            }
            Some((first, rest)) if first == "super" => {
                self.found.push([above, rest].concat());
            }
            _ => self.found.push([&self.this[..], &path].concat()),
        }
    }

    fn leaves(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.leaves(&step.tree, path);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.leaves(tree, path.clone());
                }
            }
            UseTree::Name(name) => {
                path.push(name.ident.to_string());
                self.add(path);
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                self.add(path);
            }
            UseTree::Glob(_) => self.add(path),
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, import: &'ast ItemUse) {
        self.leaves(&import.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.add(names.collect());
        visit::visit_path(self, path);
    }
}
