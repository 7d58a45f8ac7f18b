//! [`Filter`]: what Azure's content filter found in an answer, as a warning.

use std::collections::{BTreeSet, VecDeque};

use meanwhile_core::{Event, Warning, WarningKind};
use meanwhile_http::Frame;
use serde_json::Value;

/// Which categories were reported already.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    known: BTreeSet<String>,
}

impl Filter {
    /// Reports the categories that a frame names for the first time.
    pub(crate) fn look(&mut self, frame: Frame<'_>, events: &mut VecDeque<Event>) {
        let (Frame::Body(data) | Frame::Line(data) | Frame::Event { data, .. }) = frame else {
            return;
        };
        // Nearly every frame holds results, and nearly none holds a finding.
        let findings = [
            r#""filtered":true"#,
            r#""filtered": true"#,
            r#""detected":true"#,
            r#""detected": true"#,
        ];
        if !findings.iter().any(|word| memchr::memmem::find(data, word.as_bytes()).is_some()) {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
        for category in categories(&value) {
            if self.known.insert(category.clone()) {
                let message = format!("Azure's content filter found `{category}`");
                let warning = Warning::new(WarningKind::Other, "content filter", message);
                events.push_back(Event::warning(warning));
            }
        }
    }
}

/// The categories that were found: the names of objects that say `filtered` or `detected`, below the
/// results of the filter. What models and tools say is not looked at.
pub(crate) fn categories(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    search(value, false, 0, &mut found);
    found
}

fn search(value: &Value, within: bool, depth: usize, found: &mut BTreeSet<String>) {
    if depth > 16 {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_finding = ["filtered", "detected"]
                    .iter()
                    .any(|word| value.get(word).and_then(Value::as_bool) == Some(true));
                if within && is_finding {
                    found.insert(name.clone());
                }
                let results = ["content_filter", "prompt_filter", "content_filters"]
                    .iter()
                    .any(|word| name.starts_with(word));
                search(value, within || results, depth + 1, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                search(item, within, depth + 1, found);
            }
        }
        _ => {}
    }
}
