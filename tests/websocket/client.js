// client.js h1|h2 URL SIZE COUNT: sends COUNT messages of SIZE bytes, awaits each echo, closes, and prints what happened as JSON.
const WebSocket = require("ws");
const http2 = require("http2");

const [version, url, size, count] = process.argv.slice(2);
const seen = { echoed: 0, wrong: 0 };

function tell(extra) {
  console.log(JSON.stringify({ ...seen, ...extra }));
  process.exit(0);
}

function talk(socket) {
  const message = Buffer.alloc(Number(size), "m");
  socket.on("message", (data) => {
    seen[data.equals(message) ? "echoed" : "wrong"]++;
    if (seen.echoed + seen.wrong === Number(count)) socket.close(1000);
    else socket.send(message);
  });
  socket.on("close", (code) => tell({ closed: code }));
  socket.on("error", (error) => tell({ error: error.message }));
  if (Number(count) > 0) socket.send(message);
}

if (version === "h1") {
  const socket = new WebSocket(url, ["chat"], { rejectUnauthorized: false });
  socket.on("open", () => { seen.protocol = socket.protocol; talk(socket); });
  socket.on("unexpected-response", (_, response) => tell({ status: response.statusCode }));
  socket.on("error", (error) => tell({ error: error.message }));
} else {
  // RFC 8441; ws itself speaks HTTP/1.1 only, so that the stream is opened here.
  const { origin, pathname } = new URL(url);
  const session = http2.connect(origin, { rejectUnauthorized: false });
  session.on("error", (error) => tell({ error: error.message }));
  session.once("remoteSettings", (settings) => {
    seen.offered = settings.enableConnectProtocol;
    const stream = session.request({
      ":method": "CONNECT", ":protocol": "websocket", ":path": pathname,
      "sec-websocket-version": "13", "sec-websocket-protocol": "chat",
    });
    stream.on("error", (error) => tell({ error: error.message }));
    stream.on("response", (head) => {
      if (head[":status"] !== 200) tell({ status: head[":status"] });
      seen.protocol = head["sec-websocket-protocol"];
      const socket = new WebSocket(null, undefined, { autoPong: true });
      socket._isServer = false;  // what is made without an address takes itself for a server
      socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false });
      talk(socket);
    });
  });
}
