//! Clocks of each call and of all together.

use futures::StreamExt as _;
use meanwhile_concurrency::{gather, map_concurrent, race};
use meanwhile_core::{Error, ErrorKind, Result, TimeoutPhase};
use tokio::time::Instant;

use crate::support::{Alive, after, down, ms, wait};

const LATE: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Whole);

fn values<T: Copy>(results: &[Result<T>]) -> Vec<std::result::Result<T, ErrorKind>> {
    results.iter().map(|result| result.as_ref().map(|value| *value).map_err(Error::kind)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_late_and_the_others_are_kept() {
    let start = Instant::now();
    let calls = [10, 15_001, 20].map(|wait| after(ms(wait), wait));
    let results = gather(calls).each_within(ms(15_000)).settle().await;
    assert_eq!(values(&results), [Ok(10), Err(LATE), Ok(20)]);
    assert_eq!(start.elapsed(), ms(15_000));
    let error = results[1].as_ref().unwrap_err();
    assert_eq!(error.index(), Some(1));
    assert!(error.message().contains("within 15s"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_a_call_starts_with_the_call() {
    // Each waits its turn for longer than it may take.
    let calls = (0..5).map(|number| after(ms(80), number));
    let results = gather(calls).limit(1).each_within(ms(100)).settle().await;
    assert_eq!(values(&results), [Ok(0), Ok(1), Ok(2), Ok(3), Ok(4)]);
}

#[tokio::test(start_paused = true)]
async fn what_finished_in_time_is_kept_and_the_rest_is_late() {
    let alive = Alive::default();
    let calls = || {
        (0..10_u64).map(|number| {
            let alive = alive.clone();
            async move {
                let _living = alive.begin();
                after(ms(30 * (number + 1)), number).await
            }
        })
    };
    let start = Instant::now();
    let results = gather(calls()).limit(4).within(ms(100)).settle().await;
    let expected: Vec<_> =
        (0..10).map(|number| if number < 3 { Ok(number) } else { Err(LATE) }).collect();
    assert_eq!(values(&results), expected);
    assert_eq!((start.elapsed(), alive.now(), alive.all()), (ms(100), 0, 7));
    let places: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()?.index()).collect();
    assert_eq!(places, [3, 4, 5, 6, 7, 8, 9]);

    let error = gather(calls()).limit(4).within(ms(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.index()), (LATE, Some(3)));
    let came = gather(calls()).within(ms(100)).as_completed().map(|(index, _)| index);
    assert_eq!(came.collect::<Vec<_>>().await, (0..10).collect::<Vec<_>>());
    let ordered = gather(calls()).limit(2).within(ms(100)).ordered().collect::<Vec<_>>().await;
    assert_eq!(ordered.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn calls_that_never_wait_do_not_outrun_the_clock() {
    let call = |number: u64| async move {
        tokio::time::advance(ms(1)).await;
        Ok::<_, Error>(number)
    };
    let mut results = map_concurrent(0_u64.., 1, call).within(ms(50)).as_completed();
    let mut good = 0;
    while let Some((_, Ok(_))) = results.next().await {
        good += 1;
    }
    assert!((49..=51).contains(&good), "{good}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_starts_with_the_first_poll() {
    let calls = gather([after(ms(80), 1)]).within(ms(100));
    tokio::time::sleep(ms(500)).await;
    assert_eq!(calls.await.unwrap(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_race_may_be_timed_as_well() {
    let calls = || [after(ms(500), 1), after(ms(300), 2)];
    assert_eq!(race(calls()).each_within(ms(400)).within(ms(350)).await.unwrap(), 2);
    let error = race(calls()).within(ms(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (LATE, 1));
}

#[test]
fn without_a_runtime_a_deadline_is_an_error_and_no_panic() {
    let alive = Alive::default();
    let calls = || {
        [1, 2].map(|number| {
            let alive = alive.clone();
            async move {
                let _living = alive.begin();
                if number == 3 { Err(down("never")) } else { Ok(number) }
            }
        })
    };
    for gathered in [gather(calls()).within(ms(1)), gather(calls()).each_within(ms(1))] {
        let results = wait(gathered.settle());
        assert_eq!(values(&results), [Err(ErrorKind::Config), Err(ErrorKind::Config)]);
        assert!(results[0].as_ref().unwrap_err().message().contains("tokio runtime"));
    }
    assert_eq!(alive.all(), 0, "nothing was begun");
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_no_further_calls_are_made() {
    let taken = std::cell::Cell::new(0);
    let call = |number: u64| {
        taken.set(taken.get() + 1);
        after(ms(80), number)
    };
    let results = map_concurrent(0..100_000, 2, call).within(ms(100)).settle().await;
    assert_eq!((results.len(), taken.get()), (100_000, 4));
    assert!(results[1].is_ok() && results[99_999].as_ref().unwrap_err().index() == Some(99_999));
    // A filter has to be asked.
    let some = (0..10_u64).filter(|number| number % 2 == 0);
    assert_eq!(map_concurrent(some, 1, call).within(ms(100)).settle().await.len(), 5);
    // What may be endless ends.
    let ended = map_concurrent(0.., 2, call).within(ms(100)).as_completed();
    assert_eq!(ended.map(|(index, _)| index).collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
    let error = map_concurrent(0.., 2, call).within(ms(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.index()), (LATE, Some(2)));
}

#[tokio::test(start_paused = true)]
async fn what_is_late_is_told_in_turns() {
    let mut settled = gather((0..1000_u64).map(|number| after(ms(500), number)))
        .limit(1)
        .within(ms(100))
        .settle();
    tokio::time::advance(ms(1)).await;
    assert!(futures::poll!(&mut settled).is_pending());
    tokio::time::advance(ms(100)).await;
    let mut polls = 1;
    while futures::poll!(&mut settled).is_pending() {
        polls += 1;
    }
    assert!((50..80).contains(&polls), "{polls}");
}

#[test]
fn a_runtime_without_time_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let calls = || [1, 2].map(|number| async move { Ok::<_, Error>(number) });
    for gathered in [gather(calls()).within(ms(1)), gather(calls()).each_within(ms(1))] {
        let results = runtime.block_on(gathered.settle());
        assert_eq!(values(&results), [Err(ErrorKind::Config), Err(ErrorKind::Config)]);
        assert!(results[0].as_ref().unwrap_err().message().contains("time enabled"));
    }
}
