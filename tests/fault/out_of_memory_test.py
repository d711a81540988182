"""A replica that passes its memory limit is ended and named; the other one goes on serving, and it comes back."""

from support import small_app
from support.up import Up
from support.waiting import eventually

EATER = """python3 -c "
import os, threading, time
def eat():
    while not os.path.exists('eat'): time.sleep(0.01)
    try: os.mkdir('taken')
    except FileExistsError: return
    hoard = bytearray(200_000_000)
threading.Thread(target=eat, daemon=True).start()
exec(open('server.py').read())
" """


def test_it_is_named_and_comes_back(folder):
    app = small_app.write(folder, command=EATER, replicas=2, process='memory = "48M"')
    with Up(folder, app) as up:
        (app / "eat").touch()
        failed = eventually(lambda: [r for r in up.replicas() if r["failure"]], "a replica to be killed")
        assert len(failed) == 1
        failure = failed[0]["failure"]
        assert failure["out_of_memory"] is True
        assert "at its limit of 48.0 MiB" in failure["cause"]
        assert "raise 'memory' in [processes.web]" in failure["next_step"]
        assert up.ask("/x").text == "/x"
        eventually(up.is_ready, "it to be back")
