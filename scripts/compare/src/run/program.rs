//! One program: started, asked, watched, stopped. Linux only.
//!
//! | module | contents |
//! |---|---|
//! | [`child`] | a program that is watched |
//! | [`living`] | a program that is asked for one slice after another |
//! | [`guarded`] | a foreign program that exits with this one |

pub mod child;
pub mod guarded;
pub mod living;
