# SPDX-License-Identifier: Apache-2.0
"""Exit codes, help and suggestions: the words themselves."""
import os
import pty
import subprocess

import pytest

from conftest import SLUICE, run

COMMANDS = ["config", "config check", "config show", "config diff", "config apply", "config confirm", "config rollback",
            "config history", "explain", "plan", "table", "table show", "table export", "service", "service list",
            "service show", "service add", "service set", "service remove", "pool", "pool list", "pool show", "pool add",
            "pool set", "pool remove", "backend", "backend list", "backend show", "backend add", "backend set",
            "backend weight", "backend remove", "node", "node list", "node show", "cluster", "cluster status",
            "cluster members", "cluster add", "cluster promote", "cluster remove", "cluster transfer",
            "cluster snapshot", "cluster snapshot save", "events", "audit", "audit list", "audit verify", "status",
            "stats", "drops", "version", "completion"]


@pytest.mark.parametrize("command", [""] + COMMANDS)
def test_every_level_has_help_on_stdout(command):
    ran = run(*command.split(), "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert ran.out.startswith(("sluice " + command).strip() + ": ")
    assert "--output table|wide|json" in ran.out
    assert max(len(line) for line in ran.out.splitlines()) <= 110


def test_root_help_lists_every_command():
    out = run("--help").out
    for command in COMMANDS:
        assert "\n  " + command.split()[0] + " " in out


@pytest.mark.parametrize("words,message", [
    (["explian"], 'unknown command "explian"; did you mean "explain"? see sluice --help'),
    (["config", "chekc", "x"], 'unknown config command "chekc"; did you mean "check"? see sluice config --help'),
    (["table", "delete"], 'unknown table command "delete"; allowed: show, export; see sluice table --help'),
    (["quux"], 'unknown command "quux"; allowed: config, explain, plan, table, service, pool, backend, node, cluster, '
               'events, audit, status, stats, drops, version, cert, completion; see sluice --help'),
    (["explain", "--sokcet", "x"], 'unknown option "--sokcet"; did you mean "--socket"? see sluice explain --help'),
    (["status", "--sockte=x"], 'unknown option "--sockte"; did you mean "--socket"? see sluice status --help'),
    (["drops", "-z"], 'unknown option "-z"; see sluice drops --help'),
    (["drops", "--all", "--al"], 'unknown option "--al"; did you mean "--all"? see sluice drops --help'),
    (["-o", "jsn", "version"], '--output "jsn" is unknown; did you mean "json"? allowed: table, wide, json; '
                               'see sluice version --help'),
    (["completion", "fisch"], 'SHELL "fisch" is unknown; did you mean "fish"? allowed: bash, zsh, fish; '
                              'see sluice completion --help'),
    (["explain", "1.2.3.4:5"], "DEST is required; see sluice explain --help"),
    (["--timeout", "0", "status"], '--timeout "0" is no wait; allowed: more than 0, up to 86400 seconds; '
                                   'see sluice status --help'),
    (["--timeout", "nan", "status"], '--timeout "nan" is no wait; allowed: more than 0, up to 86400 seconds; '
                                     'see sluice status --help'),
])
def test_wrong_words_exit_2_with_one_line_that_says_what_was_meant(words, message):
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: " + message + "\n"


@pytest.mark.parametrize("words", [[], ["config"], ["table"], ["cluster"], ["cluster", "snapshot"]])
def test_no_command_shows_the_help_as_an_error(words):
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == run(*words, "--help").out


@pytest.mark.parametrize("words", [["version", "extra"], ["config", "check", "a", "b"], ["table", "export"],
                                   ["status", "--socket"], ["plan"], ["--"], ["-o"], [""]])
def test_other_misuse_exits_2(words):
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err != ""


def test_version_needs_no_plane(tmp_path):
    ran = run("version", "--socket", str(tmp_path / "none"))
    assert ran.code == 0
    assert "none answers" in ran.out
    assert run("version", "-o", "json", "--socket", str(tmp_path / "none")).json()["plane"] is None
    assert run("--version").out == "sluice " + run("version", "-o", "json").json()["sluice"] + "\n"


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        process = subprocess.run([SLUICE, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=30)
    assert process.returncode == 1
    assert b"cannot write" in process.stderr


def on_terminal(*words, **environment):
    """Standard output on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([SLUICE, *words], stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:  # EIO: the other end is closed
        pass
    os.close(ours)
    process.communicate(timeout=30)
    return text.decode()


def test_color_on_a_terminal_only_and_never_against_no_color(site):
    words = ["table", "show", "-c", site]
    assert "\x1b[" in on_terminal(*words, TERM="xterm")
    assert "\x1b[" in on_terminal(*words, TERM="xterm", NO_COLOR="")
    assert "\x1b[" not in on_terminal(*words, TERM="xterm", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(*words, TERM="dumb")
    assert "\x1b[" not in on_terminal(*words)
    assert "\x1b[" not in run(*words, environment={"TERM": "xterm"}).out
    assert "\x1b[" not in on_terminal(*words, "-o", "json", TERM="xterm")


def complete(script, words, tmp_path):
    """What bash would offer for the last of the words."""
    quoted = " ".join("'" + word + "'" for word in words)
    lines = (f"source {script}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n_sluice\n"
             'printf "%s\\n" "${COMPREPLY[@]}"\n')
    process = subprocess.run(["bash", "-c", lines], capture_output=True, text=True, timeout=30, cwd=tmp_path)
    assert process.stderr == ""
    return process.stdout.split()


def test_bash_completes_commands_options_values_and_files(tmp_path):
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").out)
    (tmp_path / "a.toml").write_text("")
    assert complete(script, ["sluice", "ex"], tmp_path) == ["explain"]
    assert complete(script, ["sluice", "config", ""], tmp_path)[:3] == ["check", "show", "diff"]
    assert complete(script, ["sluice", "-o", "json", "table", "s"], tmp_path) == ["show"]
    assert complete(script, ["sluice", "config", "check", "a"], tmp_path) == ["a.toml"]
    assert complete(script, ["sluice", "plan", "--con"], tmp_path) == ["--config"]
    assert complete(script, ["sluice", "plan", "-c", "a"], tmp_path) == ["a.toml"]
    assert complete(script, ["sluice", "status", "--output", "j"], tmp_path) == ["json"]
    assert complete(script, ["sluice", "completion", "z"], tmp_path) == ["zsh"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_every_command(shell):
    ran = run("completion", shell)
    assert ran.code == 0
    for command in COMMANDS:
        assert command.split()[-1] in ran.out
