//! axum twice: a `Router` as the service below the layers, and a server whose handlers call an API through the layers in
//! its state.

#![allow(clippy::unwrap_used, reason = "test code")]

mod handlers;
mod router_below;
#[path = "../streamed.rs"]
mod streamed;

const KEPT: usize = 64 * 1024;
