//! Peers that attach a cached token in process: see `README.md` here.

mod aliri;
mod azure;
mod cf_gears;
mod kube;
mod reqwest_middleware;

use std::{
    fmt,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use benches::{
    bare::Body,
    load::{Case, Prepared, call},
    sides::Side,
};
use http::Request;
use tokio::runtime::Runtime;
use tower::Service;

/// Requests of one measurement.
pub const REQUESTS: usize = 100;

/// Who attaches the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// One of the sides that all benchmarks have.
    Side(Side),
    /// `aliri_tokens`: a watched token, formatted by the caller as its example does.
    Aliri,
    /// `kube-client`: its layer for a token in a file.
    Kube,
    /// `azure_core`: its policy for bearer tokens.
    Azure,
    /// `cf-gears-toolkit-auth`: its layer.
    CfGears,
    /// `reqwest-middleware`: a middleware that attaches a header that is there.
    ReqwestMiddleware,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Side(Side::Static),
        Self::Side(Side::Auth),
        Self::ReqwestMiddleware,
        Self::Aliri,
        Self::Azure,
        Self::Kube,
        Self::CfGears,
        Self::Side(Side::Textbook),
    ];

    /// With the token, or the same without.
    ///
    /// # Panics
    ///
    /// If it cannot be set up.
    #[must_use]
    pub fn calls(self, with: bool) -> Calls {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let run = match self {
            Self::Side(side) => {
                let side = if with { side } else { Side::Bare };
                let mut prepared = Prepared::new(side, &Case::COMMON, 0);
                Box::new(move |requests| {
                    prepared.refill(requests);
                    prepared.run();
                })
            }
            Self::Aliri => aliri::run(&runtime, with),
            Self::Kube => kube::run(with),
            Self::Azure => azure::run(with),
            Self::CfGears => cf_gears::run(&runtime, with),
            Self::ReqwestMiddleware => reqwest_middleware::run(with),
        };
        let mut calls = Calls { run, runtime };
        calls.run(8);
        calls
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Side(side) => side.name(),
            Self::Aliri => "aliri_tokens 0.3",
            Self::Kube => "kube-client 5",
            Self::Azure => "azure_core 1.1",
            Self::CfGears => "cf-gears-toolkit-auth 0.8",
            Self::ReqwestMiddleware => "reqwest-middleware 0.5, fixed",
        })
    }
}

/// Something that can be called.
pub struct Calls {
    run: Run,
    runtime: Runtime,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calls")
    }
}

impl Calls {
    /// Makes and sends so many requests.
    pub fn run(&mut self, requests: usize) {
        let _inside = self.runtime.enter();
        (self.run)(requests);
    }
}

type Run = Box<dyn FnMut(usize)>;

fn service<S>(mut service: S) -> Run
where
    S: Service<Request<Body>, Error: fmt::Debug> + 'static,
{
    Box::new(move |requests| {
        for _ in 0..requests {
            let response = call(&mut service, Case::COMMON.request());
            drop(std::hint::black_box(response.expect("a reply")));
        }
    })
}

/// Polls what is ready.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the answer was not there at once"),
    }
}
