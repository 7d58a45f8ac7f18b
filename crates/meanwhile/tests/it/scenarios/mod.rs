//! What programs of this kind do, end to end: `a01` to `a17` are the scenarios of asynchronous prompt
//! functions, `b01` to `b15` those of clients of many providers.

mod clients;
mod parallel;
mod plain;
mod providers;
mod reliable;
mod sources;
mod tools;
