// Calls whose answers are lost, while connections of earlier calls are open: how often does each arrive?
import { createServer } from "node:net";
import { fetchTransport } from "oneup-lifecycle";

const arrived = {};
const server = createServer((socket) => {
  socket.on("error", () => {});
  socket.on("data", (data) => {
    const [method, path] = String(data).split(" ");
    if (path === "/kept") return socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    arrived[method] = (arrived[method] ?? 0) + 1;
    socket.destroy();
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const transport = fetchTransport();
const send = (method, path) =>
  transport.send({
    method,
    url: `http://127.0.0.1:${server.address().port}${path}`,
    headers: {},
    signal: AbortSignal.timeout(10_000),
    maxBytes: 100,
    onSending: () => true,
  });
for (const method of ["GET", "POST", "PUT", "DELETE"]) {
  for (let round = 0; round < 2; round++) await Promise.all([1, 2, 3, 4].map(() => send("POST", "/kept")));
  await send(method, "/lost").catch(() => {});
}
console.log(JSON.stringify(arrived));
process.exit();
