//! HTTP toward the scraper: endpoints, negotiation, deadlines, drain.

pub mod negotiate;
