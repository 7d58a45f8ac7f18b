//! Names of tools: acceptable to providers, unique, and mapped back.

use std::collections::HashSet;

use meanwhile_core::Toolbox;
use meanwhile_mcp::Client;
use serde_json::{Value, json};

use crate::support::{answered, call, context, scripted};

/// Lists tools of these names at a server that answers a call with the name that it was asked for.
async fn listed(names: Vec<String>, prefix: Option<&str>) -> Toolbox {
    let prefix = prefix.map(str::to_owned);
    let client = scripted(
        |stream| match prefix {
            Some(prefix) => Client::over(stream).prefix(prefix),
            None => Client::over(stream),
        },
        move |message| match message["method"].as_str() {
            Some("tools/list") => {
                let tools: Vec<Value> = names
                    .iter()
                    .map(|name| json!({"name": name, "inputSchema": {"type": "object"}}))
                    .collect();
                vec![answered(message, json!({"tools": tools}))]
            }
            Some("tools/call") => {
                let name = message["params"]["name"].clone();
                vec![answered(message, json!({"content": [{"type": "text", "text": name}]}))]
            }
            _ => vec![],
        },
    );
    client.await.unwrap().tools().await.unwrap()
}

#[tokio::test]
async fn names_are_made_acceptable_and_mapped_back() {
    let long = "x".repeat(100);
    let cases = [
        ("read_file", "read_file"),
        ("get-sum", "get-sum"),
        ("files.read/now", "files_read_now"),
        ("files_read_now", "files_read_now_2"),
        ("files read now", "files_read_now_3"),
        ("2fast", "_2fast"),
        ("-x", "_-x"),
        ("für", "f_r"),
        ("", "_"),
    ];
    let mut names: Vec<String> = cases.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend([format!("{long}1"), format!("{long}2")]);
    let tools = listed(names.clone(), None).await;
    let accepted: Vec<&str> = tools.specs().map(|spec| spec.name.as_str()).collect();
    let expected: Vec<&str> = cases.iter().map(|(_, name)| *name).collect();
    assert_eq!(accepted[..expected.len()], expected);
    assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), names.len());
    for (accepted, name) in accepted.iter().zip(&names) {
        assert!(accepted.len() <= 64 && !accepted.is_empty(), "{accepted}");
        assert_eq!(tools.run(&call(accepted, &json!({})), &context()).await.text(), *name);
    }
}

#[tokio::test]
async fn a_prefix_keeps_two_servers_apart() {
    let one = listed(vec!["read".to_owned()], Some("one")).await;
    let two = listed(vec!["read".to_owned()], Some("two")).await;
    let both = one.with_all(two);
    let names: Vec<&str> = both.specs().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["one_read", "two_read"]);
    assert_eq!(both.run(&call("two_read", &json!({})), &context()).await.text(), "read");
}
