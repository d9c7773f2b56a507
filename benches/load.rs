//! What the sides are asked: requests, and the cases in which they are compared.

use std::{
    fmt,
    task::{Context, Poll, Waker},
};

use http::{HeaderName, HeaderValue, Request, Response, Uri};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::{
    bare::{Bare, Body},
    sides::{self, Side, Visit},
};

const NAMES: [&str; 20] = [
    "accept",
    "user-agent",
    "x-request-id",
    "content-type",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "traceparent",
    "tracestate",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-tenant",
    "x-region",
    "x-client-version",
    "x-session",
    "x-feature",
    "idempotency-key",
    "if-none-match",
    "priority",
    "referer",
];

/// A request and the circumstances in which it is sent. The default: 4 headers of fixed text, a token of 1 KiB, no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Header fields of the request.
    pub headers: usize,
    /// Whether their values are made for each request, not fixed in the program.
    pub built: bool,
    /// Length of the token's text, in bytes.
    pub token: usize,
    /// Whether replies have a `Date`.
    pub dated: bool,
    /// Whether the request has a body of 1 KiB that was made for it, and the service reads it.
    pub upload: bool,
}

impl Case {
    /// The case in which most is compared.
    pub const COMMON: Self = Self {
        headers: 4,
        built: false,
        token: 1024,
        dated: false,
        upload: false,
    };

    /// The common case, and those that differ from it in one thing.
    pub const ALL: [Self; 8] = [
        Self::COMMON,
        Self {
            headers: 0,
            ..Self::COMMON
        },
        Self {
            headers: 20,
            ..Self::COMMON
        },
        Self::BUILT,
        Self {
            token: 64,
            ..Self::COMMON
        },
        Self {
            token: 4096,
            ..Self::COMMON
        },
        Self {
            dated: true,
            ..Self::COMMON
        },
        Self {
            upload: true,
            ..Self::COMMON
        },
    ];

    /// 20 headers made for each request.
    pub const BUILT: Self = Self {
        headers: 20,
        built: true,
        ..Self::COMMON
    };

    /// The text of a token.
    #[must_use]
    pub fn token(&self) -> String {
        "t".repeat(self.token)
    }

    /// The service that answers.
    #[must_use]
    pub fn bare(&self) -> Bare {
        Bare {
            dated: self.dated,
            reads: self.upload,
        }
    }

    /// A request to `uri`.
    ///
    /// # Panics
    ///
    /// If more headers are wanted than there are names for.
    #[must_use]
    pub fn request_to(&self, uri: Uri) -> Request<Body> {
        let body = if self.upload {
            Body::from(vec![b'u'; 1024])
        } else {
            Body::default()
        };
        let mut request = Request::new(body);
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        for name in &NAMES[..self.headers] {
            let value = if self.built {
                // Its first clone allocates.
                HeaderValue::from_str(&format!("made now for {name}")).expect("a valid value")
            } else {
                HeaderValue::from_static("a fixed value, not so short")
            };
            headers.insert(HeaderName::from_static(name), value);
        }
        request
    }

    /// A request for [`Bare`].
    #[must_use]
    pub fn request(&self) -> Request<Body> {
        const ADDRESS: &str = "https://api.example.com/api/v2/users?pageSize=25";
        self.request_to(Uri::from_static(ADDRESS))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = if self.built { " built" } else { "" };
        write!(f, "{}{made} headers, {} B token", self.headers, self.token)?;
        f.write_str(if self.dated { ", dated" } else { "" })?;
        f.write_str(if self.upload { ", 1 KiB body" } else { "" })
    }
}

/// Calls a service that is ready and whose answer is.
///
/// # Errors
///
/// The service's.
///
/// # Panics
///
/// If it is not ready or has to wait.
pub fn call<S: Service<Request<Body>>>(
    service: &mut S,
    request: Request<Body>,
) -> Result<S::Response, S::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    let mut future = std::pin::pin!(service.call(request));
    match future.as_mut().poll(&mut cx) {
        Poll::Ready(response) => response,
        Poll::Pending => panic!("the answer was not there at once"),
    }
}

/// Sends requests, one after the other.
type Calls = Box<dyn FnMut(&mut Vec<Request<Body>>)>;

/// A side in a case, with its token fetched, ready to be called.
pub struct Prepared {
    calls: Calls,
    requests: Vec<Request<Body>>,
    made: Box<dyn Fn() -> Request<Body>>,
    // Alive as long as the service: it was made and first called there.
    runtime: Runtime,
}

impl Prepared {
    /// `side` over [`Bare`], and so many requests for it.
    ///
    /// # Panics
    ///
    /// If the side does not answer at once, or not with the token.
    #[must_use]
    pub fn new(side: Side, case: &Case, requests: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let calls = sides::over_bare(side, case, Loop(&runtime, *case));
        let case = *case;
        let mut prepared = Self {
            calls,
            requests: Vec::new(),
            made: Box::new(move || case.request()),
            runtime,
        };
        prepared.refill(requests);
        prepared
    }

    /// Makes so many more requests.
    pub fn refill(&mut self, requests: usize) {
        self.requests.extend((0..requests).map(|_| (self.made)()));
    }

    /// Sends all requests, one after the other.
    pub fn run(&mut self) {
        let _inside = self.runtime.enter();
        (self.calls)(&mut self.requests);
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}

struct Loop<'a>(&'a Runtime, Case);

impl Visit for Loop<'_> {
    type ResBody = Body;
    type Out = Calls;

    fn visit<S>(self, mut service: S) -> Self::Out
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        S::Error: fmt::Debug,
        S::Future: Send,
    {
        let Self(runtime, case) = self;
        runtime.block_on(async {
            // The first one fetches, the others fill what is kept for each thread and each service.
            for _ in 0..32 {
                let ready = service.ready().await.expect("ready");
                ready.call(case.request()).await.expect("a reply");
            }
        });
        Box::new(move |requests| {
            for request in requests.drain(..) {
                let response = call(&mut service, request);
                drop(std::hint::black_box(response.expect("a reply")));
            }
        })
    }
}
