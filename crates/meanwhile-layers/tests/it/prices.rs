//! The table of prices and its arithmetic.

use meanwhile_core::{Response, Usage, Usd};
use meanwhile_layers::{Cost, Price, Prices};
use proptest::prelude::*;
use serde_json::json;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// Counts as they are serialised; what is not given is not reported.
fn usage(input: serde_json::Value, output: serde_json::Value) -> Usage {
    let fill = |given: serde_json::Value, names: &[&str]| {
        let value =
            |name: &&str| ((*name).to_owned(), given.get(*name).cloned().unwrap_or_default());
        serde_json::Value::Object(names.iter().map(value).collect())
    };
    serde_json::from_value(json!({
        "input": fill(input, &["total", "uncached", "cache_read", "cache_write", "audio"]),
        "output": fill(output, &["total", "text", "reasoning", "audio"]),
    }))
    .unwrap()
}

#[track_caller]
fn check(provider: &str, model: &str, usage: &Usage, expected: Option<&str>) {
    let cost = Prices::bundled().cost(provider, model, None, usage).map(|cost| cost.total());
    assert_eq!(cost, expected.map(usd), "{provider}/{model}");
}

#[test]
fn the_bundled_table_is_read_and_says_how_old_it_is() {
    let prices = Prices::bundled();
    assert_eq!(prices.date(), Some("2026-11-21"));
    for provider in ["anthropic", "openai", "google", "mistral", "xai", "cohere", "groq", "bedrock"]
    {
        assert!(format!("{prices:?}").contains(&format!("{provider:?}")), "{provider}");
    }
}

/// By hand, from the price pages.
#[test]
fn costs_are_what_a_pencil_says() {
    let plain = Usage::totals(1_000, 500);
    // 1000 × 2.50 + 500 × 10.00 = 7500 millionths.
    check("openai", "gpt-4o", &plain, Some("0.0075"));
    // 1000 × 0.15 + 500 × 0.60 = 450 millionths.
    check("openai", "gpt-4o-mini", &plain, Some("0.00045"));
    // 1000 × 3 + 500 × 15 = 10500 millionths.
    check("anthropic", "claude-sonnet-4-5-20250929", &plain, Some("0.0105"));
    // 600 × 2.50 + 400 × 1.25 + 500 × 10.
    let cached = usage(json!({"total": 1000, "cache_read": 400}), json!({"total": 500}));
    check("openai", "gpt-4o", &cached, Some("0.007"));
    // 100 × 3 + 700 × 0.30 + 200 × 3.75 + 50 × 15.
    let both = usage(
        json!({"total": 1000, "uncached": 100, "cache_read": 700, "cache_write": 200}),
        json!({"total": 50}),
    );
    check("anthropic", "claude-sonnet-4-5", &both, Some("0.00201"));
    // Reasoning is written tokens like others: 500 × 10.
    let thought = usage(json!({"total": 0}), json!({"total": 500, "reasoning": 400}));
    check("openai", "gpt-5", &thought, Some("0.005"));
    check("local", "whatever", &plain, Some("0"));
}

#[test]
fn a_long_prompt_costs_more_from_its_first_token_on() {
    // At the limit 3 and 15, above it 6 and 22.50.
    check("anthropic", "claude-sonnet-4-5", &Usage::totals(200_000, 1_000), Some("0.615"));
    check("anthropic", "claude-sonnet-4-5", &Usage::totals(200_001, 1_000), Some("1.222506"));
}

