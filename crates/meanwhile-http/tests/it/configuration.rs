//! Base URLs, headers and what is said when they are wrong.

use http::{HeaderMap, HeaderValue};
use meanwhile_core::{Error, ErrorKind};
use meanwhile_http::lenient::{self, BorrowedStr};
use meanwhile_http::{Auth, BaseUrl, Client, Endpoint, Secret};
use serde::Deserialize;

fn config_error<T: std::fmt::Debug>(result: Result<T, Error>, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert!(error.message().contains(part), "{error} does not say `{part}`");
}

#[test]
fn base_urls() {
    let check = |base: &str, path: &str, expected: &str| {
        let endpoint = Endpoint::new(base).unwrap();
        assert_eq!(endpoint.url(path).unwrap().to_string(), expected);
    };
    check("https://host/v1", "/chat", "https://host/v1/chat");
    check("https://host/v1/", "/chat", "https://host/v1/chat");
    check(" http://host:8080 \n", "/chat", "http://host:8080/chat");
    check("https://host", "chat", "https://host/chat");
    check("https://host/v1/?api-version=2", "/chat", "https://host/v1/chat?api-version=2");
    check("https://host/v1?a=1", "/chat?alt=sse", "https://host/v1/chat?alt=sse&a=1");
    check("https://host/v1", "", "https://host/v1");
    check("http://[::1]:80/x", "/chat", "http://[::1]:80/x/chat");
    check("https://host/é", "/\"{a|b}\\^\"", "https://host/%C3%A9/%22%7Ba%7Cb%7D%5C%5E%22");
    check("https://host", "/%C3%A9:batch?q=é&x='", "https://host/%C3%A9:batch?q=%C3%A9&x='");

    config_error(Endpoint::new("api.example.com/v1"), "https://host/v1");
    config_error(Endpoint::new("ftp://host"), "http://");
    config_error(Endpoint::new("/v1"), "http://");
    config_error(Endpoint::new(""), "not a URL");
    config_error(Endpoint::new("https://ho st"), "not a URL");
    config_error(Endpoint::new("https://host:port/v1"), "port");
    config_error(Endpoint::new("https://host").unwrap().url("/a b"), "cannot be a path");
}

