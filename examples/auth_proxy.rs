//! A reverse proxy on loopback that keeps callers in any language authorised: it adds the token, cures 401s and waits
//! out 429s, all callers together.
//!
//! ```text
//! cargo run --example auth_proxy
//! ```
//!
//! Without further ado it goes to a simulated platform, so that it can be tried at once; with the variables of a platform
//! set (see `--help`), to that. It prints where it listens, and a key that every request must carry:
//!
//! ```text
//! export AUTH_PROXY=http://127.0.0.1:40351 AUTH_PROXY_KEY=6f1e…
//! curl -H "x-auth-proxy-key: $AUTH_PROXY_KEY" "$AUTH_PROXY/api/v2/users"
//! ```
//!
//! In Python:
//!
//! ```python
//! import json, os
//! from urllib.request import Request, urlopen
//!
//! page, pages = 1, 1
//! while page <= pages:
//!     url = f"{os.environ['AUTH_PROXY']}/api/v2/users?pageSize=50&pageNumber={page}"
//!     request = Request(url, headers={"x-auth-proxy-key": os.environ["AUTH_PROXY_KEY"]})
//!     with urlopen(request) as reply:
//!         users = json.load(reply)
//!     for user in users["entities"]:
//!         print(user["name"])
//!     page, pages = page + 1, users["pageCount"]
//! ```
//!
//! In JavaScript (Node 18 and later, as a module):
//!
//! ```js
//! const { AUTH_PROXY, AUTH_PROXY_KEY } = process.env;
//! for (let page = 1, pages = 1; page <= pages; page++) {
//!   const url = `${AUTH_PROXY}/api/v2/users?pageSize=50&pageNumber=${page}`;
//!   const reply = await fetch(url, { headers: { "x-auth-proxy-key": AUTH_PROXY_KEY } });
//!   if (!reply.ok) throw new Error(await reply.text());
//!   const users = await reply.json();
//!   for (const user of users.entities) console.log(user.name);
//!   pages = users.pageCount;
//! }
//! ```
//!
//! # What it does
//!
//! * Callers speak HTTP/1.1 to it, and it speaks HTTP/1.1 over TLS to the API, whose certificate must be good.
//! * Bodies are streamed both ways. Of an upload it keeps what it has sent, up to 64 KiB, so that it can be sent again; a
//!   longer one is sent once, and its 401 or 429 is returned.
//! * `x-auth-proxy-waited` on a reply says for how many seconds the request waited for rate limits; `x-auth-proxy-advice`
//!   on a 401 why it was not cured. The proxy's own replies have `x-auth-proxy-error`, and a JSON body that says what to
//!   do: 429 and 504 for its own bounds, 429 for a rate limit that would be waited for too long, 502 and 503 where API or
//!   token cannot be had, 4xx for what it does not take.
//! * Fields of one hop end here (RFC 9110 §7.6.1), trailers too, and `Upgrade` with them: no WebSockets. A caller's
//!   `Authorization` is dropped. A redirect is returned; if it leads to the API's address or below it, as a path, and if
//!   beside it, with the API's host.
//! * `/.auth-proxy/healthz`, and `/healthz`, which hides that of the API: 200, or 503 while the last call failed for want
//!   of a token; with the key, all that the layers know. Everything else below `/.auth-proxy/` is not found.
//! * On Ctrl-C or SIGTERM it takes no more, and finishes what is under way within 20 s. Once more ends it at once.
//!
//! # Who could misuse it, and why they cannot
//!
//! A proxy that adds a token is a gift to whoever reaches it, and loopback is reached by more than its user's programs:
//!
//! * **A web page in the user's browser** sends `fetch("http://127.0.0.1:40351/api/v2/users", {method: "POST", …})`. The
//!   browser keeps the reply from the page, but it does send the request, and the API does what it says. Such a request has
//!   an `Origin`, a `Sec-Fetch-Site` other than `none`, or both: 403. What an old browser sends without them (an image, a
//!   form) lacks the key, which a page could set only after asking (CORS), and is told no.
//! * **DNS rebinding**: the page comes from `http://evil.example:40351`, whose name then changes to 127.0.0.1. To the
//!   browser that is the page's own origin: no `Origin`, and any field may be set. But `Host` says `evil.example`: 403. And
//!   the page does not know the key.
//! * **Another user or process of the machine** lacks the key, which is new with each run and compared in constant time.
//!   With `AUTH_PROXY_SOCKET` the file's mode (0600) takes its place, and the key is asked for only if one is set. (Who runs
//!   programs as the same user can read the credentials themselves.)
//! * **A caller that means another host**, or a place above the API's path: `GET http://evil.example/`, `//evil.example`,
//!   `/\evil.example`, `/../`, `/..;/`, and these with `%2E`, `%2F`, `%3B` or `%5C`: 400. The host is never taken from the
//!   request. `CONNECT` and `TRACE`: 405. `access-control-*` of the API is dropped.
//!
//! None of these requests is read beyond its head or reaches the API; the tests attack it so.

