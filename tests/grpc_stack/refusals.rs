//! Which refusals does another token cure, what do they cost, and what does the caller get of the others?

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use clearance::{SkewAuthLayer, TokenError};
use clearance_test::{ScriptedSource, Step};
use prost::Message;
use tonic::{Code, Request, Status};

use crate::{
    MILLISECOND, agent, agents::WatchRequest, api::Api, client, get, rules::all_but,
    stale_then_fresh, within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_across_a_revocation_cost_one_refresh() {
    const CALLS: usize = 1_000;
    const BEFORE: usize = 300;
    // Revoked while it is used: after so many calls.
    let (used, refused) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let count = refused.clone();
    let api = Api::new(move |seen, _| match &*seen.token {
        "token-1" if used.fetch_add(1, SeqCst) < BEFORE => Ok(()),
        "token-2" => Ok(()),
        _ => {
            count.fetch_add(1, SeqCst);
            Err(Status::unauthenticated("revoked"))
        }
    });
    let source = ScriptedSource::counting().with_delay(100 * MILLISECOND);
    let auth = SkewAuthLayer::new(source.clone());
    let mut client = client(api.serve().await, &auth);
    // So that the client has seen that the token was good, in whatever order the others' replies come.
    within(client.get(get(CALLS))).await.unwrap();

    let calls: Vec<_> = (0..CALLS)
        .map(|id| {
            let mut client = client.clone();
            tokio::spawn(async move { client.get(get(id)).await })
        })
        .collect();
    within(async {
        for (id, call) in calls.into_iter().enumerate() {
            let reply = call.await.unwrap().unwrap();
            assert_eq!(reply.into_inner(), agent(id));
        }
    })
    .await;

    assert_eq!(source.fetches(), 2);
    assert_eq!(auth.status().refreshes.total(), 2);
    let refused = refused.load(SeqCst);
    assert!(refused > 0);
    let seen = api.seen();
    assert_eq!(
        seen.len(),
        1 + CALLS + refused,
        "each refused call once more"
    );
    let messages: HashSet<_> = seen.iter().map(|seen| &seen.messages).collect();
    assert_eq!(messages.len(), 1 + CALLS);
}

#[tokio::test]
async fn a_refused_call_is_sent_again_as_it_was() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let mut request = Request::new(get("7 \u{1f6e9} \0 and more"));
    let metadata = request.metadata_mut();
    metadata.insert("x-tenant", "acme".parse().unwrap());
    let bytes = request.get_ref().encode_to_vec();
    let reply = within(client.get(request)).await.unwrap();
    assert_eq!(reply.into_inner().id, "7 \u{1f6e9} \0 and more");

    assert_eq!(api.tokens(), ["stale", "fresh"]);
    let seen = api.seen();
    for seen in &*seen {
        assert_eq!(seen.messages, [&*bytes]);
        assert_eq!(seen.tenant.as_deref(), Some("acme"));
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_refusal_that_no_token_cures_is_the_servers_own() {
    let api = Api::new(|_, _| {
        let mut status = Status::unauthenticated("not you");
        let metadata = status.metadata_mut();
        metadata.insert("x-request-id", "42".parse().unwrap());
        Err(status)
    });
    let denied = TokenError::denied("invalid_client").without_retry();
    let source = ScriptedSource::script([Step::token("only"), Step::Fail(denied)]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let status = within(client.get(get(1))).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "not you")
    );
    assert_eq!(status.metadata().get("x-request-id").unwrap(), "42");
    assert_eq!(api.tokens(), ["only"]);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn another_status_is_none_of_our_business() {
    let api = Api::new(|_, _| Err(Status::permission_denied("not this one")));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let status = within(client.get(get(1))).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!((api.seen().len(), source.fetches()), (1, 1));
}

#[tokio::test]
async fn a_refusal_in_the_trailers_is_not_sent_again() {
    let api = Api::new(|_, _| Ok(()));
    let source = ScriptedSource::counting();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    // After a message has gone to the caller there is no going back.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    watched.send(Ok(agent(1))).await.unwrap();
    assert_eq!(within(stream.message()).await.unwrap(), Some(agent(1)));
    let refusal = Status::unauthenticated("revoked meanwhile");
    watched.send(Err(refusal)).await.unwrap();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "revoked meanwhile")
    );
    assert_eq!((api.seen().len(), source.fetches()), (1, 1));

    // Before any message, but after the header, the reply has been handed up too.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    let refusal = Status::unauthenticated("revoked meanwhile");
    watched.send(Err(refusal)).await.unwrap();
    let status = within(stream.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!((api.seen().len(), source.fetches()), (2, 1));
}
