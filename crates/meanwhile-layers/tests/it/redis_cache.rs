//! Answers in a real Redis server, where one is installed.

use std::time::Duration;

use meanwhile_core::{Model, Response, Scripted};
use meanwhile_layers::{Cache, RedisCache};

use crate::redis::Server;

async fn ask(model: &Model, store: &RedisCache) -> Response {
    model.call::<Response>("Hi!").layer(Cache::new(store.clone())).await.unwrap()
}

#[tokio::test]
async fn processes_share_answers() {
    let Some(server) = Server::start().await else { return };
    let scripted = Scripted::new().reply("shared").reply("brief").reply("later").reply("elsewhere");
    let model = Model::of(scripted.clone().into(), "m");
    let store = || RedisCache::new(&server.url()).unwrap();
    let expiring = store().expiring(Duration::from_secs(600));
    assert!(!ask(&model, &expiring).await.cached);
    // Another process has nothing but the server in common with this one.
    let again = ask(&model, &store()).await;
    assert_eq!((again.text().as_str(), again.cached, again.warnings.len()), ("shared", true, 0));
    let brief = store().with_prefix("brief:").expiring(Duration::from_millis(50));
    assert_eq!(ask(&model, &brief).await.text(), "brief");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ask(&model, &brief).await.text(), "later");
    let apart = store().with_prefix("apart:");
    assert_eq!(ask(&model, &apart).await.text(), "elsewhere");
    assert_eq!(scripted.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_is_gone_costs_warnings_and_no_answer() {
    let store = RedisCache::new("redis://user:hunter2@127.0.0.1:1").unwrap();
    assert!(!format!("{store:?}").contains("hunter2"));
    let response = ask(&Model::of(Scripted::new().reply("here").into(), "m"), &store).await;
    assert_eq!((response.text().as_str(), response.warnings.len()), ("here", 2));
    assert!(!format!("{:?}", response.warnings).contains("hunter2"));
    let error = RedisCache::new("hunter2 is no URL").unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"));
}
