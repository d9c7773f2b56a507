//! Two callers, a refresh and the clock, in every order of a few events, from the states where most can happen. What
//! must hold in any order is looked at after each.

use super::*;

/// How many events are tried from each of the beginnings.
const DEPTH: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    /// The caller asks for a token, or asks again.
    Ask(usize),
    Accepted(usize),
    Refused(usize),
    /// The caller gives up.
    Dropped(usize),
    Minted,
    Failed,
    Slipped,
    Vanished,
    /// An earlier refresh that was given up ends after all.
    Late,
    Pass(u32),
}

use Event::{
    Accepted, Ask, Dropped, Failed, Late, Minted, Pass, Refused as Refuse, Slipped, Vanished,
};

struct Caller {
    state: State,
    /// Whether something has changed since it asked: only then, or at its time, does it ask again.
    woken: bool,
}

#[derive(Clone, Copy)]
enum State {
    Idle,
    Waiting(Waiting, Instant),
    Sent { id: u64, on_trial: bool },
    Settling(u64, Waiting, Instant),
}

struct Play<'a> {
    order: &'a [Event],
    bench: Bench,
    callers: [Caller; 2],
    /// Refreshes that have not ended, and when they began.
    flights: Vec<(Ticket, Instant)>,
}

impl<'a> Play<'a> {
    /// `None` where an event of the order cannot happen.
    fn of(order: &'a [Event]) -> Option<Self> {
        let mut play = Self {
            order,
            bench: Bench::new(),
            callers: [(); 2].map(|()| Caller {
                state: State::Idle,
                woken: false,
            }),
            flights: vec![],
        };
        for event in order {
            play.step(|play| play.happens(*event))?;
        }
        Some(play)
    }

    /// Does something, and then what the shell would do.
    fn step<R>(&mut self, happens: impl FnOnce(&mut Self) -> R) -> R {
        let (before, id) = (self.bench.cache.outlook(), self.generation());
        let result = happens(self);
        let order = self.order;
        assert!(self.generation() >= id, "{order:?}: evicted");
        if before != self.bench.cache.outlook() {
            self.callers
                .iter_mut()
                .for_each(|caller| caller.woken = true);
        }
        self.take_order();
        result
    }

    fn generation(&self) -> u64 {
        self.bench.cache.generation()
    }

    fn happens(&mut self, event: Event) -> Option<()> {
        let now = self.bench.now;
        match event {
            Ask(who) => return self.ask(who),
            Accepted(who) | Refuse(who) => {
                let State::Sent { id, on_trial } = self.callers[who].state else {
                    return None;
                };
                self.callers[who].state = State::Idle;
                if event == Accepted(who) {
                    self.bench.accepted(id);
                    return Some(());
                }
                let told = Refusal {
                    on_trial,
                    ..refusal(id)
                };
                let was = (self.generation(), self.bench.cache.is_refused());
                if let super::Refused::Pending(waiting) = self.bench.cache.refused(now, told) {
                    self.callers[who].state = State::Settling(id, waiting, now);
                }
                if id < was.0 && !on_trial {
                    let is = (self.generation(), self.bench.cache.is_refused());
                    assert_eq!(is, was, "{:?}: {id} was refused, no other", self.order);
                }
            }
            Dropped(who) => match std::mem::replace(&mut self.callers[who].state, State::Idle) {
                State::Idle => return None,
                State::Sent { id, on_trial: true } => self.bench.cache.seat_left(id),
                _ => {}
            },
            Minted | Failed | Slipped | Vanished => {
                let (ticket, _) = self.flights.pop()?;
                self.ends(event, ticket);
            }
            Late => {
                if self.flights.len() < 2 {
                    return None;
                }
                let (ticket, _) = self.flights.remove(0);
                let before = (self.generation(), self.bench.cache.is_refreshing());
                self.ends(Minted, ticket);
                let after = (self.generation(), self.bench.cache.is_refreshing());
                assert_eq!(before, after, "{:?}: taken late", self.order);
            }
            Pass(seconds) => self.bench.now += seconds * SECOND,
        }
        Some(())
    }

