//! Many calls at once: in order, as they complete, the first one, side by side.
