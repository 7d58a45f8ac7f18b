//! The history of calls: bounded, by caller, with the tokens of all.

use meanwhile_core::{Error, ErrorKind, Model, Scripted, Settings, scope};
use meanwhile_programs::{CallHistory, fields};

use crate::classify::{answer, program};

#[tokio::test]
async fn the_last_calls_are_kept_and_the_tokens_of_all() {
    let model = Scripted::new()
        .reply(answer("label", "first"))
        .reply(answer("label", "second"))
        .error(Error::new(ErrorKind::Server, "down"));
    let program = program(&model);
    let history = CallHistory::new(2);
    let run = async {
        for text in ["one", "two"] {
            program.call(fields! { text: text }).await.unwrap();
        }
        program.call(fields! { text: "three" }).await.unwrap_err();
    };
    scope(Settings::new().observe(history.clone()), run).await;

    let calls = history.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].model, "scripted/any");
    assert_eq!(calls[0].caller, "predict");
    assert!(calls[0].response.as_ref().unwrap().text().contains("second"));
    assert!(calls[1].error.as_ref().unwrap().contains("down"));
    let printed = history.to_string();
    for part in ["two", "second", "three", "failed:", "system:", "assistant:"] {
        assert!(printed.contains(part), "{part} is missing:\n{printed}");
    }
    assert!(!printed.contains("first"), "{printed}");
    // The tokens of the call that is not kept any more count too.
    assert_eq!(history.usage()["scripted/any"].input.total, Some(2));
    history.clear();
    assert!(history.calls().is_empty() && history.usage().is_empty());

    // Nothing is kept of what it does not observe.
    let other = Model::new(Scripted::new().reply("hello"), "any");
    other.call::<String>("Say hello").await.unwrap();
    assert!(history.calls().is_empty());
}
