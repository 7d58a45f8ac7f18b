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

/// Whether the token of this answer was sent with a request, and the error of what came to that.
async fn asked_with(answer: &str) -> (bool, meanwhile_core::Error) {
    let played = Played::new(&[(200, answer)]);
    let error = ask(&azure(played)).await;
    let sent = played.requests().get(1).map(|sent| sent.headers()["authorization"].clone());
    (sent.is_some_and(|header| header == "Bearer t-123456"), error)
}

#[tokio::test]
async fn a_token_is_read_whatever_stands_beside_it() {
    for beside in [
        r#""expires_in":"3599""#,
        r#""expires_in":3599.0"#,
        r#""expires_in":null"#,
        r#""expires_in":18446744073709551615"#,
        r#""expires_in":"soon""#,
        r#""error":null,"error_description":null"#,
        r#""token_type":7,"error":{"code":0},"ext_expires_in":[]"#,
    ] {
        let (sent, error) = asked_with(&format!(r#"{{"access_token":"t-123456",{beside}}}"#)).await;
        assert!(sent, "{beside}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_may_hold_a_token_is_not_shown() {
    for (status, answer) in [
        (200, r#"{"access_token":"t-123456","expires_in"#),
        (200, r#"{"access_token":["t-123456"]}"#),
        (200, r#"{"token":"t-123456"}"#),
        (500, r#"{"access_token":"t-123456"}"#),
    ] {
        let error = ask(&azure(Played::new(&[(status, answer)]))).await;
        assert!(error.message().starts_with("Microsoft Entra ID gave no token"), "{error}");
        assert!(!format!("{error:?}").contains("t-123456"), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_unknown_age_lives_an_hour() {
    let answers: [(u16, &str); 5] = [
        (200, r#"{"access_token":"t-123456"}"#),
        (400, "{}"),
        (400, "{}"),
        (200, TOKEN),
        (400, "{}"),
    ];
    let played = Played::new(&answers);
    let azure = azure(played);
    for seconds in [0, 3000, 400] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        ask(&azure).await;
    }
    let requests = played.requests();
    let fetched = requests.iter().filter(|sent| sent.uri().host() == Some("login.example"));
    assert_eq!((requests.len(), fetched.count()), (5, 2));
}

#[test]
fn an_application_is_not_printed_with_its_secret() {
    let application = ClientCredentials::new("tenant", "app", "s-123456");
    assert_eq!(format!("{application:?}"), "ClientCredentials(app of tenant)");
}
