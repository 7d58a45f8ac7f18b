//! A receiver of OTLP over HTTP on the loopback, and the plain client that exporters send with.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prost::Message as _;

/// What has been received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<Metric>>>,
}

impl Received {
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.metrics.lock().unwrap().clone()
    }

    fn take(&self, path: &str, body: &[u8]) {
        if path == "/v1/traces" {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|one| one.scope_spans);
            self.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        } else {
            assert_eq!(path, "/v1/metrics");
            let request = ExportMetricsServiceRequest::decode(body).unwrap();
            let scopes = request.resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
            self.metrics.lock().unwrap().extend(scopes.flat_map(|scope| scope.metrics));
        }
    }
}

/// Starts a receiver; it ends with the test.
pub(crate) fn receiver() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let taking = received.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let (first, body) = read(&mut connection);
            taking.take(first.split(' ').nth(1).unwrap(), &body);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            connection.into_inner().write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, received)
}

/// Reads a message: its first line and its body.
fn read(connection: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let mut body = vec![0; length.transpose().unwrap().unwrap_or(0)];
    match length_known(&lines) {
        true => connection.read_exact(&mut body).unwrap(),
        false => drop(connection.read_to_end(&mut body).unwrap()),
    }
    (lines[0].clone(), body)
}

fn length_known(lines: &[String]) -> bool {
    lines.iter().any(|line| line.to_ascii_lowercase().starts_with("content-length"))
}

/// Sends one request at a time, without encryption.
#[derive(Debug)]
pub(crate) struct Plain;

#[async_trait::async_trait]
impl HttpClient for Plain {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let uri = request.uri();
        let mut connection = TcpStream::connect(uri.authority().unwrap().as_str())?;
        let target = uri.path_and_query().unwrap();
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: localhost\r\n", request.method());
        for (name, value) in request.headers() {
            head += &format!("{name}: {}\r\n", value.to_str()?);
        }
        head += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", request.body().len());
        connection.write_all(head.as_bytes())?;
        connection.write_all(request.body())?;
        let (first, body) = read(&mut BufReader::new(connection));
        let status: u16 = first.split(' ').nth(1).unwrap_or_default().parse()?;
        Ok(Response::builder().status(status).body(body.into())?)
    }
}

/// Exports to the receiver at `address`.
pub(crate) fn providers(address: &str) -> (SdkTracerProvider, SdkMeterProvider) {
    let spans = SpanExporter::builder()
        .with_http()
        .with_http_client(Plain)
        .with_endpoint(format!("{address}/v1/traces"))
        .build()
        .unwrap();
    let metrics = MetricExporter::builder()
        .with_http()
        .with_http_client(Plain)
        .with_endpoint(format!("{address}/v1/metrics"))
        .build()
        .unwrap();
    (
        SdkTracerProvider::builder().with_batch_exporter(spans).build(),
        SdkMeterProvider::builder().with_periodic_exporter(metrics).build(),
    )
}
