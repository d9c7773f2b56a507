//! Lists the agents of a Genesys Cloud organisation through the three layers, and tells what they do meanwhile.
//!
//! ```text
//! cargo run --example list_agents
//! ```
//!
//! Without further ado it talks to a simulated platform on loopback sockets, whose clocks are two minutes ahead, which
//! revokes all tokens half way, and which limits the rate. With `GENESYS_CLIENT_ID`, `GENESYS_CLIENT_SECRET` and
//! `GENESYS_REGION` set it lists the agents of that organisation.

mod command_line;
mod listing;
mod narration;
mod problem;
mod simulation;
mod summary;
mod variables;

use std::{env, process::ExitCode};

use clearance::{RateLimitBackoffLayer, Retry401Layer, SkewAuthLayer};
use clearance_genesys::{GenesysCloud, Region};
use clearance_oauth::https;
use clearance_test::sim::{self, Genesys};
use serde_json::Value;
use tower::ServiceBuilder;

use crate::{
    command_line::{run, settings},
    listing::{Page, Tally, get},
    narration::Narrator,
    problem::Problem,
    simulation::Simulation,
    summary::Summary,
};

const USAGE: &str = "\
Lists the agents of a Genesys Cloud organisation: of a simulated one, or, with these variables set, of yours:

  GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET  an OAuth client with the grant Client Credentials
  GENESYS_REGION                            such as us-east-1 or mypurecloud.de

Usage: cargo run --example list_agents [-- --wrong-secret]

  --wrong-secret  the simulated platform refuses the credentials";

#[tokio::main]
async fn main() -> ExitCode {
    run("list_agents", USAGE, async |wrong_secret, narrator| {
        list_agents(Organisation::choose(wrong_secret).await?, narrator).await
    })
    .await
}

/// Whose agents are listed.
struct Organisation {
    source: GenesysCloud,
    page_size: usize,
    simulation: Option<Simulation<sim::GenesysCloud>>,
}

impl Organisation {
    async fn choose(wrong_secret: bool) -> Result<Self, Problem> {
        let names = [
            "GENESYS_CLIENT_ID",
            "GENESYS_CLIENT_SECRET",
            "GENESYS_REGION",
        ];
        match settings(names, wrong_secret, |name| env::var(name).ok())? {
            Some([id, secret, region]) => {
                let source = GenesysCloud::new(region.parse::<Region>()?, id, secret)?;
                println!(
                    "This is the organisation of that client, at {}.\n",
                    source.api_url()
                );
                Ok(Self {
                    source,
                    page_size: 100,
                    simulation: None,
                })
            }
            None => Self::simulated(wrong_secret).await,
        }
    }

    async fn simulated(wrong_secret: bool) -> Result<Self, Problem> {
        let simulation =
            Simulation::start("Genesys Cloud", Genesys::builder(), wrong_secret).await?;
        let source =
            GenesysCloud::new(Region::UsEast1, Genesys::CLIENT_ID, Genesys::CLIENT_SECRET)?
                .with_login_url(simulation.running.login_url())?
                .with_api_url(simulation.running.api_url())?;
        Ok(Self {
            source,
            page_size: 10,
            simulation: Some(simulation),
        })
    }
}

/// The main job: all pages, through all layers.
async fn list_agents(organisation: Organisation, narrator: &Narrator) -> Result<Summary, Problem> {
    let Organisation {
        source,
        page_size,
        mut simulation,
    } = organisation;
    let api = source.api_url().to_owned();

    // The layers are kept for what they can tell; their clones share all they know.
    let auth = SkewAuthLayer::new(source);
    let limits = RateLimitBackoffLayer::new();
    let client = ServiceBuilder::new()
        .layer(Retry401Layer::new())
        .layer(limits.clone())
        .layer(auth.clone())
        .service(https());

    let mut tally = Tally::default();
    for number in 1.. {
        let url =
            format!("{api}/api/v2/users?pageSize={page_size}&pageNumber={number}&state=active");
        let Some(reply) = get(&client, &url).await? else {
            break;
        };
        let page = read(&reply.json)?;
        let more = tally.count(&page, &reply, &auth, simulation.as_mut(), narrator);
        // The number of pages may be missing; then a page that is not full is the last one.
        let last = match reply.json["pageCount"].as_u64() {
            Some(pages) => number >= pages,
            None => page.agents.len() < page_size,
        };
        if last || !more {
            break;
        }
    }
    Ok(tally.summary(&auth, &limits, simulation.as_ref()))
}

fn read(json: &Value) -> Result<Page, Problem> {
    let entities = json["entities"].as_array();
    let entities = entities
        .ok_or_else(|| Problem::new("a page came without `entities`; check the API's address"))?;
    let text = |user: &Value, name: &str| user[name].as_str().unwrap_or_default().to_owned();
    Ok(Page {
        agents: entities
            .iter()
            .map(|user| (text(user, "id"), text(user, "name")))
            .collect(),
        total: json["total"]
            .as_u64()
            .and_then(|total| total.try_into().ok()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::simulation::AHEAD;

    #[tokio::test]
    async fn every_agent_is_listed_whatever_comes_between() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = lines.clone();
        let narrator = Narrator::new(move |line| said.lock().unwrap().push(line));
        let _events = tracing::subscriber::set_default(narrator.subscriber());

        let organisation = Organisation::simulated(false).await.unwrap();
        let summary = list_agents(organisation, &narrator).await.unwrap();

        let counters = summary.counters.as_ref().unwrap();
        assert_eq!((summary.agents, summary.total), (130, 130));
        assert_eq!((counters.token_requests, summary.refreshes.total()), (2, 2));
        assert_eq!((summary.refreshes.first, summary.refreshes.refused), (1, 1));
        assert_eq!((counters.unauthorized(), summary.cured_401), (1, 1));
        assert!(
            counters.throttled() >= 1 && summary.cured_429 >= 1,
            "{summary}"
        );
        assert!(summary.skew.unwrap().covers(AHEAD), "{summary}");
        summary.check().unwrap();
        let lines = lines.lock().unwrap().join("\n");
        for sign in [
            "token fetched, good for 24 h",
            "measured",
            "met a 401",
            "; 401 cured",
            "met a 429",
            "; 429 waited out",
        ] {
            assert!(lines.contains(sign), "{sign}: {lines}");
        }
    }

    #[tokio::test]
    async fn a_wrong_secret_ends_in_a_sentence_that_says_what_to_do() {
        let organisation = Organisation::simulated(true).await.unwrap();
        let problem = list_agents(organisation, &Narrator::new(drop))
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
        assert!(!problem.contains(Genesys::CLIENT_SECRET), "{problem}");
    }

    #[test]
    fn variables_are_set_together_or_not_at_all() {
        let names = [
            "GENESYS_CLIENT_ID",
            "GENESYS_CLIENT_SECRET",
            "GENESYS_REGION",
        ];
        assert!(settings(names, false, |_| None).unwrap().is_none());
        assert!(
            settings(names, false, |name| Some(name.to_owned()))
                .unwrap()
                .is_some()
        );
        let problem = settings(names, false, |name| {
            name.ends_with("ID").then(|| "x".to_owned())
        })
        .unwrap_err();
        assert!(
            problem
                .to_string()
                .starts_with("not set: GENESYS_CLIENT_SECRET, GENESYS_REGION;"),
            "{problem}"
        );
    }
}
