/** Server on every address of its namespace: `sink PORT`. Reads what comes and throws it away. */
import { createServer } from 'node:net';

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.resume();
});
server.listen({ port: Number(process.argv[2]), host: '0.0.0.0', backlog: 4096 });
