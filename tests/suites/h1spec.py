"""h1spec is written for Deno; node runs it once its types are gone and Deno's sockets are played by node's."""

import pathlib
import re
import subprocess
import tempfile

DENO = """
import net from "node:net";
globalThis.Deno = {
  args: process.argv.slice(2),
  exit: (code) => process.exit(code),
  connect: ({ hostname, port }) => new Promise((resolve, reject) => {
    const socket = net.connect(port, hostname, () => resolve({
      write: async (bytes) => { socket.write(bytes); return bytes.length; },
      read: (buffer) => new Promise((done, failed) => {
        socket.once("data", (data) => { buffer.set(data); done(data.length); });
        socket.once("end", () => done(null));
        socket.once("error", failed);
      }),
      close: () => socket.destroy(),
    }));
    socket.once("error", reject);
  }),
};
"""


def run(checkout, edge, origin):
    source = (checkout / "http_test.ts").read_text()
    source = re.sub(r"^interface \w+ \{.*?^\}", "", source, flags=re.MULTILINE | re.DOTALL)
    source = re.sub(r"(\bconst \w+|\w+|\))\s*: (TestCase|string|number|Promise<boolean>)(\[\])*(?=[ ,)=;{])", r"\1", source)
    source = source.replace("new Promise<boolean>", "new Promise")
    source = source.replace("runTests();", "runTests().then(() => process.exit(0));")  # some of its sockets stay open
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "h1spec.mjs")
        script.write_text(DENO + source)
        done = subprocess.run(["node", script, *edge.address.split(":")], capture_output=True, text=True, timeout=120)
    print("\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("✅")))
    return done.returncode
