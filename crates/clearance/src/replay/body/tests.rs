//! What is sent again is the same, or it is not sent.

mod bound;
mod exact;
mod length;
mod superseded;

use std::collections::VecDeque;

use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

use super::{super::ReplayBodyError, *};

/// Frames, waits and an end, by script.
#[derive(Debug, Default)]
struct Script(VecDeque<Step>);

#[derive(Clone, Debug)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Wait,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

impl Error for Broken {}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.0.pop_front() {
            Some(Step::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Some(Step::Fail) => Some(Err(Broken)),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => None,
        })
    }
}

fn data(text: &'static str) -> Step {
    Step::Data(Bytes::from_static(text.as_bytes()))
}

fn body<const N: usize>(steps: [Step; N]) -> ReplayBody<Script> {
    ReplayBody::new(Script(steps.into()))
}

fn poll<B>(body: &mut B) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let next = Pin::new(body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    next.map_err(Into::into)
}

/// What a sending has sent: data, trailers, and how it ended.
#[derive(Debug, Default, PartialEq)]
struct Sent {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    error: Option<String>,
}

impl Sent {
    /// Polls up to `polls` times; whether it came to an end.
    fn poll<B>(&mut self, body: &mut B, polls: usize) -> bool
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        for _ in 0..polls {
            match poll(body) {
                Poll::Pending => {}
                Poll::Ready(None) => return true,
                Poll::Ready(Some(Err(error))) => {
                    self.error = Some(error.to_string());
                    return true;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => self.data.extend(data),
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
            }
        }
        false
    }

    fn all<B>(body: &mut B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let mut sent = Self::default();
        assert!(sent.poll(body, 10_000), "it has no end");
        sent
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..200).prop_map(|data| Step::Data(data.into())),
        1 => Just(Step::Wait),
    ];
    let trailers = proptest::option::of(Just(Step::Trailers(HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("7"),
    )]))));
    let fail = proptest::option::weighted(0.2, Just(Step::Fail));
    (proptest::collection::vec(step, 0..20), trailers, fail).prop_map(
        |(mut steps, trailers, fail)| {
            steps.extend(trailers);
            steps.extend(fail);
            steps
        },
    )
}
