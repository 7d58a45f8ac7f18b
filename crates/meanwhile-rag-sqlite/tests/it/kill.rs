//! An ingestion in a process of its own, killed fifty times at random points and gone on with each time,
//! ends as one that nobody disturbed, and pays twice for what was under way at a kill, and for nothing else.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use meanwhile_core::{EmbedRequest, Embedder, EmbeddingModel, Embeddings, Result, Usage};
use meanwhile_rag::splitters::SentenceSplitter;
use meanwhile_rag::{ChunkKey, Document, Index, SearchQuery, Store as _, Strategy, gt};
use meanwhile_rag_sqlite::SqliteStore;

const KILLS: usize = 50;
const BATCH: usize = 8;
const CONCURRENCY: usize = 2;

/// What may be under way at a kill, in texts.
///
/// A text is paid for when a request with it has been answered, and durable when its vector, or its document,
/// is committed. An ingestion asks for more only while no more than `concurrency` batches are between the
/// two: texts in requests, texts whose vectors are being kept, and texts of documents that are complete and
/// on their way into the store. So a kill costs no more than that.
const UNDER_WAY: usize = CONCURRENCY * BATCH;

/// Tells the child where the index is, and the port of the embedder.
const PATH: &str = "MEANWHILE_KILL_TEST_PATH";
const PORT: &str = "MEANWHILE_KILL_TEST_PORT";
const RUN: &str = "MEANWHILE_KILL_TEST_RUN";

/// What is in the index before: some of it is to be replaced, some to be deleted.
fn before() -> Vec<Document> {
    let gone = (0..30).map(|of| Document::new(format!("gone {of}"), format!("Of old {of}. ")));
    documents("earlier", 40, 3).into_iter().chain(gone).collect()
}

fn after() -> Vec<Document> {
    let long = (0..20).flat_map(|of| documents(&format!("long {of}"), 1, 60));
    documents("earlier", 40, 5).into_iter().chain(documents("short", 160, 8)).chain(long).collect()
}

/// Documents of so many sentences, a chunk each, all of them different.
fn documents(name: &str, count: usize, sentences: usize) -> Vec<Document> {
    let sentence = |of: usize, number: usize| {
        format!(
            "Sentence {number} of {sentences} in document {of} of {name} stands here by itself. "
        )
    };
    let document = |of: usize| {
        let text: String = (0..sentences).map(|number| sentence(of, number)).collect();
        Document::new(format!("{name} {of}"), text).with("number", of)
    };
    (0..count).map(document).collect()
}

async fn ingest(path: &Path, embedder: EmbeddingModel, documents: Vec<Document>) {
    let store = SqliteStore::open(path).await.unwrap();
    let index = Index::new(store).embedder(embedder);
    let ingestion = index.ingest().splitter(SentenceSplitter::new(20));
    let ingestion = ingestion.batch(BATCH).concurrency(CONCURRENCY);
    let report = ingestion.strategy(Strategy::UpsertsAndDelete).run_all(documents).await.unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
}

fn vector(text: &str) -> Vec<f32> {
    let mut generator = fastrand::Rng::with_seed(
        text.bytes().fold(7, |seed, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
    );
    (0..16).map(|_| generator.f32() - 0.5).collect()
}

/// Asks the embedder of the parent: a line of texts, a line of vectors.
#[derive(Debug, Clone)]
struct Remote {
    port: u16,
    /// Which of the children this is: what one of them asked may be read when the next one is there.
    run: usize,
}

#[async_trait]
impl Embedder for Remote {
    fn id(&self) -> &str {
        "remote"
    }

    fn batch_limit(&self, _model: &str) -> usize {
        1_000
    }

    async fn embed(&self, request: EmbedRequest) -> Result<Embeddings> {
        let port = self.port;
        let asked = serde_json::to_string(&(self.run, &request.inputs)).unwrap();
        let answer = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            writeln!(stream, "{asked}").unwrap();
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer).unwrap();
            answer
        });
        let vectors = serde_json::from_str(&answer.await.unwrap()).unwrap();
        Ok(Embeddings::new("remote", request.model, vectors, Usage::default()))
    }
}

/// The embedder, which outlives every child: how often each text was asked for.
#[derive(Clone, Default)]
struct Served {
    asked: Arc<Mutex<HashMap<String, usize>>>,
    /// What each child asked for.
    by_run: Arc<Mutex<HashMap<usize, Vec<String>>>>,
    requests: Arc<AtomicUsize>,
}

impl Served {
    fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let served = served.clone();
                thread::spawn(move || served.answer(stream.unwrap()));
            }
        });
        port
    }

    /// Answers one request. Whoever asked may be dead by then.
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut line = String::new();
        BufReader::new(stream.try_clone().ok()?).read_line(&mut line).ok()?;
        let (run, texts): (usize, Vec<String>) = serde_json::from_str(&line).ok()?;
        for text in &texts {
            *self.asked.lock().unwrap().entry(text.clone()).or_default() += 1;
        }
        self.by_run.lock().unwrap().entry(run).or_default().extend_from_slice(&texts);
        self.requests.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(1));
        let vectors: Vec<Vec<f32>> = texts.iter().map(|text| vector(text)).collect();
        writeln!(stream, "{}", serde_json::to_string(&vectors).ok()?).ok()
    }
}

