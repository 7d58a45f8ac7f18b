//! Settings of tasks and of the process: who wins, and who never meets.

use std::future::IntoFuture as _;
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{
    AnyProvider, AnyTool, Call, ErrorKind, Extract, Model, OnUnsupported, Params, Prompt, Registry,
    Request, Result, Schema, Scope, Scripted, Settings, Tool, ToolCall, ToolContext, ToolOutput,
    ToolSpec, Toolbox, chain, configure, scope,
};
use tokio::task::{JoinSet, yield_now};

use crate::wait;

/// Runs a test that sets something for its process in a process of its own.
fn alone(test: &str, body: impl FnOnce()) {
    const MARK: &str = "MEANWHILE_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return body();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args([test, "--exact", "--nocapture"]).env(MARK, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "there is no test `{test}`");
}

fn seed(seed: u64) -> Settings {
    Settings::new().seed(seed)
}

/// A client that says back which model it was asked for, and which one it is.
fn echo(name: &'static str) -> Scripted {
    Scripted::new().reply_with(move |request| {
        format!("{name} {} {}", request.model, request.messages[0].text())
    })
}

fn ask<T: Extract>(prompt: &str) -> Call<'static, T> {
    Call::new("ask", &Registry::new(), Ok(Prompt::from(prompt)))
}

/// The request that a call sends.
fn request(call: Call<'_, String>) -> Request {
    wait(call.request()).unwrap()
}

#[test]
fn the_stronger_level_wins_field_by_field() {
    alone("scope::the_stronger_level_wins_field_by_field", || {
        // From the strongest to the weakest; each level sets its own field and all that follow.
        let level = |from: usize| {
            let value = |at: usize| (at >= from).then_some(from as f64);
            let count = |at: usize| (at >= from).then_some(from as u32);
            let mut params = Params::new();
            params.temperature = value(0);
            params.top_p = value(1);
            params.presence_penalty = value(2);
            params.frequency_penalty = value(3);
            params.top_k = count(4);
            params.max_tokens = count(5);
            params.seed = count(6).map(u64::from);
            params
        };
        let settings = |from: usize| Settings::new().params(|_| level(from));
        let registry = Registry::new();
        registry.set_params(level(6));
        configure(settings(4));
        let model = Model::new(Scripted::new(), "m").with_params(level(5));
        let sent = |levels: &[usize]| {
            let of = |from: usize| match levels.contains(&from) {
                true => settings(from),
                false => Settings::new(),
            };
            let call = Scope::default().with(of(2)).enter(|| {
                let mut prompt = Prompt::from("x");
                prompt.settings = of(1);
                Call::<String>::new("ask", &registry, Ok(prompt))
            });
            let call = call.with_attribute(of(3).model(&model));
            let params = request(call.params(|_| of(0).params)).params;
            [
                params.temperature.map(|value| value as u32),
                params.top_p.map(|value| value as u32),
                params.presence_penalty.map(|value| value as u32),
                params.frequency_penalty.map(|value| value as u32),
                params.top_k,
                params.max_tokens,
                params.seed.map(|value| value as u32),
            ]
        };
        // Who sets a field first has it; what nobody set is open.
        for present in 0..16_usize {
            let levels: Vec<usize> = (0..4).filter(|level| present & (1 << level) != 0).collect();
            let strongest = levels.iter().copied().chain([4]).next().unwrap();
            for (field, value) in sent(&levels).into_iter().enumerate() {
                let expected = (field >= strongest).then_some(strongest as u32);
                assert_eq!(value, expected, "field {field} of {levels:?}");
            }
        }
    });
}

#[test]
fn below_the_process_are_the_model_and_the_registry() {
    alone("scope::below_the_process_are_the_model_and_the_registry", || {
        let registry = Registry::new();
        registry.set_params(Params::new().max_tokens(6).seed(6).top_k(6));
        let params = Params::new().max_tokens(5).seed(5);
        let model = Model::new(Scripted::new(), "m").with_params(params);
        let sent = || {
            let call = Call::<String>::new("ask", &registry, Ok(Prompt::from("x")));
            let params = request(call.model(&model)).params;
            (params.max_tokens, params.seed, params.top_k)
        };
        assert_eq!(sent(), (Some(5), Some(5), Some(6)));
        configure(Settings::new().max_tokens(4));
        assert_eq!(sent(), (Some(4), Some(5), Some(6)));
    });
}

#[test]
fn a_process_is_configured_field_by_field_and_from_then_on() {
    alone("scope::a_process_is_configured_field_by_field_and_from_then_on", || {
        let ask = || ask::<String>("x").model(Model::new(Scripted::new(), "m"));
        configure(Settings::new().temperature(0.5).tag("process", "1"));
        let early = ask();
        configure(Settings::new().temperature(0.25).strict());
        let (early, late) = (request(early), request(ask()));
        assert_eq!((early.params.temperature, early.unsupported), (Some(0.5), OnUnsupported::Warn));
        assert_eq!((late.params.temperature, late.unsupported), (Some(0.25), OnUnsupported::Error));
        assert_eq!(late.tags, [("process".into(), "1".into())]);
        let elsewhere = std::thread::spawn(move || request(ask()));
        assert_eq!(elsewhere.join().unwrap().params.temperature, Some(0.25));
    });
}

