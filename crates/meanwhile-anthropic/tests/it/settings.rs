//! Settings by model: thinking, effort, sampling, the default of `max_tokens`.

use meanwhile_core::{Effort, Params, Reasoning, ToolChoice};
use serde_json::{Value, json};

use crate::{ask, tool, written};

#[track_caller]
fn check(model: &str, params: Params, expected: Value, warnings: &[&str]) {
    let mut request = ask("x");
    request.model = model.into();
    request.params = params;
    let (mut body, found) = written(&request);
    let fields = body.as_object_mut().unwrap();
    for name in ["model", "messages"] {
        fields.remove(name);
    }
    if request.params.max_tokens.is_some() {
        fields.remove("max_tokens");
    }
    assert_eq!((body, found), (expected, warnings.iter().map(|text| (*text).to_owned()).collect()));
}

#[test]
fn max_tokens_follow_the_model() {
    for (model, most) in [
        ("claude-opus-5", 128_000),
        ("claude-sonnet-5", 128_000),
        ("claude-opus-4-8", 128_000),
        ("claude-sonnet-4-6", 128_000),
        ("claude-sonnet-4-5-20250929", 64_000),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 64_000),
        ("claude-opus-4-1@20250805", 32_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4", 32_000),
        ("claude-sonnet-4-0", 64_000),
        ("claude-sonnet-4@20250514", 64_000),
        ("claude-3-7-sonnet-latest", 64_000),
        ("claude-3-5-haiku-20241022", 8192),
        ("claude-3-opus-20240229", 4096),
        ("claude-2.1", 4096),
        ("tomorrow-1", 32_000),
    ] {
        check(model, Params::new(), json!({ "max_tokens": most }), &[]);
    }
}

#[test]
fn effort_by_model() {
    let params = |effort: Effort| Params::new().max_tokens(64_000).reasoning(effort);
    let adaptive = |effort: &str| json!({ "thinking": { "type": "adaptive" }, "output_config": { "effort": effort } });
    let budget =
        |tokens: u32| json!({ "thinking": { "type": "enabled", "budget_tokens": tokens } });
    check("claude-opus-4-7", params(Effort::XHigh), adaptive("xhigh"), &[]);
    check("claude-opus-4-6", params(Effort::Max), adaptive("max"), &[]);
    check("claude-opus-4-6", params(Effort::XHigh), adaptive("high"), &["reasoning"]);
    check("claude-sonnet-5", params(Effort::Minimal), adaptive("low"), &["reasoning"]);
    check("tomorrow-1", params(Effort::Medium), adaptive("medium"), &[]);
    check("claude-sonnet-4-5", params(Effort::Minimal), budget(1024), &[]);
    check("claude-sonnet-4-5", params(Effort::Low), budget(2048), &[]);
    check("claude-sonnet-4-5", params(Effort::Medium), budget(8192), &[]);
    check("claude-3-7-sonnet-latest", params(Effort::High), budget(24_576), &[]);
    check("claude-sonnet-4-5", params(Effort::Max), budget(32_768), &[]);
    let mut both = budget(8192);
    both["output_config"] = json!({ "effort": "medium" });
    check("claude-opus-4-5", params(Effort::Medium), both, &[]);
    check("claude-3-5-haiku-latest", params(Effort::Low), json!({}), &["reasoning"]);
    let off = json!({ "thinking": { "type": "disabled" } });
    check("claude-sonnet-5", params(Effort::None), off.clone(), &[]);
    let low = json!({ "output_config": { "effort": "low" } });
    check("claude-fable-5", params(Effort::None), low, &["reasoning"]);
    check("claude-fable-5", params(Effort::High), adaptive("high"), &[]);
    check("claude-sonnet-4-5", params(Effort::None), off, &[]);
    check("claude-3-opus-latest", params(Effort::None), json!({}), &[]);
}

