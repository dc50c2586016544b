//! Cases that Falco wrote as programs: several runs, files, lines to compare.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::Outcome;
use super::case::{Case, Suite};
use super::run::Done;

type Judgement = Result<(), Outcome>;

/// Judges a case that is written here; `None` for all others.
pub(super) fn judge(suite: &Suite, case: &Case) -> Option<Outcome> {
    let judgement = match case.test.as_str() {
        "TestFalco_Cmd_Version" => version(suite),
        "TestFalco_Cmd_Help" => help(suite),
        "TestFalco_Print_IgnoredEvents" => ignored_events(suite),
        "TestFalco_Print_Rules" => print_rules(suite),
        "TestFlaco_Rule_Info" => rule_info(suite),
        "TestFalco_Config_RuleMatchingWrongValue" => wrong_matching(suite),
        "TestFalco_Miscs_StartupFail" => startup(suite),
        "TestFalco_Miscs_HotReload" => hot_reload(suite),
        "TestFalco_Miscs_PrometheusMetricsNoDriver" => metrics(suite),
        "TestFalco_Legacy_StdoutOutputStrict" => text_lines(suite, case, |done| done.stdout),
        "TestFalco_Legacy_ProgramOutputStrict" => text_lines(suite, case, |done| done.stdout),
        "TestFalco_Legacy_StdoutOutputJsonStrict" => json_lines(suite),
        "TestFalco_Legacy_FileOutputStrict" => file_lines(suite),
        "TestFalco_Legacy_KubeDemo" => Err(Outcome::Impossible("Falco skips it itself".to_owned())),
        _ => return None,
    };
    Some(judgement.err().unwrap_or(Outcome::Agreed))
}

fn must(condition: bool, otherwise: impl Into<String>) -> Judgement {
    if condition { Ok(()) } else { Err(Outcome::Missed(otherwise.into())) }
}

fn impossible(reason: String) -> Outcome {
    Outcome::Impossible(reason)
}

fn version(suite: &Suite) -> Judgement {
    let mut run = suite.plain();
    run.argument("--version");
    let done = run.run();
    let number = r"\d+\.\d+\.\d+[^\s]*[^\n]*";
    let pattern = format!(
        r"Falco version:\s+{number}\s+Libs version:\s+{number}\s+Plugin API:\s+{number}\s+Engine:\s+{number}\s+Driver:\s+API version:\s+{number}\s+Schema version:\s+{number}\s+Default driver:\s+{number}\s*"
    );
    must(done.exit_code == Some(0) && Regex::new(&pattern).unwrap().is_match(&done.stdout), done.stdout)?;
    run.set("json_output=true");
    let done = run.run();
    let keys = [
        "default_driver_version",
        "driver_api_version",
        "driver_schema_version",
        "engine_version",
        "falco_version",
        "libs_version",
        "plugin_api_version",
    ];
    must(done.alerts().iter().any(|versions| keys.iter().all(|key| versions[key].is_string())), done.stdout)
}

fn help(suite: &Suite) -> Judgement {
    let flags = [
        "-h",
        "--help",
        "-c",
        "--config-schema",
        "--rule-schema",
        "--disable-source",
        "--dry-run",
        "--enable-source",
        "-i",
        "-L",
        "-l",
        "--list",
        "--list-events",
        "--list-plugins",
        "-M",
        "--markdown",
        "-N",
        "-o",
        "--option",
        "--plugin-info",
        "-p",
        "--print",
        "-P",
        "--pidfile",
        "-r",
        "--support",
        "-U",
        "--unbuffered",
        "-V",
        "--validate",
        "-v",
        "--version",
        "--page-size",
    ];
    for flag in ["-h", "--help"] {
        let mut run = suite.plain();
        run.argument(flag);
        let done = run.run();
        must(done.exit_code == Some(0), format!("exit code {:?}", done.exit_code))?;
        for text in ["Usage:", "falco [OPTION...]"].iter().chain(&flags) {
            must(done.stdout.contains(text), format!("{flag} does not mention {text}"))?;
        }
    }
    // 0.44 has no gVisor any more, and the case is of a release that had it.
    must(false, "--gvisor-generate-config is gone since Falco 0.44")
}

