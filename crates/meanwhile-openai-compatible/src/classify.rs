//! Which class of failure a code stands for, and what only the text of a message tells.

use std::time::Duration;

use meanwhile_core::ErrorKind;

/// The kind that a structured code or type stands for, where it says enough on its own.
pub(crate) fn by_code(code: &str) -> Option<ErrorKind> {
    let code: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match code.as_str() {
        "contextlengthexceeded"
        | "exceedcontextsizeerror"
        | "contextwindowexceeded"
        | "modelcontextwindowexceeded"
        | "maxcontextlengthexceeded" => ErrorKind::ContextLength,
        "contentpolicyviolation"
        | "contentfilter"
        | "responsibleaipolicyviolation"
        | "moderationblocked"
        | "datainspectionfailed"
        | "contentmoderation"
        | "contentfiltered" => ErrorKind::ContentFilter,
        "modelnotfound"
        | "invalidmodel"
        | "deploymentnotfound"
        | "modeldecommissioned"
        | "unknownmodel"
        | "modelnotavailable"
        | "modelnotexist"
        | "nosuchmodel"
        | "modelnotfounderror" => ErrorKind::ModelNotFound,
        "invalidapikey"
        | "authenticationerror"
        | "invalidauthentication"
        | "invalidauthenticationerror"
        | "unauthorized"
        | "unauthenticated"
        | "noapikey"
        | "missingapikey"
        | "wrongapikey"
        | "accountdeactivated" => ErrorKind::Authentication,
        "permissionerror"
        | "permissiondenied"
        | "insufficientpermissions"
        | "unsupportedcountryregionterritory"
        | "accessdenied" => ErrorKind::PermissionDenied,
        "insufficientquota"
        | "billinghardlimitreached"
        | "billingnotactive"
        | "insufficientbalance"
        | "insufficientcredits"
        | "insufficientfunds"
        | "arrearage"
        | "creditbalancetoolow"
        | "exceededcurrentquotaerror"
        | "paymentrequired"
        | "quotaexceeded" => ErrorKind::InsufficientFunds,
        "ratelimitexceeded"
        | "ratelimiterror"
        | "ratelimitreached"
        | "ratelimitreachederror"
        | "toomanyrequests"
        | "toomanyrequestserror"
        | "tokens"
        | "requests"
        | "resourceexhausted"
        | "requestlimitexceeded"
        | "limitrequests"
        | "limitburstrate" => ErrorKind::RateLimit,
        // Alibaba: `Throttling.RateQuota`, `Throttling.AllocationQuota`.
        code if code.starts_with("throttling") => ErrorKind::RateLimit,
        "overloadederror"
        | "overloaded"
        | "engineoverloaded"
        | "engineoverloadederror"
        | "serviceunavailable"
        | "serviceunavailableerror"
        | "serveroverloaded"
        | "queueexceeded"
        | "nocapacity"
        | "capacityexceeded" => ErrorKind::Overloaded,
        "requesttoolarge" | "payloadtoolarge" => ErrorKind::RequestTooLarge,
        // llama.cpp, with status 501: it was started without what the request needs.
        "notsupportederror" => ErrorKind::InvalidRequest,
        _ => return None,
    })
}

/// Refines the kind of a status with what the message says.
pub(crate) fn by_text(kind: ErrorKind, message: &str) -> ErrorKind {
    let message = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    let invalid = matches!(kind, ErrorKind::InvalidRequest | ErrorKind::RequestTooLarge);
    let denied = kind == ErrorKind::PermissionDenied;
    let missing = kind == ErrorKind::NotFound;
    let too_long = [
        "context length",
        "context window",
        "context size",
        "context_length",
        "prompt is too long",
        "maximum prompt length",
        "input is too long",
        "input length exceeds",
        "too many tokens",
        "reduce the length of the messages",
        "exceeds the maximum number of tokens",
    ];
    let filtered = [
        "content policy",
        "content management policy",
        "usage guidelines",
        "safety system",
        "content filter",
        "content_filter",
        "was flagged",
        "been flagged",
        "data_inspection_failed",
    ];
    let gone = [
        "does not exist",
        "not exist",
        "not found",
        "not a valid model",
        "invalid model",
        "unknown model",
        "decommissioned",
        "deprecated",
        "no longer available",
        "has ended",
        "supported models are",
    ];
    let unable = ["is not supported", "that support "];
    let broke = [
        "exceeded your current quota",
        "insufficient balance",
        "insufficient credit",
        "insufficient_quota",
        "out of credits",
        "insufficient funds",
    ];
    let key = ["incorrect api key", "invalid api key", "api key not valid", "invalid api-key"];
    if invalid && says(&too_long) {
        ErrorKind::ContextLength
    } else if (invalid || denied) && says(&filtered) {
        ErrorKind::ContentFilter
    } else if (kind == ErrorKind::InvalidRequest || denied) && says(&key) {
        ErrorKind::Authentication
    } else if (kind == ErrorKind::InvalidRequest || missing)
        && (message.contains("model") && says(&gone)
            || message.starts_with("no endpoints found for "))
    {
        ErrorKind::ModelNotFound
    } else if missing && says(&unable) {
        ErrorKind::InvalidRequest
    } else if (kind == ErrorKind::RateLimit || denied) && says(&broke) {
        ErrorKind::InsufficientFunds
    } else {
        kind
    }
}

/// Reads "try again in 1m2.5s", "retry after 20 seconds", "in 300ms" out of a message.
pub(crate) fn wait(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let phrases = ["try again in ", "retry in ", "retry after ", "try again after ", "again in "];
    let rest = phrases.iter().find_map(|phrase| lower.split_once(phrase)).map(|(_, rest)| rest)?;
    let mut rest = rest.trim_start();
    let mut total = 0.0;
    let mut found = false;
    // At most hours, minutes, seconds and milliseconds.
    for _ in 0..4 {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else { break };
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = match unit {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            _ => break,
        };
        total += number * factor;
        found = true;
        rest = after.trim_start();
    }
    let wait = Duration::try_from_secs_f64(total).ok()?;
    (found && !wait.is_zero()).then_some(wait)
}