#[test]
fn budgets_stay_within_what_the_api_takes() {
    let params = |budget: u32, most: u32| {
        Params::new().max_tokens(most).reasoning(Reasoning::Budget(budget))
    };
    let enabled =
        |tokens: u32| json!({ "thinking": { "type": "enabled", "budget_tokens": tokens } });
    check("claude-sonnet-4-5", params(3000, 4000), enabled(3000), &[]);
    check("claude-sonnet-4-5", params(100, 4000), enabled(1024), &["reasoning"]);
    check("claude-sonnet-4-5", params(9000, 4000), enabled(2000), &["reasoning"]);
    check("claude-sonnet-4-5", params(9000, 1500), enabled(1024), &["reasoning"]);
    check("claude-sonnet-4-5", params(9000, 1024), json!({}), &["reasoning"]);
    check("claude-opus-4-6", params(3000, 4000), enabled(3000), &[]);
    let adaptive = json!({ "thinking": { "type": "adaptive" } });
    check("claude-opus-4-7", params(3000, 4000), adaptive, &["reasoning"]);
    check("claude-sonnet-4-5", params(0, 4000), json!({ "thinking": { "type": "disabled" } }), &[]);
    // A level is no number: it takes the room there is.
    let high = Params::new().max_tokens(4000).reasoning(Effort::High);
    check("claude-sonnet-4-5", high, enabled(2000), &[]);
}

#[test]
fn sampling_by_model_and_by_thinking() {
    let params = || Params::new().max_tokens(9000).temperature(0.5).top_p(0.9).top_k(5);
    check(
        "claude-3-5-haiku-latest",
        params(),
        json!({ "temperature": 0.5, "top_p": 0.9, "top_k": 5 }),
        &[],
    );
    check("claude-sonnet-4-5", params(), json!({ "temperature": 0.5, "top_k": 5 }), &["top_p"]);
    check("claude-opus-4-7", params(), json!({}), &["temperature", "top_p", "top_k"]);
    check(
        "claude-opus-4-7",
        Params::new().max_tokens(9).temperature(1.0),
        json!({ "temperature": 1.0 }),
        &[],
    );
    check(
        "claude-3-7-sonnet-latest",
        params().reasoning(Effort::Minimal),
        json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }),
        &["temperature", "top_p", "top_k"],
    );
    check(
        "claude-3-5-haiku-latest",
        Params::new().max_tokens(9).temperature(1.7),
        json!({ "temperature": 1.0 }),
        &["temperature"],
    );
}

#[test]
fn what_the_api_has_no_setting_for() {
    check(
        "claude-sonnet-4-5",
        Params::new()
            .max_tokens(9)
            .seed(1)
            .presence_penalty(0.1)
            .frequency_penalty(0.1)
            .logprobs(1)
            .prompt_cache_key("k")
            .stop(["\n", "END"]),
        json!({ "stop_sequences": ["END"] }),
        &["seed", "presence_penalty", "frequency_penalty", "logprobs", "prompt_cache_key", "stop"],
    );
}

#[test]
fn a_forced_tool_goes_before_thinking() {
    let mut request = ask("x");
    request.tools = vec![tool()];
    request.tool_choice = ToolChoice::Required;
    request.params = Params::new().reasoning(Effort::Low).temperature(0.5);
    let (body, warnings) = written(&request);
    assert_eq!(warnings, ["reasoning"]);
    assert!(body.get("thinking").is_none());
    assert_eq!(
        (&body["temperature"], &body["tool_choice"]),
        (&json!(0.5), &json!({ "type": "any" }))
    );

    // A model that thinks as it finds right can be made to.
    request.model = "claude-opus-4-6".into();
    let (body, warnings) = written(&request);
    assert_eq!(warnings, ["temperature"]);
    assert_eq!(body["thinking"], json!({ "type": "adaptive" }));
    assert_eq!(body["tool_choice"], json!({ "type": "any" }));
}
