//! Many calls at once: in order, as they complete, the first one, side by side.
//!
//! | | |
//! |---|---|
//! | [`gather`] | some calls; all values, or [every result](Gather::settle), or [as they come](Gather::as_completed) |
//! | [`map_concurrent`] | a call of every item, at most so many at a time, however many there are |
//! | [`race`] | the first that succeeds |
//! | [`compare`] | the same question to several models, with time, tokens and cost |
//! | [`merge`] | several streams read as one |
//!
//! All of it works on anything that can be awaited for a [`Result`](meanwhile_core::Result): calls of
//! prompt functions, whichever provider answers them, and other futures. Nothing is spawned: the calls
//! run while they are polled, borrow what they like, and are cancelled by dropping.

mod clock;
mod compare;
mod gather;
mod merge;
mod pool;
mod probe;
#[cfg(feature = "progress")]
mod progress;
mod race;
mod turn;

pub use compare::{Compare, CompareAll, Outcome, compare};
pub use gather::{AsCompleted, Gather, GatherAll, Mapped, Ordered, Settle, gather, map_concurrent};
pub use merge::{Merge, merge};
pub use race::{Race, RaceFirst, race};
