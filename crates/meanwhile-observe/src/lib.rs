//! Observers: async callbacks, `tracing` spans, OpenTelemetry and the terminal.
