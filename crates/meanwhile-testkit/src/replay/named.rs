//! [`in_json`] and [`in_form`]: credentials in the bodies of requests and answers, by the names of the fields
//! that carry them.

use meanwhile_http::redact::{MASK, Redactor};
use serde_json::Value;

/// Fields of JSON: of the answers that hand out tokens (RFC 6749, 5.1), and of requests that pass on a
/// credential to a tool. Names are compared without case, `_` and `-`.
const FIELDS: [&str; 14] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "authorization",
    "authorizationtoken",
    "clientassertion",
    "clientsecret",
    "idtoken",
    "password",
    "refreshtoken",
    "secretaccesskey",
    "sessiontoken",
    "xapikey",
    "xgoogapikey",
];

/// Further fields of forms, which are requests for tokens: RFC 6749, RFC 7521, RFC 7636 and RFC 8693.
const FORM_FIELDS: [&str; 7] =
    ["actortoken", "assertion", "code", "codeverifier", "devicecode", "subjecttoken", "token"];

/// Replaces the credentials in `value`, wherever they stand, and tells them to `redactor`. Whether there
/// were any.
pub(super) fn in_json(value: &mut Value, redactor: &mut Redactor) -> bool {
    match value {
        Value::Object(fields) => fields.iter_mut().fold(false, |found, (name, value)| {
            let masked = match value {
                Value::String(text) if !text.is_empty() && is_credential(name) => {
                    redactor.add(text.as_bytes());
                    MASK.clone_into(text);
                    true
                }
                value => in_json(value, redactor),
            };
            found | masked
        }),
        Value::Array(items) => {
            items.iter_mut().fold(false, |found, item| in_json(item, redactor) | found)
        }
        _ => false,
    }
}

/// The form without its credentials, which are told to `redactor`.
pub(super) fn in_form(form: &[u8], redactor: &mut Redactor) -> Vec<u8> {
    let pairs: Vec<Vec<u8>> = form
        .split(|byte| *byte == b'&')
        .map(|pair| match form_urlencoded::parse(pair).next() {
            Some((name, value)) if is_credential(&name) || is_one(&name, &FORM_FIELDS) => {
                let raw =
                    pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.get(at + 1..));
                redactor.add(raw.unwrap_or_default());
                redactor.add(value.as_bytes());
                format!("{name}={MASK}").into_bytes()
            }
            _ => pair.to_vec(),
        })
        .collect();
    pairs.join(&b'&')
}

/// Whether a field of this name carries a credential, wherever it stands.
pub(super) fn is_credential(name: &str) -> bool {
    is_one(name, &FIELDS)
}

fn is_one(name: &str, names: &[&str]) -> bool {
    let letters = || name.chars().filter(|letter| !matches!(letter, '_' | '-'));
    names.iter().any(|known| letters().map(|letter| letter.to_ascii_lowercase()).eq(known.chars()))
}
