use crate::claims::Claim;

pub static CLAIMS: [Claim; 0] = [];
