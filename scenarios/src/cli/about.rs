//! `colosim completions` and `colosim man`: what the argument parser knows, for shells and for `man`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Args;
use crate::cli::exit::{Exit, Unwritten, print, write_file};

#[derive(Debug, ClapArgs)]
#[command(after_help = COMPLETIONS)]
pub(super) struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

const COMPLETIONS: &str = "\
Examples:
  colosim completions bash > ~/.local/share/bash-completion/completions/colosim
  colosim completions zsh > ~/.zfunc/_colosim
  colosim completions fish > ~/.config/fish/completions/colosim.fish";

#[derive(Debug, ClapArgs)]
#[command(after_help = MAN)]
pub(super) struct ManArgs {
    /// Write a page for each command into this directory; without it, the first page is printed
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const MAN: &str = "\
Examples:
  colosim man | man -l -                  the page, now
  colosim man -o ~/.local/share/man/man1  pages for `man colosim`, `man colosim-run` and the others";

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "colosim", &mut script);
    print(&text(script))?;
    Ok(Exit::Clean)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let mut command = Args::command();
    command.build();
    let Some(directory) = &args.out else {
        print(&page(command))?;
        return Ok(Exit::Clean);
    };
    std::fs::create_dir_all(directory)
        .map_err(|source| Unwritten { path: directory.display().to_string(), source })?;
    let mut written = String::new();
    let pages = command.get_subcommands().filter(|each| each.get_name() != "help");
    for command in pages.cloned().chain([command.clone()]) {
        // As `man` looks for it: `colosim-run`.
        let name = command.get_display_name().unwrap_or("colosim");
        let path = directory.join(format!("{name}.1"));
        write_file(&path, &page(command))?;
        written.push_str(&format!("wrote {}\n", path.display()));
    }
    print(&written)?;
    Ok(Exit::Clean)
}

fn page(command: clap::Command) -> String {
    let mut page = Vec::new();
    Man::new(command).render(&mut page).expect("a vector takes everything");
    text(page)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it is made of our texts")
}
