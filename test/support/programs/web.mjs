// An HTTP server that says one line: web.mjs ADDRESS PORT TEXT
import { createServer } from 'node:http';

const [address, port, text] = process.argv.slice(2);
createServer((_request, response) => response.end(`${text}\n`)).listen(Number(port), address, () => {
  console.log('listening');
});
