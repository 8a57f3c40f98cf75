//! The seeds and the numbers of workers that are tried.

pub const SEEDS: [u64; 3] = [1, 2, 2026];
pub const WORKERS: [usize; 5] = [1, 2, 3, 4, 8];

/// Each seed with each number of workers: fewer than cores, and more.
pub fn every_seed_and_crew() -> impl Iterator<Item = (u64, usize)> {
    let crews = |seed| WORKERS.map(|workers| (seed, workers));
    SEEDS.into_iter().flat_map(crews)
}
