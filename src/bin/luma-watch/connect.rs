//! The client: the API key, the address of the gateway, and the settings of the command line.

use std::env;
use std::fs;
use std::path::Path;

use luma_watch::{Client, Schedule};

use crate::args::GatewayArgs;
use crate::output::Failure;

const KEY: &str = "APIKLEY_API_KEY";
const BASE_URL: &str = "APIKLEY_BASE_URL";

/// Makes the client. It does not connect yet.
pub(crate) fn client(arguments: &GatewayArgs, schedule: Schedule) -> Result<Client, Failure> {
    let key = match &arguments.key_file {
        Some(file) => key_in(file)?,
        None => variable(KEY)?.ok_or_else(|| {
            Failure::usage(format!("there is no API key: set {KEY}, or name a file that holds it with --key-file"))
        })?,
    };
    let mut builder = Client::builder(key).schedule(schedule);
    if let Some(url) = variable(BASE_URL)? {
        builder = builder.base_url(url);
    }
    if let Some(rate) = arguments.rate {
        builder = builder.rate_limit(rate);
    }
    builder.build().map_err(|error| Failure::usage(error.to_string()))
}

fn key_in(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let key = fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("the key file {name} cannot be read: {error}")))?;
    let key = key.trim_end_matches(['\r', '\n']);
    if key.is_empty() {
        return Err(Failure::usage(format!("the key file {name} is empty")));
    }
    Ok(key.to_owned())
}

/// The value of an environment variable. `None` if it is not set, or empty.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::usage(format!("the value of {name} is not valid UTF-8"))),
    }
}
