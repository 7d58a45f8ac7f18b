//! Calls and streams on a thread that waits.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use meanwhile_blocking::{Blocking as _, BlockingCall as _, block_on};
use meanwhile_core::{
    Call, Capabilities, Error, ErrorKind, Event, EventStream, Finish, FinishReason, Model,
    Provider, Request, Result, Scope, Scripted, Settings,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

#[test]
fn values_streams_and_errors_come_back() {
    let scripted = Scripted::new()
        .reply("42")
        .reply("one two three")
        .reply("7")
        .events([
            Ok(Event::text_start(0)),
            Ok(Event::text_delta(0, "half")),
            Err(Error::new(ErrorKind::Server, "broke")),
        ])
        .error(Error::new(ErrorKind::RateLimit, "slow down"));
    let model = Model::new(scripted, "m");
    assert_eq!(model.call::<u8>("x").blocking().unwrap(), 42);
    let words = model.call::<String>("x").blocking_stream().unwrap().text();
    assert_eq!(words.collect::<Result<Vec<_>>>().unwrap(), ["one ", "two ", "three"]);

    let mut stream = model.call::<u8>("x").blocking_stream().unwrap();
    let first = stream.next().unwrap().unwrap();
    assert!(matches!(first, Event::Metadata(_)), "{first:?}");
    assert_eq!(stream.finish().unwrap(), 7);

    let mut stream = model.call::<String>("x").blocking_stream().unwrap();
    let error = stream.find_map(Result::err).unwrap();
    assert_eq!((error.kind(), error.partial().unwrap().text()), (ErrorKind::Server, "half".into()));
    assert!(stream.next().is_none());
    let refused = model.call::<String>("x").blocking_stream().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::RateLimit);
}

#[test]
fn futures_that_borrow_and_cannot_be_sent_are_awaited() {
    let text = "borrowed".to_owned();
    let local = std::rc::Rc::new(text.as_str());
    let length = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, Error>(local.len())
    };
    assert_eq!(length.blocking().unwrap(), 8);
}

#[test]
fn a_scope_holds_for_blocking_calls() {
    let seen = Scripted::new().reply_with(|request| request.params.seed.unwrap_or(0).to_string());
    let settings = Settings::new().model(Model::new(seen, "m")).seed(9);
    let registry = meanwhile_core::Registry::new();
    let ask = || Call::<u64>::new("ask", &registry, Ok("x".into()));
    assert_eq!(Scope::current().with(settings).enter(|| ask().blocking()).unwrap(), 9);
}

/// Answers over one connection that it keeps, which a task of the runtime reads and writes.
#[derive(Debug)]
struct Wire {
    address: std::net::SocketAddr,
    connection: Mutex<Option<TcpStream>>,
}

#[async_trait]
impl Provider for Wire {
    fn id(&self) -> &str {
        "wire"
    }

    fn capabilities(&self, _model: &str) -> Capabilities {
        Capabilities::text()
    }

    async fn send(&self, _request: Request) -> Result<EventStream> {
        let mut kept = self.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => TcpStream::connect(self.address).await.unwrap(),
        };
        // On the runtime's own threads, as HTTP clients do.
        let answer = tokio::spawn(async move {
            connection.write_all(b"?").await.unwrap();
            let mut byte = [0];
            connection.read_exact(&mut byte).await.unwrap();
            (connection, byte[0])
        });
        let (connection, byte) = answer.await.unwrap();
        *kept = Some(connection);
        Ok(EventStream::from_events([
            Ok(Event::text_start(0)),
            Ok(Event::text_delta(0, byte.to_string())),
            Ok(Event::part_end(0)),
            Ok(Event::finish(Finish::new(FinishReason::Stop))),
        ]))
    }
}

#[test]
fn fifty_calls_from_two_threads_share_one_runtime_and_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let mut socket = socket.unwrap();
            std::thread::spawn(move || {
                let mut byte = [0];
                while socket.read_exact(&mut byte).is_ok() {
                    socket.write_all(&[7]).unwrap();
                }
            });
        }
    });
    let model = Model::new(Wire { address, connection: Mutex::new(None) }, "m");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(model.call::<u8>("x").blocking().unwrap(), 7);
                }
            });
        }
    });
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Says when it is dropped before its end.
struct Dropped(mpsc::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[derive(Debug)]
struct Endless(mpsc::Sender<()>);

#[async_trait]
impl Provider for Endless {
    fn id(&self) -> &str {
        "endless"
    }

    fn capabilities(&self, _model: &str) -> Capabilities {
        Capabilities::text()
    }

    async fn send(&self, _request: Request) -> Result<EventStream> {
        let dropped = Dropped(self.0.clone());
        let events = futures::stream::unfold((dropped, false), |(dropped, begun)| async move {
            if begun {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let event = if begun { Event::text_delta(0, "a ") } else { Event::text_start(0) };
            Some((Ok(event), (dropped, true)))
        });
        Ok(EventStream::new(events))
    }
}

#[test]
fn dropping_a_stream_cancels_and_reading_it_is_not_ahead() {
    let (sender, dropped) = mpsc::channel();
    let model = Model::new(Endless(sender), "m");
    let stream = model.call::<String>("x").blocking_stream().unwrap();
    let begun = Instant::now();
    let texts: Vec<String> = stream.text().take(3).collect::<Result<_>>().unwrap();
    assert_eq!(texts.concat(), "a a a ");
    assert!(begun.elapsed() >= Duration::from_millis(6), "{:?}", begun.elapsed());
    dropped.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[test]
fn the_runtime_is_one_and_bounded() {
    let ids = [0; 2].map(|_| block_on(async { tokio::runtime::Handle::current().id() }).unwrap());
    assert_eq!(ids[0], ids[1]);
    let workers = block_on(async { tokio::runtime::Handle::current().metrics().num_workers() });
    assert!((1..=4).contains(&workers.unwrap()));
}
