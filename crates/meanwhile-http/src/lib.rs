//! Everything that HTTP providers share.

mod codec;

pub use codec::{Codec, Decoder, Frame, Framing, Wire};