#[test]
fn an_attribute_wins_over_the_process_and_loses_to_a_scope() {
    alone("scope::an_attribute_wins_over_the_process_and_loses_to_a_scope", || {
        let model = |id: &str| Settings::new().model(Model::new(Scripted::new(), id));
        configure(model("process"));
        assert_eq!(request(ask("x")).model, "process");
        assert_eq!(request(ask("x").with_attribute(model("attribute"))).model, "attribute");
        let call = Scope::default().with(model("scope")).enter(|| ask("x"));
        assert_eq!(request(call.with_attribute(model("attribute"))).model, "scope");
    });
}

#[test]
fn what_adds_up_adds_up() {
    #[derive(Debug)]
    struct Named(&'static str, &'static str);

    #[async_trait]
    impl Tool for Named {
        fn spec(&self) -> ToolSpec {
            ToolSpec::new(self.0, self.1, Schema::of::<()>())
        }

        async fn call(&self, _call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
            Ok(ToolOutput::default())
        }
    }

    let tool = |name, from| Toolbox::new().with(AnyTool::new(Named(name, from)));
    let settings = Settings::new().tools(tool("a", "scope")).tools(tool("b", "scope"));
    let settings =
        settings.tag("who", "scope").tag("where", "scope").timeout(Duration::from_secs(9));
    let call = Scope::default().with(settings).enter(|| ask("x"));
    let call = call.tools(tool("b", "site")).tools(tool("c", "site")).tag("who", "site");
    let call =
        call.with_attribute(Settings::new().tools(tool("a", "attribute")).tag("when", "now"));
    let sent = request(call.model(Model::new(Scripted::new(), "m")));
    let tools: Vec<_> =
        sent.tools.iter().map(|tool| (tool.name.as_str(), tool.description.as_str())).collect();
    assert_eq!(tools, [("a", "scope"), ("b", "site"), ("c", "site")]);
    for (name, value) in [("who", "site"), ("where", "scope"), ("when", "now")] {
        assert!(sent.tags.contains(&(name.into(), value.into())), "{:?}", sent.tags);
    }
    assert_eq!(sent.timeouts.whole, Some(Duration::from_secs(9)));
}

#[test]
fn a_model_by_value_brings_its_provider() {
    let (one, two) = (echo("one"), echo("two"));
    let named = |client: &Scripted| Settings::new().model("x/named").client(client.clone());
    let by_value = |client: &Scripted| Settings::new().model(Model::new(client.clone(), "value"));
    let check = |call: Call<'static, String>, expected: &str| {
        assert_eq!(wait(call).unwrap(), expected);
    };
    // A name leaves the client as it is; a value does not.
    check(ask("x").with_attribute(named(&one)).model("y/other"), "one other x");
    check(ask("x").with_attribute(named(&one)).model(Model::new(two.clone(), "m")), "two m x");
    let scoped = Scope::default().with(by_value(&two)).enter(|| ask("x"));
    check(scoped.with_attribute(named(&one)), "two value x");
    // A client above the value is asked all the same.
    check(ask("x").with_attribute(by_value(&one)).client(two.clone()), "two value x");
    let scoped = Scope::default().with(by_value(&two)).enter(|| ask("x"));
    check(scoped.client(one.clone()), "one value x");
}

