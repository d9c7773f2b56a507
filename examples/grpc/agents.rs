//! The service `clearance.demo.v1.Agents`: its messages, written by hand, and the client and server that `build.rs`
//! makes. With `protoc` at hand it would be this file:
//!
//! ```proto
//! syntax = "proto3";
//! package clearance.demo.v1;
//!
//! service Agents {
//!   rpc Get(GetRequest) returns (Agent);
//!   rpc Watch(WatchRequest) returns (stream Agent);
//!   rpc Import(stream Agent) returns (ImportSummary);
//! }
//!
//! message Agent         { string id = 1; string name = 2; bytes photo = 3; }
//! message GetRequest    { string id = 1; }
//! message WatchRequest  { string name = 1; }
//! message ImportSummary { uint64 agents = 1; uint64 bytes = 2; }
//! ```

pub(crate) use self::generated::{
    agents_client::AgentsClient,
    agents_server::{Agents, AgentsServer},
};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Agent {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) photo: bytes::Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
}

/// Which agents to watch: those of this name, or all.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WatchRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ImportSummary {
    #[prost(uint64, tag = "1")]
    pub(crate) agents: u64,
    /// Of all photos.
    #[prost(uint64, tag = "2")]
    pub(crate) bytes: u64,
}

#[allow(
    unreachable_pub,
    missing_debug_implementations,
    private_interfaces,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]
mod generated {
    tonic::include_proto!("clearance.demo.v1.Agents");
}
