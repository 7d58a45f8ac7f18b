//! Tool calls: functions, what they were before there were several, and tools that take free text.

use std::mem::take;

use meanwhile_core::{Event, ProviderData, Warning, WarningKind};
use meanwhile_http::CallFragment;
use serde_json::{Value, json};

use super::{ChatDecoder, EXTRA_CONTENT, Events, value};
use crate::wire::{Call, Custom, Delta};

impl ChatDecoder {
    /// Adds the calls of a message, or pieces of them.
    pub(super) fn tool_calls(&mut self, delta: &mut Delta<'_>, whole: bool, events: &mut Events) {
        for mut call in take(&mut delta.tool_calls).0 {
            if let Some(custom) = call.custom.0.take() {
                self.custom_call(&call, &custom, whole, events);
                continue;
            }
            if call.function.0.is_none() && self.foreign_call(&call, events) {
                continue;
            }
            self.break_off(events);
            let function = call.function.0.unwrap_or_default();
            let extra = call.extra_content.and_then(value);
            let fragment = CallFragment::new(call.index.0)
                .named(call.id.text(), function.name.text())
                .arguments(function.arguments.0)
                .data(extra.map(|extra| json!({ EXTRA_CONTENT: extra })))
                .begins(whole);
            self.calls.add(fragment, &mut self.next_part, events);
        }
        // What tools were called before there were several at once.
        if let Some(function) = delta.function_call.0.take() {
            self.break_off(events);
            let fragment = CallFragment::new(None)
                .named("", function.name.text())
                .arguments(function.arguments.0)
                .begins(whole);
            self.calls.add(fragment, &mut self.next_part, events);
        }
    }

    /// Ends all calls.
    pub(super) fn end_calls(&mut self, events: &mut Events) {
        for index in take(&mut self.custom) {
            let end = CallFragment::new(index).arguments("\"");
            self.calls.add(end, &mut self.next_part, events);
        }
        self.calls.end(&mut self.next_part, events, |data| {
            Some(Box::new(ProviderData::new(&*self.provider, data)))
        });
    }

    /// Adds a call of a tool that takes free text, which is handed on as a JSON string, piece by piece.
    fn custom_call(
        &mut self,
        call: &Call<'_>,
        custom: &Custom<'_>,
        whole: bool,
        events: &mut Events,
    ) {
        self.break_off(events);
        let quoted = Value::from(custom.input.text()).to_string();
        let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
        let begins = whole || call.id.given().is_some() && custom.name.given().is_some();
        let arguments = match (whole, begins) {
            (true, _) => quoted.clone(),
            (false, true) => {
                // Of two calls under one number, the first is complete.
                if let Some(at) = self.custom.iter().position(|open| *open == call.index.0) {
                    let end = CallFragment::new(self.custom.remove(at)).arguments("\"");
                    self.calls.add(end, &mut self.next_part, events);
                }
                self.custom.push(call.index.0);
                format!("\"{inner}")
            }
            (false, false) => inner.to_owned(),
        };
        let fragment = CallFragment::new(call.index.0)
            .named(call.id.text(), custom.name.text())
            .arguments(arguments)
            .data(begins.then(|| json!({ "type": "custom" })))
            .begins(begins);
        self.calls.add(fragment, &mut self.next_part, events);
    }

    /// Whether a call is of a kind that has no counterpart here, which is told once for each, or a later
    /// piece of one.
    fn foreign_call(&self, call: &Call<'_>, events: &mut Events) -> bool {
        match call.r#type.given() {
            None | Some("function") => call.id.given().is_none() && call.extra_content.is_none(),
            Some(kind) => {
                let message = format!("a tool call of type `{kind}` cannot be read and is missing");
                let warning = Warning::new(WarningKind::Unreadable, "tool call", message);
                events.push_back(Event::warning(warning));
                true
            }
        }
    }
}
