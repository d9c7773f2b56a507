//! The same client code with a real source, and with a scripted one in a test: nothing but the source changes.
//!
//! ```text
//! cargo run --example swapped_in_test
//! cargo test --example swapped_in_test
//! ```

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use clearance::{Retry401Layer, SkewAuthLayer, TokenSource};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::https;
use clearance_test::ScriptedSource;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

type BoxError = Box<dyn Error + Send + Sync>;

// ===== the application =====

/// Makes a client of any source and any service: over TLS in production, in this process in a test.
fn client<S, B>(
    source: impl TokenSource,
    service: S,
) -> impl Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>> + Clone,
    B: Body,
{
    ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(SkewAuthLayer::new(source))
        .service(service)
}

/// Sets an agent's state, and says what the platform made of it.
async fn set_state<S, B>(client: S, agent: &str, state: &'static str) -> Result<String, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError>,
    B: Body<Error: Into<BoxError>>,
{
    let url = format!("https://api.mypurecloud.com/api/v2/users/{agent}/state");
    let response = client
        .oneshot(Request::put(url).body(Full::from(state))?)
        .await?;
    let body = response.into_body().collect().await.map_err(Into::into)?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

// ===== the same with both sources =====

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // In production. Nothing is sent before the first call, which is not made here.
    let source = GenesysCloud::new(Region::EuCentral1, "client-id", "client-secret")?;
    let _in_production = client(source, https());

    in_a_test().await?;
    println!("a 401 was cured: 2 tokens, 2 sends, and the same body each time");
    Ok(())
}

/// A stale token is refused and replaced, and the replay carries the whole body.
async fn in_a_test() -> Result<(), BoxError> {
    let source = ScriptedSource::new(["stale", "fresh"]);
    let sends = Arc::new(AtomicUsize::new(0));
    let counted = sends.clone();
    let platform = service_fn(move |request: Request<Full<Bytes>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            let refused = request.headers()[AUTHORIZATION] == "Bearer stale";
            let mut echo = Response::new(request.into_body());
            if refused {
                *echo.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok::<_, std::io::Error>(echo)
        }
    });

    let client = client(source.clone(), platform);
    assert_eq!(
        set_state(client.clone(), "ada", "on queue").await?,
        "on queue"
    );
    assert_eq!((source.fetches(), sends.load(Ordering::Relaxed)), (2, 2));

    assert_eq!(set_state(client, "ada", "away").await?, "away");
    assert_eq!((source.fetches(), sends.load(Ordering::Relaxed)), (2, 3));
    Ok(())
}

#[test]
fn a_stale_token_is_replaced_once() -> Result<(), BoxError> {
    main()
}
