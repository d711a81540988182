"""Docker builds the rendered Dockerfile, and what it builds runs: healthy, with secrets as variables, drained."""

import pytest

from support.containers import app_folder, fairlead
from support.waiting import eventually

TOML = r"""name = "tiny"
version = "2.1.0"
build.command = "mkdir -p made && printf '%s %s' \"it's\" $((1 + 1)) > made/word"
build.include = ["serve.pl", "made"]
processes.web.command = "perl serve.pl"
processes.web.health = "/up"
"""
# Debian's smallest system has perl.
SERVE = r"""
use IO::Socket::INET; $| = 1;
$SIG{TERM} = sub { exit 0 };
open my $f, '<', 'made/word'; my $word = <$f>;
my $s = IO::Socket::INET->new(LocalAddr => $ENV{HOST}, LocalPort => $ENV{PORT}, Listen => 8, ReuseAddr => 1) or die;
print "$word $ENV{APP_VERSION} $ENV{TOKEN} $ENV{URL}\n";
while (my $c = $s->accept) { my $line = <$c>; print $c "HTTP/1.0 200 OK\r\n\r\nup"; close $c }
"""


@pytest.mark.timeout(500)
def test_builds_and_runs(docker, folder):
    docker.debian()
    app = app_folder(folder / "app", TOML)
    (app / "serve.pl").write_text(SERVE)
    fairlead("render", "dockerfile", app, "--out", app)
    docker.run("build", "-q", "-t", "tiny:built", "--build-arg", "BUILD_NUMBER=7", app, seconds=300)
    (folder / "token").write_text("hush")
    (folder / "token").chmod(0o644)
    docker.run("run", "-d", "--name", "tiny", "-v", f"{folder}/token:/run/secrets/TOKEN:ro", "-e", "URL=x:{secret:TOKEN}@y",
               "tiny:built")
    try:
        eventually(lambda: docker.out("inspect", "-f", "{{.State.Health.Status}}", "tiny") == "healthy", "health", 60)
        assert docker.out("logs", "tiny") == "it's 2 2.1.0+build.7 hush x:hush@y"
        assert docker.out("inspect", "-f", "{{.Config.User}}", "tiny") == "10001:10001"
        docker.run("stop", "-t", "10", "tiny")
        assert docker.out("inspect", "-f", "{{.State.ExitCode}}", "tiny") == "0"
    finally:
        docker.run("rm", "-f", "tiny")
