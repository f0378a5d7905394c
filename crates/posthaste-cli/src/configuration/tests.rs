use super::{meant::is_key, *};

struct Given {
    toml: &'static str,
    environment: &'static [(&'static str, &'static str)],
    flags: Vec<Flag>,
}

const NOTHING: Given = Given {
    toml: "",
    environment: &[],
    flags: Vec::new(),
};

fn written(given: Given) -> Result<Written, ConfigurationError> {
    let (mut written, mut complaints) = (Written::default(), Vec::new());
    written.add_file(Path::new("posthaste.toml"), given.toml, &mut complaints);
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    written.add_environment(given.environment.iter().map(owned), &mut complaints);
    written.add_flags(given.flags, &mut complaints);
    if complaints.is_empty() {
        Ok(written)
    } else {
        Err(ConfigurationError(complaints))
    }
}

fn configured(given: Given) -> Result<Configuration, ConfigurationError> {
    Configuration::from_written(&written(given)?)
}

/// The file is refused in exactly these words.
#[track_caller]
fn refused(toml: &'static str, complaint: &str) {
    let error = configured(Given { toml, ..NOTHING }).unwrap_err();
    assert_eq!(error.0, [complaint]);
}

fn listen(text: &str) -> Vec<Flag> {
    vec![Flag {
        flag: "--listen",
        key: "listen",
        text: text.to_owned(),
    }]
}

#[test]
fn nothing_written_means_the_contracts_defaults() {
    let meant = configured(NOTHING).unwrap();
    assert_eq!(meant.listen.to_string(), "127.0.0.1:8400");
    assert_eq!(meant.data_dir, Path::new("./posthaste-data"));
    assert_eq!(
        meant.database.to_string(),
        "sqlite:./posthaste-data/posthaste.db"
    );
    assert_eq!(meant.limits, posthaste_engine::Limits::default());
    assert_eq!(meant.bounds, posthaste_engine::Bounds::default());
    assert_eq!(meant.egress, posthaste::egress::EgressRules::default());
}

#[test]
fn flags_stand_over_variables_over_the_file() {
    let toml = "listen = '127.0.0.1:1'\ndata_dir = 'a'\nlog = 'warn'\n";
    let environment = &[
        ("POSTHASTE_LISTEN", "127.0.0.1:2"),
        ("POSTHASTE_LOG", "debug"),
    ];
    let flags = listen("127.0.0.1:3");
    let meant = configured(Given {
        toml,
        environment,
        flags,
    })
    .unwrap();
    assert_eq!(meant.listen.port(), 3);
    assert_eq!(meant.log, "debug");
    assert_eq!(meant.database.to_string(), "sqlite:a/posthaste.db");
}

#[test]
fn lists_are_arrays_in_the_file_and_have_commas_elsewhere() {
    let toml = "[egress]\nallow = ['10.0.0.0/8', 'fd00::/8']\n";
    let environment = &[("POSTHASTE_EGRESS_DENY", "10.1.0.0/16, .evil.example")];
    let meant = configured(Given {
        toml,
        environment,
        ..NOTHING
    })
    .unwrap();
    assert_eq!(meant.egress.allow.len(), 2);
    assert_eq!(meant.egress.deny.len(), 2);
}

#[test]
fn development_adds_loopback_to_what_is_allowed() {
    let toml = "dev = true\negress.allow = ['10.0.0.0/8']\n";
    let meant = configured(Given { toml, ..NOTHING }).unwrap();
    assert!(meant.egress.allow_http && meant.egress.allow_localhost);
    assert_eq!(meant.egress.allow.len(), 3);
}

#[test]
fn an_unknown_key_names_the_near_miss() {
    let file = "(in posthaste.toml)";
    let near = "unknown key `egres.allow`, did you mean `egress.allow`?";
    refused("[egres]\nallow = []\n", &format!("{near} {file}"));
    refused("colour = 'red'\n", &format!("unknown key `colour` {file}"));
}

#[test]
fn a_wrong_value_is_named_with_its_range() {
    refused(
        "listen = 8400",
        "listen = \"8400\" (from posthaste.toml): expected an address and a port, such as 127.0.0.1:8400",
    );
    refused(
        "delivery.in_flight = 0",
        "delivery.in_flight = \"0\" (from posthaste.toml): expected a whole number from 1 to 65536",
    );
    refused(
        "log = 'inof'",
        "log = \"inof\" (from posthaste.toml): expected a level (error, warn, info, debug, trace, off) or target=level",
    );
    refused(
        "database = 'postgres://u:p@db/x'",
        "database (from posthaste.toml): PostgreSQL is not available yet; use sqlite:<path>",
    );
    refused(
        "limits.batch_bytes = 1000",
        "limits.batch_bytes = 1000: expected no less than limits.event_bytes = 262144",
    );
}

