//! The token endpoint at its worst: resets, errors, pages and limits in place of tokens that live for seconds.

use std::{io, sync::atomic::Ordering::SeqCst, time::Duration};

use http::Response;
use tokio::time::sleep;

use super::Rough;
use crate::ending::Ending;

impl Rough {
    pub(super) async fn token(&self) -> io::Result<Response<Ending>> {
        let number = self.counts.token_requests.fetch_add(1, SeqCst);
        let (trouble, lifetime, latency) = {
            let mut dice = self.dice();
            (dice.u8(..100), dice.u8(4..20), dice.u64(..30))
        };
        sleep(Duration::from_millis(latency)).await;
        let status = |status| Response::builder().status(status);
        let response = match trouble {
            0..4 => return Err(io::Error::other("reset")),
            4..8 => status(500).body(Ending::whole("oops")),
            8..11 => status(200).body(Ending::whole("<html>Sign in</html>")),
            11..14 => status(429)
                .header("retry-after", "0.2")
                .body(Ending::whole("")),
            _ => {
                let token = format!("token-{number}");
                let answer = format!(
                    r#"{{"access_token": "{token}", "token_type": "bearer", "expires_in": {lifetime}}}"#
                );
                let mut tokens = self.tokens.lock().unwrap();
                tokens.push_back(token);
                if tokens.len() > 4 {
                    tokens.pop_front();
                }
                status(200).body(Ending::whole(answer))
            }
        };
        Ok(response.unwrap())
    }
}
