//! The API host of Genesys Cloud.

use clearance_core::clock::WallClock;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::Genesys;
use crate::sim::{
    answer::{self, Answer, iso_8601},
    call::Call,
    people::Agent,
    vendor::Vendor,
    world::World,
};

pub(super) const DATE: &str = "/api/v2/date";

pub(super) fn answer(world: &World, call: &Call) -> Answer {
    match (&call.method, call.uri.path()) {
        (&Method::GET, "/api/v2/users") => users(world, call),
        (&Method::GET, DATE) => {
            let body = json!({ "currentDate": iso_8601(world.api_clock.now()) });
            answer::json(StatusCode::OK, &body)
        }
        (&Method::HEAD, "/api/v2/tokens/me") => answer::empty(StatusCode::OK),
        (&Method::POST, Genesys::ECHO) => {
            answer::text(StatusCode::OK, "application/json", call.body.clone())
        }
        (&Method::GET, Genesys::FORBIDDEN) => error(
            call,
            StatusCode::FORBIDDEN,
            "missing.permissions",
            "Unable to perform the requested action. You are missing the following permission(s): oauth:client:view",
        ),
        (&Method::GET, Genesys::UNAUTHORIZED) => super::Routes.unauthorized(call),
        _ => error(call, StatusCode::NOT_FOUND, "not.found", "no such route"),
    }
}

/// One page of `GET /api/v2/users`, all of whom are active.
fn users(world: &World, call: &Call) -> Answer {
    let (Some(size @ 1..=500), Some(number @ 1..)) =
        (call.number("pageSize", 25), call.number("pageNumber", 1))
    else {
        let message = "pageSize is 1 to 500, pageNumber at least 1";
        return error(call, StatusCode::BAD_REQUEST, "bad.request", message);
    };
    let total = match call.query("state").as_deref() {
        None | Some("active" | "any") => world.settings.agents,
        Some("inactive" | "deleted") => 0,
        Some(_) => {
            let message = "state is active, inactive, deleted or any";
            return error(call, StatusCode::BAD_REQUEST, "bad.request", message);
        }
    };
    let pages = total.div_ceil(size);
    let first = number.saturating_sub(1).saturating_mul(size).min(total);
    let entities: Vec<_> = (first..total)
        .take(size)
        .map(|index| user(&Agent::nth(index)))
        .collect();
    let page = |number| call.path_with(&[("pageSize", size), ("pageNumber", number)]);
    let mut body = json!({
        "entities": entities,
        "pageSize": size,
        "pageNumber": number,
        "pageCount": pages,
        "total": total,
        "firstUri": page(1),
        "lastUri": page(pages.max(1)),
        "selfUri": page(number),
    });
    if number < pages {
        body["nextUri"] = page(number + 1).into();
    }
    if number > 1 {
        body["previousUri"] = page(number - 1).into();
    }
    answer::json(StatusCode::OK, &body)
}

fn user(agent: &Agent) -> Value {
    let id = format!("00000000-0000-4000-8000-{:012}", agent.number);
    json!({
        "name": format!("{} {}", agent.first_name, agent.last_name),
        "email": agent.email(),
        "username": agent.email(),
        "state": "active",
        "selfUri": format!("/api/v2/users/{id}"),
        "id": id,
    })
}

/// The platform's common error body.
pub(super) fn error(call: &Call, status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({
        "message": message,
        "code": code,
        "status": status.as_u16(),
        "contextId": call.correlation,
        "details": [],
        "errors": [],
    });
    answer::json(status, &body)
}
