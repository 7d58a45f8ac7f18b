//! Calls, streams and async tools from synchronous code, over one long-lived runtime.
