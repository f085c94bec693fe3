/**
 * Does a peer serve, and is what it carries right? `check ADDRESS HTTP_PORT ECHO_PORT BODY BLOB_FILE`, from the guest's
 * namespace. Exits 1 with one line that says what came instead.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';

const [address = '', httpPort = '', echoPort = '', body = '', blobFile = ''] = process.argv.slice(2);
const TIMEOUT_MS = 5000;
const ECHO_BYTES = 4 * 1024 * 1024;

try {
  const small = await fetchBody('/');
  if (small.toString() !== body) fail(`GET / answered ${JSON.stringify(small.toString().slice(0, 60))}`);
  const blob = await fetchBody('/blob');
  if (digest(blob) !== digest(readFileSync(blobFile)))
    fail(`GET /blob: ${blob.length} bytes, not those of the file`);
  const sent = randomBytes(ECHO_BYTES);
  const echoed = await echo(sent);
  if (digest(echoed) !== digest(sent)) fail(`echo: ${echoed.length} of ${sent.length} bytes, or other ones`);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

function fetchBody(path: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = get(
      { host: address, port: httpPort, path, agent: false, timeout: TIMEOUT_MS },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => resolve(Buffer.concat(parts)));
        response.on('error', reject);
      },
    );
    request.on('timeout', () =>
      request.destroy(new Error(`GET ${path}: no answer within ${TIMEOUT_MS / 1000} s`)),
    );
    request.on('error', reject);
  });
}

function echo(bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let received = 0;
    const socket = connect({ host: address, port: Number(echoPort) }, () => socket.write(bytes));
    const done = () => {
      socket.destroy();
      resolve(Buffer.concat(parts));
    };
    socket.setTimeout(TIMEOUT_MS, done);
    socket.on('data', (part) => {
      parts.push(part);
      received += part.length;
      if (received >= bytes.length) done();
    });
    socket.on('end', done);
    socket.on('error', reject);
  });
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
