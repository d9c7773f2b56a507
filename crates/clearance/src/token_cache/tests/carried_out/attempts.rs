//! How often, how far apart and for how long the source is asked in one refresh.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_asked_three_times_with_growing_pauses() {
    for _ in 0..20 {
        let down = || Fails(TokenError::unavailable("down"));
        let (shared, source) = shared([down(), down(), down(), Gives(token("late"))]);
        assert!(grant(&shared).await.is_err());
        let asked = source.asked();
        assert_eq!(asked.len(), 3);
        let ms = |nth: usize| (asked[nth] - asked[nth - 1]).as_millis();
        assert!((100..=301).contains(&ms(1)), "{} ms", ms(1));
        assert!((200..=601).contains(&ms(2)), "{} ms", ms(2));
    }
}

#[tokio::test(start_paused = true)]
async fn between_two_attempts_there_is_as_long_as_the_issuer_says_and_a_tenth_of_a_second_at_least()
{
    let ms = Duration::from_millis;
    for (said, waited) in [
        (Some(ms(7000)), ms(7000)),
        (Some(ms(1)), ms(100)),
        (Some(ms(14_999)), ms(14_999)),
        (None, ms(5000)),
    ] {
        let throttled = Fails(TokenError::throttled(said, "slow down"));
        let (shared, source) = shared([throttled, Gives(token("a-token"))]);
        assert!(grant(&shared).await.is_ok());
        let asked = source.asked();
        assert_eq!(asked[1] - asked[0], waited, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_end_in_time_or_well_is_not_tried_again() {
    for error in [
        TokenError::throttled(Some(15 * SECOND), "slow down"),
        TokenError::denied("no"),
        TokenError::unavailable("no use").without_retry(),
    ] {
        let (shared, source) = shared([Fails(error.clone()), Gives(token("a-token"))]);
        let start = Instant::now();
        let failed = grant(&shared).await.unwrap_err();
        assert_eq!(failed.to_string(), error.to_string());
        assert_eq!((start.elapsed(), source.asked().len()), (Duration::ZERO, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_answers_is_given_up_after_15_seconds() {
    let (shared, source) = shared([]);
    let start = Instant::now();
    let error = grant(&shared).await.unwrap_err();
    assert_eq!(start.elapsed(), 15 * SECOND);
    assert!(error.to_string().contains("within 15 s"), "{error}");
    assert_eq!(source.asked().len(), 1);
}
