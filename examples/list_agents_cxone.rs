//! Lists the agents of a NICE CXone tenant through the three layers, and tells what they do meanwhile.
//!
//! ```text
//! cargo run --example list_agents_cxone
//! ```
//!
//! Without further ado it talks to a simulated platform on loopback sockets, whose clocks are two minutes ahead, which
//! revokes all tokens half way, and which limits the rate and says as a *date* when to come back. With
//! `CXONE_CLIENT_ID`, `CXONE_CLIENT_SECRET`, `CXONE_ACCESS_KEY_ID` and `CXONE_ACCESS_KEY_SECRET` set it lists the
//! agents of that tenant; `CXONE_ISSUER` names an issuer other than that of global production.

mod command_line;
mod listing;
mod narration;
mod problem;
mod simulation;
mod summary;
mod variables;

use std::{env, process::ExitCode, sync::Arc};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_cxone::{AccessKey, ClientRegistration, Cxone, Environment};
use clearance_oauth::https;
use clearance_test::sim::{self, RetryAfter};
use serde_json::Value;
use tower::ServiceBuilder;

use crate::{
    command_line::{run, settings},
    listing::{Page, Tally, get},
    narration::Narrator,
    problem::Problem,
    simulation::Simulation,
    summary::Summary,
    variables::setting,
};

const USAGE: &str = "\
Lists the agents of a NICE CXone tenant: of a simulated one, or, with these variables set, of yours:

  CXONE_CLIENT_ID, CXONE_CLIENT_SECRET          the registration of the application
  CXONE_ACCESS_KEY_ID, CXONE_ACCESS_KEY_SECRET  an access key of a CXone user
  CXONE_ISSUER                                  if other than https://cxone.niceincontact.com

Usage: cargo run --example list_agents_cxone [-- --wrong-secret]

  --wrong-secret  the simulated platform refuses the credentials";

#[tokio::main]
async fn main() -> ExitCode {
    run(
        "list_agents_cxone",
        USAGE,
        async |wrong_secret, narrator| {
            let tenant = Tenant::choose(wrong_secret, |name| env::var(name).ok()).await?;
            list_agents(tenant, narrator).await
        },
    )
    .await
}

/// Whose agents are listed.
struct Tenant {
    source: Cxone,
    page_size: usize,
    simulation: Option<Simulation<sim::NiceCxone>>,
}

impl Tenant {
    async fn choose(
        wrong_secret: bool,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let names = [
            "CXONE_CLIENT_ID",
            "CXONE_CLIENT_SECRET",
            "CXONE_ACCESS_KEY_ID",
            "CXONE_ACCESS_KEY_SECRET",
        ];
        let Some([id, secret, key_id, key_secret]) = settings(names, wrong_secret, &variable)?
        else {
            return Self::simulated(wrong_secret).await;
        };
        let default = || Environment::Global.issuer().to_owned();
        let issuer = setting("CXONE_ISSUER", &variable).unwrap_or_else(default);
        let registration = ClientRegistration::new(id, secret);
        let source = Cxone::for_issuer(&issuer, registration, AccessKey::new(key_id, key_secret))?;
        println!("This is the tenant of that access key, by {issuer}.\n");
        Ok(Self {
            source,
            page_size: 100,
            simulation: None,
        })
    }

    async fn simulated(wrong_secret: bool) -> Result<Self, Problem> {
        // No form is published for this platform. A date on a clock of its own is the hardest one.
        let platform = sim::Cxone::builder().retry_after(RetryAfter::HttpDate);
        let simulation = Simulation::start("NICE CXone", platform, wrong_secret).await?;
        let registration =
            ClientRegistration::new(sim::Cxone::CLIENT_ID, sim::Cxone::CLIENT_SECRET);
        let access_key = AccessKey::new(sim::Cxone::ACCESS_KEY_ID, sim::Cxone::ACCESS_KEY_SECRET);
        let source = Cxone::for_issuer(simulation.running.login_url(), registration, access_key)?;
        Ok(Self {
            source,
            page_size: 10,
            simulation: Some(simulation),
        })
    }
}

