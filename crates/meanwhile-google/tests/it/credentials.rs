//! How access tokens are come by, kept and renewed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, StatusCode};
use meanwhile_core::{ErrorKind, Message, Provider as _, Result};
use meanwhile_google::{Credentials, Vertex};
use meanwhile_http::{Authorize as _, Body, Client, Transport};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

/// A key that was made for this test and opens nothing.
const KEY: &str = concat!(
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDviWroV3S+dZkeDwCPJhtzmd0RogMpQN79wUrN",
    "KQIkJP+OyA6Q0Vha5ksVkOaD5C3mgL8GLoswMwTAPvfRMlJ8iu1nZl1edKQukZtrJ8ugxERRuZJGGbXVE8J3d2G3",
    "k/OloDWlXcvHzwSQ0HQ6XOGFzjDFaYihxHEkw+mL6+86Rfp/Oonqi6nAUlFoe2f2nE9jYxlhGiE8Z3jzVDiVSkgL",
    "JN1b9B4CsFUO7c/HZPdKC5zeaoF7llCW3lw9gLIvOoMq5PEs1H+OC9JN5cByjGcp5L7y6jBFcIEIaaTRIrZz6J+n",
    "9IQ1j4D4bKxc7hADWwshmCFqmls+tQxM+UMeI7zdAgMBAAECggEAAPMEE9XA5IVydBA1fYZoFKqXC6M7kE7KHhxT",
    "ttb8Cuj19aVl4AvTdDPg4i+34F7uvL8Pwr10l2xdOdhCe7ddufyEEnNxPEjCm88U6lGhqpF+VHxcZRhkNgd22eKv",
    "goID33PFsqdZyKum9+yeOjBRQ9FRwn6F2gpEiTAKry2pIYuX0i+b9WPOvJi8TFpvMN88to5F9p5cIwT+kpu2YMC0",
    "l9GFFAsr4Z/Qw0zrLODf4dDAn2wHhXkY9MlTeoXOcUPAr86WAlelfVZ03Z7oxWLHK/MD4MnBchLvyvwWC6hzr1/T",
    "h9JqrBCvTbXNGonxg48ssqHUt3EzJNG10t7wEFF58QKBgQD7kZXUcLfyNvxQbKaikw1WaSUgNVQStKNGmWpAOJiV",
    "L9/ofGMhvZukLPSWG9HUCWcHK4ZQ5YBPX/FyEGDyW64JZ4mP+ve/qQ5QvMC82tvryNHINPAgCBrE3wahmI3KCDln",
    "qDTj5ejDRMGLtCx48X3LocaMviCnZgb2KvWDrvN1tQKBgQDzwZN7RIC9w5KP0W/qYMgqvSTf7IlZx26EVZSrL4uE",
    "489hZgc65ZsEcNN3F1jIAB0Buzqn549r1f83iTjdDXTCCpqWw+qa5IzwfPDvXobq60RO0yV57carpaU92MFg5pun",
    "ZdE1tmlSJgMlJJNSPA/rvmFdGPs7r4kJrWSuevojiQKBgDrBzzf2N9B37Uivh+AS7puPJV+3dPKFhFk5/eoQDftS",
    "Wj7HxrObwJ2A7oOc7c5Tf9/Z155PbD+dzhvxHWOd7DFAII4jdPgr+S78VxwFFjalCfJ0At3IZtAysy7NHdjhQN8o",
    "F2pfSZVKGtaRd42sAdCs8V3wDlpq5xdaA0wFcdG9AoGAP1obQ5ldQHS4/cn4JVk8DOeV0uD+HahYj+pSNl+oCkTP",
    "HEhRLryIGpJcU4Js36Yv48hOiV8EholayItQjRs3MkthPDf1HIa0HrjKQdw2go3c9gOopNTooqntlXJlaBLnd41d",
    "33DmVKRugtPLuj7EAIg9c93PRgbsPeij1zk9E8kCgYEA8lRwSmbuoXsxfkqLJYb7lYs5GBlnD4tVK2mHpTu/5M/m",
    "Pmq9Cy1Ch/WTBqyvl6rx9/Gey+gX5Kpi/4WD8NSwgneqHoxfoa1je74kFGr1DfHPMTc4Na3Lm3n+CJ87usUZMPb5",
    "kmh7lb4TxpME4bKXX3s5Q3fpoPCV4bobktl6X4w=",
);

/// Its public half.
const PUBLIC_KEY: &str = concat!(
    "MIIBCgKCAQEA74lq6Fd0vnWZHg8AjyYbc5ndEaIDKUDe/cFKzSkCJCT/jsgOkNFYWuZLFZDmg+Qt5oC/Bi6LMDME",
    "wD730TJSfIrtZ2ZdXnSkLpGbayfLoMREUbmSRhm11RPCd3dht5PzpaA1pV3Lx88EkNB0Olzhhc4wxWmIocRxJMPp",
    "i+vvOkX6fzqJ6oupwFJRaHtn9pxPY2MZYRohPGd481Q4lUpICyTdW/QeArBVDu3Px2T3Sguc3mqBe5ZQlt5cPYCy",
    "LzqDKuTxLNR/jgvSTeXAcoxnKeS+8uowRXCBCGmk0SK2c+ifp/SENY+A+GysXO4QA1sLIZghappbPrUMTPlDHiO8",
    "3QIDAQAB",
);

