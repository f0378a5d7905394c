//! `posthaste`: server, command line and demo in one binary.
//!
//! This crate wires and shows: it names the store, reads the configuration and prints. What it asks
//! of a server goes over the API, as anyone else's requests do.

mod exit;
mod stdout;
mod paint;
mod configuration;
mod admin_key;
mod log;
mod shutdown;
mod open_files;
mod certificate;
mod server;
mod serve;
mod client;
mod table;
mod session;
mod dashboard;
mod moment;
mod publish;
mod catalogues;
mod trigger;
mod commands;
mod verify;
mod since;
mod listen;
mod tail;
mod receiver;
mod simulate;
mod demo;
mod arguments;

use std::process::ExitCode;

pub use exit::usage;

/// 6 to 17 % more throughput, measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // clap ends the process itself with 2 where the arguments are wrong.
    let arguments = arguments::read();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers())
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return exit::with(&anyhow::Error::new(error).context("cannot start")),
    };
    match runtime.block_on(arguments.run()) {
        Ok(code) => code,
        Err(error) => exit::with(&error),
    }
}

/// At least two, so that one busy thread never holds up the other connections.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}
