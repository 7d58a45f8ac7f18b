//! A decoded turn goes back with the next request, verbatim and in place.

use meanwhile_core::{Message, Part, ProviderData, Request, Thinking, ToolResult};
use serde_json::{Value, json};

use crate::{CLAUDE, ask, body, whole};

fn sent_back(model: &str, content: &Value, provider: &str) -> (Value, Vec<String>) {
    let response = whole(&json!({ "output": { "message": { "content": content } },
        "stopReason": "end_turn", "trace": { "guardrail": {} },
        "additionalModelResponseFields": { "x": 1 } }));
    let mut message = response.message;
    if provider != "bedrock" {
        for part in &mut message.parts {
            if let Part::Thinking(thinking) = part {
                let data = ProviderData::new(provider, json!({ "signature": "s" }));
                thinking.data = Some(Box::new(data));
            }
        }
    }
    let request = Request::new(model, vec![Message::user("hi"), message, Message::user("go on")]);
    let (body, warnings) = body(&request);
    (body["messages"][1]["content"].clone(), warnings)
}

#[test]
fn everything_goes_back_in_place() {
    let content = json!([
        { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "c2ln" } } },
        { "reasoningContent": { "redactedContent": "AQID" } },
        { "text": "Look:" },
        { "toolUse": { "toolUseId": "s1", "name": "nova_grounding", "input": { "q": "x" }, "type": "server_tool_use" } },
        { "toolResult": { "toolUseId": "s1", "content": [{ "text": "[HIDDEN]" }], "status": "success", "type": "nova_grounding_result" } },
        { "citationsContent": { "content": [{ "text": "cited" }], "citations": [{ "title": "t", "location": { "web": { "url": "u" } } }] } },
        { "citationsContent": { "citations": [{ "title": "alone" }] } },
        { "image": { "format": "png", "source": { "bytes": "AQID" } } },
        { "hologram": { "depth": 3 } },
        { "toolUse": { "toolUseId": "t1", "name": "n", "input": { "b": 1, "a": [1.0, "é"] } } },
    ]);
    let (found, warnings) = sent_back(CLAUDE, &content, "bedrock");
    assert_eq!(found, content);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn thinking_goes_only_where_it_is_taken() {
    let signed = json!([{ "reasoningContent": { "reasoningText": { "text": "hm", "signature": "s" } } }, { "text": "x" }]);
    let plain =
        json!([{ "reasoningContent": { "reasoningText": { "text": "hm" } } }, { "text": "x" }]);
    let text = json!([{ "text": "x" }]);
    let (found, warnings) = sent_back(CLAUDE, &signed, "anthropic");
    assert_eq!((found, warnings.len()), (text.clone(), 1));
    let (found, warnings) = sent_back(CLAUDE, &plain, "bedrock");
    assert_eq!((found, warnings.len()), (text.clone(), 1));
    assert_eq!(sent_back("openai.gpt-oss-20b-1:0", &plain, "bedrock").0, plain);
    assert_eq!(sent_back("us.deepseek.r1-v1:0", &plain, "bedrock").0, text);
    // What came from elsewhere is no error, not even where settings must not be lost.
    let mut request = ask(CLAUDE);
    request.unsupported = meanwhile_core::OnUnsupported::Error;
    let foreign = Thinking::new("hm").with_data(ProviderData::new("anthropic", json!({})));
    request.messages.push(Message::assistant([Part::from(foreign), Part::text("x")]));
    assert_eq!(body(&request).1.len(), 1);
}

#[test]
fn a_tools_answer_may_hold_more_than_text() {
    let response = whole(&json!({ "output": { "message": { "content": [
        { "toolUse": { "toolUseId": "t1", "name": "n", "input": {} } }] } }, "stopReason": "tool_use" }));
    let call = response.tool_calls().next().unwrap().clone();
    let result = ToolResult::new(
        &call,
        vec![
            Part::text("see"),
            meanwhile_core::Image::bytes(vec![1], "image/png").into(),
            meanwhile_core::Document::bytes(vec![1], "text/csv").into(),
            Part::opaque("bedrock", json!({ "json": { "rows": 2 } })),
        ],
    );
    let request =
        Request::new(CLAUDE, vec![response.message.clone(), Message::tool_results([result])]);
    let (body, _) = body(&request);
    let expected = json!({ "toolResult": { "toolUseId": "t1", "content": [
        { "text": "see" },
        { "image": { "format": "png", "source": { "bytes": "AQ==" } } },
        { "document": { "format": "csv", "name": "document", "source": { "bytes": "AQ==" } } },
        { "json": { "rows": 2 } },
    ] } });
    assert_eq!(body["messages"][1]["content"][0], expected);
}
