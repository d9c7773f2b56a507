//! An API behind TLS, with a certificate of its own authority.

use std::{fs, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::*;
use crate::{client::Trust, trouble::ERROR};

/// Says `over TLS` to whom takes its certificate, which is returned.
async fn api_over_tls() -> (JoinSet<()>, String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let router = Router::new().fallback(async || "over TLS");
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let answer = service_fn(|request| router.clone().oneshot(request));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), answer).await;
        }
    });
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(cert.der())
    );
    (serving, url, pem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_is_reached_if_its_certificate_is_trusted_and_otherwise_not() {
    let (_serving, url, pem) = api_over_tls().await;
    let file = std::env::temp_dir().join(format!("auth-proxy-{}.pem", std::process::id()));
    fs::write(&file, pem).unwrap();
    let trust = Trust::only(file.to_str().unwrap());
    fs::remove_file(&file).unwrap();

    let stranger = Served::over(&platform_at(&url)).await.get("/").await;
    assert_eq!(
        (stranger.status().as_u16(), field(stranger.headers(), ERROR)),
        (502, Some("unreachable"))
    );
    let said = String::from_utf8_lossy(stranger.body());
    assert!(
        said.contains("UnknownIssuer") && !said.contains("t0k3n"),
        "{said}"
    );

    let platform = Platform {
        trust: trust.unwrap(),
        ..platform_at(&url)
    };
    let known = Served::over(&platform).await.get("/").await;
    assert_eq!(
        (known.status().as_u16(), &known.body()[..]),
        (200, &b"over TLS"[..])
    );
}

#[test]
fn a_file_without_certificates_is_named() {
    for file in ["/nowhere/at/all.pem", file!()] {
        let problem = Trust::only(file).unwrap_err().to_string();
        assert!(
            problem.starts_with(&format!("AUTH_PROXY_CA_FILE {file}: ")),
            "{problem}"
        );
    }
}
