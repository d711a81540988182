"""The commands of the guides do what the guides say, and the examples run."""

import os
import re
import shutil
import subprocess

import pytest

from support.process import BUILD, ROOT
from support.serve import Serve

# The guides that are a script from top to bottom. The others name a cluster, a cloud, a domain or a machine of the reader's:
# docs_test holds their commands and files against what there is.
GUIDES = [ROOT / "docs" / "guides" / f"{name}.md"
          for name in ("alerts", "deploying", "environments", "migrations", "rolling-back")]
EXAMPLES = sorted(p for p in (ROOT / "examples").iterdir() if p.is_dir())


@pytest.mark.parametrize("guide", GUIDES, ids=lambda p: p.stem)
def test_its_commands_run(folder, guide):
    shutil.copytree(ROOT / "examples", folder / "examples")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", guide.read_text(), re.DOTALL))
    with Serve(folder) as serve:
        done = subprocess.run(["bash", "-euxc", script], cwd=folder, capture_output=True, text=True, timeout=240,
                              env={**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "FAIRLEAD_STATE": str(serve.state)})
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_the_example_is_deployed_and_answers(folder, example):
    app = folder / example.name
    shutil.copytree(example, app)
    with Serve(folder) as serve:
        serve.do("deploy", app)
        answer = serve.ask("/", host=f"{example.name}.localhost")
        assert answer.status == 200 and answer.text.startswith("Hello from ") and "1.0.0+build.1" in answer.text
        assert serve.deployment("restart")["state"] == "succeeded"
