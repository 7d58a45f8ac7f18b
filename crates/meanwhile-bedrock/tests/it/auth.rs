//! Where credentials come from and what becomes of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use meanwhile_bedrock::{AwsCredentials, Bedrock, CredentialsSource, SigV4};
use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::Authorize as _;

fn message() -> Request<Bytes> {
    let request =
        Request::post("https://bedrock-runtime.us-east-1.amazonaws.com/model/m%3A0/converse")
            .header("content-type", "application/json")
            .header("user-agent", "test");
    request.body(Bytes::from_static(b"{}")).unwrap()
}

#[tokio::test]
async fn requests_are_signed() {
    let credentials =
        AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
            .with_session_token("the-session-token");
    let signer = SigV4::new("us-east-1", credentials);
    let mut request = message();
    signer.authorize(&mut request).await.unwrap();
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let authorization = header("authorization");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{authorization}"
    );
    assert!(authorization.contains("/us-east-1/bedrock/aws4_request"), "{authorization}");
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,";
    assert!(authorization.contains(signed), "{authorization}");
    assert_eq!(header("x-amz-security-token"), "the-session-token");
    for name in ["authorization", "x-amz-security-token"] {
        assert!(request.headers()[name].is_sensitive(), "{name} can be printed");
    }
    assert_eq!(request.body(), &Bytes::from_static(b"{}"));
    let shown = format!("{signer:?}");
    assert!(!shown.contains("wJalr") && !shown.contains("session-token"), "{shown}");
}

#[derive(Debug)]
struct Counting {
    calls: Arc<AtomicUsize>,
    lasts: Option<Duration>,
}

#[async_trait]
impl CredentialsSource for Counting {
    async fn credentials(&self) -> Result<AwsCredentials> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let credentials = AwsCredentials::new(format!("AKID{call}"), "secret-secret");
        Ok(match self.lasts {
            Some(lasts) => credentials.with_expiry(SystemTime::now() + lasts),
            None => credentials,
        })
    }
}

#[tokio::test]
async fn credentials_are_asked_for_again_before_they_expire() {
    for (lasts, expected) in
        [(Some(Duration::from_secs(3600)), 1), (Some(Duration::from_secs(60)), 3), (None, 3)]
    {
        let calls = Arc::new(AtomicUsize::new(0));
        let signer = SigV4::new("us-east-1", Counting { calls: calls.clone(), lasts });
        for _ in 0..3 {
            signer.authorize(&mut message()).await.unwrap();
        }
        assert_eq!(calls.load(Ordering::SeqCst), expected, "{lasts:?}");
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl CredentialsSource for Nothing {
    async fn credentials(&self) -> Result<AwsCredentials> {
        Err(Error::new(ErrorKind::MissingCredential, "the role is gone"))
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let error = SigV4::new("us-east-1", Nothing).authorize(&mut message()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingCredential);
    let empty = AwsCredentials::new("", " ");
    let error = SigV4::new("us-east-1", empty).authorize(&mut message()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingCredential);
}

#[test]
fn builders() {
    let provider = Bedrock::builder().region("us-west-2").api_key("key-secret").build().unwrap();
    let shown = format!("{provider:?}");
    assert!(shown.contains("https://bedrock-runtime.us-west-2.amazonaws.com"), "{shown}");
    assert!(!shown.contains("key-secret"), "{shown}");
    let china = Bedrock::builder().region("cn-north-1").api_key("key").build().unwrap();
    assert!(format!("{china:?}").contains("cn-north-1.amazonaws.com.cn"));
    let error = Bedrock::builder().region("us-west-2/../x").api_key("key").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let own = Bedrock::builder()
        .region("us-west-2")
        .base_url("http://localhost:4000/bedrock")
        .credentials(AwsCredentials::new("AKID", "the-secret"))
        .build()
        .unwrap();
    let shown = format!("{own:?}");
    assert!(shown.contains("localhost:4000") && !shown.contains("the-secret"), "{shown}");
}
