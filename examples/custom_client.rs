//! Another client than the registry's: by attribute, in the body, and at the call site.

use std::time::Duration;

use meanwhile::prelude::*;
use meanwhile::provider::openai::OpenAi;

/// Evaluated for every call; a client is cheap to clone, so keep it in a static if it is costly.
fn shared_client() -> AnyProvider {
    Scripted::new().reply("from the attribute's client").into()
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

    // A real client with its own address and key; nothing is sent here.
    let proxy =
        OpenAi::builder().base_url("http://127.0.0.1:4000/v1").api_key("sk-local").build()?;
    let call = by_attribute("Who answers?").client(proxy).timeout(Duration::from_secs(5));
    println!("{:?}", call.request().await?.timeouts.whole);
    Ok(())
}
