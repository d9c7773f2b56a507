//! Everything that calls return, as text: replies with what the layers add to them, and errors with their causes.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::{error::Error, fmt::Debug, sync::Mutex};

use clearance::{RefusalReason, TokenRefused};
use http::{Request, Response};
use tower::{Service, ServiceExt};

use crate::{
    sought::all_of,
    support::{Body, BoxError},
};

/// What was returned so far.
#[derive(Default)]
pub(crate) struct Printed(pub(crate) Mutex<String>);

impl Printed {
    pub(crate) fn add(&self, text: impl AsRef<str>) {
        self.0.lock().unwrap().push_str(text.as_ref());
    }

    pub(crate) fn error(&self, error: &(dyn Error + 'static)) {
        self.add(all_of(error));
    }

    pub(crate) async fn call<S, B>(&self, stack: S, request: Request<Body>) -> Option<u16>
    where
        S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
        B: Debug,
    {
        match stack.oneshot(request).await {
            Ok(response) => {
                // The extensions too, of which http shows nothing.
                let told = response.extensions();
                self.add(format!(
                    "{response:?} {:?} {:?}",
                    told.get::<TokenRefused>(),
                    told.get::<RefusalReason>()
                ));
                Some(response.status().as_u16())
            }
            Err(error) => {
                self.error(error.as_ref());
                None
            }
        }
    }
}
