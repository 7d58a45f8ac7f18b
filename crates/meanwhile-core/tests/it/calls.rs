//! Calls: lazy, configurable, with one precedence.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use meanwhile_core::{
    Call, Capabilities, Effort, Error, ErrorKind, Event, Message, OutputFormat, OutputSupport,
    Params, Prompt, Reasoning, Registry, Response, Role, Scripted, Settings, Timeouts,
};

use crate::{model, wait};

#[test]
fn nothing_is_sent_before_the_first_poll() {
    let scripted = Scripted::new().reply("hi");
    let call = model(&scripted).call::<String>("hello");
    let mut future = call.into_future();
    assert!(scripted.requests().is_empty());
    let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(text)) if text == "hi"));
    assert_eq!(scripted.requests().len(), 1);
}

#[test]
fn calls_can_be_sent_to_other_threads() {
    fn check<T: Send + 'static>(_: &T) {}
    let call = model(&Scripted::new()).call::<String>("hello");
    check(&call);
    check(&call.into_future());
}

#[test]
fn call_site_wins_over_body_over_attribute_over_registry() {
    let registry = Registry::new();
    registry.insert(Scripted::new().into());
    let low = |t: f64| Params::new().temperature(t);
    registry.set_params(Params { seed: Some(4), top_k: Some(4), ..low(0.4) }.max_tokens(4));
    let attribute = Settings::new()
        .model("scripted/attribute")
        .params(|_| Params { seed: Some(3), ..low(0.3) }.max_tokens(3))
        .tag("from", "attribute");
    let body = Prompt::from("hi").params(|_| low(0.2).max_tokens(2)).tag("from", "body");
    let call = Call::<String>::new("test", &registry, Ok(body)).with_attribute(attribute);
    let request = wait(call.max_tokens(1).timeout(Duration::from_secs(9)).request()).unwrap();

    assert_eq!(request.model, "attribute");
    let expected = Params { seed: Some(3), top_k: Some(4), ..low(0.2).max_tokens(1) };
    assert_eq!(request.params, expected);
    assert_eq!(request.timeouts, Timeouts::default().whole(Duration::from_secs(9)));
}

#[test]
fn vendor_options_merge_key_by_key() {
    let upper = Params::new().option("acme", "a", 1).option("acme", "b", 1);
    let lower = Params::new().option("acme", "b", 2).option("other", "c", 2);
    let merged = upper.or(lower);
    assert_eq!(
        serde_json::to_string(&merged.options).unwrap(),
        r#"{"acme":{"b":1,"a":1},"other":{"c":2}}"#
    );
}

#[test]
fn a_client_replaces_the_provider_and_keeps_the_model_id() {
    let scripted = Scripted::new().reply("mine");
    let call = Call::<String>::new("test", &Registry::new(), Ok("hi".into()));
    let answer = wait(call.model("nobody/some/model").client(scripted.clone())).unwrap();
    assert_eq!(answer, "mine");
    assert_eq!(scripted.requests()[0].model, "some/model");
}

#[test]
fn a_failed_body_fails_the_call_and_nothing_is_sent() {
    let scripted = Scripted::new().reply("never");
    let failed = Err(Error::new(ErrorKind::Prompt, "no such file"));
    let call = Call::<String>::new("read", &Registry::new(), failed);
    let error = wait(call.client(scripted.clone()).model("scripted/x")).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Prompt, Some("read")));
    assert!(scripted.requests().is_empty());
}

#[test]
fn what_is_missing_is_said() {
    let registry = Registry::new();
    let check = |call: Call<'static, String>, kind: ErrorKind, words: &str| {
        let error = wait(call).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let call = |prompt: Prompt| Call::new("test", &registry, Ok(prompt));
    check(call("hi".into()), ErrorKind::Config, "no model was chosen");
    check(call("hi".into()).model("gpt"), ErrorKind::Config, "`provider/model`");
    check(call("hi".into()).model("acme/x"), ErrorKind::UnknownProvider, "no provider `acme`");
    let empty = call(Prompt::new()).model(model(&Scripted::new()));
    check(empty, ErrorKind::Prompt, "no messages");
}

