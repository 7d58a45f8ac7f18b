//! Azure from the outside: where requests go, who sends them, and what its errors say.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::unwrap_used,
    missing_docs,
    missing_debug_implementations,
    reason = "a test fails by panicking"
)]

mod answers;
mod batches;
mod credentials;
mod modality;
mod paths;

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request as Message, Response as Answer, StatusCode};
use meanwhile_azure::{Azure, Builder};
use meanwhile_core::{Provider as _, Request, Result};
use meanwhile_http::{Body, Client, Transport};

/// Answers with what was prepared, and keeps every request.
#[derive(Debug, Default)]
struct Played {
    answers: Mutex<VecDeque<(u16, String)>>,
    requests: Mutex<Vec<Message<Bytes>>>,
}

#[async_trait]
impl Transport for &'static Played {
    async fn send(&self, request: Message<Bytes>) -> Result<Answer<Body>> {
        self.requests.lock().unwrap().push(request);
        let next = self.answers.lock().unwrap().pop_front();
        let (status, body) = next.unwrap_or((400, "{}".to_owned()));
        let mut answer = Answer::new(Body::from_chunks([Bytes::from(body)]));
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        let json = http::HeaderValue::from_static("application/json");
        answer.headers_mut().insert("content-type", json);
        Ok(answer)
    }
}

impl Played {
    fn new(answers: &[(u16, &str)]) -> &'static Self {
        let answers = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        Box::leak(Box::new(Self { answers: Mutex::new(answers), ..Self::default() }))
    }

    fn client(&'static self) -> Client {
        Client::new(self)
    }

    fn requests(&self) -> Vec<Message<Bytes>> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// A provider whose environment is not that of the machine.
fn builder(endpoint: &str) -> Builder {
    Azure::builder().endpoint(endpoint).api_key("k-123456")
}

/// Sends one request and returns what was sent.
async fn sent(builder: Builder, request: Request) -> Message<Bytes> {
    let played = Played::new(&[]);
    let azure = builder.http_client(played.client()).build().unwrap();
    azure.send(request).await.unwrap_err();
    played.requests().pop().unwrap()
}
