//! Simulated platforms, each with something else the matter, and what the doctor is to find.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clearance_test::sim::{Builder, Genesys, GenesysCloud, Running};

use crate::{diagnosis::Trouble, patient::Patient, problem::Problem};

/// A state of a platform.
pub(crate) struct Disorder {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) expected: &'static [Trouble],
    make: fn(Setup) -> Setup,
}

/// A platform that is being set up, and how its client is wrong, if it is.
struct Setup {
    platform: Builder<GenesysCloud>,
    secret: &'static str,
    path: &'static str,
    api: Api,
    /// A second node answers every other call, with a clock that is this many seconds ahead.
    second_node: f64,
}

/// Where the client believes the API to be.
enum Api {
    Right,
    /// On the login host.
    Login,
    /// Where nobody listens.
    Nowhere,
}

/// A platform on loopback sockets, for as long as it is kept.
pub(crate) struct Ward {
    pub(crate) patient: Patient,
    _running: Running,
}

pub(crate) const ALL: &[Disorder] = &[
    Disorder {
        name: "healthy",
        story: "nothing is the matter",
        expected: &[],
        make: |setup| setup,
    },
    Disorder {
        name: "local-clock",
        story: "this machine is two minutes slow: all clocks of the platform are that far ahead",
        expected: &[Trouble::LocalClock],
        make: |setup| setup.platform(|platform| platform.clocks_ahead(120.0)),
    },
    Disorder {
        name: "too-young",
        story: "the API is 10 s behind the issuer and refuses tokens from the future, by more than 2 s",
        expected: &[Trouble::ClocksApart],
        make: |setup| {
            setup.platform(|platform| {
                platform
                    .jwt_tokens()
                    .api_ahead(-10.0)
                    .edge_ahead(-10.0)
                    .not_before_tolerance(Duration::from_secs(2))
            })
        },
    },
    Disorder {
        name: "apart",
        story: "the API is 90 s ahead of the issuer",
        expected: &[Trouble::ClocksApart],
        make: |setup| setup.platform(|platform| platform.api_ahead(90.0).edge_ahead(90.0)),
    },
    Disorder {
        name: "two-nodes",
        story: "two nodes answer as the API by turns, 12 s apart",
        expected: &[Trouble::SeveralClocks],
        make: |setup| Setup {
            second_node: 12.0,
            ..setup
        },
    },
    Disorder {
        name: "short-life",
        story: "tokens live for 20 s",
        expected: &[Trouble::ShortLife],
        make: |setup| setup.platform(|platform| platform.token_lifetime(Duration::from_secs(20))),
    },
    Disorder {
        name: "wrong-secret",
        story: "the client secret was mistyped",
        expected: &[Trouble::Credentials],
        make: |setup| Setup {
            secret: "mistyped",
            ..setup
        },
    },
    Disorder {
        name: "refused",
        story: "the API refuses every token",
        expected: &[Trouble::TokenRefused],
        make: |setup| Setup {
            path: Genesys::UNAUTHORIZED,
            ..setup
        },
    },
    Disorder {
        name: "forbidden",
        story: "the client lacks a permission",
        expected: &[Trouble::Permission],
        make: |setup| Setup {
            path: Genesys::FORBIDDEN,
            ..setup
        },
    },
    Disorder {
        name: "rate-limit",
        story: "three requests in 1.5 s are allowed",
        expected: &[Trouble::RateLimit],
        make: |setup| {
            setup.platform(|platform| platform.rate_limit(3, Duration::from_millis(1_500)))
        },
    },
    Disorder {
        name: "wrong-host",
        story: "the API URL is that of the login host",
        expected: &[Trouble::Address],
        make: |setup| Setup {
            api: Api::Login,
            ..setup
        },
    },
    Disorder {
        name: "nobody-there",
        story: "nobody listens at the API URL",
        expected: &[Trouble::Unreachable],
        make: |setup| Setup {
            api: Api::Nowhere,
            ..setup
        },
    },
];

/// The state of that name.
pub(crate) fn named(name: &str) -> Option<&'static Disorder> {
    ALL.iter().find(|disorder| disorder.name == name)
}

impl Disorder {
    /// A platform in this state, and its client.
    pub(crate) async fn admit(&self) -> Result<Ward, Problem> {
        let setup = (self.make)(Setup {
            platform: Genesys::builder().latency(Duration::from_millis(5)),
            secret: Genesys::CLIENT_SECRET,
            path: "/api/v2/users?pageSize=1",
            api: Api::Right,
            second_node: 0.0,
        });
        let platform = setup.platform.build();
        let running = platform.serve().await?;
        let nowhere = match setup.api {
            // A port that was free a moment ago.
            Api::Nowhere => Some(Genesys::new().serve().await?.api_url().to_owned()),
            _ => None,
        };
        let api = match setup.api {
            Api::Login => running.login_url(),
            _ => nowhere.as_deref().unwrap_or(running.api_url()),
        };
        let mut patient = Patient::by_client_credentials(
            &format!("{}/oauth/token", running.login_url()),
            Genesys::CLIENT_ID,
            setup.secret,
            &format!("{api}{}", setup.path),
            None,
        )?;
        if setup.second_node != 0.0 {
            let ahead = AtomicBool::new(false);
            patient.before_each = Arc::new(move || {
                let was_ahead = ahead.fetch_not(Ordering::Relaxed);
                let sign = if was_ahead { -1.0 } else { 1.0 };
                platform.edge_clock().step(sign * setup.second_node);
            });
        }
        Ok(Ward {
            patient,
            _running: running,
        })
    }
}

impl Setup {
    fn platform(self, set: impl FnOnce(Builder<GenesysCloud>) -> Builder<GenesysCloud>) -> Self {
        Self {
            platform: set(self.platform),
            ..self
        }
    }
}
