//! A source that fails: by which status is the caller told?

use clearance::{SkewAuthLayer, TokenError};
use clearance_test::{ScriptedSource, Step};
use tonic::{Code, codegen::tokio_stream::iter};

use crate::{api::Api, client, crowd, get, within};

#[tokio::test]
async fn a_failing_source_is_told_by_kind() {
    let failures = [
        (TokenError::denied("invalid_client"), Code::Unauthenticated),
        (TokenError::throttled(None, "too many"), Code::Unavailable),
        (TokenError::unavailable("down"), Code::Unavailable),
        (TokenError::malformed("HTML"), Code::Internal),
    ];
    let api = Api::new(|_, _| Ok(()));
    let channel = api.serve().await;
    for (error, code) in failures {
        let told = error.to_string();
        let source = ScriptedSource::script([Step::Fail(error.without_retry())]);
        let mut client = client(channel.clone(), &SkewAuthLayer::new(source.clone()));
        let status = within(client.get(get(1))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, &*told));
        let status = within(client.import(iter(crowd(1)))).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, &*told));
        assert_eq!(source.fetches(), 1, "the second call met the hold-off");
    }
    assert_eq!(api.seen().len(), 0);
}
