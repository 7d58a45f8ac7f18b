//! [`Metrics`]: the histograms that the conventions for generative AI describe, with their buckets.

use meanwhile_core::{Run, RunKind, Usage};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

/// Buckets of what takes as long as a request, in seconds.
const SECONDS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// Buckets of what takes as long as a piece of a program, in seconds.
const LONG_SECONDS: [f64; 11] =
    [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0];

pub(super) struct Metrics {
    operations: Histogram<f64>,
    first_chunks: Histogram<f64>,
    tools: Histogram<f64>,
    workflows: Histogram<f64>,
    tokens: Histogram<u64>,
}

impl Metrics {
    pub(super) fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, about: &'static str, buckets: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s").with_description(about);
            histogram.with_boundaries(buckets.to_vec()).build()
        };
        // Powers of four.
        let counts = (0..14).map(|power| f64::from(4_u32.pow(power))).collect();
        Self {
            operations: seconds(
                "gen_ai.client.operation.duration",
                "GenAI operation duration.",
                &SECONDS,
            ),
            first_chunks: seconds(
                "gen_ai.client.operation.time_to_first_chunk",
                "Time to receive the first chunk of a streamed answer.",
                &SECONDS,
            ),
            tools: seconds(
                "gen_ai.execute_tool.duration",
                "The duration of a single tool execution.",
                &SECONDS,
            ),
            workflows: seconds(
                "gen_ai.workflow.duration",
                "GenAI workflow duration.",
                &LONG_SECONDS,
            ),
            tokens: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_description("Number of input and output tokens used.")
                .with_boundaries(counts)
                .build(),
        }
    }

    /// How long a run took that has ended.
    pub(super) fn duration(&self, run: &Run, seconds: f64, identity: &[KeyValue]) {
        match run.kind() {
            RunKind::Model => self.operations.record(seconds, identity),
            RunKind::Tool => self.tools.record(seconds, identity),
            // The parts of a workflow are no workflows.
            _ if run.parent().is_none() => self.workflows.record(seconds, identity),
            _ => {}
        }
    }

    pub(super) fn first_chunk(&self, seconds: f64, identity: &[KeyValue]) {
        self.first_chunks.record(seconds, identity);
    }

    /// The tokens of an answer, as far as the provider told.
    pub(super) fn tokens(&self, usage: &Usage, identity: &[KeyValue]) {
        let counts = [("input", usage.input.total), ("output", usage.output.total)];
        for (kind, count) in counts {
            let Some(count) = count else { continue };
            let mut attributes = identity.to_vec();
            attributes.push(KeyValue::new("gen_ai.token.type", kind));
            self.tokens.record(count, &attributes);
        }
    }
}
