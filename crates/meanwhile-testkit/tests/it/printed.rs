//! What the providers' builders print: the host and the names of headers, and nothing that was given as
//! their values, as a key or as a password.

use meanwhile_anthropic::Anthropic;
use meanwhile_azure::Azure;
use meanwhile_bedrock::Bedrock;
use meanwhile_cohere::Cohere;
use meanwhile_google::{Google, Vertex};
use meanwhile_mistral::Mistral;
use meanwhile_ollama::Ollama;
use meanwhile_openai::OpenAi;
use meanwhile_openai_compatible::OpenAiCompatible;
use meanwhile_openai_responses::OpenAiResponses;
use meanwhile_voyage::Voyage;

const SECRET: &str = "sk-planted-7d1f";
const HOST: &str = "https://host.example/v1";

macro_rules! check {
    ($($name:ident: $builder:expr, $address:ident;)*) => {$(
        #[test]
        fn $name() {
            let builder = $builder
                .api_key(SECRET)
                .header("authorization", format!("Bearer {SECRET}"))
                .header("x-of-no-known-name", SECRET)
                .secret_header("x-gateway", SECRET)
                .$address(format!("https://user:{SECRET}@host.example/v1?key={SECRET}"));
            let text = format!("{builder:?} {builder:#?}");
            assert!(!text.contains(SECRET), "{text}");
            for told in ["authorization", "x-of-no-known-name", "x-gateway", "host.example/v1"] {
                assert!(text.contains(told), "{told} is not in {text}");
            }
        }
    )*};
}

check! {
    anthropic: Anthropic::builder(), base_url;
    azure: Azure::builder(), endpoint;
    bedrock: Bedrock::builder(), base_url;
    cohere: Cohere::builder(), base_url;
    google: Google::builder(), base_url;
    mistral: Mistral::builder(), base_url;
    ollama: Ollama::builder(), host;
    openai: OpenAi::builder(), base_url;
    openai_compatible: OpenAiCompatible::builder("acme", HOST), base_url;
    openai_responses: OpenAiResponses::builder("acme", HOST), base_url;
    vertex: Vertex::builder().project("acme"), base_url;
    voyage: Voyage::builder(), base_url;
}
