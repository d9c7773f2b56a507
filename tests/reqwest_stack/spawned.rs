//! Can the adapter be awaited in a spawned block, and stand under a buffer?

use clearance::{ReplayBodyLayer, SkewAuthLayer};
use clearance_test::ScriptedSource;
use rustls::RootCertStore;
use tokio::task::JoinSet;
use tower::{ServiceBuilder, buffer::BufferLayer};

use crate::{
    get, read, reqwest, send,
    visited::{Visits, server},
};

/// A client made of layers can be kept by name, and used where tasks are spawned, under tower's `Buffer`, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_can_be_awaited_in_a_spawned_block_and_buffered() {
    let visits = Visits::default();
    let mut tasks = JoinSet::new();
    let api = server(&mut tasks, "api", &visits, || "here").await;
    let source = ScriptedSource::new(["t0k3n"]);
    let stack = ServiceBuilder::new()
        .layer(ReplayBodyLayer::new())
        .layer(SkewAuthLayer::new(source))
        .layer(BufferLayer::new(4))
        .service(reqwest(RootCertStore::empty()));
    let task = tokio::spawn(async move {
        let reply = send(&stack, get(&api)).await.unwrap();
        read(reply).await
    });
    assert_eq!(task.await.unwrap(), "here");
    assert_eq!(visits.lock().unwrap().len(), 1);
}
