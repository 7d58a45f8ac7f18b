//! One binary: what every HTTP provider relies on, against bodies in memory and servers that misbehave.

mod answer;
mod cancel;
mod configuration;
mod exchange;
mod frames;
mod limits;
mod secrets;
mod server;
mod status;
mod toy;
