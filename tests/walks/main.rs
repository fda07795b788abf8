//! Walks over a site that lives: after each one the mirror equals the site, and every past picture stays true.

mod between;
mod evolution;
mod soak;
mod standing;
mod support;
