//! A service that answers at once: what is left when a layer's own cost is subtracted.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::DATE};
use http_body::Body as _;
use http_body_util::Full;
use tower::Service;

/// The body of requests and of [`Bare`]'s replies.
pub type Body = Full<Bytes>;

/// Answers at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare {
    /// With a `Date`, which is the same each time.
    pub dated: bool,
    /// Reads the request's body to its end first.
    pub reads: bool,
}

impl<B: http_body::Body + Unpin> Service<Request<B>> for Bare {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    // As a client would be: something that the layers cannot be merged with.
    #[inline(never)]
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if self.reads {
            read(request.body_mut());
        }
        black_box(&request);
        let mut response = Response::new(Body::default());
        if self.dated {
            let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
            response.headers_mut().insert(DATE, date);
        }
        ready(Ok(response))
    }
}

fn read<B: http_body::Body + Unpin>(body: &mut B) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut body = Pin::new(body);
    while !body.is_end_stream() {
        match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => drop(black_box(frame)),
            _ => break,
        }
    }
}
