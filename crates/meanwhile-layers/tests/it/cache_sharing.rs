//! Readers of one answer: what they share, and what is the affair of one of them alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use meanwhile_core::{
    AnyProvider, Error, ErrorKind, Event, EventStream, Fold, Message, Model, Provider as _,
    Registry, Request, Response, Result, Scripted, TimeoutPhase, Usage, Warning, WarningKind,
};
use meanwhile_layers::{Cache, DiskCache, Fallback, MemoryCache};
use tokio::time::Instant;

use crate::paced::{Paced, Step, words};

fn memory() -> Cache {
    Cache::new(MemoryCache::new(1 << 20))
}

fn request() -> Request {
    Request::new("m", vec![Message::user("Hi!")])
}

fn within(limit: Duration) -> Request {
    let mut request = request();
    request.timeouts.whole = Some(limit);
    request
}

/// What a reader gets: what was told, and how it ended.
async fn read(provider: &AnyProvider, request: Request) -> (Response, Result<()>) {
    let mut fold = Fold::new("none", "none");
    let ended = match provider.send(request).await {
        Ok(stream) => push_all(stream, &mut fold).await,
        Err(error) => Err(error),
    };
    (fold.into_partial(), ended)
}

async fn push_all(mut stream: EventStream, fold: &mut Fold) -> Result<()> {
    while let Some(event) = stream.next().await {
        fold.push(&event?)?;
    }
    Ok(())
}

/// A deadlock would keep the clock of a test from going on: on a thread that can be left behind.
#[test]
fn the_same_cache_twice_around_a_request_is_there_once() {
    let (done, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let scripted = Scripted::new().reply("once").reply("twice");
        let cache = memory();
        let registry = Registry::new();
        registry.insert(scripted.clone().into()).layer(cache.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answers = runtime.block_on(async {
            let model = registry.model("scripted/m").unwrap();
            let ask = || model.call::<Response>("Hi!").layer(cache.clone());
            [ask().await, ask().await]
        });
        done.send((answers, scripted.requests().len())).unwrap();
    });
    let (answers, sent) = over.recv_timeout(Duration::from_secs(10)).expect("a deadlock");
    let [first, second] = answers.map(Result::unwrap);
    assert_eq!((first.text(), first.cached), ("once".to_owned(), false));
    assert_eq!((second.text(), second.cached), ("once".to_owned(), true));
    assert_eq!(sent, 1);
}

#[tokio::test(start_paused = true)]
async fn personal_errors_are_of_one_reader_only() {
    for kind in [
        ErrorKind::Budget,
        ErrorKind::Config,
        ErrorKind::Cancelled,
        ErrorKind::Timeout(TimeoutPhase::Whole),
    ] {
        let paced = Paced::new("slow").answer([Step::Wait(10), Step::Fail(kind)]).answer(words(
            10,
            10,
            "for all the others",
        ));
        let provider = paced.provider().layer(&memory());
        let (leader, one, two) = tokio::join!(
            read(&provider, request()),
            read(&provider, request()),
            read(&provider, request())
        );
        assert_eq!(leader.1.unwrap_err().kind(), kind);
        for (response, ended) in [one, two] {
            ended.unwrap();
            assert_eq!(response.text(), "for all the others");
        }
        assert_eq!(paced.requests().len(), 2);

        // In the middle there is no way back; the words are not those of the one who is concerned.
        let steps = [
            Step::Event(Event::text_start(0)),
            Step::Event(Event::text_delta(0, "half")),
            Step::Wait(10),
            Step::Fail(kind),
        ];
        let provider = Paced::new("slow").answer(steps).provider().layer(&memory());
        let (leader, follower) =
            tokio::join!(read(&provider, request()), read(&provider, request()));
        assert_eq!(leader.1.unwrap_err().kind(), kind);
        let error = follower.1.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StreamInterrupted);
        assert!(!error.message().contains("as the test says"), "{error}");
        assert_eq!(follower.0.text(), "half");
    }
}

