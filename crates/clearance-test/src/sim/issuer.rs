//! Tokens: minted, judged, revoked.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clearance_core::clock::WallClock;
use serde_json::{Value, json};

use super::{answer::epoch_seconds, settings::Settings};
use crate::TokioWallClock;

/// Mints tokens on its own clock, and judges them for the API.
#[derive(Debug)]
pub(crate) struct Issuer {
    clock: TokioWallClock,
    api_clock: TokioWallClock,
    minted: Mutex<HashMap<String, Minted>>,
}

#[derive(Debug)]
struct Minted {
    issued_at: SystemTime,
    lifetime: Duration,
    revoked: bool,
}

impl Issuer {
    pub(crate) fn new(clock: TokioWallClock, api_clock: TokioWallClock) -> Self {
        Self {
            clock,
            api_clock,
            minted: Mutex::default(),
        }
    }

    /// A new access token.
    pub(crate) fn mint(&self, settings: &Settings, vendor: &str) -> String {
        let now = self.clock.now();
        // The claims of a JWT are whole seconds, and what judges it knows no better.
        let issued_at = if settings.jwt {
            SystemTime::UNIX_EPOCH + Duration::from_secs(epoch_seconds(now))
        } else {
            now
        };
        let mut minted = self.minted();
        let number = minted.len() + 1;
        let text = if settings.jwt {
            let claims = json!({ "sub": settings.client_id, "jti": number });
            jwt(claims, issued_at, settings.lifetime)
        } else {
            format!("{vendor}-token-{number}-{:016x}", fastrand::u64(..))
        };
        let token = Minted {
            issued_at,
            lifetime: settings.lifetime,
            revoked: false,
        };
        minted.insert(text.clone(), token);
        text
    }

    /// A JWT with these claims, made now.
    pub(crate) fn id_token(&self, settings: &Settings, claims: Value) -> String {
        jwt(claims, self.clock.now(), settings.lifetime)
    }

    /// Whether the API takes this token.
    pub(crate) fn accepts(&self, settings: &Settings, text: &str) -> bool {
        let minted = self.minted();
        let Some(token) = minted.get(text) else {
            return false;
        };
        let api_now = self.api_clock.now();
        let judge = if settings.api_checks_expiry {
            api_now
        } else {
            self.clock.now()
        };
        let ahead = token.issued_at.duration_since(api_now).unwrap_or_default();
        let ripe = settings
            .not_before_tolerance
            .is_none_or(|tolerance| ahead <= tolerance);
        token.lives_at(judge) && ripe
    }

    /// Revokes the tokens whose text `matches`, and says how many lived until now.
    pub(crate) fn revoke(&self, matches: impl Fn(&str) -> bool) -> usize {
        let now = self.clock.now();
        let mut minted = self.minted();
        let living = minted
            .iter_mut()
            .filter(|(text, token)| token.lives_at(now) && matches(text));
        living.map(|(_, token)| token.revoked = true).count()
    }

    pub(crate) fn count(&self) -> usize {
        self.minted().len()
    }

    fn minted(&self) -> MutexGuard<'_, HashMap<String, Minted>> {
        self.minted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minted {
    /// Also before it was issued: then one of two clocks is wrong, and this does not tell which.
    fn lives_at(&self, time: SystemTime) -> bool {
        let age = time.duration_since(self.issued_at).ok();
        !self.revoked && age.is_none_or(|age| age < self.lifetime)
    }
}

/// These claims with `iat` and `exp` added, and a signature that nobody can verify.
fn jwt(mut claims: Value, issued_at: SystemTime, lifetime: Duration) -> String {
    let issued_at = epoch_seconds(issued_at);
    claims["iat"] = issued_at.into();
    claims["exp"] = issued_at.saturating_add(lifetime.as_secs()).into();
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "simulated" });
    let signature: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    [
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
        &signature,
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part))
    .join(".")
}
