//! The table of vendors.

use meanwhile_core::{ErrorKind, Provider as _, Registry};
use meanwhile_openai_compatible::presets::{ALL, PROVIDERS, Preset};
use meanwhile_openai_compatible::{OpenAiCompatible, Quirks};

#[test]
fn rows_are_sane() {
    let mut ids: Vec<&str> = ALL.iter().map(|preset| preset.id).collect();
    assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), ALL.len(), "an id is used twice");
    for preset in ALL {
        let Preset { id, base_url, base_url_variables, key_variables, needs_key, .. } = preset;
        assert!(!base_url.ends_with('/'), "{id}");
        if base_url.is_empty() {
            continue;
        }
        let local = base_url.starts_with("http://");
        assert_eq!(local, !needs_key, "{id}: hosts have keys and TLS, local servers neither");
        assert!(!needs_key || !key_variables.is_empty(), "{id}");
        assert!(!base_url_variables.is_empty(), "{id}");
        let provider = preset.builder().base_url(*base_url).api_key("k").build().unwrap();
        assert_eq!(provider.id(), *id);
        assert!(provider.capabilities("m").streaming);
    }
    assert_eq!(PROVIDERS.len(), ALL.len());
    assert!(Preset::find("groq").is_some() && Preset::find("nobody").is_none());
}

/// Where these are asked is said by the environment or by their rows, below the root of the host.
#[test]
fn hosts_with_paths_of_their_own() {
    for (id, base_url, path, lists) in [
        ("otari", "https://api.otari.ai", "/v1/chat/completions", "/v1"),
        (
            "watsonx",
            "https://us-south.ml.cloud.ibm.com",
            "/ml/gateway/v1/chat/completions",
            "/ml/gateway/v1",
        ),
        ("databricks", "", "/serving-endpoints/chat/completions", ""),
    ] {
        let preset = Preset::find(id).unwrap();
        let found = (preset.base_url, preset.path, preset.quirks.version_path);
        assert_eq!(found, (base_url, Some(path), lists), "{id}");
    }
    // The address of an endpoint is nobody else's.
    let error = Preset::find("sagemaker").unwrap().connect().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("SAGEMAKER_BASE_URL"), "{error}");
}

#[test]
fn every_vendor_can_be_registered() {
    let registry = Registry::new();
    for info in PROVIDERS {
        registry.register(info);
    }
    assert_eq!(registry.ids().len(), PROVIDERS.len());
    // A local server needs no key, so it connects in any environment.
    assert_eq!(registry.model("llamafile/any/thing").unwrap().id, "any/thing");
}

#[test]
fn speech_images_and_batches_are_offered_where_they_are_known_to_be() {
    let offered = |id: &str| {
        let info = PROVIDERS.iter().find(|info| info.id == id).unwrap();
        (info.speech.is_some(), info.transcriber.is_some(), info.images.is_some())
    };
    // Together's batches are not in OpenAI's form.
    let with_batches: Vec<_> =
        PROVIDERS.iter().filter(|info| info.batches.is_some()).map(|info| info.id).collect();
    assert_eq!(with_batches, ["groq", "alibaba", "dashscope", "doubleword"]);
    for (id, expected) in [
        ("groq", (false, true, false)),
        ("together", (true, true, true)),
        ("openrouter", (true, false, false)),
        ("venice", (true, false, false)),
        ("xai", (false, false, true)),
        ("deepseek", (false, false, false)),
    ] {
        assert_eq!(offered(id), expected, "{id}");
    }
    let registry = Registry::new();
    for info in PROVIDERS {
        registry.register(info);
    }
    let error = registry.speech("deepseek").unwrap_err();
    assert_eq!((error.kind(), error.provider()), (ErrorKind::Unsupported, Some("deepseek")));
}

#[test]
fn a_missing_key_names_its_variables() {
    let builder = OpenAiCompatible::builder("acme", "https://api.acme.example/v1");
    let error = builder.api_key_from_env(&["ACME_KEY_THAT_NOBODY_SETS"]).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingCredential);
    assert!(error.message().contains("ACME_KEY_THAT_NOBODY_SETS"));
}

#[test]
fn a_builder_checks_what_it_is_given() {
    let error = OpenAiCompatible::builder("acme", "acme.example").api_key("k").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let builder = OpenAiCompatible::builder("acme", "http://localhost:1/v1").quirks(Quirks::new());
    let shown = format!("{:?}", builder.api_key("a-secret").secret_header("x-key", "b-secret"));
    assert!(!shown.contains("a-secret") && !shown.contains("b-secret"), "{shown}");
}
