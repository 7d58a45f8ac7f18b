//! Layers around providers: what to do when an answer is late, fails, costs too much or was had before.
