//! Applications of Microsoft Entra ID: tokens are fetched, shared, renewed, and never printed.

use std::time::Duration;

use meanwhile_azure::{Azure, ClientCredentials};
use meanwhile_core::{AnyProvider, ErrorKind, Message, Provider as _, Request};
use meanwhile_http::Auth;

use crate::Played;

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"t-123456"}"#;

fn azure(played: &'static Played) -> AnyProvider {
    let application = ClientCredentials::new("tenant", "app", "s&cret-123")
        .with_http_client(played.client())
        .with_authority("https://login.example/");
    Azure::builder()
        .endpoint("https://acme.openai.azure.com")
        .auth(Auth::hook(application))
        .http_client(played.client())
        .build()
        .unwrap()
}

async fn ask(azure: &AnyProvider) -> meanwhile_core::Error {
    azure.send(Request::new("gpt-4o", vec![Message::user("x")])).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_once_and_renewed_in_time() {
    let played = Played::new(&[(200, TOKEN), (400, "{}"), (400, "{}"), (200, TOKEN), (400, "{}")]);
    let azure = azure(played);
    ask(&azure).await;
    ask(&azure).await;
    tokio::time::advance(Duration::from_secs(3500)).await;
    ask(&azure).await;
    let requests = played.requests();
    let hosts: Vec<&str> = requests.iter().map(|sent| sent.uri().host().unwrap()).collect();
    let (login, acme) = ("login.example", "acme.openai.azure.com");
    assert_eq!(hosts, [login, acme, acme, login, acme]);
    assert_eq!(requests[0].uri().path(), "/tenant/oauth2/v2.0/token");
    assert_eq!(
        requests[0].body(),
        "grant_type=client_credentials&client_id=app&client_secret=s%26cret-123&scope=https%3A%2F%2Fcognitiveservices.azure.com%2F.default"
    );
    assert_eq!(requests[1].headers()["authorization"], "Bearer t-123456");
}

#[tokio::test]
async fn what_keeps_a_token_back_is_said() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret s&cret-123.\r\nTrace ID: 1"}"#;
    let played = Played::new(&[(401, body)]);
    let error = ask(&azure(played)).await;
    assert_eq!((error.kind(), error.status()), (ErrorKind::Authentication, Some(401)));
    assert!(error.message().contains("AADSTS7000215: Invalid client secret"), "{error}");
    assert!(!format!("{error:?}").contains("s&cret-123"), "{error:?}");
    assert!(!error.message().contains("Trace"));

    let played = Played::new(&[(503, "<html>")]);
    assert_eq!(ask(&azure(played)).await.kind(), ErrorKind::Overloaded);
    let played = Played::new(&[(200, "{}")]);
    assert_eq!(ask(&azure(played)).await.kind(), ErrorKind::Authentication);
}

#[test]
fn an_application_is_not_printed_with_its_secret() {
    let application = ClientCredentials::new("tenant", "app", "s-123456");
    assert_eq!(format!("{application:?}"), "ClientCredentials(app of tenant)");
}
