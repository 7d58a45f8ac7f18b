//! Limits that processes share, in a real Redis server where one is installed.

use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use meanwhile_core::{AnyProvider, Error, ErrorKind, Layer as _, Model, Response, Scripted};
use meanwhile_layers::{Booked, Limits, RateLimit, RateStore, RedisRateStore};

use crate::all;

/// A server of this test; it ends with it.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// `None`, with a word about it, where `redis-server` is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// A server with further settings.
    pub(crate) async fn start_with(settings: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "no", "--dir"])
            .arg(std::env::temp_dir())
            .args(settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            println!("skipped: `redis-server` is not installed");
            return None;
        };
        let server = Self { child, port };
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the server does not listen on {port}");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn store(&self) -> RedisRateStore {
        RedisRateStore::new(&self.url()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const URL: &str = "MEANWHILE_TEST_RATE_LIMIT_URL";
const WINDOW: Duration = Duration::from_secs(3);
const LIMIT: u64 = 30;
const RUN: Duration = Duration::from_secs(8);

fn since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()
}

/// Is run as a process of its own by the test below: asks as fast as it is let through, and prints when.
#[tokio::test]
async fn worker() {
    let Ok(url) = std::env::var(URL) else { return };
    let store = RedisRateStore::new(&url).unwrap();
    let limit = RateLimit::new().requests_per_minute(LIMIT).window(WINDOW).store(store);
    let scripted = Scripted::new().reply_with(|_| {
        println!("through {}", since_1970());
        "ok".to_owned()
    });
    let model = Model::of(limit.wrap(AnyProvider::from(scripted)), "m");
    let start = Instant::now();
    while let Some(left) = RUN.checked_sub(start.elapsed()) {
        let calls = (0..4).map(|_| model.call::<String>("hi"));
        let all = all(calls);
        let _ = tokio::time::timeout(left, all).await;
    }
}

#[tokio::test]
async fn two_processes_share_one_limit() {
    // A machine with much else to do may write down one time too late, but hardly one of each attempt.
    let mut attempts = Vec::new();
    for _ in 0..3 {
        let Some(server) = Server::start().await else { return };
        match shared_by_two(&server) {
            Ok(()) => return,
            Err(why) => attempts.push(why),
        }
    }
    panic!("{attempts:?}");
}

/// Whether two processes at once are let through as often as one might be; or else what was wrong.
fn shared_by_two(server: &Server) -> Result<(), String> {
    let spawn = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "redis::worker", "--nocapture", "--test-threads", "1"])
            .env(URL, server.url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut through: Vec<(u128, usize)> = Vec::new();
    for (process, mut child) in [spawn(), spawn()].into_iter().enumerate() {
        let mut printed = String::new();
        child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        assert!(child.wait().unwrap().success(), "{printed}");
        let times = printed.split("through ").skip(1);
        let times = times.map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap());
        through.extend(times.map(|at| (at, process)));
    }
    through.sort_unstable();
    let shares = [0, 1].map(|of| through.iter().filter(|(_, process)| *process == of).count());
    println!("let through: {shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
    // Booked on the server's clock, written down on ours a little later: a busy machine is forgiven
    // a quarter of a second.
    let stretch = WINDOW.as_millis() - 250;
    for (at, _) in &through {
        let inside = through.iter().filter(|(other, _)| at <= other && *other < at + stretch);
        let inside = inside.count();
        if inside > usize::try_from(LIMIT).unwrap() {
            return Err(format!("{inside} within {stretch} ms"));
        }
    }
    // At 0, 3 and 6 s, and a little.
    if through.len() * 10 < 3 * 9 * usize::try_from(LIMIT).unwrap() {
        return Err(format!("{} in all", through.len()));
    }
    Ok(())
}

