//! The TLS settings of the default transport: rustls on ring, trusting what the operating system trusts.

use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Makes the settings.
///
/// The operating system's certificates come first, so that a company's own authority works; where
/// there are none, as in a bare container, Mozilla's are used. A cryptography provider that the
/// process has installed goes before ring.
pub(super) fn config() -> Result<ClientConfig> {
    let failed = |error: rustls::Error| {
        Error::new(ErrorKind::Config, "TLS could not be set up").with_source(error)
    };
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    Ok(match builder.clone().with_platform_verifier() {
        Ok(builder) => builder.with_no_client_auth(),
        Err(_) => {
            let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    })
}