fn child(path: &Path, port: u16, run: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::a_killed_ingestion_ends_as_if_undisturbed", "--exact", "--nocapture"])
        .env(PATH, path)
        .env(PORT, port.to_string())
        .env(RUN, run.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Everything an index says, through its whole interface.
async fn contents(path: &Path) -> Vec<String> {
    let store = SqliteStore::open(path).await.unwrap();
    let mut contents = vec![format!("{:?}", store.count().await.unwrap())];
    for id in store.document_ids(None, 10_000).await.unwrap() {
        let document = store.document(&id).await.unwrap().unwrap();
        let chunks = store.chunks(&id, 0..u32::MAX).await.unwrap();
        let keys: Vec<_> = chunks.iter().map(|chunk| chunk.key).collect();
        let vectors = store.cached_vectors(&keys).await.unwrap();
        assert!(vectors.iter().all(Option::is_some), "{id} has chunks without vectors");
        let states = store.states(&[id]).await.unwrap();
        contents.push(format!("{document:?} {chunks:?} {vectors:?} {states:?}"));
    }
    for question in ["sentence 3 of document 7", "long 4", "earlier document", "Of old 3"] {
        for query in [SearchQuery::text(question, 40), SearchQuery::vector(vector(question), 40)] {
            let found = store.search(&query.filter(gt("number", 2))).await.unwrap();
            contents.push(format!("{question}: {found:?}"));
        }
    }
    contents
}

/// The keys of all chunks of an index, by their texts, which are what is embedded here.
async fn keys(path: &Path) -> HashMap<String, ChunkKey> {
    let store = SqliteStore::open(path).await.unwrap();
    let mut keys = HashMap::new();
    for id in store.document_ids(None, 10_000).await.unwrap() {
        let chunks = store.chunks(&id, 0..u32::MAX).await.unwrap();
        keys.extend(chunks.into_iter().map(|chunk| (chunk.text, chunk.key)));
    }
    keys
}

/// How many of these texts have no vector in the index.
async fn lost(path: &Path, keys: &HashMap<String, ChunkKey>, texts: &[String]) -> usize {
    let store = SqliteStore::open(path).await.unwrap();
    let keys: Vec<ChunkKey> = texts.iter().map(|text| keys[text]).collect();
    let vectors = store.cached_vectors(&keys).await.unwrap();
    vectors.iter().filter(|vector| vector.is_none()).count()
}

#[tokio::test]
async fn a_killed_ingestion_ends_as_if_undisturbed() {
    if let (Ok(path), Ok(port)) = (std::env::var(PATH), std::env::var(PORT)) {
        // This process is the child.
        let run = std::env::var(RUN).unwrap().parse().unwrap();
        let embedder = EmbeddingModel::new(Remote { port: port.parse().unwrap(), run }, "hash");
        ingest(Path::new(&path), embedder, after()).await;
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (disturbed, quiet) = (folder.path().join("disturbed"), folder.path().join("quiet"));
    let served = Served::default();
    let port = served.start();
    let embedder = EmbeddingModel::new(Remote { port, run: usize::MAX }, "hash");
    for path in [&disturbed, &quiet] {
        ingest(path, embedder.clone(), before()).await;
    }
    served.asked.lock().unwrap().clear();
    ingest(&quiet, embedder, after()).await;
    let once: usize = served.asked.lock().unwrap().values().sum();
    assert!(once > 2_000, "{once} texts");
    served.asked.lock().unwrap().clear();
    let keys = keys(&quiet).await;

    let mut random = fastrand::Rng::new();
    let mut most = 0;
    for kill in 0..KILLS {
        let began = served.requests.load(Ordering::SeqCst);
        let mut child = child(&disturbed, port, kill);
        let requests = random.usize(0..10);
        let wait = Duration::from_micros(random.u64(0..8_000));
        while served.requests.load(Ordering::SeqCst) < began + requests {
            assert!(child.try_wait().unwrap().is_none(), "finished before kill {kill}");
            thread::sleep(Duration::from_micros(100));
        }
        thread::sleep(wait);
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "finished before kill {kill}");
        // Requests of the dead that are still being counted.
        thread::sleep(Duration::from_millis(20));
        // The index says what is durable; the rest of what this child paid for is what its kill has cost.
        let paid = served.by_run.lock().unwrap().remove(&kill).unwrap_or_default();
        let lost = lost(&disturbed, &keys, &paid).await;
        assert!(lost <= UNDER_WAY, "kill {kill}: of {} texts {lost} are lost", paid.len());
        most = most.max(lost);
    }
    let by_the_dead: usize = served.asked.lock().unwrap().values().sum();
    assert!(by_the_dead > once / 4, "{by_the_dead} texts were embedded before the last run");
    assert!(child(&disturbed, port, KILLS).wait().unwrap().success());

    let (left, wanted) = (contents(&disturbed).await, contents(&quiet).await);
    assert_eq!(left.len(), wanted.len());
    for (left, wanted) in left.iter().zip(&wanted) {
        assert_eq!(left, wanted);
    }
    let asked = served.asked.lock().unwrap();
    assert_eq!(asked.len(), once, "other texts were embedded than without kills");
    let twice = asked.values().sum::<usize>() - once;
    println!(
        "{KILLS} kills cost {most} texts at most each, {UNDER_WAY} may be; {twice} of {once} in all"
    );
    assert!(twice <= KILLS * UNDER_WAY, "{twice} texts were embedded again");
}