fn pem() -> String {
    let mark = |word: &str| format!("-----{word} PRIVATE KEY-----\n");
    format!("{}{KEY}\n{}", mark("BEGIN"), mark("END"))
}

fn service_account() -> String {
    json!({ "type": "service_account", "project_id": "proj", "private_key_id": "kid-1",
        "private_key": pem(), "client_email": "robot@proj.example",
        "token_uri": "https://token.example/token" })
    .to_string()
}

fn user() -> String {
    json!({ "type": "authorized_user", "client_id": "cid", "client_secret": "client+s3cret",
        "refresh_token": "refresh/s3cret", "quota_project_id": "quota" })
    .to_string()
}

/// Gives tokens that are numbered, or refuses.
#[derive(Debug, Default)]
struct Desk {
    asked: Mutex<Vec<Request<Bytes>>>,
    count: AtomicU64,
    refuses: Mutex<Option<(u16, &'static str)>>,
}

#[async_trait::async_trait]
impl Transport for &'static Desk {
    async fn send(&self, request: Request<Bytes>) -> Result<http::Response<Body>> {
        self.asked.lock().unwrap().push(request);
        // Somebody else has time to ask, too.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let refused = *self.refuses.lock().unwrap();
        let (status, body) = match refused {
            Some((status, body)) => (status, body.to_owned()),
            None => {
                let count = self.count.fetch_add(1, Ordering::Relaxed);
                let body = json!({ "access_token": format!("t0ken-{count}"), "expires_in": 3600 });
                (200, body.to_string())
            }
        };
        let mut response = http::Response::new(Body::from_chunks([Bytes::from(body)]));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }
}

fn desk() -> (&'static Desk, Client) {
    let desk: &'static Desk = Box::leak(Box::default());
    (desk, Client::new(desk))
}

async fn authorised(credentials: &Credentials) -> Result<http::HeaderMap> {
    let mut request = Request::new(Bytes::new());
    credentials.authorize(&mut request).await?;
    assert!(request.headers()["authorization"].is_sensitive());
    Ok(request.into_parts().0.headers)
}

#[tokio::test(start_paused = true)]
async fn a_service_account_signs_who_it_is() {
    let (desk, client) = desk();
    let credentials = Credentials::from_json(&service_account()).unwrap().with_http_client(client);
    assert_eq!(credentials.project(), Some("proj"));
    assert_eq!(format!("{credentials:?}"), "Credentials(service account robot@proj.example)");
    let headers = authorised(&credentials).await.unwrap();
    assert_eq!(headers["authorization"], "Bearer t0ken-0");
    assert!(!headers.contains_key("x-goog-user-project"));

    let asked = desk.asked.lock().unwrap().pop().unwrap();
    assert_eq!(
        (asked.method().as_str(), asked.uri().to_string().as_str()),
        ("POST", "https://token.example/token")
    );
    assert_eq!(asked.headers()["content-type"], "application/x-www-form-urlencoded");
    let form = std::str::from_utf8(asked.body()).unwrap();
    let assertion = form
        .strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=")
        .unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    assert_eq!(read(header), json!({ "alg": "RS256", "typ": "JWT", "kid": "kid-1" }));
    let claims = read(claims);
    assert_eq!(claims["iss"], "robot@proj.example");
    assert_eq!(claims["aud"], "https://token.example/token");
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    let public =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, STANDARD.decode(PUBLIC_KEY).unwrap());
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_user_refreshes_and_names_the_project_that_pays() {
    let (desk, client) = desk();
    let credentials = Credentials::from_json(&user()).unwrap().with_http_client(client);
    let headers = authorised(&credentials).await.unwrap();
    assert_eq!(headers["x-goog-user-project"], "quota");
    assert_eq!(credentials.project(), Some("quota"));
    let asked = desk.asked.lock().unwrap().pop().unwrap();
    assert_eq!(asked.uri(), "https://oauth2.googleapis.com/token");
    let form = std::str::from_utf8(asked.body()).unwrap();
    assert_eq!(
        form,
        "grant_type=refresh_token&client_id=cid&client_secret=client%2Bs3cret&refresh_token=refresh%2Fs3cret"
    );
}

