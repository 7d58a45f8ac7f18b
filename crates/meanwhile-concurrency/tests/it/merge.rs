//! Several streams read as one.

use futures::StreamExt as _;
use meanwhile_concurrency::{gather, merge};
use meanwhile_core::{Call, Event, Model, Result};

use crate::support::{Slow, down, ms, wait};

#[tokio::test(start_paused = true)]
async fn events_come_as_they_come_with_their_label() {
    let slow = |id, first, pause| Slow { id, first: ms(first), pause: ms(pause), streaming: true };
    let models = [slow("a", 10, 100), slow("b", 50, 10)];
    let calls = models.map(|slow| {
        let call: Call<'_, String> = Model::new(slow, "m").call("x");
        call.stream()
    });
    let streams = gather(calls).await.unwrap();
    let mut merged = merge(["a", "b"].into_iter().zip(streams));
    assert_eq!(merged.open(), 2);
    let mut said = Vec::new();
    while let Some((label, event)) = merged.next().await {
        if let Event::TextDelta { text, .. } = event.unwrap() {
            said.push(format!("{label}: {text}"));
        }
    }
    assert_eq!(said, ["a: one ", "b: one ", "b: two", "a: two"]);
    assert_eq!(merged.open(), 0);
}

#[test]
fn an_error_ends_its_own_stream_only() {
    let stream = |items: Vec<Result<u8>>| futures::stream::iter(items);
    let mut merged =
        merge([(1, stream(vec![Ok(1), Err(down("x"))])), (2, stream(vec![Ok(2), Ok(3)]))]);
    merged.push(3, stream(vec![Ok(9)]));
    let mut items = wait(merged.by_ref().collect::<Vec<_>>());
    items.sort_by_key(|(label, _)| *label);
    let seen: Vec<_> =
        items.iter().map(|(label, item)| (*label, item.as_ref().ok().copied())).collect();
    assert_eq!(seen, [(1, Some(1)), (1, None), (2, Some(2)), (2, Some(3)), (3, Some(9))]);
    assert!(wait(merge(Vec::<(u8, futures::stream::Empty<u8>)>::new()).next()).is_none());
}
