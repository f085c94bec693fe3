import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Program } from '../support/program.ts';
import { createSite, program, type Site, startServer, UPSTREAM_ADDRESS } from '../support/site.ts';

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

test('a guest that has shut down its side still gets a long answer', async () => {
  const { stdout } = await site.guest.run(program('client', '169.254.16.9', 9000, 'half-close', 50_000_000));
  expect(stdout).toMatch(/^50000000 [0-9a-f]{64}\n$/);
  await server.waitFor(new RegExp(`^source ${stdout.trim()}$`, 'm'));
});

test('a guest still sends after the upstream has shut down its side', async () => {
  const { stdout } = await site.guest.run(program('client', '169.254.16.9', 9000, 'early', 50_000_000));
  const [greeting, sent] = stdout.split('\n');
  expect(greeting).toBe('early');
  expect(sent).toMatch(/^50000000 [0-9a-f]{64}$/);
  await server.waitFor(new RegExp(`^early ${sent}$`, 'm'));
});

test('a shutdown alone is passed on', async () => {
  const { stdout } = await site.guest.run(program('client', '169.254.16.9', 9000, 'upload', 0));
  const nothing = '0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
  expect(stdout).toBe(`${nothing}\n${nothing}\n`);
});