    fn ask(&mut self, who: usize) -> Option<()> {
        let now = self.bench.now;
        let (cache, order) = (&mut self.bench.cache, self.order);
        let waits = |until| {
            assert!(until > now, "{order:?}: a wait that is over");
            until
        };
        let Caller { state, woken } = &mut self.callers[who];
        let slept_on = !std::mem::replace(woken, false);
        let slept_on = match state {
            State::Waiting(_, until) | State::Settling(_, _, until) => slept_on && now < *until,
            State::Idle | State::Sent { .. } => false,
        };
        *state = match *state {
            State::Sent { .. } => return None,
            State::Settling(id, mut waiting, _) => match cache.settle(now, id, &mut waiting) {
                Settlement::Wait(until) => State::Settling(id, waiting, waits(until)),
                Settlement::Ended(_) => State::Idle,
            },
            idle_or_waiting => {
                let mut waiting = match idle_or_waiting {
                    State::Waiting(waiting, _) => waiting,
                    _ => Waiting::default(),
                };
                match cache.ask(now, WALL, Duration::ZERO, &mut waiting) {
                    Answer::Attach(token) => State::Sent {
                        id: token.id,
                        on_trial: false,
                    },
                    Answer::Try(token) => State::Sent {
                        id: token.id,
                        on_trial: true,
                    },
                    Answer::Wait(until) => State::Waiting(waiting, waits(until)),
                    Answer::Fail(_) => State::Idle,
                }
            }
        };
        let waits = matches!(state, State::Waiting(..) | State::Settling(..));
        assert!(waits || !slept_on, "{:?}: a wake-up was lost", self.order);
        Some(())
    }

    fn ends(&mut self, how: Event, ticket: Ticket) {
        let Bench { cache, now, next } = &mut self.bench;
        let error = TokenError::unavailable("down");
        match how {
            Failed => cache.failed(*now, ticket, error, 0.0),
            Slipped => cache.slipped(*now, ticket, error),
            Vanished => cache.vanished(ticket),
            _ => {
                *next += 1;
                let minted = minted(HeaderValue::from(*next), *now, 300 * SECOND);
                let _ = cache.refreshed(*now, ticket, minted, 0.0);
            }
        }
    }

    /// At most one refresh is in flight, but for those of which nothing was heard for too long.
    fn take_order(&mut self) {
        let now = self.bench.now;
        if let Some(order) = self.bench.cache.take_order() {
            let alive = |(_, began): &&(Ticket, Instant)| now < *began + 16 * SECOND;
            assert_eq!(self.flights.iter().find(alive), None, "{:?}", self.order);
            self.flights.push((order.ticket, now));
        }
    }

    /// Everybody comes to an end if the refresh does, and if each asks again when it was told to.
    fn comes_to_an_end(mut self) {
        let end = self.bench.now + 60 * SECOND;
        while self.bench.now < end {
            for who in 0..2 {
                self.step(|play| play.ask(who));
            }
            let waits = |caller: &Caller| match caller.state {
                State::Waiting(_, until) | State::Settling(_, _, until) => Some(until),
                State::Idle | State::Sent { .. } => None,
            };
            let Some(next) = self.callers.iter().filter_map(waits).min() else {
                return;
            };
            match self.flights.pop() {
                Some((ticket, _)) => self.step(|play| play.ends(Minted, ticket)),
                None => self.bench.now = next,
            }
        }
        panic!("{:?}: somebody still waits", self.order);
    }
}

/// Tries all orders of so many more events.
fn go_on(order: &mut Vec<Event>, depth: usize, tried: &mut usize) {
    let Some(play) = Play::of(order) else {
        return;
    };
    *tried += 1;
    if depth == 0 {
        play.comes_to_an_end();
        return;
    }
    let of_callers = [0, 1].map(|who| [Ask(who), Accepted(who), Refuse(who), Dropped(who)]);
    let others = [
        Minted,
        Failed,
        Slipped,
        Vanished,
        Late,
        Pass(1),
        Pass(6),
        Pass(20),
    ];
    for event in of_callers.into_iter().flatten().chain(others) {
        order.push(event);
        go_on(order, depth - 1, tried);
        order.pop();
    }
}

#[test]
fn in_any_order_there_is_one_refresh_and_no_newer_token_or_wake_up_is_lost() {
    let both_sent = [Ask(0), Minted, Ask(0), Accepted(0), Ask(0), Ask(1)];
    let doubted = [Ask(0), Minted, Ask(0), Ask(1), Refuse(0)];
    let beginnings: [(&[Event], &[Event]); 7] = [
        (&[], &[]),
        (&both_sent, &[]),
        (&both_sent, &[Refuse(0)]),
        (&doubted, &[]),
        (&doubted, &[Minted, Refuse(1)]),
        (&[Ask(0), Ask(1), Failed], &[Pass(1), Pass(1)]),
        (&[Ask(0), Pass(20), Ask(0)], &[Ask(1)]),
    ];
    let mut tried = 0;
    for (first, then) in beginnings {
        let mut order = [first, then].concat();
        assert!(Play::of(&order).is_some(), "{order:?} cannot happen");
        go_on(&mut order, DEPTH, &mut tried);
    }
    println!("{tried} orders");
    assert!(tried > 10_000, "{tried}");
}