#[tokio::test(start_paused = true)]
async fn each_reader_has_its_own_clock_of_the_whole_call() {
    const TIMEOUT: ErrorKind = ErrorKind::Timeout(TimeoutPhase::Whole);
    let second = Duration::from_secs(1);
    // While it waits for the answer to begin, and while the answer comes.
    for (first, pace) in [(60_000, 0), (100, 30_000)] {
        let paced = Paced::new("slow").answer(words(first, pace, "one two three"));
        let provider = paced.provider().layer(&memory());
        let hurried = async {
            let began = Instant::now();
            let (_, ended) = read(&provider, within(second)).await;
            assert_eq!(ended.unwrap_err().kind(), TIMEOUT);
            assert_eq!(began.elapsed().as_secs(), 1);
        };
        let (patient, ()) = tokio::join!(read(&provider, request()), hurried);
        patient.1.unwrap();
        assert_eq!(patient.0.text(), "one two three");
    }
    // Whoever takes over has what is left.
    let paced = Paced::new("slow")
        .answer([Step::Wait(400), Step::Fail(ErrorKind::Server)])
        .answer(words(10, 10, "yes"));
    let provider = paced.provider().layer(&memory());
    let (leader, follower) =
        tokio::join!(read(&provider, request()), read(&provider, within(second)));
    leader.1.unwrap_err();
    follower.1.unwrap();
    let left = paced.requests()[1].timeouts.whole.unwrap();
    assert_eq!(left.as_millis().div_ceil(10), 60, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn warnings_of_layers_are_of_one_reader_only() {
    let warning = |kind, subject: &'static str| {
        Step::Event(Event::warning(Warning::new(kind, subject, "as the test says")))
    };
    let mut steps = vec![
        warning(WarningKind::Other, "budget"),
        warning(WarningKind::Other, "rate limit"),
        warning(WarningKind::Other, "cache"),
        warning(WarningKind::Dropped, "top_k"),
    ];
    steps.extend(words(10, 10, "one two three"));
    let provider = Paced::new("slow").answer(steps).provider().layer(&memory());
    let (leader, follower) = tokio::join!(read(&provider, request()), read(&provider, request()));
    let later = read(&provider, request()).await;
    assert!(later.0.cached);
    let subjects = |(response, _): &(Response, Result<()>)| -> Vec<String> {
        response.warnings.iter().map(|warning| warning.subject.to_string()).collect()
    };
    assert_eq!(subjects(&leader), ["budget", "rate limit", "cache", "top_k"]);
    assert_eq!(subjects(&follower), ["top_k"]);
    assert_eq!(subjects(&later), ["top_k"]);
}

#[tokio::test(start_paused = true)]
async fn another_provider_s_answer_is_not_kept_as_the_first_one_s() {
    let first =
        || Paced::new("first").answer([Step::Fail(ErrorKind::Server)]).answer(words(0, 0, "first"));
    let fallback = Fallback::to(Paced::new("second").answer(words(0, 0, "second")).model("two"));
    for (cache, then) in
        [(memory(), ("first", false)), (memory().keep_if(|_| true), ("second", true))]
    {
        let provider = first().provider().layer(&fallback).layer(&cache);
        assert_eq!(read(&provider, request()).await.0.text(), "second");
        let (response, _) = read(&provider, request()).await;
        assert_eq!((response.text().as_str(), response.cached), then);
    }
    // The first one's own answer is kept.
    let paced = Paced::new("first").answer(words(0, 0, "first"));
    let provider = paced.provider().layer(&fallback).layer(&memory());
    read(&provider, request()).await.1.unwrap();
    assert!(read(&provider, request()).await.0.cached);
}

/// A reader that looks for the first time when all is over still learns what there was of it.
#[tokio::test(start_paused = true)]
async fn a_late_reader_of_a_failure_gets_what_there_was() {
    let begun = [
        Step::Event(Event::usage(Usage::totals(7, 0))),
        Step::Event(Event::text_start(0)),
        Step::Event(Event::text_delta(0, "half")),
    ];
    let told = [Step::Event(Event::usage(Usage::totals(7, 0)))];
    for (steps, text) in [(&begun[..], "half"), (&told[..], "")] {
        let mut steps = steps.to_vec();
        steps.splice(0..0, [Step::Wait(10)]);
        steps.extend([Step::Wait(10), Step::Fail(ErrorKind::Authentication)]);
        let paced = Paced::new("slow").answer(steps);
        let provider = paced.provider().layer(&memory());
        let looked = AtomicBool::new(false);
        let late = async {
            let mut reading = Box::pin(read(&provider, request()));
            // Seated, and then away until the answer has failed.
            let first =
                std::future::poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending()));
            assert!(first.await);
            tokio::time::sleep(Duration::from_millis(100)).await;
            looked.store(true, Ordering::Relaxed);
            reading.await
        };
        let leader = async {
            let read = read(&provider, request()).await;
            assert!(!looked.load(Ordering::Relaxed));
            read
        };
        let (leader, late) = tokio::join!(leader, late);
        for (response, ended) in [leader, late] {
            assert_eq!(ended.unwrap_err().kind(), ErrorKind::Authentication);
            assert_eq!((response.text().as_str(), &response.usage), (text, &Usage::totals(7, 0)));
        }
        assert_eq!(paced.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_can_be_kept_for_ever() {
    let cache = Cache::new(MemoryCache::expiring(1 << 20, Duration::MAX));
    let model = Model::of(Scripted::new().reply("kept").into(), "m");
    for cached in [false, true] {
        let response = model.call::<Response>("Hi!").layer(cache.clone()).await.unwrap();
        assert_eq!((response.text().as_str(), response.cached), ("kept", cached));
    }
}

#[tokio::test]
async fn what_a_crash_has_left_on_disk_is_pruned() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskCache::new(folder.path());
    std::fs::create_dir(folder.path().join("ab")).unwrap();
    let file = |name: &str, hours: u64| {
        let path = folder.path().join("ab").join(name);
        let file = std::fs::File::create(&path).unwrap();
        let age = Duration::from_secs(hours * 60 * 60);
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
        path
    };
    let (left, other) = (file("0123456789abcdef.new", 3), file("notes.txt", 3));
    let written = file("fedcba9876543210.new", 0);
    assert_eq!(disk.prune(Duration::from_secs(4 * 60 * 60)).await.unwrap(), 0);
    assert!(left.exists());
    assert_eq!(disk.prune(Duration::ZERO).await.unwrap(), 0, "it counts answers");
    assert!(!left.exists() && written.exists() && other.exists());
}

/// What one has listed, the other may have removed before it is looked at.
#[tokio::test]
async fn processes_may_prune_the_same_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let before = std::time::SystemTime::now() - Duration::from_secs(60 * 60);
    for _ in 0..5 {
        for number in 0..400 {
            let inner = folder.path().join(format!("{:02x}", number % 4));
            std::fs::create_dir_all(&inner).unwrap();
            let file = std::fs::File::create(inner.join(format!("{number}.answer"))).unwrap();
            file.set_modified(before).unwrap();
        }
        let disk = DiskCache::new(folder.path());
        let prune = || disk.prune(Duration::from_secs(60));
        let removed = tokio::try_join!(prune(), prune(), prune()).unwrap();
        assert_eq!(removed.0 + removed.1 + removed.2, 400, "each counts once");
    }
}

/// An error for all is the provider's own for each, source and all.
#[tokio::test(start_paused = true)]
async fn a_shared_error_keeps_its_source() {
    let scripted = Scripted::new().reply_later(|_| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let source = std::io::Error::other("the cause");
        Err(Error::new(ErrorKind::Authentication, "no").with_source(source))
    });
    let provider = AnyProvider::new(scripted.clone()).layer(&memory());
    let (one, two) = tokio::join!(read(&provider, request()), read(&provider, request()));
    for (_, ended) in [one, two] {
        let error = ended.unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("the cause"));
    }
    assert_eq!(scripted.requests().len(), 1);
}
