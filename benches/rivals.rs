//! reqwest, with the middleware that people put over it.

use std::time::Duration;

use async_trait::async_trait;
use http::{Extensions, HeaderMap, HeaderValue, Uri, header::AUTHORIZATION};
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next, Result};
use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
use tokio::time::Instant;

use crate::{
    load::Case,
    wire::{Burst, Server, Until, Worker},
};

/// A client that does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// With a fixed header, which reqwest sets by itself.
    Plain,
    /// With reqwest-retry over a middleware that attaches the token.
    Middleware,
}

impl Rival {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Plain, Self::Middleware];

    /// What it is called in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "reqwest + static header",
            Self::Middleware => "reqwest-retry + token",
        }
    }

    /// Over the wire.
    ///
    /// # Panics
    ///
    /// If there is no such client.
    #[must_use]
    pub fn burst(self, server: &Server) -> Burst {
        let value = format!("Bearer {}", Case::COMMON.token());
        let value = HeaderValue::from_str(&value).expect("a valid token");
        let builder = Client::builder().tcp_nodelay(true);
        let client = match self {
            Self::Plain => {
                let fixed = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                let client = builder.default_headers(fixed).build();
                ClientBuilder::new(client.expect("a client")).build()
            }
            Self::Middleware => {
                let policy = ExponentialBackoff::builder().build_with_max_retries(3);
                ClientBuilder::new(builder.build().expect("a client"))
                    .with(RetryTransientMiddleware::new_with_policy(policy))
                    .with(Attach(value))
                    .build()
            }
        };
        let uri = server.uri().clone();
        let worker: Worker =
            Box::new(move |until| Box::pin(send(client.clone(), uri.clone(), until)));
        Burst::with(worker)
    }
}

/// Attaches a token that is there.
struct Attach(HeaderValue);

#[async_trait]
impl Middleware for Attach {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        request.headers_mut().insert(AUTHORIZATION, self.0.clone());
        next.run(request, extensions).await
    }
}

async fn send(client: ClientWithMiddleware, uri: Uri, until: Until) -> Vec<Duration> {
    let mut taken = Vec::new();
    while !until.is_over(taken.len()) {
        let (head, _) = Case::COMMON.request_to(uri.clone()).into_parts();
        let begun = Instant::now();
        let request = client.request(head.method, head.uri.to_string());
        let response = request.headers(head.headers).send().await.expect("a reply");
        assert!(response.status().is_success());
        drop(response.bytes().await.expect("the reply's body"));
        taken.push(begun.elapsed());
    }
    taken
}
