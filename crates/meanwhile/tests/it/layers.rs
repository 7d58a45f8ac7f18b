//! What the registry puts around every provider without asking.

use meanwhile::layers::LayerSettings as _;
use meanwhile::prelude::*;

fn broken() -> Error {
    Error::new(ErrorKind::Server, "something broke")
}

#[tokio::test(start_paused = true)]
async fn two_retries_are_on_without_asking() {
    let scripted = Scripted::new().error(broken()).error(broken()).reply("at last");
    registry().insert_as("flaky", scripted.clone().into());
    let answer: Response = meanwhile::call("flaky/any", "hi").await.unwrap();
    assert_eq!((answer.text().as_str(), answer.attempts.len()), ("at last", 2));

    let scripted = Scripted::new().error(broken()).reply("not asked for");
    registry().insert_as("flaky", scripted.clone().into());
    let once = meanwhile::call::<String>("flaky/any", "hi").retries(0);
    assert_eq!(once.await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(scripted.requests().len(), 1);
}