#[test]
fn a_streamed_call_asks_for_a_stream_and_folds_to_the_same_value() {
    let scripted = Scripted::new().reply("one two three");
    wait(async {
        let call = model(&scripted).call::<String>("count");
        let mut stream = call.stream().await.unwrap();
        let mut seen = String::new();
        while let Some(event) = stream.next().await {
            if let Event::TextDelta { text, .. } = event.unwrap() {
                seen.push_str(&text);
            }
        }
        assert_eq!(stream.finish().await.unwrap(), seen);
        assert_eq!(seen, "one two three");
    });
    assert!(scripted.requests()[0].is_streamed());
}

#[test]
fn a_stream_can_be_read_as_text() {
    use futures::StreamExt as _;
    let scripted = Scripted::new().reply("one two");
    let words: Vec<String> = wait(async {
        let stream = model(&scripted).call::<Response>("count").stream().await.unwrap();
        stream.text().map(Result::unwrap).collect().await
    });
    assert_eq!(words, ["one ", "two"]);
}

#[test]
fn a_schema_is_asked_for_in_the_prompt_where_the_provider_has_no_other_way() {
    for (output, kept) in
        [(OutputSupport::Prompted, OutputFormat::Text), (OutputSupport::Json, OutputFormat::Json)]
    {
        let mut capabilities = Capabilities::text();
        capabilities.output = output;
        let scripted = Scripted::new()
            .with_capabilities(capabilities)
            .reply("```json\n{\"value\": [1, 2]}\n```");
        let prompt = [Message::system("Be brief."), Message::user("numbers")];
        let numbers = wait(model(&scripted).call::<Vec<u8>>(prompt)).unwrap();
        assert_eq!(numbers, [1, 2]);
        let request = &scripted.requests()[0];
        assert_eq!(request.output, kept);
        assert_eq!(request.messages[0].role, Role::System);
        assert!(request.messages[0].text().starts_with("Be brief.\n\nAnswer with one JSON value"));
        assert_eq!(request.warnings.len(), 1);
    }
}

#[test]
fn warnings_of_the_request_are_on_the_response() {
    let capabilities = Capabilities::none();
    let scripted = Scripted::new().with_capabilities(capabilities).reply("{\"value\":true}");
    let call = model(&scripted).call::<bool>("yes?");
    let response = wait(call.response()).unwrap();
    assert!(response.warnings.is_empty(), "a raw response asks for no shape");
}

#[test]
fn reasoning_takes_levels_and_budgets() {
    let params = Params::new().reasoning(Effort::High);
    assert_eq!(params.reasoning, Some(Reasoning::Effort(Effort::High)));
    assert_eq!(Params::new().reasoning(Reasoning::Budget(5)).reasoning, Some(Reasoning::Budget(5)));
}

#[test]
fn a_conversation_survives_serialisation() {
    let history = vec![
        Message::user([
            meanwhile_core::Part::text("look"),
            meanwhile_core::Image::bytes(vec![1, 2, 255], "image/png").into(),
        ]),
        Message::assistant("seen").with_name("eye"),
    ];
    let json = serde_json::to_string(&history).unwrap();
    assert!(json.contains("\"AQL/\""), "{json}");
    assert_eq!(serde_json::from_str::<Vec<Message>>(&json).unwrap(), history);
}

#[test]
fn another_model_is_asked_with_its_own_defaults() {
    let registry = Registry::new();
    registry.set_params(Params::new().seed(7));
    let first = model(&Scripted::new()).with_params(Params::new().max_tokens(100_000));
    let call = Call::<String>::new("ask", &registry, Ok("hi".into())).temperature(0.5).model(first);
    let request = wait(call.request()).unwrap();
    assert_eq!(request.params, Params::new().temperature(0.5).max_tokens(100_000).seed(7));
    let other = request.params_for(&Params::new().max_tokens(9));
    assert_eq!(other, Params::new().temperature(0.5).max_tokens(9).seed(7));
}
