//! Tokens that were never accepted: one call tries, the others are held.

use super::*;

#[test]
fn a_token_that_was_never_accepted_gets_one_successor_tried_by_one_call() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let Refused::Pending(mut one) = bench.refused(1) else {
        panic!("not pending")
    };
    let Refused::Pending(mut two) = bench.refused(1) else {
        panic!("not pending")
    };
    assert_eq!(bench.sends(), None, "held");
    bench.refresh(3600 * SECOND);
    assert!(
        matches!(bench.settle(1, &mut one), Settlement::Ended(Ok(()))),
        "one is told to come and try"
    );
    assert!(matches!(bench.settle(1, &mut two), Settlement::Wait(_)));
    assert!(matches!(bench.ask(), Answer::Try(token) if token.id == 2));
    assert_eq!(bench.sends(), None, "the others are held for the verdict");

    assert!(matches!(
        bench.tried(2),
        Refused::Final(RefusalReason::RefusedAgain)
    ));
    assert!(
        bench.cache.order.is_none(),
        "further ones are not asked for: they would be younger still"
    );
    bench.now += SECOND / 2;
    assert_eq!(bench.sends(), None, "held while the older one ages");
    assert!(matches!(bench.settle(1, &mut two), Settlement::Wait(_)));
    bench.now += SECOND / 2;
    for nth in 1..=15 {
        assert!(
            matches!(bench.ask(), Answer::Try(token) if token.id == 1),
            "the older one is tried as it ages"
        );
        assert!(matches!(bench.tried(1), Refused::Final(_)));
        assert_eq!(bench.sends().is_none(), nth < 15);
        assert!(bench.cache.order.is_none());
        bench.now += 2 * SECOND;
    }
    assert!(matches!(
        bench.settle(1, &mut two),
        Settlement::Ended(Err(RefusalReason::RefusedAgain))
    ));
    assert!(
        matches!(bench.ask(), Answer::Attach(token) if token.id == 1),
        "too old to be young: nobody is held"
    );
    let mut kept = 1;
    for (wait, tries) in [
        (0, true),
        (0, false),
        (1, false),
        (1, true),
        (3, false),
        (1, true),
    ] {
        bench.now += wait * SECOND;
        assert_eq!(matches!(bench.refused(kept), Refused::Pending(_)), tries);
        if tries {
            assert_eq!(
                bench.sends(),
                Some(kept),
                "nobody is held for a further one"
            );
            bench.refresh(3600 * SECOND);
            let Answer::Try(token) = bench.ask() else {
                panic!("not tried")
            };
            assert_eq!(bench.sends(), Some(kept));
            assert!(matches!(bench.tried(token.id), Refused::Final(_)));
            // It may ripen where the first one is past that, and has thirty seconds to do so.
            kept = 3;
            assert_eq!(bench.sends(), Some(kept));
        }
    }
}

#[test]
fn a_tried_token_that_is_taken_becomes_everybodys() {
    let mut bench = Bench::with_token(3600 * SECOND);
    let Refused::Pending(mut waiting) = bench.refused(1) else {
        panic!("not pending")
    };
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    bench.cache.seat_left(2);
    assert!(
        matches!(bench.ask(), Answer::Try(_)),
        "the trial of a call that was dropped is the next one's"
    );
    bench.cache.accepted(bench.now, 2, slot(), None);
    assert!(matches!(
        bench.settle(1, &mut waiting),
        Settlement::Ended(Ok(()))
    ));
    assert_eq!(bench.cache.published().map(|token| token.id), Some(2));
}

#[test]
fn a_trial_holds_nobody_for_longer_than_patience() {
    let mut bench = Bench::with_token(3600 * SECOND);
    assert!(matches!(bench.refused(1), Refused::Pending(_)));
    bench.refresh(3600 * SECOND);
    assert!(matches!(bench.ask(), Answer::Try(_)));
    let ask = |bench: &mut Bench, waiting: &mut Waiting| {
        bench.cache.ask(bench.now, WALL, Duration::ZERO, waiting)
    };
    let (mut one, mut two) = (Waiting::default(), Waiting::default());
    assert!(matches!(ask(&mut bench, &mut one), Answer::Wait(_)));
    assert!(matches!(ask(&mut bench, &mut two), Answer::Wait(_)));
    bench.now += 5 * SECOND;
    // The call that tries it hangs: another one tries, and the rest goes on with the older token.
    assert!(matches!(ask(&mut bench, &mut one), Answer::Try(token) if token.id == 2));
    assert!(matches!(ask(&mut bench, &mut two), Answer::Attach(token) if token.id == 1));
}
