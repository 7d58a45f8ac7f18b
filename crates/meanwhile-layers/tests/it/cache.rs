//! The cache: what is kept, what is played again, and how equal requests share one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use meanwhile_core::tool::ToolCall;
use meanwhile_core::{
    Error, ErrorKind, Event, Finish, FinishReason, Fold, Metadata, Model, Part, ProviderData,
    Response, Result, Scripted, Text, Usage,
};
use meanwhile_layers::{
    CACHE_TAG, Cache, CacheKey, CachePolicy, CacheStore, CachedAnswer, DiskCache,
    LayerSettings as _, MemoryCache, Retry,
};
use serde_json::json;

use crate::paced::{Paced, Step, words};

fn memory() -> Cache {
    Cache::new(MemoryCache::new(1 << 20))
}

async fn ask(model: &Model, cache: &Cache) -> Result<Response> {
    model.call::<Response>("Hi!").layer(cache.clone()).await
}

async fn stream(model: &Model, cache: &Cache) -> Result<(Vec<Event>, Response)> {
    let mut stream = model.call::<Response>("Hi!").layer(cache.clone()).stream().await?;
    let (mut events, mut fold) = (Vec::new(), Fold::new("none", "none"));
    while let Some(event) = stream.next().await {
        let event = event?;
        fold.push(&event)?;
        events.push(event);
    }
    Ok((events, fold.finish()?))
}

#[tokio::test(start_paused = true)]
async fn a_whole_and_a_streamed_request_share_an_answer() {
    let paced = Paced::new("slow").answer(words(10, 10, "one two three"));
    let (model, cache) = (paced.model("m"), memory());
    let first = ask(&model, &cache).await.unwrap();
    let (events, streamed) = stream(&model, &cache).await.unwrap();
    let again = ask(&model, &cache).await.unwrap();
    assert_eq!(paced.requests().len(), 1);
    assert!(!first.cached && streamed.cached && again.cached);
    assert_eq!(again.text(), "one two three");
    assert_eq!((&again.usage, &again.finish), (&first.usage, &first.finish));
    assert_eq!((again.provider.as_str(), again.model.as_str()), ("slow", "m"));
    let deltas = events.iter().filter(|event| matches!(event, Event::TextDelta { .. }));
    assert_eq!(deltas.count(), 1, "each part comes in one piece");
}

/// How often a reader lets the other tasks in while it reads an answer.
async fn pauses(model: &Model, cache: &Cache) -> usize {
    let call = model.call::<Response>("Hi!").layer(cache.clone());
    let mut stream = call.stream().await.unwrap();
    let mut pauses = 0;
    std::future::poll_fn(|cx| {
        loop {
            match stream.poll_next_unpin(cx) {
                std::task::Poll::Ready(Some(event)) => drop(event.unwrap()),
                std::task::Poll::Ready(None) => return std::task::Poll::Ready(()),
                std::task::Poll::Pending => {
                    pauses += 1;
                    return std::task::Poll::Pending;
                }
            }
        }
    })
    .await;
    pauses
}

#[tokio::test]
async fn a_large_event_is_handed_on_in_a_turn_of_its_own() {
    // Before it is folded for its reader and behind that; out of the cache, behind it.
    for (bytes, expected) in [(1 << 10, (0, 0)), (1 << 20, (2, 1))] {
        let model = Model::new(Scripted::new().reply("x".repeat(bytes)), "any");
        let cache = Cache::new(MemoryCache::new(4 << 20));
        assert_eq!((pauses(&model, &cache).await, pauses(&model, &cache).await), expected);
    }
}

