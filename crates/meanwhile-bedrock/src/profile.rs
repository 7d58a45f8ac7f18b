//! [`Profile`]: what the configuration files of AWS say under one name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meanwhile_core::{Error, ErrorKind, Result};
use meanwhile_http::Secret;

use crate::AwsCredentials;
use crate::config::variable;

/// One profile of the shared files.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    name: String,
    // Values may be secrets.
    fields: BTreeMap<String, Secret>,
}

impl Profile {
    /// Reads a profile from the files that the environment names. A file that is not there is empty.
    pub(crate) fn load(name: Option<&str>) -> Self {
        let name = name.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
        let name = name.or_else(|| variable("AWS_DEFAULT_PROFILE"));
        let name = name.unwrap_or_else(|| "default".to_owned());
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let path = |of: &str, file: &str| {
            let usual = || home.as_ref().map(|home| home.join(".aws").join(file));
            variable(of).map(PathBuf::from).or_else(usual)
        };
        let read = |path: Option<PathBuf>| {
            path.and_then(|path| std::fs::read_to_string(Path::new(&path)).ok()).unwrap_or_default()
        };
        let config = read(path("AWS_CONFIG_FILE", "config"));
        let credentials = read(path("AWS_SHARED_CREDENTIALS_FILE", "credentials"));
        Self::read(name, &config, &credentials)
    }

    /// Reads a profile; what the credentials file says counts over the configuration file.
    pub(crate) fn read(name: String, config: &str, credentials: &str) -> Self {
        let mut fields = BTreeMap::new();
        let plain = |section: &str| section == name;
        let named = |section: &str| {
            let inner =
                section.strip_prefix("profile").filter(|inner| inner.starts_with([' ', '\t']));
            inner.map_or(name == "default" && section == "default", |inner| inner.trim() == name)
        };
        collect(config, named, &mut fields);
        collect(credentials, plain, &mut fields);
        Self { name, fields }
    }

    /// The region that the profile names.
    pub(crate) fn region(&self) -> Option<String> {
        self.get("region").map(str::to_owned)
    }

    /// The access key that the profile holds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingCredential`], saying what to do, when it holds none.
    pub(crate) fn credentials(&self) -> Result<AwsCredentials> {
        let missing = |message: String| Err(Error::new(ErrorKind::MissingCredential, message));
        let name = &self.name;
        if let (Some(id), Some(secret)) =
            (self.get("aws_access_key_id"), self.get("aws_secret_access_key"))
        {
            let credentials = AwsCredentials::new(id, secret);
            return Ok(match self.get("aws_session_token") {
                Some(token) => credentials.with_session_token(token),
                None => credentials,
            });
        }
        let elsewhere =
            ["sso_session", "sso_start_url", "role_arn", "credential_process", "credential_source"];
        match elsewhere.iter().find(|field| self.get(field).is_some()) {
            Some(field) => missing(format!(
                "the AWS profile `{name}` finds its credentials by `{field}`, which is not followed here; run `aws configure export-credentials`, or pass a `CredentialsSource`"
            )),
            None => missing(format!(
                "no AWS credentials were found; set `AWS_BEARER_TOKEN_BEDROCK`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or add the profile `{name}` to ~/.aws/credentials"
            )),
        }
    }

    fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(Secret::expose).filter(|value| !value.is_empty())
    }
}

/// Collects the fields of every section that is meant.
fn collect(file: &str, is_meant: impl Fn(&str) -> bool, fields: &mut BTreeMap<String, Secret>) {
    let mut meant = false;
    for line in file.lines() {
        // What is set in belongs to the field above it.
        let is_set_in = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[') {
            meant = is_meant(section.split(']').next().unwrap_or(section).trim());
        } else if meant
            && !is_set_in
            && let Some((name, value)) = line.split_once('=')
        {
            let value = value.split(" #").next().unwrap_or(value);
            fields.insert(name.trim().to_ascii_lowercase(), Secret::new(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
        # comment\n\
        [default]\nregion = eu-west-1\ns3 =\n  region = nested\n\
        [profile work]\nregion=us-west-2 # inline\nsso_session = corp\n\
        [work]\nregion = wrong\n";
    const CREDENTIALS: &str = "\
        [default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = a+b/c=\n\
        ; comment\n[temp]\nAWS_ACCESS_KEY_ID=A\naws_secret_access_key=B\naws_session_token=C\n";

    fn profile(name: &str) -> Profile {
        Profile::read(name.to_owned(), CONFIG, CREDENTIALS)
    }

    #[test]
    fn regions() {
        assert_eq!(profile("default").region().as_deref(), Some("eu-west-1"));
        assert_eq!(profile("work").region().as_deref(), Some("us-west-2"));
        assert_eq!(profile("temp").region(), None);
    }

    #[test]
    fn keys() {
        let show = |name| match profile(name).credentials() {
            Ok(found) => format!(
                "{} {} {:?}",
                found.access_key_id,
                found.secret_access_key.expose(),
                found.session_token.as_ref().map(Secret::expose)
            ),
            Err(error) => error.message().to_owned(),
        };
        assert_eq!(show("default"), "AKIDEXAMPLE a+b/c= None");
        assert_eq!(show("temp"), "A B Some(\"C\")");
        assert!(show("work").contains("by `sso_session`"), "{}", show("work"));
        assert!(show("none").contains("add the profile `none`"), "{}", show("none"));
        assert!(!format!("{:?}", profile("default")).contains("a+b"));
    }
}
