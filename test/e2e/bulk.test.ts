import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Program } from '../support/program.ts';
import { createSite, program, type Site, startServer, UPSTREAM_ADDRESS } from '../support/site.ts';

const GIB = 1024 ** 3;
let site: Site;
let server: Program;

beforeAll(async () => {
  site = await createSite({ services: { 9000: `${UPSTREAM_ADDRESS}:9000` } });
  await site.hypervisor.deploy(site.guest);
  server = await startServer(site.host, 9000);
});

afterAll(async () => {
  await site.box.close();
});

function client(mode: string, bytes: number): string[] {
  return program('client', '169.254.16.9', 9000, mode, bytes);
}

test('1 GiB from the guest', async () => {
  const { stdout } = await site.guest.run(client('upload', GIB));
  const [sent, counted] = stdout.trim().split('\n');
  expect(sent).toMatch(/^1073741824 [0-9a-f]{64}$/);
  expect(counted).toBe(sent);
});

test('1 GiB to the guest', async () => {
  const { stdout } = await site.guest.run(client('download', GIB));
  expect(stdout).toMatch(/^1073741824 [0-9a-f]{64}\n$/);
  await server.waitFor(new RegExp(`^source ${stdout.trim()}$`, 'm'));
});

test('the log has counted every byte', async () => {
  const counted = () =>
    site.hypervisor.connections('br0').map(({ bytes_to_upstream, bytes_to_guest, outcome }) => ({
      bytes_to_upstream,
      bytes_to_guest,
      outcome,
    }));
  const [sink, counts, source] = ['sink\n', `${GIB} \n`, `source ${GIB}\n`].map(({ length }) => length);
  await expect.poll(counted).toEqual([
    { bytes_to_upstream: GIB + Number(sink), bytes_to_guest: Number(counts) + 64, outcome: 'closed' },
    { bytes_to_upstream: source, bytes_to_guest: GIB, outcome: 'closed' },
  ]);
});

test('1 GiB to a guest that reads in fits and starts, in little memory', async () => {
  const { box, guest, hypervisor } = site;
  const { pid } = await hypervisor.forwarder();
  const resident = () => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(box.path(`/proc/${pid}/status`), 'utf8'))?.[1];
    return Number(kilobytes) / 1024;
  };
  const before = resident();
  const reader = guest.spawn(client('slow', GIB));
  await reader.waitFor(/^pause$/m);
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, resident());
  }, 50);
  const status = await reader.end().finally(() => clearInterval(watch));
  expect(status).toBe(0);
  const received = reader.lines.at(-1) ?? '';
  expect(received).toMatch(/^1073741824 [0-9a-f]{64}$/);
  await server.waitFor(new RegExp(`^source ${received}$`, 'm'));
  // In MB. The kernel's buffers hold a reader that stalls; the process does not.
  expect(peak - before).toBeLessThan(16);
});
