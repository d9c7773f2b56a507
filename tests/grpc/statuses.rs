//! The status of a reply without messages: when is it a refusal of the token, and what does it prove otherwise?

use clearance::TokenRefused;
use clearance_test::ScriptedSource;
use tower::ServiceExt;

use crate::{
    call, code, messages, status,
    support::{Api, Verdict, stack},
};

#[tokio::test(start_paused = true)]
async fn unauthenticated_without_messages_is_cured_like_a_401() {
    let api = Api::new(|seen, _| match seen.token.as_str() {
        "token-1" => status(16),
        _ => messages(),
    });
    let source = ScriptedSource::counting();
    let (auth, stack) = stack(source.clone(), api.service());
    let response = stack.oneshot(call(None)).await.unwrap();
    assert_eq!(code(&response), "");
    assert_eq!(
        (source.fetches(), api.seen().len(), auth.status().refusals),
        (2, 2, 1)
    );
    assert!(api.seen().iter().all(|seen| seen.body == "a message"));
}

/// A status that says nothing of the token neither refuses it nor proves it.
#[tokio::test(start_paused = true)]
async fn other_statuses_are_handed_up_and_prove_nothing() {
    for other in [1, 5, 7, 8, 13, 14] {
        let api = Api::new(move |_, before| match before {
            0 => status(other),
            _ => status(16),
        });
        let source = ScriptedSource::counting();
        let (auth, stack) = stack(source.clone(), api.service());
        let response = stack.clone().oneshot(call(None)).await.unwrap();
        assert_eq!(code(&response), other.to_string());
        assert_eq!((api.seen().len(), source.fetches()), (1, 1));
        // Had it proved the token, this would be a revocation.
        stack.oneshot(call(None)).await.unwrap();
        assert_eq!(auth.status().refusals, 2, "status {other}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_in_another_kind_of_reply_is_no_refusal() {
    let api = Api::new(|_, _| {
        Verdict::from(200)
            .with("grpc-status", 16)
            .with("content-type", "text/html")
    });
    let (_, stack) = stack(ScriptedSource::counting(), api.service());
    let response = stack.oneshot(call(None)).await.unwrap();
    assert!(response.extensions().get::<TokenRefused>().is_none());
    assert_eq!(api.seen().len(), 1);
}
