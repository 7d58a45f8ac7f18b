//! Prompt functions that call Acme's models: by string and by handle, without a network.

use acme_meanwhile::{HOST, NATIVE, acme, acme_native};
use meanwhile::prelude::*;
use meanwhile::{Model, registry};
use meanwhile_testkit::{Reply, Server};

#[call("acme/acme-large")]
async fn slogan(product: &str) -> Result<String> {
    "Write a slogan for {product}."
}

#[call("acme-native/anvil-1", temperature = 0.2)]
async fn weight(product: &str) -> Result<u32> {
    "How many kilograms does {product} weigh? Answer with the number."
}

/// A server that answers as Acme does, on both of its paths.
async fn server() -> Server {
    Server::start(|request| match &*request.path {
        "/v1/chat/completions" => Reply::new(200)
            .json(r#"{"choices":[{"message":{"content":"It drops."},"finish_reason":"stop"}]}"#),
        "/native/talk" => Reply::new(200).json_lines("{\"say\":\"250\",\"end\":\"done\"}\n"),
        _ => Reply::new(404),
    })
    .await
    .unwrap()
}

#[test]
fn registered_ids_are_equal_to_built_in_ones() {
    let registry = meanwhile::Registry::new();
    registry.register(&HOST).register(&NATIVE);
    assert_eq!(registry.ids(), ["acme", "acme-native"]);
    // Nothing is connected before it is used; without a key, the error names the variable.
    if let Err(error) = registry.model("acme/acme-large") {
        assert!(error.to_string().contains("ACME_API_KEY"), "{error}");
    }
}

#[tokio::test]
async fn models_are_called_by_string() -> Result<()> {
    let server = server().await;
    let (host, native) = (format!("{}/v1", server.url()), format!("{}/native", server.url()));
    // What a program does once, with its own key and address.
    registry().insert(acme().base_url(host).api_key("k").build()?);
    registry().insert(acme_native(&native, "k")?.into());

    assert_eq!(slogan("an anvil").await?, "It drops.");
    assert_eq!(weight("an anvil").await?, 250);

    let sent = server.received();
    assert!(sent[0].text().contains("Write a slogan for an anvil."));
    assert!(sent[1].text().contains("\"temperature\":0.2"));
    assert_eq!(sent[1].headers["authorization"], "Bearer k");
    Ok(())
}

#[tokio::test]
async fn models_are_called_by_handle() -> Result<()> {
    let server = server().await;
    let native = acme_native(&format!("{}/native", server.url()), "k")?;
    let anvil = Model::new(native, "anvil-2");

    assert_eq!(weight("a piano").model(&anvil).await?, 250);

    assert!(server.received()[0].text().contains("\"model\":\"anvil-2\""));
    Ok(())
}

#[tokio::test]
async fn answers_are_streamed() -> Result<()> {
    let lines = "{\"say\":\"It \"}\n{\"say\":\"drops.\"}\n{\"end\":\"done\"}\n";
    let server = Server::replies([Reply::new(200).json_lines(lines)]).await.unwrap();
    let anvil = Model::new(acme_native(&server.url(), "k")?, "anvil-1");
    let stream = slogan("an anvil").model(&anvil).stream().await?;
    assert_eq!(stream.finish().await?, "It drops.");
    Ok(())
}
