//! The completion scripts, and the man page.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::args::Arguments;
use crate::exit::{self, Exit};
use crate::output::{self, Failure};

/// Prints the completion script of a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "luma-watch", &mut script);
    if shell == Shell::Bash {
        // clap_complete spells a name with a hyphen in two ways, so that no subcommand is completed (clap-rs/clap issue 6421).
        let mended = String::from_utf8_lossy(&script).replace("luma__subcmd__watch", "luma__watch");
        script = mended.into_bytes();
    }
    output::all(&script).map(|()| Exit::Results)
}

/// Prints the man page.
pub(crate) fn man() -> Result<Exit, Failure> {
    let mut page = Vec::new();
    let written = write_man(&mut page);
    written.map_err(|error| Failure::new(Exit::File, format!("the man page cannot be made: {error}")))?;
    output::all(&page).map(|()| Exit::Results)
}

fn write_man(page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut command = Arguments::command().after_help(None);
    command.build();
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    let mut roff = Roff::default();
    roff.control("SH", ["SYNOPSIS"]);
    for usage in ["status|watch|wait [OPTIONS] ID...", "simulate [OPTIONS]", "completions SHELL", "man"] {
        roff.text([bold("luma-watch"), roman(format!(" {usage}"))]).control("br", []);
    }
    roff.to_writer(page)?;
    man.render_description_section(page)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        write_subcommand(page, subcommand)?;
    }
    let mut roff = Roff::default();
    roff.control("SH", ["EXIT STATUS"]);
    let (codes, rest) = exit::HELP.split_once("\n\n").unwrap_or((exit::HELP, ""));
    for line in codes.lines().skip(1) {
        let (code, meaning) = line.trim().split_once("  ").unwrap_or((line, ""));
        roff.control("TP", []).text([bold(code)]).text([roman(meaning)]);
    }
    roff.control("PP", []).text([roman(rest.replace('\n', " "))]);
    roff.control("SH", ["ENVIRONMENT"]);
    let variables = [
        ("APIKLEY_API_KEY", "The API key. It is never an argument, which other users of the machine could read."),
        ("APIKLEY_BASE_URL", "The URL of another gateway, the one of luma-watch simulate for example."),
        ("NO_COLOR", "If it is set, help and errors have no colors."),
    ];
    for (name, meaning) in variables {
        roff.control("TP", []).text([bold(name)]).text([roman(meaning)]);
    }
    roff.to_writer(page)
}

/// A section about a subcommand, with its options.
fn write_subcommand(page: &mut Vec<u8>, command: &Command) -> std::io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", [format!("luma-watch {}", command.get_name()).as_str()]);
    roff.text([roman(format!("{}.", command.get_about().map(ToString::to_string).unwrap_or_default()))]);
    for argument in command.get_arguments().filter(|argument| argument.get_id() != "help") {
        let mut name: Vec<Inline> = Vec::new();
        if let Some(short) = argument.get_short() {
            name.extend([bold(format!("-{short}")), roman(", ")]);
        }
        if let Some(long) = argument.get_long() {
            name.push(bold(format!("--{long}")));
        }
        if argument.is_positional() || argument.get_action().takes_values() {
            let value = argument.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
            name.extend([roman(if argument.is_positional() { "" } else { " " }), italic(value.unwrap_or_default())]);
        }
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let is_set = defaults.is_empty() || !argument.get_action().takes_values();
        let default = if is_set { String::new() } else { format!(" [default: {}]", defaults.join(" ")) };
        roff.control("TP", []).text(name).text([roman(format!("{help}{default}"))]);
    }
    roff.to_writer(page)
}