#[path = "auth_proxy/client.rs"]
mod client;
#[path = "auth_proxy/configuration.rs"]
mod configuration;
#[path = "auth_proxy/door.rs"]
mod door;
#[path = "auth_proxy/health.rs"]
mod health;
#[path = "auth_proxy/hops.rs"]
mod hops;
#[path = "auth_proxy/listening.rs"]
mod listening;
#[path = "auth_proxy/names.rs"]
mod names;
mod narration;
#[path = "auth_proxy/platform.rs"]
mod platform;
mod problem;
#[path = "auth_proxy/proxy.rs"]
mod proxy;
#[path = "auth_proxy/self_test.rs"]
mod self_test;
#[path = "auth_proxy/serving.rs"]
mod serving;
#[cfg(unix)]
#[path = "auth_proxy/socket_file.rs"]
mod socket_file;
#[cfg(test)]
#[path = "auth_proxy/tests/mod.rs"]
mod tests;
#[path = "auth_proxy/trouble.rs"]
mod trouble;
#[path = "auth_proxy/upstream.rs"]
mod upstream;
mod variables;

use std::{env, future::pending, process::ExitCode, time::Duration};

use tokio::{select, time::sleep};

use crate::{
    configuration::Configuration, listening::Listening, narration::Narrator, platform::Platform,
    problem::Problem, proxy::Proxy,
};

const USAGE: &str = "\
A reverse proxy that adds the token, cures 401s and waits out 429s. It goes to a simulated platform, or to yours:

  GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET, GENESYS_REGION
  CXONE_CLIENT_ID, CXONE_CLIENT_SECRET, CXONE_ACCESS_KEY_ID, CXONE_ACCESS_KEY_SECRET (and CXONE_ISSUER)
  AUTH_PROXY_TOKEN_URL, AUTH_PROXY_CLIENT_ID, AUTH_PROXY_CLIENT_SECRET, AUTH_PROXY_UPSTREAM (and AUTH_PROXY_SCOPE):
                           any API with OAuth client credentials
  AUTH_PROXY_CA_FILE       of that API and its issuer: the only authorities to trust, as PEM (those of Mozilla)

  AUTH_PROXY_LISTEN        address and port (127.0.0.1 and any free one)
  AUTH_PROXY_SOCKET        or the path of a Unix socket, for its owner only
  AUTH_PROXY_KEY           what callers send as x-auth-proxy-key (a new one each time)
  AUTH_PROXY_MAX_REQUESTS  at a time (256)
  AUTH_PROXY_TIMEOUT_S     from a request to the head of its reply, with all waits (600)
  AUTH_PROXY_GRACE_S       for what is under way at the end (20)
  AUTH_PROXY_INSECURE_LISTEN_ANYWHERE=yes  allows other addresses than those of loopback; callers then say the address
                           and not a name, since whoever owns a name can make it mean this machine

Usage: cargo run --example auth_proxy [-- --once]

  --once  lists the agents of the simulated platform through the proxy, and ends";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let once = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--once"] => true,
        ["--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!(
                "these options are not known: {}\n\n{USAGE}",
                arguments.join(" ")
            );
            return ExitCode::from(2);
        }
    };
    match run(once).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("auth_proxy: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(once: bool) -> Result<(), Problem> {
    let narrator = Narrator::new(|line| println!("{line}"));
    tracing::subscriber::set_global_default(narrator.subscriber())?;
    // A variable that is set to nothing is not set.
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let configuration = Configuration::read(variable)?;
    let platform = Platform::choose(variable).await?;
    let proxy = Proxy::new(&platform, configuration.bounds)?;
    let listening = Listening::at(&configuration).await?;
    println!(
        "This proxy is at {listening} and goes to {}.",
        platform.name
    );
    if !once {
        tell_callers(&listening, &configuration);
        let unrest = unrest(&platform, &narrator);
        let serving = listening.serve(proxy, stopped(), stopped());
        select! {
            () = serving => {}
            () = unrest => {}
        }
        println!("stopped");
        return Ok(());
    }
    let (Some(simulation), Some(at), Some(key)) =
        (&platform.simulation, listening.port(), &configuration.key)
    else {
        let advice = "--once is for the simulated platform and a port; unset the variables of the platform and \
                      AUTH_PROXY_SOCKET";
        return Err(Problem::new(advice));
    };
    select! {
        () = listening.serve(proxy, pending(), pending()) => Ok(()),
        listed = self_test::list_agents(at, key, simulation, &narrator) => listed,
    }
}

fn tell_callers(listening: &Listening, configuration: &Configuration) {
    match &configuration.key {
        Some(key) if configuration.key_is_new => {
            println!(
                "\n  export AUTH_PROXY={listening} AUTH_PROXY_KEY={}",
                key.expose()
            );
            println!(
                "  curl -H \"x-auth-proxy-key: $AUTH_PROXY_KEY\" \"$AUTH_PROXY/api/v2/users\"\n"
            );
        }
        Some(_) => println!("Callers send the key of AUTH_PROXY_KEY as x-auth-proxy-key."),
        None => println!(
            "Whoever may open that socket may use it: curl --unix-socket {listening} http://localhost/"
        ),
    }
    println!("Ctrl-C stops it.\n");
}

/// What a simulated platform does so that there is something to see: it revokes all tokens now and then.
async fn unrest(platform: &Platform, narrator: &Narrator) {
    let Some(simulation) = &platform.simulation else {
        return pending().await;
    };
    loop {
        sleep(Duration::from_secs(20)).await;
        if simulation.platform.revoke_all() > 0 {
            narrator.say("(platform)", "revoked all its tokens");
        }
    }
}

/// Ends with Ctrl-C, or when the process is asked to terminate.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = pending::<()>();
    select! {
        _ = interrupted => {}
        () = terminated => {}
    }
}
