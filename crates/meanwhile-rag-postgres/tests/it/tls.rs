//! TLS in front of a real server, whose package comes without: the first message and the handshake are answered
//! here, and what is inside goes on to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meanwhile_core::ErrorKind;
use meanwhile_rag::Store as _;
use meanwhile_rag_postgres::PostgresStore;
use meanwhile_rag_postgres::rustls::crypto::ring;
use meanwhile_rag_postgres::rustls::pki_types::CertificateDer;
use meanwhile_rag_postgres::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::Server;

/// What a client sends that asks for TLS: its length, and a number that is no version.
const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Speaks TLS in front of a server; counts the handshakes that came to their end.
struct Front {
    port: u16,
    certificate: CertificateDer<'static>,
    handshakes: Arc<AtomicUsize>,
}

impl Front {
    async fn start(server: u16) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let certificate = made.cert.der().clone();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let handshakes = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&handshakes);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let mut first = [0; 8];
                    stream.read_exact(&mut first).await.unwrap();
                    assert_eq!(first, ASKS_FOR_TLS);
                    stream.write_all(b"S").await.unwrap();
                    let Ok(mut inside) = acceptor.accept(stream).await else { return };
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut behind = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut behind).await;
                });
            }
        });
        Self { port, certificate, handshakes }
    }

    fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres?sslmode=require", self.port)
    }

    fn trusting(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}

#[tokio::test]
async fn a_server_is_spoken_to_over_tls() {
    let Some(server) = Server::start().await else { return };
    let front = Front::start(server.port()).await;
    let store = PostgresStore::builder().tls(front.trusting()).connect(&front.url()).await.unwrap();
    assert_eq!(store.count().await.unwrap().documents, 0);
    assert_eq!(front.handshakes.load(Ordering::SeqCst), 1);

    // Nobody vouches for it, and nothing is said to it.
    let error = PostgresStore::connect(&front.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
    assert!(error.message().contains("certificate"), "{error}");
    assert_eq!(front.handshakes.load(Ordering::SeqCst), 1);

    // A server that has no TLS: without, unless it is insisted on.
    PostgresStore::connect(&server.url()).await.unwrap();
    let insisting = format!("{}?sslmode=require", server.url());
    let error = PostgresStore::connect(&insisting).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error:?}");
}
