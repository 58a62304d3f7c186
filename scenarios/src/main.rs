//! `colosim`: see [`colo_scenarios::cli`].

use std::process::ExitCode;

use clap::Parser;
use colo_scenarios::cli;

/// A plan makes and frees some thousand small things; this allocator does it faster than libc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(&cli::Args::parse()).into()
}