fn ignored_events(suite: &Suite) -> Judgement {
    let mut run = suite.plain();
    run.argument("-i");
    let done = run.run();
    must(done.exit_code == Some(0) && done.stdout.contains("Ignored syscall(s)"), done.stdout)
}

fn print_rules(suite: &Suite) -> Judgement {
    let rules = |names: &[&str]| {
        let mut run = suite.plain();
        run.argument("-L");
        for name in names {
            run.argument("-r");
            run.argument(&suite.file(name).map_err(impossible)?.display().to_string());
        }
        Ok::<Done, Outcome>(run.run())
    };
    let done = rules(&["rules.InvalidRuleOutput"])?;
    must(done.exit_code == Some(1), "invalid rules are printed")?;
    let done = rules(&["rules.DetectConnectUsingIn", "rules.ListAppend", "rules.CatchallOrder"])?;
    must(done.exit_code == Some(0), "rules are not printed")?;
    for rule in ["Open From Cat", "Localhost connect", "open_dev_null", "dev_null"] {
        must(done.stdout.contains(rule), format!("{rule} is not printed"))?;
    }
    // Its third run prints a rule with fields of the plugin json, which Falco 0.44.1 lacked in our reference run too.
    Err(impossible("the plugin json; the two runs without it agree".to_owned()))
}

fn rule_info(suite: &Suite) -> Judgement {
    let info = |name: &str| {
        let mut run = suite.plain();
        let rules = suite.file("rules.DisabledRuleUsingEnabledFlagOnly").map_err(impossible)?;
        for argument in ["-r", &rules.display().to_string(), "-l", name] {
            run.argument(argument);
        }
        Ok::<Done, Outcome>(run.run())
    };
    let done = info("open_from_cat")?;
    let pattern = r"Rule\s+Description\s+-+\s+-+\s+open_from_cat\s+A process named cat does an open";
    must(done.exit_code == Some(0) && Regex::new(pattern).unwrap().is_match(&done.stdout), done.stdout)?;
    let done = info("invalid")?;
    must(done.exit_code != Some(0), "a rule that does not exist is described")
}

/// Fails before it would read its capture, which is not here.
fn wrong_matching(suite: &Suite) -> Judgement {
    let mut run = suite.plain();
    run.config = suite.file("configs.RuleMatchingWrongValue").map_err(impossible)?;
    run.argument("-r");
    run.argument(&suite.file("rules.ShadowingRules").map_err(impossible)?.display().to_string());
    let done = run.run();
    must(done.exit_code == Some(1) && done.stderr.contains("Unknown rule matching strategy"), done.stderr)
}

fn startup(suite: &Suite) -> Judgement {
    let mut run = suite.plain();
    run.config = suite.file("configs.EmptyConfig").map_err(impossible)?;
    let done = run.run();
    let told = done.stderr.contains("You must specify at least one rules file");
    must(done.exit_code == Some(1) && told, done.stderr)
}

fn hot_reload(suite: &Suite) -> Judgement {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("falco.yaml");
    fs::write(&config, "watch_config_files: true\n").unwrap();
    let mut run = suite.plain();
    run.config.clone_from(&config);
    let rules = suite.file("rules.SingleRule").map_err(impossible)?;
    for argument in ["-r", &rules.display().to_string(), "-M", "4"] {
        run.argument(argument);
    }
    run.set("engine.kind=nodriver");
    let done = std::thread::scope(|scope| {
        let done = scope.spawn(|| run.run());
        std::thread::sleep(Duration::from_millis(1500));
        fs::write(&config, "watch_config_files: true\n  \n\n").unwrap();
        done.join().unwrap()
    });
    must(done.exit_code == Some(0) && done.stderr.contains("SIGHUP received, restarting..."), done.stderr)
}

