//! `kube-client`: its layer, with a token that is in a file.

use benches::{
    bare::{Bare, Body},
    load::Case,
};
use http::Request;
use kube_client::{Config, client::ConfigExt};
use tower::{Layer, ServiceExt};

use crate::{Run, service};

pub(crate) fn run(with: bool) -> Run {
    // Its layer's error is a boxed one, and the service's must be the same.
    let bare = ServiceExt::<Request<Body>>::map_err(Bare::default(), tower::BoxError::from);
    if !with {
        return service(bare);
    }
    let file = tempfile::NamedTempFile::new().expect("a file for the token");
    std::fs::write(file.path(), Case::COMMON.token()).expect("the token is written");
    let mut config = Config::new("https://api.example.com".parse().expect("a valid address"));
    config.auth_info.token_file = Some(file.path().to_string_lossy().into_owned());
    let layer = config
        .auth_layer()
        .expect("a layer")
        .expect("there is a token");
    let mut run = service(layer.layer(bare));
    Box::new(move |requests| {
        let _as_long = &file;
        run(requests);
    })
}
