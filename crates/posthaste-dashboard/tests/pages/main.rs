//! Pages over a store in memory: what is asked for, and what is shown.

mod site;

mod portal;
mod signing_in;
