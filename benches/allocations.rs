//! How many allocations does each side add to a request, and how large is its future?
//!
//! Both are exact, and gate: `-- --test` and `-- --check` hold them against `limits.json`, `-- --record` writes them there.
//! `allocation-counter` counts for each thread by itself, so a runtime's other threads do not disturb it; a reallocation
//! that grows counts as one.

use std::{fmt, process::ExitCode};

use allocation_counter::measure;
use benches::{
    bare::{Bare, Body},
    figures,
    limits::{Limits, Wanted},
    load::{Case, Prepared},
    sides::{self, Auth, BoxError, Side, Visit},
    wire::{self, Burst, Server, Until},
};
use http::{Request, Response, Uri};
use tower::{Service, ServiceExt, util::BoxCloneService};

const REQUESTS: usize = 100;

fn main() -> ExitCode {
    wire::serve_if_asked();
    let wanted = Wanted::from_args();
    let mut limits = Limits::read("allocations", 1.0);
    for case in Case::ALL {
        let counted = Side::ALL.map(|side| {
            let mut prepared = Prepared::new(side, &case, REQUESTS);
            measure(|| prepared.run()).count_total as f64 / REQUESTS as f64
        });
        for (side, each) in Side::ALL.into_iter().zip(counted) {
            let added = each - counted[0];
            figures::tell("allocations", side, case, "allocations added", added);
            if side.is_ours() {
                limits.hold(&format!("{side}, {case}"), added);
            }
        }
    }
    sizes(&mut limits);
    over_the_wire();
    limits.done(wanted)
}

/// Of a client and its connections, all of which are on this thread. Not exact: they depend on what is read at once.
fn over_the_wire() {
    let server = Server::start();
    for side in wire::SIDES {
        let mut burst = Burst::new(side, &server);
        burst.run(Until::Sent(4));
        let requests = 32;
        let counted = measure(|| drop(burst.run(Until::Sent(requests))));
        let each = counted.count_total as f64 / (wire::TASKS * requests) as f64;
        figures::tell("loopback", side, "64 connections", "allocations", each);
    }
}

/// Of the futures, over a client whose own is boxed, and over one whose own is a reply.
fn sizes(limits: &mut Limits) {
    let bare = Bare::default();
    let auth = Auth::new("token", &Uri::from_static(sides::API));
    let (boxed, replayed) = (boxed::<Body>(), boxed());
    for (inner, name) in [(false, "inner future inline"), (true, "inner future boxed")] {
        let of = |side| match inner {
            false => sides::over(side, &auth, bare, bare, Size),
            true => sides::over(side, &auth, boxed.clone(), replayed.clone(), Size),
        };
        for side in Side::ALL {
            let added = of(side) as f64 - of(Side::Bare) as f64;
            figures::tell(
                "allocations",
                side,
                name,
                "size of the future, B over inner",
                added,
            );
            if side.is_ours() {
                limits.hold(&format!("{side}, {name}, size"), added);
            }
        }
    }
}

fn boxed<B>() -> BoxCloneService<Request<B>, Response<Body>, BoxError>
where
    B: http_body::Body + Unpin + Send + 'static,
{
    let bare = ServiceExt::<Request<B>>::map_err(Bare::default(), BoxError::from);
    BoxCloneService::new(bare)
}

struct Size;

impl Visit for Size {
    type ResBody = Body;
    type Out = usize;

    fn visit<S>(self, mut service: S) -> usize
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
        S::Error: fmt::Debug,
        S::Future: Send,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let _inside = runtime.enter();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = service.call(Case::COMMON.request());
        size_of_val(&future)
    }
}
