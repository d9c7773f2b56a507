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
mod life;
mod refresh;
mod refusal;
mod restraint;
mod shared;
mod state;
mod view;

pub(crate) use self::{
    cached::CachedToken,
    life::{Life, Margins, UNLIMITED},
    refusal::{Refused, Settlement},
    shared::{Grant, Shared},
    state::{Answer, Cause, Counts, Minted, Order, REFRESH_DEADLINE, Ticket, TokenCache, Waiting},
};
