//! One token for all callers: what is decided ([`TokenCache`], pure), and who carries it out ([`Shared`]).
//!
//! ```text
//!            soft margin     hard margin      deadline
//!  fresh         |   ageing      |    expired    |   error
//!  sent at once  |   sent, and   |   calls wait  |   if the refresh
//!                |   refreshed   |   for the     |   fails
//!                |   behind      |   refresh     |
//! ```
//!
//! There is one refresh in flight, in a task of its own, which nobody's cancellation ends. It holds a [`refresh`] seat
//! that is freed however the task ends.

mod cached;
mod fresh;
mod life;
mod minted;
mod outcome;
mod refresh;
mod refusal;
mod replies;
mod restraint;
mod ripening;
mod routes;
mod settlement;
mod shared;
mod state;
mod trial;
mod view;
mod waiting;
mod youth;

pub(crate) use self::{
    cached::CachedToken,
    fresh::Fresh,
    life::{Life, Margins, UNLIMITED},
    minted::{Born, Minted},
    refusal::{Refusal, Refused},
    settlement::Settlement,
    shared::{Grant, Shared, Terms},
    state::{Cause, Counts, Order, REFRESH_DEADLINE, Ticket, TokenCache},
    waiting::{Answer, Waiting},
};

#[cfg(test)]
#[cfg(clearance_model)]
mod model;
#[cfg(test)]
mod tests;