#[tokio::test]
async fn it_counts_as_the_store_in_memory_does() {
    let Some(server) = Server::start().await else { return };
    let [one, other] = [server.store(), server.store()];
    let limits = Limits::new(Some(3), Some(100), Duration::from_secs(60));
    let slot = |booked: Booked| match booked {
        Booked::Now(slot) => slot,
        Booked::Wait(wait) => panic!("has to wait {wait:?}"),
    };
    let first = slot(one.book("k", &limits, 90).await.unwrap());
    let Booked::Wait(wait) = other.book("k", &limits, 11).await.unwrap() else {
        panic!("too many tokens went through");
    };
    assert!((59..=62).contains(&wait.as_secs()), "{wait:?}");
    slot(other.book("other key", &limits, 100).await.unwrap());
    // What was not used is there for the other process.
    one.settle("k", &limits, first, 90, 10);
    tokio::time::sleep(Duration::from_millis(300)).await;
    slot(other.book("k", &limits, 90).await.unwrap());
    slot(other.book("k", &limits, 0).await.unwrap());
    assert!(matches!(one.book("k", &limits, 0).await.unwrap(), Booked::Wait(_)));

    one.pause("p", &limits, Duration::from_secs(100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let Booked::Wait(wait) = other.book("p", &limits, 0).await.unwrap() else {
        panic!("the pause is not shared");
    };
    assert!((98..=100).contains(&wait.as_secs()), "{wait:?}");
    // Larger than the limit: it gets a window for itself.
    slot(one.book("large", &limits, 5000).await.unwrap());
    assert!(matches!(other.book("large", &limits, 1).await.unwrap(), Booked::Wait(_)));
}

#[tokio::test]
async fn windows_of_different_length_share_a_server() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    let day = Limits::new(Some(3), Some(100), Duration::from_secs(24 * 60 * 60));
    let brief = Limits::new(Some(2), Some(100), Duration::from_millis(500));
    for _ in 0..3 {
        assert!(matches!(store.book("k", &day, 10).await.unwrap(), Booked::Now(_)));
        let Booked::Now(slot) = store.book("k", &brief, 100).await.unwrap() else {
            panic!("the limits of the day count in the half second");
        };
        store.settle("k", &brief, slot, 100, 90);
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let Booked::Wait(wait) = store.book("k", &day, 0).await.unwrap() else {
        panic!("the limit of the day was forgotten");
    };
    assert!(wait > Duration::from_secs(23 * 60 * 60), "{wait:?}");
    store.pause("k", &brief, Duration::from_secs(100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(store.book("k", &brief, 0).await.unwrap(), Booked::Wait(_)));
    store.pause("p", &brief, Duration::from_secs(100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for limits in [&day, &brief] {
        let Booked::Wait(wait) = store.book("p", limits, 0).await.unwrap() else {
            panic!("a pause is the provider's, whatever the window");
        };
        assert!((98..=100).contains(&wait.as_secs()), "{wait:?}");
    }
}

#[tokio::test]
async fn any_durations_and_counts_can_be_kept() {
    let Some(server) = Server::start().await else { return };
    let store = server.store();
    for window in [Duration::ZERO, Duration::from_secs(60), Duration::MAX] {
        for most in [None, Some(0), Some(u64::MAX)] {
            let limits = Limits::new(most, most, window);
            for tokens in [0, u64::MAX] {
                let key = format!("{limits:?} {tokens}");
                let Booked::Now(slot) = store.book(&key, &limits, tokens).await.unwrap() else {
                    panic!("{key}");
                };
                store.settle(&key, &limits, slot, tokens, 1);
                tokio::time::sleep(Duration::from_millis(50)).await;
                store.book(&key, &limits, tokens).await.unwrap();
                store.pause(&key, &limits, Duration::MAX);
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert!(matches!(store.book(&key, &limits, 0).await.unwrap(), Booked::Wait(_)));
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_away_fails_or_warns() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = RedisRateStore::new(&format!("redis://:s3cret@127.0.0.1:{port}")).unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
    let limit = RateLimit::new().requests_per_minute(1).store(store);
    let model = |limit: &RateLimit| {
        let scripted = Scripted::new().reply_with(|_| "ok".to_owned());
        Model::of(limit.wrap(AnyProvider::from(scripted)), "m")
    };
    let failed: Error = model(&limit).call::<String>("hi").await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Connection);
    assert!(!format!("{failed:?}").contains("s3cret"));
    let answer: Response = model(&limit.fail_open()).call("hi").await.unwrap();
    assert!(answer.warnings[0].message.contains("the rate limit was not kept"), "{answer:?}");
    assert_eq!(RedisRateStore::new("http://host").unwrap_err().kind(), ErrorKind::Config);
}

async fn refused(url: &str) -> Error {
    let store = RedisRateStore::new(url).unwrap();
    let limits = Limits::new(Some(1), None, WINDOW);
    let error = store.book("k", &limits, 0).await.unwrap_err();
    let mut said = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said.push_str(&format!("{cause} {cause:?}"));
        source = cause.source();
    }
    assert!(!said.contains("hunter2") && !said.contains("wrong-word"), "{said}");
    error
}

#[tokio::test]
async fn a_refused_credential_is_told_from_a_server_that_is_gone() {
    let Some(server) = Server::start_with(&["--requirepass", "hunter2"]).await else { return };
    let address = format!("127.0.0.1:{}", server.port);
    for credential in ["", ":wrong-word@", "tom:hunter2@", "tom:wrong-word@"] {
        let error = refused(&format!("redis://{credential}{address}")).await;
        assert_eq!(error.kind(), ErrorKind::Authentication, "{credential}: {error:?}");
        assert!(!error.is_retryable() && error.message().contains("redis://user:password@"));
    }
    let admin = format!("redis://:hunter2@{address}");
    let limits = Limits::new(Some(1), None, WINDOW);
    let booked = RedisRateStore::new(&admin).unwrap().book("k", &limits, 0).await;
    assert!(matches!(booked, Ok(Booked::Now(_))), "{booked:?}");
    // A user who may do nothing.
    let set = Command::new("redis-cli")
        .args(["-p", &server.port.to_string(), "-a", "hunter2", "--no-auth-warning"])
        .args(["acl", "setuser", "ann", "on", ">hunter2", "+@connection"])
        .output();
    if set.is_ok_and(|set| set.status.success()) {
        let error = refused(&format!("redis://ann:hunter2@{address}")).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
    }
    drop(server);
    let error = refused(&admin).await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
}

#[test]
fn urls_that_cannot_be_used_say_why() {
    let check = |url: &str, words: &str| {
        let error = RedisRateStore::new(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(error.message().contains(words), "{url}: {error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    };
    check("rediss://:hunter2@host:6379", "TLS to a Redis server is not built in");
    check("valkeys://host", "TLS to a Redis server is not built in");
    check("http://:hunter2@host", "write it like redis://user:password@host:6379/0");
    check("redis://:hunter2@host/first", "write it like redis://");
}
