/** Server on every address of its namespace: `echo PORT`. Sends back what it gets and never closes first. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.pipe(socket);
});
server.listen({ port: Number(process.argv[2]), host: '0.0.0.0', backlog: 4096 });
