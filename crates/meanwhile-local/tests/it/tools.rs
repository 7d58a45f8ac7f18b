//! Tool calls: the call is always one of the tools, with arguments that fit.

use meanwhile_core::{
    Event, FinishReason, Message, Request, Role, Schema, ToolCall, ToolChoice, ToolResult, ToolSpec,
};
use meanwhile_local::SMOLLM2_135M;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{answer, ask, send};

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Weather {
    /// The city's name.
    city: String,
    unit: Unit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
enum Unit {
    Celsius,
    Fahrenheit,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Add {
    a: i32,
    b: i32,
}

fn tools() -> Vec<ToolSpec> {
    vec![
        ToolSpec::new("get_weather", "Tells the weather in a city.", Schema::of::<Weather>()),
        ToolSpec::new("add", "Adds two numbers.", Schema::of::<Add>()),
    ]
}

fn with_tools(question: &str, choice: ToolChoice) -> Request {
    let mut request = ask(question);
    request.tools = tools();
    request.tool_choice = choice;
    request.params.max_tokens = None;
    request
}

#[test]
fn a_required_call_is_one_of_the_tools() {
    for seed in 0..10 {
        let question = "What is the weather in Rome?";
        let mut request = with_tools(question, ToolChoice::Required);
        request.params.seed = Some(seed);
        request.params.temperature = Some(1.0);
        let response = answer(request);
        assert_eq!(response.finish_reason(), Some(FinishReason::ToolCalls));
        assert_eq!(response.text(), "");
        let calls: Vec<_> = response.tool_calls().collect();
        let [call] = calls[..] else { panic!("{calls:?}") };
        match call.name.as_str() {
            "get_weather" => _ = call.parse::<Weather>().unwrap(),
            "add" => _ = call.parse::<Add>().unwrap(),
            other => panic!("there is no tool {other}"),
        }
    }
}

#[test]
fn a_named_tool_is_the_one_that_is_called() {
    let choice = ToolChoice::Tool("add".into());
    let response = answer(with_tools("What is 2 plus 3?", choice));
    let call = response.tool_calls().next().unwrap();
    assert_eq!(call.name, "add");
    println!("{:?}", call.parse::<Add>().unwrap());
}

#[test]
fn arguments_are_streamed() {
    let choice = ToolChoice::Tool("get_weather".into());
    let mut events = send(with_tools("What is the weather in Rome?", choice)).unwrap();
    let mut deltas = 0;
    futures::executor::block_on(async {
        while let Some(event) = events.next().await {
            deltas += u32::from(matches!(event.unwrap(), Event::ToolCallDelta { .. }));
        }
    });
    assert!(deltas > 1, "{deltas}");
}

#[test]
fn left_to_itself_the_model_writes_text_or_a_call() {
    for question in ["What is the weather in Rome?", "Tell me a joke.", "What is 2 plus 3?"] {
        let mut request = with_tools(question, ToolChoice::Auto);
        request.params.max_tokens = Some(60);
        let response = answer(request);
        println!("{question} -> {:?} {:?}", response.text(), response.tool_calls().next());
        assert!(!response.text().is_empty() || response.tool_calls().count() == 1);
    }
}

#[test]
fn a_result_is_answered_in_text() {
    let call = ToolCall::new("call_1", "get_weather", r#"{"city":"Rome","unit":"celsius"}"#);
    let result = ToolResult::new(&call, "It is sunny in Rome, 24 degrees.");
    let mut request = with_tools("What is the weather in Rome?", ToolChoice::Auto);
    request.messages.push(Message::new(Role::Assistant, call));
    request.messages.push(Message::tool_results([result]));
    request.params.max_tokens = Some(60);
    request.params.temperature = Some(0.0);
    let response = answer(request);
    assert_eq!(response.tool_calls().count(), 0);
    assert!(response.text().contains("24"), "{}", response.text());
}

#[test]
fn no_tool_is_called_when_none_may_be() {
    let mut request = with_tools("What is the weather in Rome?", ToolChoice::None);
    request.params.max_tokens = Some(20);
    let with = answer(request.clone());
    request.tools.clear();
    let without = answer(request);
    assert_eq!(with.text(), without.text());
    assert_eq!(with.model, SMOLLM2_135M);
}
