//! One program: started, asked, watched, ended. Linux only.
//!
//! | module | holds |
//! |---|---|
//! | [`child`] | a program that is watched |
//! | [`living`] | a program that is asked for one slice after the other |
//! | [`guarded`] | a program that is not ours, and ends with this one |

pub mod child;
pub mod guarded;
pub mod living;