/// The main job: discovery, then all pages, through all layers.
async fn list_agents(tenant: Tenant, narrator: &Narrator) -> Result<Summary, Problem> {
    let Tenant {
        source,
        page_size,
        mut simulation,
    } = tenant;
    let source = Arc::new(source);
    // It takes a token to find the API; the layer is given that one, and asks for no other.
    let api = source.discover().await?;
    narrator.say(
        "(discovery)",
        format_args!("the API of this tenant is at {api}"),
    );

    // The layers are kept for what they can tell; their clones share all they know.
    let auth = SkewAuthLayer::new(source);
    let limits = RateLimitBackoffLayer::new();
    let client = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(limits.clone())
        .layer(auth.clone())
        .service(https());

    let mut tally = Tally::default();
    let mut skip = 0;
    loop {
        let query =
            format!("top={page_size}&skip={skip}&isActive=true&fields=agentId,firstName,lastName");
        let url = format!("{api}/incontactapi/services/v34.0/agents?{query}");
        // 204: there are no agents from here on.
        let Some(reply) = get(&client, &url).await? else {
            break;
        };
        let page = read(&reply.json)?;
        let more = tally.count(&page, &reply, &auth, simulation.as_mut(), narrator);
        skip += page.agents.len();
        // A link is believed for what it says, not followed to wherever it leads. Without links, a page that is not
        // full is the last one.
        let last = match reply.json["_links"].as_object() {
            Some(links) => !links.contains_key("next"),
            None => page.agents.len() < page_size,
        };
        if last || !more {
            break;
        }
    }
    Ok(tally.summary(&auth, &limits, simulation.as_ref()))
}

fn read(json: &Value) -> Result<Page, Problem> {
    let agents = json["agents"].as_array();
    let agents = agents
        .ok_or_else(|| Problem::new("a page came without `agents`; check the API's version"))?;
    let text = |agent: &Value, name: &str| agent[name].as_str().unwrap_or_default().to_owned();
    let name = |agent: &Value| format!("{} {}", text(agent, "firstName"), text(agent, "lastName"));
    Ok(Page {
        // An id is a number, or a text that looks like one.
        agents: agents
            .iter()
            .map(|agent| (agent["agentId"].to_string(), name(agent)))
            .collect(),
        total: json["totalRecords"]
            .as_u64()
            .and_then(|total| total.try_into().ok()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::simulation::AHEAD;

    #[tokio::test]
    async fn every_agent_is_listed_whatever_comes_between() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = lines.clone();
        let narrator = Narrator::new(move |line| said.lock().unwrap().push(line));
        let _events = tracing::subscriber::set_default(narrator.subscriber());

        let tenant = Tenant::simulated(false).await.unwrap();
        let summary = list_agents(tenant, &narrator).await.unwrap();

        let counters = summary.counters.as_ref().unwrap();
        assert_eq!((summary.agents, summary.total), (130, 130));
        assert_eq!((counters.token_requests, summary.refreshes.total()), (2, 2));
        assert_eq!(
            counters.discovery_requests, 2,
            "the second token needs no discovery"
        );
        assert_eq!((counters.unauthorized(), summary.cured_401), (1, 1));
        assert!(
            counters.throttled() >= 1 && summary.cured_429 >= 1,
            "{summary}"
        );
        assert!(summary.skew.unwrap().covers(AHEAD), "{summary}");
        summary.check().unwrap();
        let lines = lines.lock().unwrap().join("\n");
        for sign in [
            "(discovery)",
            "token fetched, good for 60 min",
            "met a 401",
            "; 401 cured",
            "; 429 waited out",
        ] {
            assert!(lines.contains(sign), "{sign}: {lines}");
        }
    }

    #[tokio::test]
    async fn an_issuer_that_is_not_named_is_that_of_global_production() {
        for (set, issuer) in [
            (None, "https://cxone.niceincontact.com"),
            (Some(""), "https://cxone.niceincontact.com"),
            (Some("https://login.test"), "https://login.test"),
        ] {
            let variable = |name: &str| match name {
                "CXONE_ISSUER" => set.map(str::to_owned),
                _ => Some("value".to_owned()),
            };
            let tenant = Tenant::choose(false, variable).await.unwrap();
            let source = format!("{:?}", tenant.source);
            assert!(source.contains(&format!("{issuer:?}")), "{source}");
        }
        let tenant = Tenant::choose(false, |_| Some("no issuer".to_owned())).await;
        assert_eq!(
            tenant.err().unwrap().to_string(),
            "the issuer cannot be used: begin it with https://, as in https://login.example.com"
        );
    }

    #[tokio::test]
    async fn a_wrong_secret_ends_in_a_sentence_that_says_what_to_do() {
        let tenant = Tenant::simulated(true).await.unwrap();
        let problem = list_agents(tenant, &Narrator::new(drop))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            problem.starts_with("credentials denied by http://127.0.0.1:"),
            "{problem}"
        );
        assert!(
            problem.ends_with("check the client id and secret"),
            "{problem}"
        );
        assert!(!problem.contains(sim::Cxone::CLIENT_SECRET), "{problem}");
    }
}
