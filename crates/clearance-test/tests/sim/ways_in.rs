use std::{collections::BTreeSet, fmt::Debug, time::Duration};

use bytes::Bytes;
use clearance_test::sim::{Cxone, Fault, Genesys};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;
use tower::{Service, ServiceExt};

use crate::support::{cxone_token_request, genesys_token_request, get, request, send};

type SocketClient = Client<HttpConnector, Full<Bytes>>;

fn socket_client() -> SocketClient {
    Client::builder(TokioExecutor::new()).build_http()
}

/// All users of all pages, and the body of a POST.
async fn tour_of_genesys<S, B>(client: S, login_url: &str, api_url: &str)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let token = send(&client, genesys_token_request(login_url)).await;
    let token = token.access_token();
    let mut ids = BTreeSet::new();
    let mut page = Some("/api/v2/users?pageSize=50&state=active".to_owned());
    while let Some(path) = page {
        let reply = send(&client, get(format!("{api_url}{path}"), &token)).await;
        assert_eq!(reply.status, 200);
        assert!(reply.headers.contains_key("inin-correlation-id"));
        assert_eq!(reply.headers.get_all("date").iter().count(), 1);
        let body = reply.json();
        for user in body["entities"].as_array().unwrap() {
            ids.insert(user["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(body["pageCount"], 3);
        page = body["nextUri"].as_str().map(str::to_owned);
    }
    assert_eq!(ids.len(), 130);

    let url = format!("{api_url}{}", Genesys::ECHO);
    let echo = request(Method::POST, url, &token, "{\"é\": 1}\n");
    assert_eq!(send(&client, echo).await.body, "{\"é\": 1}\n");
    let check = request(
        Method::HEAD,
        format!("{api_url}/api/v2/tokens/me"),
        &token,
        "",
    );
    assert_eq!(send(&client, check).await.status, 200);
}

/// From nothing but the issuer's address to the agents of all pages.
async fn tour_of_cxone<S, B>(client: S, issuer: &str)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Debug> + Clone,
    B: http_body::Body<Data = Bytes, Error: Debug>,
{
    let url = format!("{issuer}/.well-known/openid-configuration");
    let discovery = send(&client, get(url, "")).await.json();
    assert_eq!(discovery["issuer"], issuer);
    let endpoint = discovery["token_endpoint"].as_str().unwrap();
    let token = send(&client, cxone_token_request(endpoint)).await;
    let token = token.access_token();
    let tenant = Cxone::TENANT_ID;
    let url = format!("{issuer}/.well-known/cxone-configuration?tenantId={tenant}");
    let configuration = send(&client, get(url, "")).await.json();
    let api = configuration["api_endpoint"].as_str().unwrap();

    let mut ids = BTreeSet::new();
    let first = "/incontactapi/services/v34.0/agents?top=60&isActive=true&fields=agentId,firstName";
    let mut page = Some(format!("{api}{first}"));
    while let Some(url) = page {
        let body = send(&client, get(url, &token)).await.json();
        for agent in body["agents"].as_array().unwrap() {
            assert_eq!(
                agent.as_object().unwrap().len(),
                2,
                "only the fields asked for"
            );
            ids.insert(agent["agentId"].as_u64().unwrap());
        }
        assert_eq!(body["totalRecords"], 130);
        page = body["_links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!(ids.len(), 130);
}

#[tokio::test(start_paused = true)]
async fn as_a_service() {
    let genesys = Genesys::new();
    let hosts = (
        "https://login.mypurecloud.com",
        "https://api.mypurecloud.com",
    );
    tour_of_genesys(genesys.clone(), hosts.0, hosts.1).await;
    assert_eq!(genesys.counters().connections, 0);
    let cxone = Cxone::new();
    tour_of_cxone(cxone.clone(), cxone.login_url()).await;
}

#[tokio::test(start_paused = true)]
async fn through_pipes() {
    let genesys = Genesys::new();
    tour_of_genesys(genesys.client(), genesys.login_url(), genesys.api_url()).await;
    let counters = genesys.counters();
    assert_eq!((counters.token_requests, counters.api_requests), (1, 5));
    assert_eq!(counters.connections, 2, "one for each host, kept alive");
    assert_eq!(counters.api_answers(200), 5);
    let cxone = Cxone::new();
    tour_of_cxone(cxone.client(), cxone.login_url()).await;
    assert_eq!(cxone.counters().discovery_requests, 2);
}

#[tokio::test]
async fn through_sockets() {
    let (genesys, cxone) = (Genesys::new(), Cxone::new());
    let running = genesys.serve().await.unwrap();
    tour_of_genesys(socket_client(), running.login_url(), running.api_url()).await;
    assert_eq!(genesys.counters().connections, 2);
    let running = cxone.serve().await.unwrap();
    tour_of_cxone(socket_client(), running.login_url()).await;
}

#[tokio::test]
async fn faults_of_the_connection_through_sockets() {
    let genesys = Genesys::new();
    let running = genesys.serve().await.unwrap();
    let url = format!("{}/api/v2/date", running.api_url());
    let send = || socket_client().oneshot(get(&url, ""));

    genesys.fault_next_api(Fault::Reset);
    assert!(send().await.is_err());
    genesys.fault_next_api(Fault::Hang);
    assert!(timeout(Duration::from_millis(50), send()).await.is_err());
    genesys.fault_next_api(Fault::Cut);
    assert!(send().await.unwrap().into_body().collect().await.is_err());
    assert_eq!(send().await.unwrap().status(), 200);
    assert_eq!(genesys.counters().connections, 4);
}

#[tokio::test]
async fn a_dropped_server_closes_its_ports_and_connections() {
    let genesys = Genesys::new();
    let running = genesys.serve().await.unwrap();
    let url = format!("{}/api/v2/date", running.api_url());
    let client = socket_client();
    genesys.fault_next_api(Fault::Hang);
    let hanging = tokio::spawn(client.request(get(&url, "")));
    let arrived = async {
        while genesys.counters().api_requests == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), arrived).await.unwrap();
    drop(running);
    let ended = timeout(Duration::from_secs(5), hanging).await.unwrap();
    assert!(ended.unwrap().is_err());
    assert!(client.request(get(&url, "")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn each_host_serves_its_own_routes() {
    let genesys = Genesys::new();
    let client = genesys.client();
    let wrong = genesys_token_request(genesys.api_url());
    assert_eq!(send(&client, wrong).await.status, 401, "just an API route");
    let wrong = get(format!("{}/api/v2/date", genesys.login_url()), "");
    assert_eq!(send(&client, wrong).await.status, 404);
    let elsewhere = get("http://localhost:3/api/v2/date", "");
    assert!(client.request(elsewhere).await.unwrap_err().is_connect());
    let counters = genesys.counters();
    assert_eq!((counters.token_requests, counters.tokens_minted), (0, 0));
    assert_eq!((counters.api_requests, counters.discovery_requests), (1, 1));
}
