//! The client against the reference server, `everything`.

use meanwhile_core::{Document, Part, Role};
use meanwhile_mcp::Client;
use serde_json::{Map, Value, json};

use crate::node::Node;
use crate::support::{call, context};

async fn everything() -> Option<Client> {
    let mut command = Node::installed()?.command("server-everything/dist/index.js");
    command.arg("stdio");
    Some(Client::command(command).prefix("every").connect().await.unwrap())
}

#[tokio::test]
async fn tools_of_the_reference_server_run() {
    let Some(client) = everything().await else { return };
    let tools = client.tools().await.unwrap();
    let names: Vec<&str> = tools.specs().map(|spec| spec.name.as_str()).collect();
    for name in ["every_echo", "every_get-sum", "every_get-tiny-image"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let sum = tools.specs().find(|spec| spec.name == "every_get-sum").unwrap();
    assert_eq!(sum.parameters.as_value()["required"], json!(["a", "b"]));

    let check = async |name: &str, arguments: Value, expected: &str| {
        let result = tools.run(&call(name, &arguments), &context()).await;
        assert!(!result.is_error && result.text().contains(expected), "{name}: {result:?}");
    };
    check("every_echo", json!({"message": "grüezi"}), "Echo: grüezi").await;
    check("every_get-sum", json!({"a": 19, "b": 23.5}), "42.5").await;
    check("every_trigger-long-running-operation", json!({"duration": 1, "steps": 2}), "1").await;

    let image = call("every_get-tiny-image", &json!({}));
    let image = tools.call(&image, &context()).await.unwrap();
    let Some(Part::Image(picture)) = image.parts.iter().find(|part| part.kind() == "image") else {
        panic!("{image:?}")
    };
    assert_eq!(picture.media_type.as_deref(), Some("image/png"));
    let meanwhile_core::MediaSource::Bytes(bytes) = &picture.source else { panic!("{image:?}") };
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));

    let weather =
        client.call_tool("get-structured-content", arguments(json!({"location": "Chicago"})));
    let weather = weather.await.unwrap();
    assert!(weather.structured.unwrap()["temperature"].is_number());

    let reference = json!({"resourceType": "Text", "resourceId": 1});
    let reference = call("every_get-resource-reference", &reference);
    let reference = tools.call(&reference, &context()).await.unwrap();
    assert!(reference.parts.iter().any(|part| matches!(part, Part::Document(_))), "{reference:?}");
    let links = call("every_get-resource-links", &json!({"count": 2}));
    assert!(tools.run(&links, &context()).await.text().contains("demo://"));

    // What does not fit is told to the model.
    let unfit = tools.run(&call("every_get-sum", &json!({"a": "x"})), &context()).await;
    assert!(unfit.is_error, "{unfit:?}");
    client.close().await;
}

#[tokio::test]
async fn resources_and_prompts_of_the_reference_server_are_read() {
    let Some(client) = everything().await else { return };
    let resources = client.resources().await.unwrap();
    let first = resources.first().unwrap();
    let parts = client.read_resource(&first.uri).await.unwrap();
    let Some(Part::Document(Document { name, .. })) = parts.first() else { panic!("{parts:?}") };
    assert_eq!(name.as_deref(), Some(first.uri.as_str()));
    assert!(client.read_resource("demo://nothing/at/all").await.is_err());

    let prompts = client.prompts().await.unwrap();
    let with_arguments = prompts.iter().find(|prompt| prompt.arguments.iter().any(|a| a.required));
    let prompt = with_arguments.unwrap();
    let given = prompt.arguments.iter().map(|argument| (argument.name.as_str(), "Zürich"));
    let messages = client.prompt(&prompt.name, given).await.unwrap();
    assert_eq!(messages[0].role, Role::User);
    assert!(messages[0].text().contains("Zürich"), "{messages:?}");
    assert!(client.prompt(&prompt.name, []).await.is_err());
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}
