//! Programs: what they are asked, and what they answer.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | what is asked of which program |
//! | [`bench`](mod@bench) | pairs of programs: started, asked, ended |
//! | [`program`] | one program |
//! | [`session`] | what is measured together |
//! | [`measured`] | what came of one scenario, by pairs of programs |
//! | [`figures`] | what is compared |
//! | [`document`] | from what a program printed to an outcome |
//! | [`agreement`] | whether both sides did the same work |
//! | [`refusal`] | why a slice does not count, in words |
//! | [`samples`] | the format of the file that keeps every sample |
//! | [`journal`] | that file, as it is written |
//! | [`interpreter`] | the interpreters of Python that there are |
//! | [`environment`] | what else went on while the programs ran |
//! | [`progress`] | the line on a terminal |

pub mod agreement;
pub mod bench;
pub mod document;
pub mod environment;
pub mod figures;
pub mod interpreter;
pub mod journal;
pub mod measured;
pub mod plan;
pub mod program;
pub mod progress;
pub mod refusal;
pub mod samples;
pub mod session;