#[tokio::test]
async fn every_kind_of_part_is_played_again_as_it_was() {
    let data = || Some(Box::new(ProviderData::new("scripted", json!({"signature": "x"}))));
    let mut call = ToolCall::new("c1", "look", r#"{"at": "sky"}"#);
    call.data = data();
    let mut text = Text::new("Blue.");
    text.data = data();
    let mut metadata = Metadata::default();
    metadata.id = Some("r1".to_owned());
    metadata.request_id = Some("q1".to_owned());
    metadata.created = Some(1_700_000_000);
    metadata.service_tier = Some("flex".to_owned());
    let events = [
        Event::Metadata(Box::new(metadata)),
        Event::Raw("{}".into()),
        Event::thinking_start(3),
        Event::thinking_delta(3, "hm"),
        Event::thinking_delta(3, "m"),
        Event::PartEnd { index: 3, data: data() },
        Event::part(5, text),
        Event::part(6, Part::opaque("scripted", json!([1, 2]))),
        Event::part(7, call),
        Event::refusal_start(8),
        Event::refusal_delta(8, "no"),
        Event::part_end(8),
        Event::text_start(9),
        Event::part_end(9),
        Event::usage(Usage::totals(7, 8)),
        Event::finish(Finish::new(FinishReason::ToolCalls).with_raw("tool_use")),
    ];
    let scripted = Scripted::new().events(events.map(Ok));
    let (model, cache) = (Model::of(scripted.into(), "m"), memory());
    let first = ask(&model, &cache).await.unwrap();
    let mut again = ask(&model, &cache).await.unwrap();
    assert!(std::mem::take(&mut again.cached));
    assert_eq!(again, first);
}

#[tokio::test]
async fn a_call_says_what_it_wants_of_the_cache() {
    let scripted = Scripted::new().reply_with({
        let count = std::sync::atomic::AtomicU32::new(0);
        move |_| count.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string()
    });
    let (model, cache) = (Model::of(scripted.into(), "m"), memory());
    let call = || model.call::<String>("Hi!").layer(cache.clone());
    let ask = async |policy: CachePolicy| call().cache(policy).await.unwrap();
    assert_eq!(ask(CachePolicy::Use).await, "0");
    assert_eq!(ask(CachePolicy::Use).await, "0");
    assert_eq!(ask(CachePolicy::Bypass).await, "1");
    assert_eq!(ask(CachePolicy::Use).await, "0");
    assert_eq!(ask(CachePolicy::Refresh).await, "2");
    assert_eq!(ask(CachePolicy::Use).await, "2");
    for (value, answer) in [("use", "2"), ("bypass", "3"), ("refresh", "4"), ("use", "4")] {
        assert_eq!(call().tag(CACHE_TAG, value).await.unwrap(), answer, "{value}");
    }
    let error = call().tag(CACHE_TAG, "off").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.message().contains("bypass"), "{error}");

    let never = memory().policy(|_| CachePolicy::Bypass);
    let ask = || model.call::<String>("Hi!").layer(never.clone());
    assert_ne!(ask().await.unwrap(), ask().await.unwrap());
}

