import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SERVICE_ADDRESS } from '../../src/model/names.ts';
import type { Program } from '../support/program.ts';
import { createSite, program, type Site, UPSTREAM_ADDRESS, untilListening } from '../support/site.ts';

/** Service port → the upstream's port. */
const HAPROXY = [8081, 81] as const;
const NGINX = [8082, 82] as const;
const RECORDED = [8083, 83] as const;
const PLAIN = [8084, 83] as const;

let site: Site;

function configuration(...withHeader: readonly (readonly [number, number])[]): string {
  const entries = [HAPROXY, NGINX, RECORDED, PLAIN].map((service) => {
    const [servicePort, port] = service;
    return `- :service_port: ${servicePort}
  :remote_addr: ${UPSTREAM_ADDRESS}
  :remote_port: ${port}
${withHeader.includes(service) ? '  :proxy_protocol: v2\n' : ''}`;
  });
  return `:tproxy:\n${entries.join('')}`;
}

beforeAll(async () => {
  site = await createSite();
  const { box, host, guest, hypervisor } = site;
  await box.sh('mkdir -p /run/test /var/log/nginx');
  writeFileSync(
    box.path('/run/test/haproxy.cfg'),
    `
    defaults
      mode http
      timeout connect 5s
      timeout client 10s
      timeout server 10s
    frontend web
      bind ${UPSTREAM_ADDRESS}:${HAPROXY[1]} accept-proxy
      http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"

`,
  );
  writeFileSync(
    box.path('/run/test/nginx.conf'),
    `
    user root;
    pid /run/test/nginx.pid;
    error_log stderr;
    events { worker_connections 64; }
    http {
      access_log off;
      client_body_temp_path /run/test/body;
      server {
        listen ${UPSTREAM_ADDRESS}:${NGINX[1]} proxy_protocol;
        return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
      }
    }
    `,
  );
  const haproxy = host.spawn(['haproxy', '-db', '-f', '/run/test/haproxy.cfg']);
  const nginx = host.spawn(['nginx', '-c', '/run/test/nginx.conf', '-g', 'daemon off;']);
  const recorder = host.spawn(program('recorder', host.ip, RECORDED[1]));
  await untilListening(host, HAPROXY[1], haproxy);
  await untilListening(host, NGINX[1], nginx);
  await recorder.waitFor(/^listening$/m);
  hypervisor.configure(configuration(HAPROXY, NGINX, RECORDED));
  await hypervisor.deploy(guest);
});

afterAll(async () => {
  await site.box.close();
});

test.each([
  ['HAProxy', HAPROXY[0]],
  ['nginx', NGINX[0]],
])('%s sees the guest and the service, in every request of a connection', async (_, port) => {
  const url = `http://${SERVICE_ADDRESS}:${port}/`;
  const out = await site.guest.sh(`curl -fsS -m 10 -w ' %{local_port} %{num_connects}\\n' ${url} ${url}`);
  const [first, second] = out.trimEnd().split('\n');
  const [local] = /\d+ 1$/.exec(first ?? '')?.[0].split(' ') ?? [];
  const seen = `${site.guest.ip} ${local} ${SERVICE_ADDRESS} ${port}`;
  expect(first).toBe(`${seen} ${local} 1`);
  expect(second).toBe(`${seen} ${local} 0`);
});

interface Dialogue {
  readonly client: Program;
  /** The guest's port in hexadecimal. */
  readonly guestPort: string;
  /** Says something; all that the upstream has heard then, in hexadecimal. */
  say(word: string): Promise<string>;
}

async function dialogue(port: number): Promise<Dialogue> {
  const client = site.guest.spawn(program('dialogue', SERVICE_ADDRESS, port));
  const [, local] = await client.waitFor(/^connected (\d+)$/m);
  return {
    client,
    guestPort: Number(local).toString(16).padStart(4, '0'),
    async say(word) {
      client.stdin.write(word);
      const [heard] = await client.waitFor(
        new RegExp(`^[0-9a-f]*${Buffer.from(word).toString('hex')}$`, 'm'),
      );
      return heard;
    },
  };
}

const SIGNATURE = '0d0a0d0a000d0a515549540a';

/** What the upstream hears first: the guest, the service, and the bridge in a TLV of type 0xE0. */
function header(guestPort: string, servicePort: number): string {
  const guest = site.guest.ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  const service = servicePort.toString(16).padStart(4, '0');
  return `${SIGNATURE}21110012${guest.join('')}a9fe1009${guestPort}${service}e00003${Buffer.from('br0').toString('hex')}`;
}

test('byte by byte; a service without the option has none', async () => {
  const [told, plain] = [await dialogue(RECORDED[0]), await dialogue(PLAIN[0])];
  expect(await told.say('hello')).toBe(`${header(told.guestPort, RECORDED[0])}68656c6c6f`);
  expect(await plain.say('hello')).toBe('68656c6c6f');
});

test('it is kept in nft, switched on and off while relays live, and these stay as they are', async () => {
  const { hypervisor, box } = site;
  const map = () => box.sh('nft list map ip one_tproxy ep_br0');
  expect(await map()).toContain(`${RECORDED[0]} comment "proxy=v2" : ${UPSTREAM_ADDRESS} .`);
  const apply = async (...withHeader: readonly (readonly [number, number])[]): Promise<void> => {
    hypervisor.configure(configuration(...withHeader));
    await hypervisor.must('apply');
  };
  const before = { told: await dialogue(RECORDED[0]), plain: await dialogue(PLAIN[0]) };
  const prefix = `${header(before.told.guestPort, RECORDED[0])}61`;
  expect([await before.told.say('a'), await before.plain.say('a')]).toEqual([prefix, '61']);
  await apply(PLAIN);
  const after = { told: await dialogue(RECORDED[0]), plain: await dialogue(PLAIN[0]) };
  expect(await after.told.say('b')).toBe('62');
  expect(await after.plain.say('b')).toBe(`${header(after.plain.guestPort, PLAIN[0])}62`);
  expect([await before.told.say('c'), await before.plain.say('c')]).toEqual([`${prefix}63`, '6163']);
  expect(await map()).toContain(`${PLAIN[0]} comment "proxy=v2" : ${UPSTREAM_ADDRESS} .`);
  await apply(RECORDED);
  expect(await (await dialogue(PLAIN[0])).say('d')).toBe('64');
});
