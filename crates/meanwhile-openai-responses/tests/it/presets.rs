//! The table of vendors.

use meanwhile_core::Provider as _;
use meanwhile_http::Codec as _;
use meanwhile_openai_responses::{OpenAiResponses, PROVIDERS, ResponsesPreset, presets};

#[test]
fn rows_can_be_found_and_built() {
    assert_eq!(PROVIDERS.len(), presets::ALL.len());
    for preset in presets::ALL {
        assert_eq!(preset.id, format!("{}-responses", preset.vendor.id));
        assert_eq!(ResponsesPreset::find(preset.id).unwrap().id, preset.id);
        assert_eq!(ResponsesPreset::find(preset.vendor.id).unwrap().id, preset.id);
        assert_eq!(preset.codec().label(), preset.id);
        let provider = preset.builder().api_key("k-123456").build().unwrap();
        assert_eq!(provider.id(), preset.id);
        assert!(provider.capabilities("m").reasoning);
        assert!(!format!("{provider:?}").contains("k-123456"));
    }
}

#[test]
fn models_that_do_not_think_are_not_asked_for_it() {
    let codec = presets::OPENROUTER.codec();
    let asks = |model: &str| codec.quirks(model).encrypted_reasoning;
    assert!(asks("openai/gpt-5-nano") && asks("openai/o3") && asks("google/gemini-3-pro"));
    assert!(!asks("openai/gpt-4o") && !asks("openai/gpt-5-chat") && !asks("openai/gpt-3.5-turbo"));
}

#[test]
fn a_host_of_ones_own() {
    let provider = OpenAiResponses::builder("acme", "https://x/v1")
        .secret_header("x-extra", "s-123456")
        .header("x-plain", "1")
        .build()
        .unwrap();
    assert_eq!(provider.id(), "acme");
    assert!(!format!("{provider:?}").contains("s-123456"));
    let request = meanwhile_core::Request::new("m", Vec::new());
    let codec = crate::plain().with_path("/v2/responses");
    assert_eq!(codec.encode(&request).unwrap().path, "/v2/responses");
}
