//! [`connector`], TLS by rustls, with the certificates that this machine trusts.

use std::sync::Arc;

use meanwhile_core::{Error, ErrorKind, Result};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What connections are made with: these settings, or those of the machine.
pub(crate) fn connector(own: Option<ClientConfig>) -> Result<MakeRustlsConnect> {
    let failed = |error: rustls::Error| {
        Error::new(ErrorKind::Config, "TLS could not be set up").with_source(error)
    };
    let config = match own {
        Some(config) => config,
        None => {
            let default = CryptoProvider::get_default().cloned();
            let provider = default.unwrap_or_else(|| Arc::new(ring::default_provider()));
            let builder = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(failed)?;
            match builder.clone().with_platform_verifier() {
                Ok(builder) => builder.with_no_client_auth(),
                // A machine without certificates trusts nobody, and may speak to servers without TLS.
                Err(_) => {
                    builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
                }
            }
        }
    };
    Ok(MakeRustlsConnect::new(config))
}
