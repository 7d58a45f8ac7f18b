//! The error codes of this dialect, beside those that it shares with Chat Completions.

use meanwhile_core::ErrorKind;
use meanwhile_openai_compatible::dialect::ErrorCodes;

/// The codes of a failed response. Pictures that cannot be read are the request's fault.
const CODES: ErrorCodes = &[
    ("server_error", ErrorKind::Server),
    ("invalid_prompt", ErrorKind::InvalidRequest),
    ("bio_policy", ErrorKind::ContentFilter),
    ("cyber_policy", ErrorKind::ContentFilter),
    ("image_content_policy_violation", ErrorKind::ContentFilter),
    ("data_residency_mismatch", ErrorKind::InvalidRequest),
    ("vector_store_timeout", ErrorKind::Server),
    ("invalid_image", ErrorKind::InvalidRequest),
    ("invalid_image_format", ErrorKind::InvalidRequest),
    ("invalid_base64_image", ErrorKind::InvalidRequest),
    ("invalid_image_url", ErrorKind::InvalidRequest),
    ("invalid_image_mode", ErrorKind::InvalidRequest),
    ("image_too_large", ErrorKind::InvalidRequest),
    ("image_too_small", ErrorKind::InvalidRequest),
    ("image_parse_error", ErrorKind::InvalidRequest),
    ("image_file_too_large", ErrorKind::InvalidRequest),
    ("unsupported_image_media_type", ErrorKind::InvalidRequest),
    ("empty_image_file", ErrorKind::InvalidRequest),
    ("failed_to_download_image", ErrorKind::InvalidRequest),
    ("image_file_not_found", ErrorKind::InvalidRequest),
    ("previous_response_not_found", ErrorKind::NotFound),
];

/// The codes of a vendor, or those of the dialect where it has none of its own.
pub(crate) fn codes(vendor: ErrorCodes) -> ErrorCodes {
    if vendor.is_empty() { CODES } else { vendor }
}