#[tokio::test]
async fn errors_and_cut_answers_are_not_kept() {
    let cut =
        |reason| [Event::part(0, Part::text("half")), Event::finish(Finish::new(reason))].map(Ok);
    let scripted = Scripted::new()
        .error(Error::new(ErrorKind::InvalidRequest, "no"))
        .events([Ok(Event::text_start(0)), Err(Error::new(ErrorKind::Server, "broke"))])
        .events(cut(FinishReason::Length))
        .events(cut(FinishReason::ContentFilter))
        .reply("whole");
    let (model, cache) = (Model::of(scripted.clone().into(), "m"), memory());
    assert_eq!(ask(&model, &cache).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(ask(&model, &cache).await.unwrap_err().kind(), ErrorKind::Server);
    assert_eq!(ask(&model, &cache).await.unwrap().finish_reason(), Some(FinishReason::Length));
    assert!(!ask(&model, &cache).await.unwrap().cached);
    assert_eq!(ask(&model, &cache).await.unwrap().text(), "whole");
    assert!(ask(&model, &cache).await.unwrap().cached);
    assert_eq!(scripted.requests().len(), 5);

    let scripted = Scripted::new().events(cut(FinishReason::Length));
    let (model, cache) = (Model::of(scripted.into(), "m"), memory().keep_if(|_| true));
    ask(&model, &cache).await.unwrap();
    assert_eq!(ask(&model, &cache).await.unwrap().text(), "half");
}

#[tokio::test]
async fn an_answer_grows_too_old() {
    let scripted = Scripted::new().reply("old").reply("new");
    let model = Model::of(scripted.into(), "m");
    let store = MemoryCache::new(1 << 20);
    let up_to = |age: Duration| Cache::new(store.clone()).max_age(age);
    let hour = Duration::from_secs(60 * 60);
    assert_eq!(ask(&model, &up_to(hour)).await.unwrap().text(), "old");
    assert_eq!(ask(&model, &up_to(hour)).await.unwrap().text(), "old");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(ask(&model, &up_to(Duration::from_millis(10))).await.unwrap().text(), "new");
}

/// A store that cannot do anything.
#[derive(Debug)]
struct Broken;

#[async_trait::async_trait]
impl CacheStore for Broken {
    async fn get(&self, _key: &CacheKey) -> Result<Option<Arc<CachedAnswer>>> {
        Err(Error::new(ErrorKind::Connection, "nobody is there"))
    }

    async fn put(&self, _key: &CacheKey, _answer: Arc<CachedAnswer>) -> Result<()> {
        Err(Error::new(ErrorKind::Connection, "nobody is there"))
    }

    async fn remove(&self, _key: &CacheKey) -> Result<()> {
        Err(Error::new(ErrorKind::Connection, "nobody is there"))
    }
}

#[tokio::test]
async fn a_broken_store_costs_warnings_and_no_answer() {
    let model = Model::of(Scripted::new().reply("here").into(), "m");
    let response = ask(&model, &Cache::new(Broken)).await.unwrap();
    assert_eq!(response.text(), "here");
    let messages: Vec<_> = response.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "cache: the cache was not used: nobody is there",
            "cache: the answer could not be kept: nobody is there"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn equal_requests_at_once_are_one() {
    let paced = Paced::new("slow").answer(words(100, 10, "one two three"));
    let (model, cache) = (paced.model("m"), memory());
    let other = model.call::<Response>("Another!").layer(cache.clone());
    let (a, b, c, other) =
        tokio::join!(ask(&model, &cache), ask(&model, &cache), ask(&model, &cache), other);
    for response in [a, b, c] {
        let response = response.unwrap();
        assert_eq!((response.text().as_str(), response.cached), ("one two three", false));
    }
    other.unwrap();
    assert_eq!(paced.requests().len(), 2);
    assert_eq!(paced.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn followers_read_the_answer_as_it_comes() {
    let paced = Paced::new("slow").answer(words(100, 100, "one two three"));
    let (model, cache) = (paced.model("m"), memory());
    let call = || model.call::<String>("Hi!").layer(cache.clone());
    let mut first = call().stream().await.unwrap();
    let began = tokio::time::Instant::now();
    for _ in 0..2 {
        first.next().await.unwrap().unwrap();
    }
    // The second comes when a word is there, and reads it at once, then the next with the first.
    let mut second = call().stream().await.unwrap();
    let mut text = String::new();
    while let Some(event) = second.next().await {
        if let Event::TextDelta { text: word, .. } = event.unwrap() {
            text += &word;
            let passed = began.elapsed().as_millis();
            let expected = match text.as_str() {
                "one " => 100,
                "one two " => 200,
                _ => 300,
            };
            assert_eq!(passed, expected, "{text}");
        }
    }
    assert_eq!(first.finish().await.unwrap(), "one two three");
    assert_eq!(paced.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_streamed_request_does_not_wait_with_a_whole_one() {
    let paced = Paced::new("slow").answer(words(100, 100, "one two"));
    let (model, cache) = (paced.model("m"), memory());
    let streamed = stream(&model, &cache);
    let (whole, streamed) = tokio::join!(ask(&model, &cache), streamed);
    assert_eq!(whole.unwrap().text(), streamed.unwrap().1.text());
    let deliveries: Vec<bool> = paced.requests().iter().map(|r| r.is_streamed()).collect();
    assert_eq!(deliveries, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_left_goes_on_and_nobody_leaves_nothing() {
    let paced = Paced::new("slow").answer(words(100, 100, "one two three"));
    let (model, cache) = (paced.model("m"), memory());
    let mut first = Box::pin(ask(&model, &cache));
    let mut second = Box::pin(ask(&model, &cache));
    let both = async { futures_util::future::join(&mut first, &mut second).await };
    assert!(tokio::time::timeout(Duration::from_millis(150), both).await.is_err());
    assert_eq!((paced.requests().len(), paced.live()), (1, 1));
    drop(first);
    assert_eq!(second.await.unwrap().text(), "one two three");
    assert_eq!(paced.requests().len(), 1);

    let (model, cache) = (paced.model("m"), memory());
    let mut both = Box::pin(async { tokio::join!(ask(&model, &cache), ask(&model, &cache)) });
    assert!(tokio::time::timeout(Duration::from_millis(250), &mut both).await.is_err());
    assert_eq!(paced.live(), 1);
    drop(both);
    assert_eq!(paced.live(), 0);
    assert!(!ask(&model, &cache).await.unwrap().cached);
}

#[tokio::test(start_paused = true)]
async fn a_follower_takes_the_place_of_one_that_failed() {
    for accepted in [false, true] {
        let mut failing = vec![Step::Wait(50), Step::Fail(ErrorKind::Overloaded)];
        let place = if accepted { 0 } else { failing.len() };
        failing.insert(place, Step::Accept);
        let paced = Paced::new("slow").answer(failing).answer(words(10, 10, "at last"));
        let (model, cache) = (paced.model("m"), memory());
        let (a, b, c) = tokio::join!(ask(&model, &cache), ask(&model, &cache), ask(&model, &cache));
        assert_eq!(a.unwrap_err().kind(), ErrorKind::Overloaded);
        assert_eq!(
            (b.unwrap().text().as_str(), c.unwrap().text().as_str()),
            ("at last", "at last")
        );
        assert_eq!(paced.requests().len(), 2, "accepted: {accepted}");
    }
    // What another try cannot mend is an error for all, at once.
    let paced = Paced::new("slow")
        .answer([Step::Fail(ErrorKind::Server)])
        .answer([Step::Wait(50), Step::Fail(ErrorKind::Authentication)]);
    let model = Model::of(paced.provider().layer(&Retry::new()), "m");
    let cache = memory();
    let (a, b) = tokio::join!(ask(&model, &cache), ask(&model, &cache));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Authentication);
        assert_eq!((error.message(), error.attempts().len()), ("as the test says", 1));
    }
    assert_eq!(paced.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_in_the_middle_breaks_for_all() {
    let mut steps = words(10, 10, "one two three");
    steps.insert(4, Step::Fail(ErrorKind::StreamInterrupted));
    let paced = Paced::new("slow").answer(steps);
    let (model, cache) = (paced.model("m"), memory());
    let (a, b) = tokio::join!(ask(&model, &cache), ask(&model, &cache));
    for error in [a.unwrap_err(), b.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
        assert_eq!(error.partial().unwrap().text(), "one ");
    }
    assert_eq!(paced.requests().len(), 1);
}

/// Requests that come and go at random: who stays gets a whole answer, and nothing is left behind.
#[tokio::test(start_paused = true)]
async fn cancelling_at_random_loses_nothing() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut paced = Paced::new("slow");
        for _ in 0..random.usize(0..3) {
            let wait = Step::Wait(random.u64(0..60));
            paced = paced.answer([wait, Step::Accept, Step::Fail(ErrorKind::Overloaded)]);
        }
        let paced = paced.answer(words(random.u64(0..40), random.u64(0..20), "one two three"));
        let (model, cache) = (paced.model("m"), memory());
        let mut readers = FuturesUnordered::new();
        for _ in 0..random.usize(1..8) {
            let (begin, patience) = (random.u64(0..120), random.u64(0..200));
            let streamed = random.bool();
            let (model, cache) = (&model, &cache);
            readers.push(async move {
                tokio::time::sleep(Duration::from_millis(begin)).await;
                let reading = async {
                    if streamed {
                        stream(model, cache).await.map(|(_, response)| response)
                    } else {
                        ask(model, cache).await
                    }
                };
                tokio::time::timeout(Duration::from_millis(patience), reading).await
            });
        }
        let all = async {
            while let Some(reader) = readers.next().await {
                match reader {
                    Ok(Ok(response)) => assert_eq!(response.text(), "one two three", "{seed}"),
                    Ok(Err(error)) => assert_eq!(error.kind(), ErrorKind::Overloaded, "{seed}"),
                    Err(_) => {}
                }
            }
        };
        // Nobody waits for ever for somebody who is gone.
        tokio::time::timeout(Duration::from_secs(5), all).await.unwrap();
        drop(readers);
        assert_eq!(paced.live(), 0, "{seed}");
    }
}

#[tokio::test]
async fn answers_on_disk_outlive_the_process() {
    const FOLDER: &str = "MEANWHILE_TEST_CACHE";
    if let Ok(folder) = std::env::var(FOLDER) {
        // The second process: the provider has nothing to say.
        let model = Model::of(Scripted::new().into(), "m");
        let response = ask(&model, &Cache::new(DiskCache::new(folder))).await.unwrap();
        assert_eq!((response.text().as_str(), response.cached), ("kept", true));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let model = Model::of(Scripted::new().reply("kept").into(), "m");
    ask(&model, &Cache::new(DiskCache::new(folder.path().join("new")))).await.unwrap();
    let again = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cache::answers_on_disk_outlive_the_process", "--nocapture"])
        .env(FOLDER, folder.path().join("new"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test]
async fn a_damaged_file_is_a_miss_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(DiskCache::new(folder.path()));
    let scripted = Scripted::new().reply_with(|_| "an answer".to_owned());
    let model = Model::of(scripted.clone().into(), "m");
    ask(&model, &cache).await.unwrap();
    let [file] = files(folder.path()).try_into().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    let middle = whole.len() - 20;
    flipped[middle] ^= 1;
    let cut = whole[..whole.len() / 2].to_vec();
    let older = [b"meanwhile-cache 0 ".as_slice(), &whole[18..]].concat();
    for damaged in [Vec::new(), cut, flipped, older] {
        std::fs::write(&file, &damaged).unwrap();
        let before = scripted.requests().len();
        let response = ask(&model, &cache).await.unwrap();
        assert_eq!((response.text().as_str(), response.cached), ("an answer", false));
        assert_eq!(response.warnings.len(), 1, "{:?}", response.warnings);
        assert_eq!(scripted.requests().len(), before + 1);
        // It is there again.
        assert!(ask(&model, &cache).await.unwrap().cached);
    }
    assert_eq!(files(folder.path()).len(), 1, "nothing is left of what was written");
}

#[tokio::test]
async fn a_store_forgets() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::new(folder.path());
    let memory = MemoryCache::new(20_000);
    let request = meanwhile_core::Request::new("m", Vec::new());
    let key = |name: &str| {
        CacheKey::of(name, "p", meanwhile_core::Capabilities::none(), &request).unwrap()
    };
    let answer = |size: usize| {
        let mut response = Response::new("p", "m");
        response.message.parts.push(Part::text("x".repeat(size)));
        Arc::new(CachedAnswer::new(response))
    };
    for store in [&disk as &dyn CacheStore, &memory] {
        assert!(store.get(&key("a")).await.unwrap().is_none());
        store.put(&key("a"), answer(10)).await.unwrap();
        assert_eq!(
            *store.get(&key("a")).await.unwrap().unwrap(),
            *answer_of(store, &key("a")).await
        );
        store.remove(&key("a")).await.unwrap();
        store.remove(&key("a")).await.unwrap();
        assert!(store.get(&key("a")).await.unwrap().is_none());
    }
    // Too much for the memory.
    for number in 0..50 {
        memory.put(&key(&number.to_string()), answer(2_000)).await.unwrap();
    }
    let mut kept = 0;
    for number in 0..50 {
        kept += usize::from(memory.get(&key(&number.to_string())).await.unwrap().is_some());
    }
    assert!(kept < 20, "{kept}");
    memory.clear();
    assert!(memory.get(&key("49")).await.unwrap().is_none());

    disk.put(&key("a"), answer(10)).await.unwrap();
    assert_eq!(disk.prune(Duration::from_secs(60)).await.unwrap(), 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(disk.prune(Duration::ZERO).await.unwrap(), 1);
    assert!(disk.get(&key("a")).await.unwrap().is_none());
}

async fn answer_of(store: &dyn CacheStore, key: &CacheKey) -> Arc<CachedAnswer> {
    store.get(key).await.unwrap().unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_on_disk_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let model = Model::of(Scripted::new().reply("private").into(), "m");
    ask(&model, &Cache::new(DiskCache::new(folder.path().join("new")))).await.unwrap();
    let [file] = files(&folder.path().join("new")).try_into().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder.path().join("new"))), (0o600, 0o700));
}

/// The same on real threads and a real clock: no reader is left waiting by one that goes away.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten_on_several_threads() {
    for round in 0..60_u64 {
        let steps = words(1, 1, "one two three four five six");
        let paced = Paced::new("slow").answer(steps);
        let (model, cache) = (paced.model("m"), memory());
        let readers = (0..12_u64).map(|number| {
            let (model, cache) = (model.clone(), cache.clone());
            tokio::spawn(async move {
                let patience = Duration::from_micros((number * 977 + round * 613) % 9_000);
                let reading = async {
                    if number % 2 == 0 {
                        stream(&model, &cache).await.map(|(_, response)| response)
                    } else {
                        ask(&model, &cache).await
                    }
                };
                // A third of them go away at some time.
                if number % 3 == 0 {
                    tokio::time::timeout(patience, reading).await.ok()
                } else {
                    Some(reading.await)
                }
            })
        });
        for reader in futures_util::future::join_all(readers).await {
            if let Some(read) = reader.unwrap() {
                assert_eq!(read.unwrap().text(), "one two three four five six");
            }
        }
        assert_eq!(paced.live(), 0);
        // Those that stay share what is under way, by delivery.
        assert!(paced.requests().len() <= 4, "{}", paced.requests().len());
    }
}
