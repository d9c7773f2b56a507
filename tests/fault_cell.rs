//! One cell of the matrix: a server of faults at one place, a good one at the other, callers, and what came of it.

use std::{cmp::Reverse, time::Duration};

use clearance::SkewAuthLayer;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    fault_caller::{Ended, Stack, call, stack},
    fault_server::{CREDENTIALS, FaultServer, SECRET},
    fault_table::{CALLERS, MAX_WAIT, Times},
    fault_verdict::{Cell, Measured},
    faults::{FLOOD, Fault, Place},
};

/// How many call together once more when all is well again.
const AFTERWARDS: usize = 8;
/// The end of a longer hold-off is not waited for.
const LONG: Duration = Duration::from_secs(20);

struct Run {
    cell: Cell,
    stack: Stack,
    auth: SkewAuthLayer,
    token: FaultServer,
    api: FaultServer,
    calls: usize,
    measured: Measured,
}

impl Cell {
    pub(crate) async fn run(self) -> Measured {
        let fault_at = |place| Some(self.fault).filter(|_| self.place == place);
        let times = self.times.count();
        let token = FaultServer::start(Place::Token, fault_at(Place::Token), times).await;
        let api = FaultServer::start(Place::Api, fault_at(Place::Api), times).await;
        let (auth, stack) = stack(&self, &token, &api);
        let mut run = Run {
            cell: self,
            stack,
            auth,
            token,
            api,
            calls: 0,
            measured: Measured::default(),
        };
        run.strike().await;
        run.recover().await;
        run.account();
        run.measured
    }
}

impl Run {
    /// All call together while the fault strikes. Where it costs them a token and does not end, they do so again while the
    /// failure is remembered, and most of them once more when it is time for one of them to try.
    async fn strike(&mut self) {
        let promise = self.cell.promise;
        if self.cell.place == Place::Api {
            self.api.gather(CALLERS);
        }
        self.measured.took = self.call_together(CALLERS).await[0];
        let known = Instant::now();
        self.measured.sends = self.api.asked();
        if self.cell.place != Place::Token || self.cell.times != Times::Ever || promise.lost == 0 {
            return;
        }
        let asked = self.token.asked();
        self.measured.took_again = self.call_together(CALLERS).await[0];
        self.measured.late = usize::from(known.elapsed() > promise.hold_off.mul_f64(0.7));
        self.asked_no_more_than("remembered", asked + self.measured.late);
        if promise.lost > 2 * CALLERS {
            sleep(promise.hold_off).await;
            let asked = self.token.asked();
            // All but the one that tries learn it at once.
            let took = self.call_together(CALLERS).await[1];
            self.measured.took_again = self.measured.took_again.max(took);
            self.asked_no_more_than("tried anew", asked + 1);
        }
    }

    fn asked_no_more_than(&mut self, when: &str, promised: usize) {
        let asked = self.token.asked();
        if asked > promised {
            let text = format!(
                "{} token requests too many while the failure is {when}",
                asked - promised
            );
            self.measured.broken.push(text);
        }
    }

    /// After the fault, and after what hold-off there is, the next call gets through, and then others do.
    async fn recover(&mut self) {
        if self.cell.times == Times::Ever {
            self.token.heal();
            self.api.heal();
        }
        let mut hold_off = self.cell.promise.hold_off;
        if self.measured.lost > 2 * CALLERS {
            hold_off *= 2;
        }
        for _ in 0..6 {
            if hold_off > LONG {
                self.auth.retry_now();
            } else if self.measured.lost > 0 {
                sleep(hold_off).await;
                hold_off *= 2;
            }
            let lost = self.measured.lost;
            let probe = self.call();
            let probe = probe.await;
            self.note([probe]);
            if self.measured.lost == lost {
                break;
            }
        }
        let lost = self.measured.lost;
        self.call_together(AFTERWARDS).await;
        if self.measured.lost > lost {
            let text = format!("{} calls lost after the fault", self.measured.lost - lost);
            self.measured.broken.push(text);
        }
    }

    /// How long each of the callers waited, the last of them first.
    async fn call_together(&mut self, callers: usize) -> Vec<Duration> {
        let mut calls = JoinSet::new();
        for _ in 0..callers {
            calls.spawn(self.call());
        }
        let ended = calls.join_all().await;
        let mut took: Vec<_> = ended.iter().map(|(_, took)| *took).collect();
        took.sort_unstable_by_key(|took| Reverse(*took));
        self.note(ended);
        took
    }

    fn call(&mut self) -> impl Future<Output = Ended> + Send + use<> {
        self.calls += 1;
        // Where it never ends they do not wait for three minutes, which is what they do else.
        let patience = self.cell.times == Times::Ever && self.calls <= CALLERS;
        call(
            self.stack.clone(),
            &self.api.users_url(),
            patience.then_some(MAX_WAIT),
        )
    }

    fn note(&mut self, ended: impl IntoIterator<Item = Ended>) {
        let measured = &mut self.measured;
        for error in ended.into_iter().filter_map(|(ended, _)| ended.err()) {
            measured.lost += 1;
            let mut promised = self.cell.promise.says.split(" or ");
            if !promised.any(|says| error.contains(says)) && measured.broken.len() < 3 {
                measured.broken.push(format!("told: {error}"));
            }
            if [SECRET, CREDENTIALS, "token-"]
                .iter()
                .any(|secret| error.contains(secret))
            {
                measured.broken.push(format!("a secret is told: {error}"));
            }
            measured.said = error;
        }
    }

    fn account(&mut self) {
        let (token, api) = (&self.token, &self.api);
        let (faulty, lost) = match self.cell.place {
            Place::Token => (token, self.measured.lost),
            Place::Api => (api, 0),
        };
        let mut broken = Vec::new();
        let mut is = |what: &str, measured: usize, promised: usize| {
            if measured != promised {
                broken.push(format!("{what}: {measured}, not {promised}"));
            }
        };
        is("strays", token.strays() + api.strays(), 0);
        // A fault that did not strike proves nothing. One that is none is met by the one token request there is.
        let harmless = self.cell.place == Place::Token && token.asked() == 1;
        match self.cell.times {
            _ if harmless => is("struck", faulty.struck(), 1),
            Times::Ever if self.cell.place == Place::Api => {
                is("unstruck", CALLERS.saturating_sub(faulty.struck()), 0);
            }
            Times::Ever => is("cured by", token.asked() - faulty.struck(), 1),
            times => is("struck", faulty.struck(), times.count()),
        }
        if let Fault::Certificate(_) = self.cell.fault {
            // Nothing is told to who is not trusted.
            is("read", faulty.read(), faulty.asked() - faulty.struck());
        }
        if self.cell.place == Place::Token {
            is(
                "sent without a token, or twice",
                api.asked(),
                self.calls - lost,
            );
        }
        let most = faulty.struck() * FLOOD / 10;
        is("flooded", usize::from(faulty.flooded() > most), 0);
        self.measured.broken.extend(broken);
        self.measured.tokens = token.asked();
        if self.measured.lost == 0 {
            let remaining = self.auth.status().remaining.unwrap_or_default();
            let minutes = remaining.as_secs().div_ceil(60);
            self.measured.said = format!("lives {minutes} min");
            if self.measured.said != self.cell.promise.says {
                self.measured.broken.push(self.measured.said.clone());
            }
        }
    }
}
