//! A service that answers at once: what is left when a layer's own cost is subtracted.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header::DATE};
use http_body::Body as _;
use http_body_util::Full;
use tower::Service;

/// The body of requests and of [`Bare`]'s replies.
pub type Body = Full<Bytes>;

thread_local! {
    static HEADS: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// Of the next requests on this thread, so many of them, [`Bare`] drops the fields and keeps the memory that they were in.
/// To free so large a piece may make the allocator tidy up, which takes longer than a layer does.
pub fn keep_heads(most: usize) {
    HEADS.set(Vec::with_capacity(most));
}

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
        HEADS.with_borrow_mut(|heads| {
            if heads.len() < heads.capacity() {
                let mut fields = mem::take(request.headers_mut());
                fields.clear();
                heads.push(fields);
            }
        });
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
