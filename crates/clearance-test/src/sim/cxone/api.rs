//! The API host of CXone.

use clearance_core::clock::WallClock;
use http::{HeaderName, HeaderValue, Method, StatusCode, header::ACCEPT};
use serde_json::{Map, Value, json};

use crate::sim::{
    answer::{self, Answer, iso_8601},
    call::Call,
    people::Agent,
    world::World,
};

pub(super) fn answer(world: &World, call: &Call) -> Answer {
    let accept = call.header(&ACCEPT).unwrap_or_default();
    if !accept.contains("json") && !accept.contains("*/*") {
        return answer::html(StatusCode::OK);
    }
    match (&call.method, resource(call.uri.path())) {
        (&Method::GET, Some("agents")) => agents(world, call),
        (&Method::GET, Some("server-time")) => {
            let body = json!({ "ServerTime": iso_8601(world.api_clock.now()) });
            answer::json(StatusCode::OK, &body)
        }
        (&Method::POST, Some("contacts")) => {
            answer::text(StatusCode::OK, "application/json", call.body.clone())
        }
        (&Method::GET, Some("teams")) => error(StatusCode::FORBIDDEN, "Forbidden"),
        (&Method::GET, Some("skills")) => error(StatusCode::UNAUTHORIZED, "Unauthorized"),
        _ => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

/// What follows `/inContactAPI/services/v34.0/`.
fn resource(path: &str) -> Option<&str> {
    let mut parts = path.strip_prefix('/')?.splitn(4, '/');
    let known = parts.next()?.eq_ignore_ascii_case("incontactapi")
        && parts.next()? == "services"
        && parts.next()?.starts_with('v');
    parts.next().filter(|_| known)
}

/// One page of agents, all of whom are active.
fn agents(world: &World, call: &Call) -> Answer {
    let (Some(top @ 1..), Some(skip)) = (call.number("top", 100), call.number("skip", 0)) else {
        return error(StatusCode::BAD_REQUEST, "top and skip must be numbers");
    };
    let wanted = call.query("isActive").as_deref() != Some("false");
    let total = if wanted { world.settings.agents } else { 0 };
    if skip >= total {
        return answer::empty(StatusCode::NO_CONTENT);
    }
    let fields = call.query("fields");
    let agents: Vec<_> = (skip..total)
        .take(top)
        .map(|index| agent(&Agent::nth(index), fields.as_deref()))
        .collect();
    let page = |skip| {
        let path = call.path_with(&[("top", top), ("skip", skip)]);
        format!("{}{path}", call.hosts.api)
    };
    let mut links = json!({ "self": page(skip) });
    let next = skip.saturating_add(top);
    if next < total {
        links["next"] = page(next).into();
    }
    if skip > 0 {
        links["previous"] = page(skip.saturating_sub(top)).into();
    }
    let body = json!({
        "businessUnitId": 4_600_001,
        "lastPollTime": iso_8601(world.api_clock.now()),
        "totalRecords": total,
        "hiddenAgents": 0,
        "agents": agents,
        "_links": links,
    });
    answer::json(StatusCode::OK, &body)
}

fn agent(agent: &Agent, fields: Option<&str>) -> Value {
    let all = [
        ("agentId", json!(agent.number)),
        ("userName", json!(agent.email())),
        ("firstName", json!(agent.first_name)),
        ("lastName", json!(agent.last_name)),
        ("emailAddress", json!(agent.email())),
        ("isActive", json!(true)),
    ];
    let asked = |name: &str| fields.is_none_or(|fields| fields.split(',').any(|f| f == name));
    all.into_iter()
        .filter(|(name, _)| asked(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

/// An empty body, and the reason in a header.
pub(super) fn error(status: StatusCode, reason: &'static str) -> Answer {
    let mut answer = answer::empty(status);
    let name = HeaderName::from_static("icstatusdescription");
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_static(reason));
    answer
}