fn metrics(suite: &Suite) -> Judgement {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut run = suite.plain();
    let rules = suite.file("rules.SingleRule").map_err(impossible)?;
    for argument in ["-r", &rules.display().to_string(), "-M", "3"] {
        run.argument(argument);
    }
    let port_option = format!("webserver.listen_port={port}");
    for option in [
        "engine.kind=nodriver",
        "metrics.enabled=true",
        "webserver.enabled=true",
        "webserver.prometheus_metrics_enabled=true",
        "webserver.listen_address=127.0.0.1",
        &port_option,
    ] {
        run.set(option);
    }
    let (done, answer) = std::thread::scope(|scope| {
        let done = scope.spawn(|| run.run());
        std::thread::sleep(Duration::from_millis(1500));
        let answer = get(port, "/metrics");
        (done.join().unwrap(), answer)
    });
    must(done.exit_code == Some(0), done.stderr)?;
    let answer = answer.map_err(|error| Outcome::Missed(error.to_string()))?;
    must(answer.starts_with("HTTP/1.1 200 ") && answer.contains("falcosecurity_"), answer)
}

fn get(port: u16, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What Falco up to 0.42 printed, which judged each call twice, before and after.
const HALF: &str = "the lines before the calls are missing; Falco prints only those after since 0.44";

fn text_lines(suite: &Suite, case: &Case, lines: impl Fn(Done) -> String) -> Judgement {
    let done = suite.invocation(case).map_err(impossible)?.run();
    must(done.exit_code == Some(0), done.stderr.clone())?;
    compare(&lines(done), &expected(suite, "outputs.SingleRuleWithCatWriteText")?)
}

fn file_lines(suite: &Suite) -> Judgement {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.txt");
    let mut run = cat_write(suite, "configs.FileOutput", "rules.SingleRule")?;
    run.set("time_format_iso_8601=true");
    run.set(&format!("file_output.filename={}", path.display()));
    let done = run.run();
    must(done.exit_code == Some(0), done.stderr)?;
    compare(&fs::read_to_string(&path).unwrap(), &expected(suite, "outputs.SingleRuleWithCatWriteText")?)
}

/// Lines that are not expected are a difference, expected lines that are missing another.
fn compare(found: &str, expected: &str) -> Judgement {
    let found: Vec<&str> = found.lines().filter(|line| line.starts_with("20")).collect();
    let strange = found.iter().find(|line| !expected.lines().any(|expected| expected == **line));
    must(strange.is_none(), format!("unexpected line {strange:?}"))?;
    must(!found.is_empty(), "no line")?;
    must(expected.lines().all(|line| found.contains(&line)), HALF)
}

fn json_lines(suite: &Suite) -> Judgement {
    let mut run = cat_write(suite, "configs.StdoutOutput", "rules.SingleRuleWithTags")?;
    run.set("json_output=true");
    for option in ["time_format_iso_8601", "json_include_output_property", "json_include_tags_property"] {
        run.set(&format!("{option}=true"));
    }
    run.variable("FALCO_HOSTNAME", "test-falco-hostname");
    let found = run.run().alerts();
    let expected = expected(suite, "outputs.SingleRuleWithCatWriteJSON")?;
    let expected: Vec<Value> = expected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let strange = found.iter().find(|alert| !expected.contains(alert));
    must(strange.is_none(), format!("unexpected alert {strange:?}"))?;
    must(!found.is_empty(), "no alert")?;
    must(found.len() == expected.len(), HALF)
}

fn cat_write(suite: &Suite, config: &str, rules: &str) -> Result<super::run::Invocation, Outcome> {
    let mut run = suite.plain();
    run.config = suite.file(config).map_err(impossible)?;
    run.argument("-r");
    run.argument(&suite.file(rules).map_err(impossible)?.display().to_string());
    run.set("engine.kind=replay");
    run.set(&format!("engine.replay.capture_file={}", suite.capture("CatWrite").map_err(impossible)?.display()));
    Ok(run)
}

fn expected(suite: &Suite, name: &str) -> Result<String, Outcome> {
    Ok(fs::read_to_string(suite.file(name).map_err(impossible)?).unwrap())
}
