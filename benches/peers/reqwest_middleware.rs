//! `reqwest-middleware`: one middleware that attaches a header that is there, and one that answers.

use benches::load::Case;
use http::{Extensions, HeaderValue, Method, header::AUTHORIZATION};
use reqwest::{Client, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next, Result};
use url::Url;

use crate::{Run, now};

struct Attach(HeaderValue);

#[async_trait::async_trait]
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

struct Last;

#[async_trait::async_trait]
impl Middleware for Last {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        drop(std::hint::black_box(request));
        Ok(http::Response::new("").into())
    }
}

pub(crate) fn run(with: bool) -> Run {
    let value = HeaderValue::from_str(&format!("Bearer {}", Case::COMMON.token()));
    let mut client = ClientBuilder::new(Client::new());
    if with {
        client = client.with(Attach(value.expect("a valid token")));
    }
    let client = client.with(Last).build();
    let url: Url = "https://api.example.com/users"
        .parse()
        .expect("a valid address");
    Box::new(move |requests| {
        for _ in 0..requests {
            let mut request = Request::new(Method::GET, url.clone());
            *request.headers_mut() = Case::COMMON.request().into_parts().0.headers;
            drop(now(client.execute(request)).expect("a reply"));
        }
    })
}
