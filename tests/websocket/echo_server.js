// Echoes every message; prints its port. Its answers are of HTTP/1.1, as those of any origin.
const { WebSocketServer } = require("ws");
const http = require("http");

const server = http.createServer((request, response) => response.end("no tunnel"));
const sockets = new WebSocketServer({ noServer: true, handleProtocols: (wanted) => [...wanted][0] });
server.on("upgrade", (request, socket, head) => {
  if (request.url === "/refused") return socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  sockets.handleUpgrade(request, socket, head, (tunnel) => {
    tunnel.on("message", (data, binary) => tunnel.send(data, { binary }));
    if (request.url === "/bye") tunnel.close(4001, "bye");
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
