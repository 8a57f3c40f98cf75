//! Programs: what they are asked, and what they answer.
//!
//! | module | contents |
//! |---|---|
//! | [`plan`] | what is asked of which program |
//! | [`bench`](mod@bench) | pairs of programs: started, asked, stopped |
//! | [`program`] | one program |
//! | [`session`] | what is measured together |
//! | [`measured`] | the samples of one scenario, by pairs of programs |
//! | [`figures`] | what is compared |
//! | [`document`] | from the output of a program to an outcome |
//! | [`agreement`] | whether both sides did the same work |
//! | [`tried`] | a hostile act, as the programs report it |
//! | [`refusal`] | why a slice does not count, in words |
//! | [`samples`] | the format of the file of samples |
//! | [`journal`] | that file while it is being written |
//! | [`interpreter`] | the available Python interpreters |
//! | [`environment`] | what else happened while the programs ran |
//! | [`limits`](mod@limits) | benches beside the limits of a machine |
//! | [`progress`] | the progress line on a terminal |

pub mod agreement;
pub mod bench;
pub mod document;
pub mod environment;
pub mod figures;
pub mod interpreter;
pub mod journal;
pub mod limits;
pub mod measured;
pub mod plan;
pub mod program;
pub mod progress;
pub mod refusal;
pub mod samples;
pub mod session;
pub mod tried;
