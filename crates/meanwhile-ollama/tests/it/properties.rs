//! What holds for any input.

use meanwhile_core::Fold;
use meanwhile_http::Framing;
use proptest::prelude::*;

use crate::events;

/// Pieces of real answers, in any order.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        Just("{\"message\":{\"content\":\"a\"},\"done\":false}\n".to_owned()),
        Just("{\"message\":{\"thinking\":\"ü\"}}\n".to_owned()),
        Just("{\"message\":{\"tool_calls\":[{\"function\":{\"arguments\":[1]}}]}}\n".to_owned()),
        Just("{\"message\":{\"tool_calls\":[{}]},\"logprobs\":[{\"token\":\"x\"}]}\n".to_owned()),
        Just("{\"done\":true,\"eval_count\":\"3\"}\n".to_owned()),
        Just("{\"error\":\"no\"}\n".to_owned()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_become_events_or_an_error(
        body in proptest::collection::vec(fragment(), 0..6),
        size in 1_usize..9,
        whole: bool,
    ) {
        let framing = if whole { Framing::Whole } else { Framing::JsonLines };
        let body = body.concat();
        let items = events(framing, body.as_bytes(), size);
        let mut fold = Fold::new("ollama", "m");
        for event in items.iter().flatten() {
            fold.push(event).expect("the events keep to their grammar");
        }
        let terminal = |item: &Result<meanwhile_core::Event, _>| match item {
            Ok(event) => event.is_terminal(),
            Err(_) => true,
        };
        prop_assert_eq!(items.iter().filter(|item| terminal(item)).count(), 1);
        prop_assert!(items.last().is_some_and(terminal));
        let again = events(framing, body.as_bytes(), body.len().max(1));
        prop_assert_eq!(format!("{items:?}"), format!("{again:?}"));
    }
}
