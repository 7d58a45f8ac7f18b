//! Chains: nested, side by side, and with calls that were made outside of them.

use super::*;

#[test]
fn chains_nest_and_end_as_their_future_does() {
    let log = Log::shared();
    let model = model(&Scripted::new().reply("a").reply("b"));
    let work = chain("outer", async {
        let one = chain("first", named("a", model.clone(), "1").into_future()).await?;
        let two = named("b", model.clone(), "2").await?;
        chain("third", async { Err::<(), _>(Error::new(ErrorKind::Other, "no")) }).await?;
        Ok((one, two))
    });
    assert!(wait(scope(Settings::new().observe(Arc::clone(&log)), work)).is_err());
    log.expect(&[
        "+outer",
        "+first < outer",
        "+a < first",
        "+model < a",
        "-model < a",
        "-a < first",
        "-first < outer",
        "+b < outer",
        "+model < b",
        "-model < b",
        "-b < outer",
        "+third < outer",
        "-third Other < outer",
        "-outer Other",
    ]);
    let log = Log::shared();
    let mut work = Box::pin(scope(
        Settings::new().observe(Arc::clone(&log)),
        chain("outer", chain("inner", std::future::pending::<Result<()>>())),
    ));
    assert!(poll(work.as_mut(), 3).is_none());
    drop(work);
    log.expect(&["+outer", "+inner < outer", "-inner Cancelled < outer", "-outer Cancelled"]);
}

#[test]
fn a_call_made_outside_a_chain_and_awaited_in_it_shows_its_request() {
    let log = Log::shared();
    let call = named("early", model(&Scripted::new().reply("a")), "1").into_future();
    let work = scope(Settings::new().observe(Arc::clone(&log)), chain("outer", call));
    assert_eq!(wait(work).unwrap(), "a");
    log.expect(&[
        "+outer",
        "+early < outer",
        "+model < early",
        "-model < early",
        "-early < outer",
        "-outer",
    ]);
}

#[test]
fn calls_side_by_side_keep_to_their_own_chain() {
    let log = Log::shared();
    let scripted = Scripted::new().reply_with(|request| request.messages[0].text());
    let model = waiting(scripted);
    let all = ["one", "two", "three"]
        .map(|name| chain(name, named("call", model.clone(), name).into_future()));
    let all = scope(Settings::new().observe(Arc::clone(&log)), futures::future::join_all(all));
    let mut all = pin!(all);
    assert_eq!(poll(all.as_mut(), 50).unwrap().len(), 3);
    log.check();
    for entry in log.entries().iter().filter(|entry| entry.what == "model" && entry.start) {
        let call = entry.run.parent().unwrap();
        let entries = log.entries();
        let call = entries.iter().find(|entry| entry.run.id() == call).unwrap();
        assert_eq!(log.name(call.run.parent().unwrap()), entry.detail);
    }
}