#[test]
fn a_certificate_and_its_key_go_together() {
    let both = "[tls]\ncertificate = 'a.pem'\nkey = 'b.pem'\n";
    let toml = configured(Given {
        toml: both,
        ..NOTHING
    });
    let files = TlsFiles {
        certificate: "a.pem".into(),
        key: "b.pem".into(),
    };
    assert_eq!(toml.unwrap().tls, Some(files));
    assert_eq!(configured(NOTHING).unwrap().tls, None);
    refused(
        "tls.certificate = 'a.pem'",
        "tls.key: expected a file, as tls.certificate is set",
    );
    refused(
        "tls.key = 'b.pem'",
        "tls.certificate: expected a file, as tls.key is set",
    );
}

#[test]
fn origins_are_exact() {
    let toml = "[cors]\norigins = ['https://app.example.com', 'http://localhost:3000']\n";
    let meant = configured(Given { toml, ..NOTHING }).unwrap();
    assert_eq!(meant.api.origins.len(), 2);
    refused(
        "cors.origins = ['*']",
        "cors.origins = \"*\" (from posthaste.toml): expected origins such as \
         https://app.example.com, without a path or a *",
    );
}

#[test]
fn a_refused_admin_key_is_not_shown() {
    refused(
        "admin_key = 'hunter2'",
        "admin_key = \"***\" (from posthaste.toml): expected pst_ and at least 32 letters and digits",
    );
    assert!(is_key("pst_0123456789abcdefghijABCDEFGHIJ01"));
    assert!(!is_key("pst_0123456789abcdefghijABCDEFGHIJ0"));
    assert!(!is_key("pst_0123456789abcdefghijABCDEFGHIJ0-"));
}

#[test]
fn a_master_key_is_in_its_file_unless_it_is_given_and_is_not_shown() {
    let file = |meant: Configuration| format!("{:?}", meant.master_key);
    let default = configured(NOTHING).unwrap();
    assert!(file(default).contains("./posthaste-data/master.key"));
    let toml = "secrets.master_key_file = '/run/secrets/key'\n";
    let named = configured(Given { toml, ..NOTHING }).unwrap();
    assert!(file(named).contains("/run/secrets/key"));
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let environment = &[("POSTHASTE_SECRETS_MASTER_KEY", KEY)];
    let given = written(Given {
        toml,
        environment,
        ..NOTHING
    });
    let given = given.unwrap();
    let meant = Configuration::from_written(&given).unwrap();
    assert!(!shown(&meant).contains("AAEC"));
    assert_eq!(file(meant), "Given(\"POSTHASTE_SECRETS_MASTER_KEY\")");
    refused(
        "secrets.master_key = 'a secret'",
        "secrets.master_key = \"***\" (from posthaste.toml): expected 32 bytes in base64 or hex",
    );
}

#[test]
fn every_complaint_is_made_at_once() {
    let toml = "lisen = 'x'\nfoo = 1.5\n";
    let environment = &[("POSTHASTE_LISTN", "y"), ("POSTHASTE_KEY", "client")];
    let error = written(Given {
        toml,
        environment,
        ..NOTHING
    });
    let complaints = error.unwrap_err().0;
    assert_eq!(complaints.len(), 3, "{complaints:?}");
    let near = "unknown variable `POSTHASTE_LISTN`, did you mean `POSTHASTE_LISTEN`?";
    assert_eq!(complaints[2], near);
}

#[test]
fn variables_that_kubernetes_sets_are_no_settings() {
    let environment = &[
        ("POSTHASTE_SERVICE_HOST", "10.0.0.1"),
        ("POSTHASTE_PORT_8400_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(
        configured(Given {
            environment,
            ..NOTHING
        })
        .is_ok()
    );
}

#[test]
fn what_is_printed_means_the_same_and_hides_the_key() {
    let toml = "admin_key = 'pst_0123456789abcdefghijABCDEFGHIJ01'\nlog = 'warn'\n\
        data_dir = \"a\\u0000b\\\"c\"\n";
    let environment = &[("POSTHASTE_EGRESS_ALLOW", "10.0.0.0/8")];
    let given = written(Given {
        toml,
        environment,
        ..NOTHING
    })
    .unwrap();
    let text = shown(&Configuration::from_written(&given).unwrap());
    assert!(!text.contains("0123456789"), "{text}");
    assert!(text.contains("# POSTHASTE_EGRESS_ALLOW"), "{text}");
    let (mut again, mut complaints) = (Written::default(), Vec::new());
    let hidden = text.replace("\"***\"", "'pst_0123456789abcdefghijABCDEFGHIJ01'");
    again.add_file(Path::new("again.toml"), &hidden, &mut complaints);
    assert_eq!(complaints, Vec::<String>::new());
    let again = Configuration::from_written(&again).unwrap();
    assert_eq!(again.log, "warn");
    assert_eq!(again.data_dir, Path::new("a\0b\"c"));
    assert_eq!(again.egress.allow.len(), 1);
}
