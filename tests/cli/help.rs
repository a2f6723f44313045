//! What `--help`, the man page and the completions say.

use std::process::{Command, Stdio};

use crate::support::{assert_snapshot, ended, without_gateway};

const SUBCOMMANDS: [&str; 6] = ["status", "watch", "wait", "simulate", "completions", "man"];

#[tokio::test]
async fn help_of_each_subcommand_is_as_it_was() {
    let page = ended(without_gateway("--help")).await;
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert_snapshot("help", &page.stdout);
    for subcommand in SUBCOMMANDS {
        let page = ended(without_gateway(&format!("{subcommand} --help"))).await;
        assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""), "{subcommand}");
        assert_snapshot(&format!("help-{subcommand}"), &page.stdout);
    }
}

#[tokio::test]
async fn no_arguments_print_the_help_as_an_error() {
    let page = ended(without_gateway("")).await;
    assert_eq!((page.code, page.stdout.as_str()), (Some(2), ""));
    assert!(page.stderr.contains("Usage: luma-watch <COMMAND>") && page.stderr.contains("Exit codes:"));
}

#[tokio::test]
async fn man_page_names_each_option_and_exit_code() {
    let page = ended(without_gateway("man")).await;
    assert_eq!((page.code, page.stderr.as_str()), (Some(0), ""));
    assert_snapshot("man", &page.stdout);
    for subcommand in SUBCOMMANDS {
        assert!(page.stdout.contains(&format!("luma-watch {subcommand}")), "{subcommand}");
    }
    let help = ended(without_gateway("wait --help")).await.stdout;
    let options = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    for option in options.map(|word| word.trim_end_matches([',', ']', ')', '.', ':'])) {
        assert!(page.stdout.contains(&option.replace('-', "\\-")), "{option}");
    }
}

#[tokio::test]
async fn completions_are_valid_in_bash_and_there_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = ended(without_gateway(&format!("completions {shell}"))).await;
        assert_eq!((script.code, script.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(script.stdout.contains("luma-watch") && script.stdout.contains("max-wait"), "{shell}");
        if shell == "bash" {
            let check =
                Command::new("bash").args(["-n", "-c", &script.stdout]).stderr(Stdio::piped()).output().unwrap();
            assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
            let press_tab = "COMP_WORDS=(luma-watch wait --d); COMP_CWORD=2; _luma__watch luma-watch --d wait; \
                echo \"${COMPREPLY[@]}\"";
            let bash = Command::new("bash").args(["-c", &format!("{}\n{press_tab}", script.stdout)]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&bash.stdout), "--download\n");
        }
    }
}
