//! Another client than the registry's: by attribute, in the body, and at the call site.

use std::sync::LazyLock;
use std::time::Duration;

use meanwhile::http::Client;
use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;

static SHARED: LazyLock<AnyProvider> =
    LazyLock::new(|| Scripted::new().reply("from the attribute's client").into());

/// Called for every call: what is costly to make is made once, and a clone shares its connections.
fn shared_client() -> AnyProvider {
    SHARED.clone()
}

#[call("openai/gpt-4o-mini", client = shared_client(), timeout = "20s")]
async fn by_attribute(question: &str) -> Result<String> {
    "{question}"
}

/// What the body sets holds for that one call.
#[call("openai/gpt-4o-mini", client = shared_client(), temperature = 0.2)]
async fn by_body(tenant: &str, question: &str) -> Result<String> {
    let client = Scripted::new().reply(format!("from the client of {tenant}"));
    prompt!("{question}").client(client).tag("tenant", tenant).max_tokens(100)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!("{}", by_attribute("Who answers?").await?);
    println!("{}", by_body("acme", "Who answers?").await?);

    // The call site wins over both.
    let client = Scripted::new().reply("from the call site's client");
    println!("{}", by_body("acme", "Who answers?").client(client).await?);

    // A real client with its own address, key and proxy; nothing is sent here.
    let http_client = Client::builder().proxy("http://user:password@127.0.0.1:3128").build()?;
    let gateway = OpenAi::builder()
        .base_url("http://127.0.0.1:4000/v1")
        .api_key("sk-local")
        .http_client(http_client)
        .build()?;
    let call = by_attribute("Who answers?").client(gateway).timeout(Duration::from_secs(5));
    println!("{:?}", call.request().await?.timeouts.whole);
    Ok(())
}