#[test]
fn base_urls_keep_their_secrets() {
    let secret = "hunter2hunter2";
    let texts = [
        format!("{:?}", Endpoint::new(format!("https://u:{secret}@host/")).unwrap_err()),
        format!("{:?}", Endpoint::new(format!("ftp://u:{secret}@host/?k={secret}")).unwrap_err()),
        format!("{:?}", Endpoint::new(format!("https://ho st/?k={secret}")).unwrap_err()),
        // A password may hold the signs that end the place where one can be.
        format!("{:?}", Endpoint::new(format!("https://u:{secret}#x@host/")).unwrap_err()),
        format!("{:?}", Endpoint::new(format!("https://u:{secret}?x@host/")).unwrap_err()),
        format!("{:?}", Endpoint::new(format!("ftp://u:p@{secret}#x@host/")).unwrap_err()),
        format!("{:?}", BaseUrl::from(format!("https://u:{secret}#x@host/v1"))),
        format!("{:?}", BaseUrl::from(format!("https://u:{secret}?x@host/v1"))),
        format!("{:?}", BaseUrl::from(format!("https://u:x#{secret}@host/v1"))),
        format!("{:?}", BaseUrl::from(format!("https://u:{secret}/x@host/v1"))),
        format!("{0} {0:?}", Endpoint::new(format!("https://host/?k={secret}")).unwrap()),
        format!(
            "{:?}",
            Endpoint::new("https://host")
                .unwrap()
                .with_header("x-a", &format!("{secret}\n"))
                .unwrap_err()
        ),
        format!(
            "{:?}",
            Endpoint::new("https://host").unwrap().with_secret_header("x-a", secret).unwrap()
        ),
        format!(
            "{:?}",
            Endpoint::new("https://host").unwrap().with_header("x-api-key", secret).unwrap()
        ),
    ];
    for text in texts {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn secrets() {
    assert_eq!(Secret::new("  sk-1\r\n").expose(), "sk-1");
    assert_eq!(format!("{:?}", Secret::new("sk-1")), "Secret(..)");
    assert!(Secret::new("sk-1").header_value("Bearer ").unwrap().is_sensitive());
    config_error(Secret::new("sk-\u{2013}1").header_value(""), "position 4");
    config_error(Auth::bearer("sk\nx"), "position 3");
    assert_eq!(Auth::bearer(" ").unwrap_err().kind(), ErrorKind::MissingCredential);
    config_error(Auth::header("no name", "sk-1"), "not a header name");

    // `PATH` is there on every machine, the others on none.
    let none = Secret::from_env(&["MEANWHILE_TEST_NO_KEY", "MEANWHILE_TEST_NO_TOKEN"]).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::MissingCredential);
    for name in ["`MEANWHILE_TEST_NO_KEY`", "`MEANWHILE_TEST_NO_TOKEN`"] {
        assert!(none.message().contains(name), "{none}");
    }
    assert_eq!(
        Secret::from_env(&["MEANWHILE_TEST_NO_KEY", "PATH"]).unwrap().expose(),
        std::env::var("PATH").unwrap().trim()
    );
    assert_eq!(
        Endpoint::from_env(&["MEANWHILE_TEST_NO_URL"], "https://host").unwrap().to_string(),
        "https://host"
    );
    config_error(Endpoint::from_env(&["PATH"], "https://host"), "`PATH`");
}

#[test]
fn shared_client() {
    let direct = Client::builder().no_proxy().build().unwrap();
    assert_eq!(format!("{direct:?}"), "Client(hyper)");
    config_error(Client::builder().proxy("not a url").build(), "http://host:port");
    let proxy = Client::builder().proxy("http://user:hunter2hunter2@host");
    assert!(!format!("{proxy:?}").contains("hunter2"));
    assert_eq!(format!("{:?}", proxy.build().unwrap()), "Client(reqwest)");
}

#[test]
fn printable_headers() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer a"),
        ("x-goog-api-key", "b"),
        ("set-cookie", "c"),
        ("x-amz-security-token", "d"),
        ("date", "today"),
        ("x-ratelimit-remaining-tokens", "7"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let mut marked = HeaderValue::from_static("e");
    marked.set_sensitive(true);
    headers.insert("x-other", marked);
    let text = format!("{:?}", meanwhile_http::redact::headers(&headers));
    assert_eq!(text.matches("[redacted]").count(), 5, "{text}");
    assert!(text.contains("today") && text.contains("\"7\""), "{text}");
}

#[test]
fn lenient_values() {
    #[derive(Deserialize, Debug, PartialEq, Default)]
    #[serde(default)]
    struct Wire<'a> {
        #[serde(borrow)]
        text: Option<BorrowedStr<'a>>,
        #[serde(borrow)]
        all: Vec<BorrowedStr<'a>>,
        #[serde(deserialize_with = "lenient::null_default")]
        list: Vec<u8>,
        #[serde(deserialize_with = "lenient::text")]
        code: Option<String>,
        #[serde(deserialize_with = "lenient::count")]
        count: Option<u64>,
    }

    fn parse(text: &str) -> serde_json::Result<Wire<'_>> {
        serde_json::from_str(text)
    }
    let wire = parse(r#"{"text": "plain", "all": ["a", "b\n"]}"#).unwrap();
    assert!(wire.text.unwrap().is_borrowed());
    assert_eq!(wire.all.iter().map(BorrowedStr::is_borrowed).collect::<Vec<_>>(), [true, false]);
    assert_eq!(wire.all[1], "b\n");

    assert_eq!(
        parse(r#"{"text": null, "list": null, "code": null, "count": null}"#).unwrap(),
        Wire::default()
    );
    assert_eq!(parse(r#"{"list": [1]}"#).unwrap().list, [1]);
    for (json, expected) in
        [(r#""x""#, "x"), ("429", "429"), ("-1", "-1"), ("1.5", "1.5"), ("true", "true")]
    {
        assert_eq!(
            parse(&format!(r#"{{"code": {json}}}"#)).unwrap().code.as_deref(),
            Some(expected)
        );
    }
    for (json, expected) in [("3", 3), ("3.0", 3), (r#""3""#, 3), ("0", 0)] {
        assert_eq!(parse(&format!(r#"{{"count": {json}}}"#)).unwrap().count, Some(expected));
    }
    for json in ["-1", "1.5", "1e30", r#""x""#, "[]"] {
        assert!(parse(&format!(r#"{{"count": {json}}}"#)).is_err(), "{json}");
    }
    assert!(parse(r#"{"code": {}}"#).is_err());
}
