//! Certificates, and a server's TLS settings.

use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) const LOCALHOST: &[u8] = include_bytes!("../fixtures/localhost.pem");
pub(crate) const OTHER_NAME: &[u8] = include_bytes!("../fixtures/other-name.pem");
pub(crate) const EXPIRED: &[u8] = include_bytes!("../fixtures/expired.pem");
/// The key of all three certificates.
const KEY: &[u8] = include_bytes!("../fixtures/key.pem");

/// The settings of a server that shows this certificate.
pub(crate) fn server_config(certificate: &[u8]) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap()
}
