//! The simulated platform of the two listings.

use std::time::Duration;

use clearance_test::sim::{Builder, Counters, Running, Simulator};

use crate::{narration::Narrator, problem::Problem};

/// How far ahead its clocks are.
pub(crate) const AHEAD: Duration = Duration::from_secs(120);

/// A platform on loopback sockets that gives the layers something to do.
pub(crate) struct Simulation<V> {
    platform: Simulator<V>,
    pub(crate) running: Running,
    revoked: bool,
}

impl<V> Simulation<V> {
    /// Clocks two minutes ahead, six requests each two seconds. With `wrong_secret` it refuses the credentials.
    pub(crate) async fn start(
        name: &str,
        platform: Builder<V>,
        wrong_secret: bool,
    ) -> Result<Self, Problem> {
        let platform = platform
            .clocks_ahead(AHEAD.as_secs_f64())
            .rate_limit(6, Duration::from_secs(2))
            .latency(Duration::from_millis(20))
            .build();
        println!(
            "This is a simulated {name} on loopback sockets. Its clocks are two minutes ahead."
        );
        if wrong_secret {
            platform.set_client_secret("another one");
            println!("It refuses the credentials.\n");
        } else {
            println!("It takes 6 requests in 2 s, and revokes all tokens half way.\n");
        }
        let running = platform.serve().await?;
        Ok(Self {
            platform,
            running,
            revoked: false,
        })
    }

    /// So many are listed: half way it revokes all its tokens.
    pub(crate) fn listed(&mut self, agents: usize, total: Option<usize>, narrator: &Narrator) {
        if !self.revoked && total.is_some_and(|total| 2 * agents >= total) {
            self.platform.revoke_all();
            self.revoked = true;
            narrator.say("(platform)", "revokes all its tokens");
        }
    }

    /// What it saw.
    pub(crate) fn counters(&self) -> Counters {
        self.platform.counters()
    }
}
