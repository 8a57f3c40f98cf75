//! The claims, by topic.
//!
//! | module | contents |
//! |---|---|
//! | [`memory`] | memory, and handing over what is in it |
//! | [`sharing`] | shared writes |
//! | [`cores`] | the use of cores, and the GIL |
//! | [`waiting`] | users and clients that wait |
//! | [`ending`] | killing and crashing |
//! | [`confining`] | code that is not trusted |
//! | [`cost`] | the cost of messages, starts and system calls |
//! | [`code`] | the programs' text |

pub mod code;
pub mod confining;
pub mod cores;
pub mod cost;
pub mod ending;
pub mod memory;
pub mod sharing;
pub mod waiting;
