//! [`Unusable`]: the proxies of the environment that nothing can go through, so that what they are for fails
//! instead of going past them.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use meanwhile_core::{Error, ErrorKind};

const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const NONE: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Whether the environment names a proxy.
pub(super) fn names_a_proxy() -> bool {
    let mut names = [HTTP, HTTPS, ALL].into_iter().flatten();
    names.any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// The variables whose proxies cannot be used, and what they are for.
#[derive(Debug)]
pub(super) struct Unusable {
    http: Option<&'static str>,
    https: Option<&'static str>,
    /// Takes the requests that these proxies are for.
    requests: Matcher,
}

impl Unusable {
    /// Looks at the variables as the clients do; `None` where nothing is wrong with them.
    pub(super) fn of_environment() -> Option<Self> {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        // Whoever asks a CGI program sets its `HTTP_PROXY` by a header: then no proxy is used at all.
        if variable("REQUEST_METHOD").is_some() {
            return None;
        }
        let first = |names: [&'static str; 2]| {
            let named = |name| variable(name).map(|value| (name, value));
            names.into_iter().find_map(named).filter(|(_, value)| !value.is_empty())
        };
        let all = first(ALL);
        let unusable = |names| {
            let (name, value) = first(names).or_else(|| all.clone())?;
            (!is_usable(&value)).then_some(name)
        };
        let (http, https) = (unusable(HTTP), unusable(HTTPS));
        if http.is_none() && https.is_none() {
            return None;
        }
        let stand_in =
            |name: Option<&str>| if name.is_some() { "http://unusable.invalid" } else { "" };
        let requests = Matcher::builder()
            .http(stand_in(http))
            .https(stand_in(https))
            .no(first(NONE).map(|(_, value)| value).unwrap_or_default())
            .build();
        Some(Self { http, https, requests })
    }

    /// The error of a request that one of these proxies is for.
    pub(super) fn refuse(&self, uri: &Uri) -> Option<Error> {
        self.requests.intercept(uri)?;
        let name = if uri.scheme_str() == Some("https") { self.https } else { self.http }?;
        // Not its value, which may hold a password.
        let message = format!(
            "the environment variable `{name}` names no proxy that can be used; write it like http://host:port \
             or socks5h://host:port, list the host in `NO_PROXY`, or build the client with `no_proxy()`"
        );
        Some(Error::new(ErrorKind::Config, message))
    }
}

/// Whether the clients understand the text as a proxy; where they do not, they ignore it.
fn is_usable(proxy: &str) -> bool {
    let anything = Uri::from_static("http://anything.invalid");
    Matcher::builder().all(proxy).build().intercept(&anything).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a request to `url` in this environment.
    fn check(variables: &[(&str, &str)], url: &'static str, expected: Option<&str>) {
        let variable = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        let unusable = Unusable::of(variable);
        let error = unusable.and_then(|unusable| unusable.refuse(&Uri::from_static(url)));
        let said = error.map(|error| {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!error.to_string().contains("desktop"), "{error}");
            error.message().split('`').nth(1).unwrap_or_default().to_owned()
        });
        assert_eq!(said.as_deref(), expected, "{variables:?} {url}");
    }

    #[test]
    fn what_a_proxy_is_for_that_cannot_be_used_is_refused() {
        const HTTP: &str = "http://models.example/v1";
        const HTTPS: &str = "https://models.example/v1";
        let wrong = "socks://desktop:1080";
        let right = "http://proxy:8080";
        check(&[], HTTPS, None);
        check(&[("ALL_PROXY", "socks5://proxy:1080")], HTTPS, None);
        check(&[("HTTPS_PROXY", "proxy:8080")], HTTPS, None);
        for url in [HTTP, HTTPS] {
            check(&[("ALL_PROXY", wrong)], url, Some("ALL_PROXY"));
            check(&[("all_proxy", wrong)], url, Some("all_proxy"));
            check(&[("ALL_PROXY", "")], url, None);
            check(&[("ALL_PROXY", wrong), ("REQUEST_METHOD", "GET")], url, None);
            check(&[("ALL_PROXY", wrong), ("no_proxy", "example")], url, None);
            check(&[("ALL_PROXY", wrong), ("no_proxy", "other.invalid")], url, Some("ALL_PROXY"));
        }
        // What desktops write: a proxy a scheme, and one that is for nothing.
        let desktop = [("https_proxy", right), ("all_proxy", wrong)];
        check(&desktop, HTTPS, None);
        check(&desktop, HTTP, Some("all_proxy"));
        // Not the other one instead.
        check(&[("HTTPS_PROXY", wrong), ("ALL_PROXY", right)], HTTPS, Some("HTTPS_PROXY"));
        check(&[("HTTPS_PROXY", wrong), ("ALL_PROXY", right)], HTTP, None);
    }
}
