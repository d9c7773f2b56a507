//! Lists all agents through the proxy, as a caller in another language would.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use bytes::Bytes;
use clearance::Secret;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;

use crate::{
    door::KEY, hops::WAITED, narration::Narrator, platform::Simulation, problem::Problem,
    trouble::ERROR,
};

/// A page at a time; half way the platform revokes its tokens.
pub(crate) async fn list_agents(
    proxy: SocketAddr,
    key: &Secret,
    simulation: &Simulation,
    narrator: &Narrator,
) -> Result<(), Problem> {
    let caller = Caller {
        proxy,
        key: key.clone(),
        client: Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build_http(),
    };
    let (mut agents, mut total, mut waited) = (HashSet::new(), 0, Duration::ZERO);
    for page in 1.. {
        let (users, wait) = caller
            .get(&format!("/api/v2/users?pageSize=10&pageNumber={page}"))
            .await?;
        waited += wait;
        let ids = users["entities"].as_array().into_iter().flatten();
        agents.extend(
            ids.filter_map(|user| user["id"].as_str())
                .map(str::to_owned),
        );
        let told = format!(
            "page {page}: {} agents so far, waited {:.2} s",
            agents.len(),
            wait.as_secs_f64()
        );
        narrator.say("(caller)", told);

        total = users["total"].as_u64().unwrap_or_default();
        let pages = users["pageCount"].as_u64().unwrap_or_default();
        if page == pages / 2 {
            narrator.say("(platform)", "revokes all its tokens");
            simulation.platform.revoke_all();
        }
        if page >= pages {
            break;
        }
    }
    let (health, _) = caller.get("/.auth-proxy/healthz").await?;
    println!("\nhealth: {health:#}\n");
    let (listed, counters) = (agents.len(), simulation.platform.counters());
    println!(
        "{listed} of {total} agents listed; {} token requests, {} × 401 cured, {} × 429 waited out in {:.2} s",
        counters.token_requests,
        counters.unauthorized(),
        counters.throttled(),
        waited.as_secs_f64()
    );
    if listed == 0 || listed as u64 != total {
        return Err(Problem::new("not all agents were listed"));
    }
    // The first one, and the one after the revocation.
    match counters.token_requests {
        2 => Ok(()),
        requests => Err(Problem::new(format!(
            "{requests} token requests were made, and not 2"
        ))),
    }
}

struct Caller {
    proxy: SocketAddr,
    key: Secret,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Caller {
    /// What is there, and how long the proxy says that it waited.
    async fn get(&self, path: &str) -> Result<(Value, Duration), Problem> {
        let request = Request::get(format!("http://{}{path}", self.proxy))
            .header(KEY, self.key.expose())
            .body(Empty::new())?;
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, 1024 * 1024).collect().await;
        let body = body.map_err(|error| Problem::of(&*error))?.to_bytes();
        if head.status != StatusCode::OK {
            let whose = if head.headers.contains_key(ERROR) {
                "the proxy"
            } else {
                "the API"
            };
            let text = String::from_utf8_lossy(&body);
            return Err(Problem::new(format!(
                "{whose} answered {} to GET {path}: {text}",
                head.status
            )));
        }
        let waited = head
            .headers
            .get(WAITED)
            .and_then(|waited| waited.to_str().ok()?.parse().ok());
        let waited = Duration::try_from_secs_f64(waited.unwrap_or_default())?;
        Ok((serde_json::from_slice(&body)?, waited))
    }
}
