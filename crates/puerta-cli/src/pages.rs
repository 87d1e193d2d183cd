//! Shell completions and manual pages, generated from the command line's own definition.

use crate::arguments::{Cli, Output};
use crate::printed::{not_printed, print};
use crate::report::{Reporter, line};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "puerta", &mut script);
    print(&script, reporter())
}

/// The page of the whole or of a command on stdout, or all pages into a folder.
pub(crate) fn manual(of: Option<&Path>) -> ExitCode {
    let mut command = Cli::command();
    command.build();
    let printed = |page: io::Result<Vec<u8>>| match page {
        Ok(text) => print(&text, reporter()),
        Err(error) => reporter().problem(&not_printed(&error)),
    };
    let Some(folder) = of else { return printed(page(&command, "puerta")) };
    if let Some(sub) = folder.to_str().and_then(|name| command.get_subcommands().find(|sub| sub.get_name() == name)) {
        return printed(page(sub, &name_of(sub)));
    }
    match all(&command, folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&format!("writing the pages into {} failed: {error}", folder.display()));
            if error.kind() == io::ErrorKind::NotFound {
                line("hint: make the folder first (`mkdir -p`)");
            }
            ExitCode::from(8)
        }
    }
}

fn reporter() -> Reporter {
    Reporter::new(&Output::default())
}

fn all(command: &Command, folder: &Path) -> io::Result<()> {
    let write = |command: &Command, name: &str| std::fs::write(folder.join(format!("{name}.1")), page(command, name)?);
    write(command, "puerta")?;
    command.get_subcommands().try_for_each(|sub| write(sub, &name_of(sub)))
}

fn name_of(command: &Command) -> String {
    format!("puerta-{}", command.get_name())
}

fn page(command: &Command, name: &str) -> io::Result<Vec<u8>> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.clone().bin_name(name.replacen('-', " ", 1)).display_name(name.to_owned()).after_help(None);
    let mut text = Vec::new();
    let source = concat!("puerta ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command).title(name.to_uppercase()).source(source).manual("puerta").render(&mut text)?;
    match after.split_once('\n') {
        // As they are typed: neither filled nor hyphenated.
        Some((_, examples)) => write!(text, ".SH EXAMPLES\n.nf\n{}.fi\n", roff(examples))?,
        None => write!(text, ".SH \"EXIT STATUS\"\n{}", roff(after.trim_start_matches("Exit status: ")))?,
    }
    if name != "puerta" {
        text.write_all(b".SH \"SEE ALSO\"\n.BR puerta (1)\n")?;
    }
    Ok(text)
}

/// Lines that roff takes as they are.
fn roff(text: &str) -> String {
    let plain = text.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga").replace('~', "\\(ti");
    plain.lines().map(|line| format!("\\&{line}\n")).collect()
}
