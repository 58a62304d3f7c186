//! `colosim`: see [`colo_scenarios::cli`].

use std::process::ExitCode;

use clap::Parser;
use colo_scenarios::cli;

fn main() -> ExitCode {
    cli::main(&cli::Args::parse()).into()
}