#[tokio::test(start_paused = true)]
async fn one_token_serves_all_until_shortly_before_it_expires() {
    let (desk, client) = desk();
    let credentials = Credentials::from_json(&user()).unwrap().with_http_client(client);
    let token = async || {
        let headers = authorised(&credentials).await.unwrap();
        headers["authorization"].to_str().unwrap().to_owned()
    };
    // Those who ask while the token is fetched wait for the same.
    assert_eq!(tokio::join!(token(), token(), token()).2, "Bearer t0ken-0");
    tokio::time::advance(Duration::from_secs(3300)).await;
    assert_eq!(token().await, "Bearer t0ken-0");
    tokio::time::advance(Duration::from_secs(100)).await;
    assert_eq!(token().await, "Bearer t0ken-1");
    assert_eq!(desk.count.load(Ordering::Relaxed), 2);
    // Where it cannot be renewed, the old one is good for as long as it lasts.
    *desk.refuses.lock().unwrap() = Some((503, ""));
    tokio::time::advance(Duration::from_secs(3500)).await;
    assert_eq!(token().await, "Bearer t0ken-1");
    tokio::time::advance(Duration::from_secs(200)).await;
    assert_eq!(authorised(&credentials).await.unwrap_err().kind(), ErrorKind::Overloaded);
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_leaves_nothing_behind() {
    let (desk, client) = desk();
    let credentials = Credentials::from_json(&user()).unwrap().with_http_client(client);
    let half = tokio::time::timeout(Duration::from_millis(500), authorised(&credentials)).await;
    assert!(half.is_err());
    assert!(authorised(&credentials).await.is_ok());
    assert_eq!(desk.asked.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn refusals_say_what_to_do_and_show_no_secret() {
    for (status, body, kind) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"Token has been revoked."}"#,
            ErrorKind::Authentication,
        ),
        (401, r#"{"error":"unauthorized_client"}"#, ErrorKind::Authentication),
        (500, "oops", ErrorKind::Server),
        (200, r#"{"id_token":"t0ken"}"#, ErrorKind::Decode),
    ] {
        let (desk, client) = desk();
        *desk.refuses.lock().unwrap() = Some((status, body));
        let credentials = Credentials::from_json(&user()).unwrap().with_http_client(client);
        let error = authorised(&credentials).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{body}");
        let shown = format!("{error} {error:?} {credentials:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_metadata_server_is_asked_by_name() {
    let (desk, client) = desk();
    let credentials = Credentials::metadata_server().with_http_client(client);
    authorised(&credentials).await.unwrap();
    let asked = desk.asked.lock().unwrap().pop().unwrap();
    assert_eq!(
        (asked.method().as_str(), asked.uri().path()),
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    );
    assert_eq!(asked.headers()["metadata-flavor"], "Google");
    assert_eq!(credentials.project(), None);
}

/// Never gets through.
#[derive(Debug)]
struct Nowhere;

#[async_trait::async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Request<Bytes>) -> Result<http::Response<Body>> {
        Err(meanwhile_core::Error::new(ErrorKind::Connection, "no such host"))
    }
}

#[tokio::test]
async fn without_any_credentials_the_message_says_where_they_belong() {
    let credentials = Credentials::metadata_server().with_http_client(Client::new(Nowhere));
    let error = authorised(&credentials).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingCredential);
    for place in ["GOOGLE_APPLICATION_CREDENTIALS", "gcloud auth application-default login"] {
        assert!(error.message().contains(place), "{error}");
    }
}

#[test]
fn files_that_cannot_be_used_are_told_of() {
    let without = |field: &str| {
        let mut file: Value = serde_json::from_str(&service_account()).unwrap();
        file.as_object_mut().unwrap().remove(field);
        file.to_string()
    };
    let with = |field: &str, value: &str| {
        let mut file: Value = serde_json::from_str(&service_account()).unwrap();
        file[field] = json!(value);
        file.to_string()
    };
    for (file, says) in [
        ("s3cret".to_owned(), "no JSON"),
        ("{}".to_owned(), "type ``"),
        (r#"{"type":"external_account"}"#.to_owned(), "`external_account`"),
        (without("client_email"), "`client_email`"),
        (without("private_key"), "`private_key`"),
        (with("private_key", "s3cret"), "no RSA key"),
        (with("token_uri", "nowhere"), "`token_uri`"),
        (
            r#"{"type":"authorized_user","client_id":"c","client_secret":"s3cret"}"#.to_owned(),
            "`refresh_token`",
        ),
    ] {
        let error = Credentials::from_json(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    let error = Credentials::from_file("/no/such/file.json").unwrap_err();
    assert!(error.message().contains("/no/such/file.json"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn vertex_sends_the_token_along() {
    let (desk, client) = desk();
    let credentials = Credentials::from_json(&service_account()).unwrap();
    let vertex = Vertex::builder()
        .location("global")
        .credentials(credentials)
        .http_client(client)
        .build()
        .unwrap();
    let request = meanwhile_core::Request::new("gemini-2.5-flash", vec![Message::user("x")]);
    // The desk answers the request itself, too, with something that is no answer.
    let Ok(mut stream) = vertex.send(request).await else { panic!("the request was not sent") };
    drop(stream.next().await);
    let asked = desk.asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[1].headers()["authorization"], "Bearer t0ken-0");
    assert!(
        asked[1].uri().path().contains("/projects/proj/locations/global/"),
        "{}",
        asked[1].uri()
    );
}
