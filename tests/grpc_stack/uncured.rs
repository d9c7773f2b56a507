//! Calls that need no cure: do they go through as they would without the layers, message by message?

use clearance::{Audience, SkewAuthLayer};
use clearance_test::ScriptedSource;
use tokio::sync::mpsc;
use tonic::{
    Code,
    codegen::tokio_stream::{iter, wrappers::ReceiverStream},
};

use crate::{
    agent, agents::WatchRequest, api::Api, client, crowd, encoded, get, rules::all_but,
    stale_then_fresh, within,
};

#[tokio::test]
async fn every_kind_of_call_goes_through() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::new(["good"]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    let one = within(client.get(get(7))).await.unwrap().into_inner();
    assert_eq!(one, agent(7));

    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    watched.send(Ok(agent(1))).await.unwrap();
    drop(watched);
    assert_eq!(within(stream.message()).await.unwrap(), Some(agent(1)));
    assert_eq!(within(stream.message()).await.unwrap(), None);

    let crowd = crowd(3);
    let summary = within(client.import(iter(crowd.clone()))).await.unwrap();
    assert_eq!(summary.get_ref().agents, 3);
    assert_eq!(api.seen()[2].messages, encoded(&crowd));

    assert_eq!(api.tokens(), ["good"; 3]);
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn a_message_arrives_before_the_next_one_is_sent() {
    let api = Api::new(all_but("stale"));
    let source = stale_then_fresh();
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source.clone()));

    // The reply is handed up before there is any message, and after a replay too.
    let watched = api.watched();
    let mut stream = within(client.watch(WatchRequest::default()))
        .await
        .unwrap()
        .into_inner();
    for nth in 0..5 {
        watched.send(Ok(agent(nth))).await.unwrap();
        // The server has no more than this one, so whoever waits for more waits in vain.
        assert_eq!(within(stream.message()).await.unwrap(), Some(agent(nth)));
    }
    drop(watched);
    assert_eq!(within(stream.message()).await.unwrap(), None);
    assert_eq!(api.tokens(), ["stale", "fresh"]);
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_message_is_read_before_the_next_one_is_written() {
    let api = Api::new(all_but("stale"));
    let source = ScriptedSource::new(["good"]);
    let mut client = client(api.serve().await, &SkewAuthLayer::new(source));

    let (sender, receiver) = mpsc::channel(1);
    let call = tokio::spawn(async move { client.import(ReceiverStream::new(receiver)).await });
    for nth in 0..5 {
        within(sender.send(agent(nth))).await.unwrap();
        within(api.next_read()).await;
    }
    drop(sender);
    let summary = within(call).await.unwrap().unwrap();
    assert_eq!(summary.get_ref().agents, 5);
}

#[tokio::test]
async fn tonic_does_not_say_where_a_request_goes() {
    let api = Api::new(all_but("stale"));
    let channel = api.serve().await;
    let audience = Audience::origin("https://agents.example.com").unwrap();
    let source = ScriptedSource::new(["good"]).with_audience(audience.clone());
    let mut careful = client(channel.clone(), &SkewAuthLayer::new(source.clone()));
    let status = within(careful.get(get(1))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(api.tokens(), [""], "no token, and no second try");

    let source = source.with_audience(audience.or_unaddressed());
    let mut trusting = client(channel, &SkewAuthLayer::new(source));
    within(trusting.get(get(1))).await.unwrap();
    assert_eq!(api.tokens(), ["", "good"]);
}
