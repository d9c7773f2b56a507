//! Makes the client and the server of `clearance.demo.v1.Agents` from a description in Rust, so that nobody needs
//! `protoc`. Its messages are in `agents.rs`.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

fn main() {
    // The description is in here: a change of it runs this again without being named.
    println!("cargo::rerun-if-changed=Cargo.toml");

    let agents = Service::builder()
        .package("clearance.demo.v1")
        .name("Agents")
        .comment("The agents of a contact centre.")
        .method(
            method("get", "Get", "GetRequest", "Agent")
                .comment("One agent.")
                .build(),
        )
        .method(
            method("watch", "Watch", "WatchRequest", "Agent")
                .comment("Every agent, and again whenever one changes.")
                .server_streaming()
                .build(),
        )
        .method(
            method("import", "Import", "Agent", "ImportSummary")
                .comment("Takes in agents, all or none.")
                .client_streaming()
                .build(),
        )
        .build();
    Builder::new().compile(&[agents]);
}

fn method(name: &str, route: &str, input: &str, output: &str) -> MethodBuilder {
    Method::builder()
        .name(name)
        .route_name(route)
        .input_type(format!("crate::agents::{input}"))
        .output_type(format!("crate::agents::{output}"))
        .codec_path("tonic_prost::ProstCodec")
}