#[test]
fn a_call_is_configured_where_it_was_made() {
    let model = |id: &str| Settings::new().model(Model::new(echo("c"), id));
    wait(async {
        let inside = Scope::default().with(model("inside")).enter(|| ask::<String>("x"));
        let outside = ask::<String>("x");
        // Made inside and awaited outside, and the other way round.
        assert_eq!(inside.await.unwrap(), "c inside x");
        let error = scope(model("inside"), async { outside.await }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        // A scope is taken where it is written, not where it is first polled.
        let outer = Scope::default().with(model("outer"));
        let inner = outer.enter(|| scope(seed(7), async { ask::<String>("x").request().await }));
        let sent = inner.await.unwrap();
        assert_eq!((sent.model.as_str(), sent.params.seed), ("outer", Some(7)));
    });
}

#[test]
fn scopes_nest_and_end() {
    let now = || (Scope::current().settings().params.seed, Scope::current().settings().raw);
    wait(async {
        assert_eq!(now(), (None, false));
        scope(seed(1), async {
            assert_eq!(now(), (Some(1), false));
            scope(Settings::new().raw(), async {
                assert_eq!(now(), (Some(1), true));
                scope(seed(2), async { assert_eq!(now(), (Some(2), true)) }).await;
                yield_now().await;
                assert_eq!(now(), (Some(1), true));
            })
            .await;
            assert_eq!(now(), (Some(1), false));
            Scope::default().enter(|| assert_eq!(now(), (None, false)));
            assert_eq!(now(), (Some(1), false));
        })
        .await;
        assert_eq!(now(), (None, false));
    });
}

#[test]
fn a_panic_leaves_no_scope_behind() {
    let left = std::panic::catch_unwind(|| {
        wait(scope(seed(1), async {
            std::panic::resume_unwind(Box::new("gone"));
        }));
    });
    assert!(left.is_err());
    assert_eq!(Scope::current().settings().params.seed, None);
    let left = std::panic::catch_unwind(|| {
        Scope::default().with(seed(1)).enter(|| {
            std::panic::resume_unwind(Box::new("gone"));
        });
    });
    assert!(left.is_err());
    assert_eq!(Scope::current().settings().params.seed, None);
}

#[test]
fn a_scope_between_two_polls_is_nobodys() {
    let mut inside = Box::pin(scope(seed(1), async {
        yield_now().await;
        Scope::current().settings().params.seed
    }));
    wait(async {
        assert!(futures::poll!(&mut inside).is_pending());
        assert_eq!(Scope::current().settings().params.seed, None);
        assert_eq!(inside.await, Some(1));
    });
}

#[tokio::test]
async fn a_spawned_task_starts_without_one_and_may_be_given_one() {
    let read = || async { Scope::current().settings().params.seed };
    scope(seed(1), async move {
        assert_eq!(tokio::spawn(read()).await.unwrap(), None);
        let carried = tokio::spawn(Scope::current().run(read()));
        assert_eq!(carried.await.unwrap(), Some(1));
        let here = Scope::current();
        let blocking = move || here.enter(|| Scope::current().settings().params.seed);
        assert_eq!(tokio::task::spawn_blocking(blocking).await.unwrap(), Some(1));
        // On top of what is carried.
        let more = Scope::current().with(Settings::new().raw());
        let both = more.run(async move { (Scope::current().settings().raw, read().await) });
        assert_eq!(tokio::spawn(both).await.unwrap(), (true, Some(1)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_with_two_clients_never_cross() {
    let clients = [echo("left"), echo("right")];
    let mut tasks = JoinSet::new();
    for number in 0..1_000_u64 {
        let client = AnyProvider::from(clients[number as usize % 2].clone());
        let settings = Settings::new().client(client).model(format!("x/{number}")).seed(number);
        tasks.spawn(scope(settings, async move {
            for _ in 0..number % 7 {
                yield_now().await;
            }
            let call = ask::<String>("made");
            yield_now().await;
            let inner = scope(Settings::new().temperature(1.0), async {
                yield_now().await;
                ask::<String>("inner").into_future().await
            });
            let nested = Call::<String>::lazy("body", &Registry::new(), async {
                yield_now().await;
                Ok(Prompt::from(ask::<String>("nested").await?))
            });
            let (made, inner, nested) =
                futures::join!(call.into_future(), inner, nested.into_future());
            let seed = Scope::current().settings().params.seed;
            (number, made.unwrap(), inner.unwrap(), nested.unwrap(), seed)
        }));
    }
    while let Some(task) = tasks.join_next().await {
        let (number, made, inner, nested, seed) = task.unwrap();
        let side = ["left", "right"][number as usize % 2];
        assert_eq!(made, format!("{side} {number} made"));
        assert_eq!(inner, format!("{side} {number} inner"));
        assert_eq!(nested, format!("{side} {number} {side} {number} nested"));
        assert_eq!(seed, Some(number));
    }
    // Three calls of each of 500 tasks, and the one in the body of another.
    assert_eq!(clients.map(|client| client.requests().len()), [2_000, 2_000]);
    assert_eq!(Scope::current().settings().params.seed, None);
}

#[derive(Debug)]
struct Where;

#[async_trait]
impl Tool for Where {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("where", "Says in which scope it is.", Schema::of::<()>())
    }

    async fn call(&self, _call: &ToolCall, _: &ToolContext) -> Result<ToolOutput> {
        ToolOutput::json(&Scope::current().settings().params.seed)
    }
}

#[test]
fn tools_and_bodies_run_in_the_scope_of_their_call() {
    let scripted = Scripted::new().tool_call("1", "where", "{}").reply("done");
    let model = Model::new(scripted.clone(), "m");
    let call = Scope::default().with(seed(5)).enter(|| {
        let body =
            async { Ok(Prompt::from(format!("{:?}", Scope::current().settings().params.seed))) };
        Call::<String>::lazy("ask", &Registry::new(), body)
    });
    let call = call.model(model).tools(Toolbox::new().with(AnyTool::new(Where)));
    wait(scope(seed(6), async { call.await })).unwrap();
    let requests = scripted.requests();
    assert_eq!(requests[0].messages[0].text(), "Some(5)");
    let result = &requests[1].messages[2].parts[0];
    assert!(matches!(result, meanwhile_core::Part::ToolResult(result) if result.text() == "5"));
}

#[test]
fn a_chain_keeps_the_scope() {
    let outcome =
        wait(scope(seed(3), chain("all", async { Ok(Scope::current().settings().params.seed) })));
    assert_eq!(outcome.unwrap(), Some(3));
}
