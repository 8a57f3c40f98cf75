//! The claims, by what they are about.
//!
//! | module | holds |
//! |---|---|
//! | [`memory`] | memory, and handing over what is in it |
//! | [`sharing`] | what several write to |
//! | [`cores`] | the use of cores, and the GIL |
//! | [`waiting`] | those who wait: users and clients |
//! | [`ending`] | killing and dying |
//! | [`cost`] | what messages, starts and system calls take |
//! | [`code`] | the programs' text |

pub mod code;
pub mod cores;
pub mod cost;
pub mod ending;
pub mod memory;
pub mod sharing;
pub mod waiting;