#[test]
fn what_is_written_for_an_hour_costs_more() {
    let mut counts =
        usage(json!({"total": 300, "uncached": 0, "cache_write": 300}), json!({"total": 0}));
    let raw = json!({"cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}});
    counts.raw = Some(raw.into());
    // 100 × 3.75 + 200 × 6.
    check("anthropic", "claude-sonnet-4-5", &counts, Some("0.001575"));
}

#[test]
fn a_model_is_found_by_its_release_and_by_nothing_else_it_begins_with() {
    let plain = Usage::totals(1_000_000, 0);
    for (provider, model, expected) in [
        ("openai", "gpt-4o-2024-11-20", Some("2.5")),
        ("openai", "gpt-4o-2024-05-13", Some("5")),
        ("openai", "GPT-4o", Some("2.5")),
        ("openai", "gpt-4o-mini-2024-07-18", Some("0.15")),
        ("openai", "gpt-4o-maxi", None),
        ("openai", "gpt-4", Some("30")),
        ("openai", "gpt-4.1", Some("2")),
        ("openai", "gpt-4x", None),
        ("openai-responses", "gpt-4o", Some("2.5")),
        ("anthropic", "claude-3-5-haiku-latest", Some("0.8")),
        ("anthropic", "claude-3-5-haiku-20241022", Some("0.8")),
        ("anthropic", "claude-opus-4-99", None),
        ("vertex", "claude-sonnet-4-5@20250929", Some("6")),
        ("gemini", "models/gemini-2.5-flash-lite", Some("0.1")),
        ("bedrock", "us.amazon.nova-micro-v1:0", Some("0.035")),
        ("azure", "gpt-4o", Some("2.5")),
        ("nobody", "gpt-4o", None),
    ] {
        check(provider, model, &plain, expected);
    }
}

#[test]
fn what_is_not_known_is_none() {
    let known = Price::new(usd("1"), usd("2"));
    let cached = usage(json!({"total": 10, "cache_read": 5}), json!({"total": 1}));
    assert_eq!(known.cost(&cached, None), None, "a price is missing");
    assert_eq!(known.cost(&Usage::default(), None), None, "the counts are missing");
    let half = usage(json!({"total": 10}), json!({}));
    assert_eq!(known.cost(&half, None), None, "the written tokens are missing");
    assert_eq!(known.cost(&Usage::totals(1, 1), Some("flex")), None, "the tier has no price");
    assert!(known.cost(&Usage::totals(1, 1), Some("default")).is_some());
    let mut embedding = Price::default();
    embedding.input = Some(usd("1"));
    assert_eq!(embedding.cost(&half, None).map(|cost| cost.total()), Some(usd("0.00001")));
}

#[test]
fn tiers_of_service_have_prices_of_their_own() {
    let mut response = Response::new("openai", "gpt-4o");
    response.usage = Usage::totals(1_000_000, 0);
    let cost = |response: &Response| Prices::bundled().cost_of(response).map(|cost| cost.total());
    assert_eq!(cost(&response), Some(usd("2.5")));
    response.service_tier = Some("priority".to_owned());
    assert_eq!(cost(&response), Some(usd("4.25")));
    response.service_tier = Some("somewhere".to_owned());
    assert_eq!(cost(&response), None);
    response.cached = true;
    assert_eq!(Prices::bundled().cost_of(&response), Some(Cost::default()));
}

#[test]
fn a_name_without_a_price_costs_what_was_asked_for() {
    let mut response = Response::new("openai", "of-june");
    response.usage = Usage::totals(1_000_000, 0);
    let cost = |response: &Response| Prices::bundled().cost_of(response).map(|cost| cost.total());
    assert_eq!(cost(&response), None);
    response.requested_model = Some("gpt-4o".to_owned());
    assert_eq!(cost(&response), Some(usd("2.5")));
    response.service_tier = Some("priority".to_owned());
    assert_eq!(cost(&response), Some(usd("4.25")));
    // The answer's own name comes first.
    response.model = "gpt-4o-mini".to_owned();
    response.service_tier = None;
    assert_eq!(cost(&response), Some(usd("0.15")));
}

#[test]
fn rows_are_added_and_overridden() {
    let prices = Prices::bundled()
        .with("openai", "gpt-4o", Price::new(usd("7"), usd("7")))
        .with("house", "*", Price::free())
        .with("house", "big-*", Price::new(usd("1"), usd("1")));
    let million = |provider: &str, model: &str| {
        prices.cost(provider, model, None, &Usage::totals(1_000_000, 0)).map(|cost| cost.total())
    };
    assert_eq!(million("openai", "gpt-4o-2024-08-06"), Some(usd("7")));
    assert_eq!(million("openai", "gpt-4o-mini"), Some(usd("0.15")));
    assert_eq!(million("house", "small"), Some(Usd::ZERO));
    assert_eq!(million("house", "big-one"), Some(usd("1")));
    let untouched = Prices::bundled().cost("openai", "gpt-4o", None, &Usage::totals(1_000_000, 0));
    assert_eq!(untouched.map(|cost| cost.total()), Some(usd("2.5")));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.json");
    let row =
        r#"{"providers": {"acme": {"rows": [{"models": ["a"], "input": 0.1, "output": "0.2"}]}}}"#;
    std::fs::write(&file, row).unwrap();
    let prices = Prices::none().with_file(&file).unwrap();
    assert_eq!(prices.price("acme", "a"), Some(&Price::new(usd("0.1"), usd("0.2"))));
    let typo = r#"{"providers": {"acme": {"rows": [{"models": ["a"], "inptu": 1}]}}}"#;
    let error = Prices::none().with_json(typo).unwrap_err();
    assert!(error.message().contains("inptu"), "{error}");
    assert!(Prices::none().with_file(folder.path().join("no.json")).is_err());
}

#[test]
fn amounts_are_read_and_written_exactly() {
    for (text, trillionths, written) in [
        ("0", 0, "$0.00"),
        ("0.1", 100_000_000_000, "$0.10"),
        ("$12.5", 12_500_000_000_000, "$12.50"),
        (".000000000001", 1, "$0.000000000001"),
        ("1e-7", 100_000, "$0.0000001"),
        ("25E2", 2_500_000_000_000_000, "$2500.00"),
    ] {
        assert_eq!(usd(text), Usd::trillionths(trillionths), "{text}");
        assert_eq!(usd(text).to_string(), written);
    }
    for text in ["", ".", "-1", "1.2.3", "a", "1e-13", "0.0000000000001", "NaN", "1e99"] {
        assert!(text.parse::<Usd>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn an_amount_survives_being_written(trillionths in any::<u64>()) {
        let amount = Usd::trillionths(trillionths.into());
        prop_assert_eq!(amount.to_string().parse::<Usd>().unwrap(), amount);
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), amount);
    }

    #[test]
    fn a_cost_is_the_sum_over_its_tokens(
        input in 0_u64..10_000_000, output in 0_u64..10_000_000,
        price in 0_u64..1_000_000_000, written in 0_u64..1_000_000_000,
    ) {
        // In millionths of a dollar for a million tokens, so trillionths of a dollar a token.
        let micro = |number: u64| Usd::trillionths(u128::from(number) * 1_000_000);
        let cost = Price::new(micro(price), micro(written))
            .cost(&Usage::totals(input, output), None).unwrap();
        let expected = u128::from(input) * u128::from(price) + u128::from(output) * u128::from(written);
        prop_assert_eq!(cost.total().as_trillionths(), expected);
    }
}
