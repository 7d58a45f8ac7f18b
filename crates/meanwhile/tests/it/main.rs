//! What the macros write, on the scripted provider.
#![deny(warnings)]

mod bodies;
mod hygiene;
mod laziness;
mod output;
mod precedence;
mod support;
mod templates;
mod tools;
