//! A server that pushes back: who waits, how long, and what is passed on instead?

use std::sync::Mutex;

use clearance::{RateLimitBackoffLayer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use tonic::Code;

use crate::{
    MILLISECOND, SECOND, agent,
    api::Api,
    client, get, limited_client,
    rules::{limited, limited_once},
    until_limited, within,
};

#[tokio::test]
async fn a_push_back_is_waited_out() {
    let api = Api::new(limited_once(Some("300")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let reply = within(client.get(get(7))).await.unwrap();
    assert_eq!(reply.into_inner(), agent(7));
    let seen = api.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= 300 * MILLISECOND);
    assert_eq!(seen[0].messages, seen[1].messages);
    assert_eq!(source.fetches(), 1, "a limit is not the token's fault");
}

#[tokio::test]
async fn a_limit_without_a_push_back_is_passed_on() {
    for push_back in [None, Some("-1"), Some("soon")] {
        let api = Api::new(limited_once(push_back));
        let source = ScriptedSource::counting();
        let mut client = client(api.serve().await, &SkewAuthLayer::new(source));
        let status = within(client.get(get(7))).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::ResourceExhausted, "slow down"),
            "{push_back:?}"
        );
        assert_eq!(api.seen().len(), 1, "{push_back:?}");
        // And nobody else is held for it.
        within(client.get(get(7))).await.unwrap();
        assert_eq!(api.seen().len(), 2, "{push_back:?}");
    }
}

#[tokio::test]
async fn one_push_back_holds_every_call() {
    const CALLS: usize = 20;
    let first = Mutex::new(None);
    let api = Api::new(move |seen, _| {
        let since = *first.lock().unwrap().get_or_insert(seen.at);
        match seen.at - since >= SECOND {
            true => Ok(()),
            false => Err(limited(Some("1000"))),
        }
    });
    let auth = SkewAuthLayer::new(ScriptedSource::counting());
    let limits = RateLimitBackoffLayer::new();
    let client = limited_client(api.serve().await, &auth, &limits);
    let call = |id| {
        let mut client = client.clone();
        tokio::spawn(async move { client.get(get(id)).await })
    };

    let mut calls = vec![call(0)];
    until_limited(&limits).await;
    calls.extend((1..CALLS).map(call));
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    assert_eq!(api.seen().len(), CALLS + 1, "only the first was refused");
}
