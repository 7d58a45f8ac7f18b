//! From strings to models.

use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Provider as _, ProviderInfo, Registry, Scripted,
};

const ACME: ProviderInfo = ProviderInfo::new("acme", &["ACME_API_KEY"], || {
    Ok(AnyProvider::new(Scripted::new().reply("from acme")))
});
const KEYLESS: ProviderInfo = ProviderInfo::new("keyless", &["KEYLESS_API_KEY"], || {
    Err(Error::new(ErrorKind::MissingCredential, "set KEYLESS_API_KEY"))
});

#[test]
fn a_third_party_is_found_like_any_other_and_connected_once() {
    let registry = Registry::new();
    registry.register(&ACME).register(&KEYLESS);
    let model = registry.model("acme/some/large:model").unwrap();
    assert_eq!(model.id, "some/large:model");
    let scripted = |p: &AnyProvider| format!("{p:?}");
    let first = registry.provider("acme").unwrap();
    assert_eq!(first.id(), "scripted");
    assert_eq!(scripted(&first), scripted(&registry.provider("acme").unwrap()));
    assert_eq!(registry.ids(), ["acme", "keyless"]);
    let error = registry.provider("keyless").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingCredential);
}

#[test]
fn unknown_names_get_help() {
    let registry = Registry::new();
    registry.register(&ACME).feature("groq", "groq");
    let check = |name: &str, words: &str| {
        let error = registry.model(name).unwrap_err();
        assert!(error.message().contains(words), "{error}");
    };
    check("acmee/x", "did you mean `acme`?");
    check("groq/x", "enable feature `groq`");
    check("grok/x", "did you mean `groq`?");
    check("something/x", "the registered ones are: acme");
    check("no-slash", "write `provider/model`");
    check("/x", "write `provider/model`");
    check("acme/", "write `provider/model`");
}

/// The only test of this binary that sets one.
#[test]
fn the_first_registry_of_the_process_stays_and_the_next_hears_of_it() {
    // What is registered before there is one reaches nobody.
    Registry::global().register(&ACME);
    assert!(Registry::global().ids().is_empty());

    let first = Registry::new();
    first.set_global().unwrap();
    first.register(&ACME);
    assert_eq!(Registry::global().ids(), ["acme"]);
    first.clone().set_global().unwrap();

    let error = Registry::new().set_global().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("has a registry already"), "{error}");
    assert_eq!(Registry::global().ids(), ["acme"]);
}
