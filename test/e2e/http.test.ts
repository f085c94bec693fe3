import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stopwatch } from '../support/patience.ts';
import { createSite, type Site, UPSTREAM_ADDRESS, untilListening } from '../support/site.ts';

const URL = 'http://169.254.16.9:5030';
const FILES = 200;
let site: Site;

beforeAll(async () => {
  site = await createSite({ services: { 5030: `${UPSTREAM_ADDRESS}:80` } });
  const { box, host, hypervisor, guest } = site;
  await box.sh(`
    mkdir -p /run/test/www/files /run/test/out /var/log/nginx
    chmod -R a+rX /run/test
    for i in $(seq ${FILES}); do head -c 30000 /dev/urandom > /run/test/www/files/$i; done
    head -c 5000000 /dev/urandom > /run/test/www/big
    echo 'hello from nginx' > /run/test/www/index.html
  `);
  writeFileSync(
    box.path('/run/test/nginx.conf'),
    `
    user root;
    pid /run/test/nginx.pid;
    error_log stderr;
    worker_processes 2;
    events { worker_connections 1024; }
    http {
      access_log off;
      client_body_temp_path /run/test/body;
      server {
        listen ${UPSTREAM_ADDRESS}:80;
        root /run/test/www;
        location = /who { return 200 "$remote_addr\\n"; }
        location = /teapot { return 418 "short and stout\\n"; }
        # One and a half seconds for a file: all requests have to be under way together.
        location /files/ { limit_rate 20k; }
      }
    }
  `,
  );
  const nginx = host.spawn(['nginx', '-c', '/run/test/nginx.conf', '-g', 'daemon off;']);
  await untilListening(host, 80, nginx);
  await hypervisor.deploy(guest);
});

afterAll(async () => {
  await site.box.close();
});

test('a page, an error page, and the address that the server sees', async () => {
  const { guest } = site;
  expect(await guest.sh(`curl -fsS -m 10 ${URL}/`)).toBe('hello from nginx\n');
  expect(await guest.sh(`curl -sS -m 10 -w '%{http_code}' ${URL}/teapot`)).toBe('short and stout\n418');
  expect(await guest.sh(`curl -fsS -m 10 ${URL}/who`)).toMatch(/^10\.255\.\d+\.1\n$/);
});

test('a big file arrives as it is', async () => {
  const { box, guest } = site;
  const there = await box.sh('sha256sum < /run/test/www/big');
  expect(await guest.sh(`curl -fsS -m 10 ${URL}/big | sha256sum`)).toBe(there);
});

test('requests share a connection that is kept alive', async () => {
  const { guest } = site;
  const urls = Array.from({ length: 20 }, () => `${URL}/`).join(' ');
  const out = await guest.sh(`curl -fsS -m 10 -w 'connects %{num_connects}\\n' ${urls}`);
  const connects = out.split('\n').filter((line) => line.startsWith('connects'));
  expect(connects).toEqual(['connects 1', ...Array.from({ length: 19 }, () => 'connects 0')]);
});

test(`${FILES} downloads at once`, async () => {
  const { box, guest } = site;
  const took = stopwatch();
  await guest.sh(
    `curl -fsS -m 110 --parallel --parallel-immediate --parallel-max ${FILES} -o '/run/test/out/#1' '${URL}/files/[1-${FILES}]'`,
    { timeoutMs: 90_000 },
  );
  // One after the other they would take five minutes.
  expect(took()).toBeLessThan(30_000);
  await box.sh('diff -r /run/test/www/files /run/test/out');
});

test('every finished connection has a line in the log of its bridge', async () => {
  const { hypervisor, guest } = site;
  // Of a length that no request of curl has.
  const request = `GET /who HTTP/1.0\r\nX-Padding: ${'x'.repeat(1234)}\r\n\r\n`;
  const answer = await guest.sh('exec 3<>/dev/tcp/169.254.16.9/5030; cat >&3; cat <&3', { input: request });
  const finished = () =>
    hypervisor.connections('br0').filter(({ bytes_to_upstream }) => bytes_to_upstream === request.length);
  await expect.poll(finished).toHaveLength(1);
  expect(finished()).toMatchObject([
    {
      bridge: 'br0',
      service_port: 5030,
      guest: expect.stringMatching(new RegExp(`^${guest.ip}:\\d+$`)),
      upstream: `${UPSTREAM_ADDRESS}:80`,
      bytes_to_guest: answer.length,
      duration_ms: expect.any(Number),
      outcome: 'closed',
    },
  ]);
});
