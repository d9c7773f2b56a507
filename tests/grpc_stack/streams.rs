//! Streams of the client with a refusal in the way: sent again whole, or sent once?

use std::sync::Arc;

use clearance::SkewAuthLayer;
use tokio::sync::{Notify, mpsc};
use tonic::{
    Code,
    codegen::tokio_stream::{iter, wrappers::ReceiverStream},
};

use crate::{
    agents::ImportSummary, api::Api, client, crowd, encoded, rules::all_but, stale_then_fresh,
    within,
};

#[tokio::test]
async fn a_small_stream_is_sent_again_to_the_byte() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let crowd = crowd(40);
    let summary = within(client.import(iter(crowd.clone()))).await.unwrap();
    let ImportSummary { agents, bytes } = summary.into_inner();
    assert_eq!((agents, bytes), (40, 40 * 1024));
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    for seen in &*api.seen() {
        assert_eq!(seen.messages, encoded(&crowd));
    }
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_stream_that_cannot_be_kept_is_sent_once() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let large = crowd(100);
    let status = within(client.import(iter(large.clone())))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "no good token")
    );
    assert_eq!(api.tokens(), ["stale"]);
    assert_eq!(api.seen()[0].messages, encoded(&large));

    // The refusal was heard all the same: the next call has a new token.
    let summary = within(client.import(iter(large.clone()))).await.unwrap();
    assert_eq!(summary.get_ref().agents, 100);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(api.seen()[1].messages, encoded(&large));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_stream_that_is_refused_at_its_beginning_goes_on_in_the_replay() {
    let again = Arc::new(Notify::new());
    let (seen_again, judge) = (again.clone(), all_but("stale"));
    let api = Api::at_the_door(move |seen, before| {
        if before == 1 {
            seen_again.notify_one();
        }
        judge(seen, before)
    });
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let (sender, receiver) = mpsc::channel(1);
    let call = tokio::spawn(async move { client.import(ReceiverStream::new(receiver)).await });
    let all = crowd(5);
    within(sender.send(all[0].clone())).await.unwrap();
    // The others are not there before the second attempt has reached the server.
    within(again.notified()).await;
    for agent in &all[1..] {
        within(sender.send(agent.clone())).await.unwrap();
    }
    drop(sender);
    let summary = within(call).await.unwrap().unwrap();
    assert_eq!(summary.get_ref().agents, 5);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(api.seen()[1].messages, encoded(&all));
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_large_stream_that_is_refused_at_its_beginning_is_whole_or_refused() {
    let api = Api::at_the_door(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));
    let large = crowd(300);
    // How much of it has left when the refusal comes is a matter of luck.
    match within(client.import(iter(large.clone()))).await {
        Ok(summary) => {
            assert_eq!(summary.get_ref().agents, 300);
            assert_eq!(api.tokens(), ["stale", "fresh"]);
            assert_eq!(api.seen()[1].messages, encoded(&large));
        }
        Err(status) => {
            assert_eq!(
                (status.code(), status.message()),
                (Code::Unauthenticated, "no good token")
            );
            assert_eq!(api.tokens(), ["stale"]);
        }
    }
    assert_eq!(source.fetches(), 2);
}
