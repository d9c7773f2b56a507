//! A token source of one's own: a file that a sidecar keeps up to date, with the time at which the token ends.
//!
//! ```text
//! cargo run --example custom_source
//! ```
//!
//! A source says how to come by *one* token. When to ask for the next, who waits and who does not, what a 401 means: all
//! that is the layers' business.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use clearance::{Audience, Retry401Layer, SkewAuthLayer, Token, TokenError, TokenSource};
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{Empty, Full};
use serde_json::{Value, json};
use tower::{Service, ServiceBuilder, ServiceExt};

// ===== the source =====

/// Reads `{"access_token": "…", "expires_at": 1767225600}` from a file.
struct TokenFile {
    path: PathBuf,
    audience: Audience,
}

impl TokenSource for TokenFile {
    async fn fetch(&self) -> Result<Token, TokenError> {
        // Both may pass: the sidecar has not written yet, or is writing now.
        let text = tokio::fs::read(&self.path).await;
        let text = text.map_err(|error| TokenError::unavailable(error.to_string()))?;
        let file: Value = serde_json::from_slice(&text)
            .map_err(|_| TokenError::malformed("the token file is no JSON"))?;
        let token = Token::bearer(file["access_token"].as_str().unwrap_or_default())?;
        let end = file["expires_at"].as_u64().map(Duration::from_secs);
        Ok(
            match end.and_then(|end| SystemTime::UNIX_EPOCH.checked_add(end)) {
                Some(end) => token.with_expires_at(end),
                // Good until it is refused.
                None => token,
            },
        )
    }

    fn audience(&self) -> Option<Audience> {
        Some(self.audience.clone())
    }
}

// ===== its use =====

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let path = std::env::temp_dir().join(format!("clearance-token-{}.json", std::process::id()));
    rotate(&path, "of-the-morning")?;

    let source = TokenFile {
        path: path.clone(),
        audience: Audience::origin("https://api.example.com")?,
    };
    let auth = SkewAuthLayer::new(source);
    let mut client = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(auth.clone())
        .service_fn(api);

    // Two calls, one reading.
    for _ in 0..2 {
        assert_eq!(call(&mut client, "/morning").await?, StatusCode::OK);
    }
    assert_eq!(auth.status().refreshes.total(), 1);
    println!("two calls, the file was read once; {}", auth.status());

    // The sidecar rotates, and the API takes the new token only: the call meets a 401 of which its caller sees nothing.
    rotate(&path, "of-the-evening")?;
    assert_eq!(call(&mut client, "/evening").await?, StatusCode::OK);
    assert_eq!(auth.status().refreshes.refused, 1);
    println!("rotated, refused once, read again; {}", auth.status());

    fs::remove_file(path)?;
    Ok(())
}

/// What the sidecar does: writes beside, then renames, so that nobody reads half a file.
fn rotate(path: &Path, token: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let end = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(900);
    let beside = path.with_extension("new");
    fs::write(
        &beside,
        json!({ "access_token": token, "expires_at": end.as_secs() }).to_string(),
    )?;
    Ok(fs::rename(beside, path)?)
}

/// An API in this process: each route takes one token only.
async fn api(request: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let good = format!(
        "Bearer of-the-{}",
        request.uri().path().trim_start_matches('/')
    );
    let mut response = Response::new(Full::default());
    if request.headers()[AUTHORIZATION] != good {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

async fn call<S>(client: &mut S, path: &str) -> Result<StatusCode, Box<dyn Error + Send + Sync>>
where
    S: Service<
            Request<Empty<Bytes>>,
            Response = Response<Full<Bytes>>,
            Error = Box<dyn Error + Send + Sync>,
        >,
{
    let request = Request::get(format!("https://api.example.com{path}")).body(Empty::new())?;
    Ok(client.ready().await?.call(request).await?.status())
}

#[test]
fn the_file_is_read_once_and_once_more_when_its_token_is_refused()
-> Result<(), Box<dyn Error + Send + Sync>> {
    main()
}
