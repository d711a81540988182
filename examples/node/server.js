const http = require("node:http");

const server = http.createServer((request, response) => {
  response.end(request.url === "/healthz" ? "ok\n" : `Hello from Node, ${process.env.APP_VERSION}\n`);
});

server.listen(process.env.PORT, "127.0.0.1");
// SIGTERM: no new requests come any more; finish those that are there, then go.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
