//! Falling back from one wire to another, over sockets: what the first one's answers carried for it alone
//! is left out for the second, and said.

use meanwhile::layers::{Budget, Fallback};
use meanwhile::provider::anthropic::Anthropic;
use meanwhile::{Message, Model, Part, ProviderData, Response, Thinking, Usd, gather};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::http::{answer, client};

fn history() -> Vec<Message> {
    let signature = ProviderData::new("anthropic", json!({"signature": "c2lnbmVk"}));
    let thought = Thinking::new("They want a number.").with_data(signature);
    vec![
        Message::user("Six times seven?"),
        Message::assistant(vec![Part::Thinking(thought), Part::text("42")]),
        Message::user("And times two?"),
    ]
}

#[tokio::test]
async fn a_conversation_goes_on_with_another_provider() {
    let (busy, other) = (MockServer::start().await, MockServer::start().await);
    let overloaded = json!({"type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let refusal = ResponseTemplate::new(529).set_body_json(overloaded);
    Mock::given(method("POST")).respond_with(refusal).mount(&busy).await;
    let reply = ResponseTemplate::new(200).set_body_json(answer("84"));
    Mock::given(method("POST")).respond_with(reply).mount(&other).await;

    let first = Anthropic::builder().base_url(busy.uri()).api_key("first-key").build().unwrap();
    let model = Model::of(first, "claude-sonnet-4-5");
    let second = Model::of(client(&other.uri(), "second-key"), "gpt-4o-mini");
    let budget = Budget::money(Usd::dollars(1));
    let ask = || {
        let call = model.call::<Response>(history());
        call.layer(Fallback::to(second.clone())).layer(budget.clone())
    };
    for response in gather((0..3).map(|_| ask())).await.unwrap() {
        assert_eq!(response.text(), "84");
        assert_eq!(
            (response.provider.as_str(), response.model.as_str()),
            ("openai", "gpt-4o-mini")
        );
        let [attempt] = &response.attempts[..] else { panic!("{:?}", response.attempts) };
        assert_eq!((attempt.provider.as_deref(), attempt.status), (Some("anthropic"), Some(529)));
        let told = format!("{:?}", response.warnings);
        assert!(told.contains("thinking") || told.contains("provider data"), "{told}");
    }

    let body = |request: &wiremock::Request| request.body_json::<Value>().unwrap();
    let to_first = busy.received_requests().await.unwrap();
    assert!(body(&to_first[0]).to_string().contains("c2lnbmVk"), "it goes back where it came from");
    let to_second = other.received_requests().await.unwrap();
    let sent = body(&to_second[0]);
    assert!(!sent.to_string().contains("c2lnbmVk"), "{sent}");
    assert_eq!(sent["model"], "gpt-4o-mini");
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    // Who answered is who is paid: 3 × $0.15 and 2 × $0.60 for a million, three times.
    assert_eq!(budget.spent("").money, "0.00000495".parse().unwrap());
    assert_eq!(budget.spent("").requests, 6);
}
