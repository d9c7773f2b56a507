//! When a token's life begins and ends, by what it says of itself and by the clocks that are known.

use clearance_core::clock::Observation;
use http::Request;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_relative_life_begins_when_the_token_was_asked_for_and_an_absolute_end_stays() {
    let end = WALL + 9999 * SECOND + 610 * SECOND;
    let relative = Token::bearer("one").unwrap().with_lifetime(600 * SECOND);
    let stated = (Instant::now() + 5 * SECOND).into_std();
    for (token, left) in [
        (relative.clone().with_requested_at(stated), 595),
        (relative.clone(), 590),
        (relative.with_expires_at(end), 590),
        (Token::bearer("one").unwrap().with_expires_at(end), 600),
    ] {
        let (shared, _) = shared([Late(10 * SECOND, token)]);
        let asked = Instant::now();
        let granted = grant(&shared).await.unwrap();
        assert_eq!(asked.elapsed(), 10 * SECOND);
        let deadline = granted.token.life.deadline;
        assert_eq!(deadline - Instant::now(), left * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_ahead_of_the_issuer_shortens_an_absolute_life() {
    let (now, wall) = (Instant::now(), WALL + 9999 * SECOND);
    let seen = Observation::new(wall, SECOND, now.into_std(), now.into_std());
    let stored = token("one")
        .with_expires_at(wall + 3600 * SECOND)
        .with_observation(seen);
    let (shared, _) = shared([Gives(stored)]);
    let clocks = shared.clocks();
    let deadline = grant(&shared).await.unwrap().token.life.deadline;
    let date = httpdate(wall + 120 * SECOND);
    let request = Request::get("https://api.example.com").body(()).unwrap();
    clocks.meet(slot(), 1, &Audience::any(), &request);
    shared.observe(slot(), 1, &date, now);
    let shorter = grant(&shared).await.unwrap().token.life.deadline;
    let by = deadline - shorter;
    assert!((118 * SECOND..=120 * SECOND).contains(&by), "{by:?}");
}

/// Three hours after 1970 or so: as a field `Date`.
fn httpdate(time: SystemTime) -> HeaderMap {
    let seconds = time.duration_since(WALL).unwrap().as_secs();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let date = format!("Thu, 01 Jan 1970 {hour:02}:{minute:02}:{second:02} GMT");
    HeaderMap::from_iter([(http::header::DATE, HeaderValue::try_from(date).unwrap())])
}
