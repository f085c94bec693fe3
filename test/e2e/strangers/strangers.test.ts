import { chmodSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MessageType, PROTOCOL_VERSION } from '../../../src/dataplane/listeners/handover.ts';
import { HOST_VARIABLE, ROLE_VARIABLE } from '../../../src/process/roles.ts';
import { type Bundle, bundle } from '../../integration/linux/bundle.ts';
import type { Place } from '../../support/place.ts';
import { ask, createSite, type Site, startGreeter, UPSTREAM_ADDRESS } from '../../support/site.ts';

const SOCKET = '/run/one_tproxy/bridge.br0/listener.sock';
const NOBODY = 65_534;

let site: Site;
let program: Bundle;
let host: string;
let listener: number;
beforeAll(async () => {
  [site, program] = await Promise.all([
    createSite({ services: { 80: `${UPSTREAM_ADDRESS}:1111` } }),
    bundle(new URL('program.ts', import.meta.url)),
  ]);
  chmodSync(program.directory, 0o755);
  await site.box.sh('ip netns add elsewhere');
  await startGreeter(site.host, 1111, 'served');
  await site.hypervisor.deploy(site.guest);
  host = (await site.box.sh('stat -Lc %i /proc/self/ns/net')).trim();
  listener = (await site.hypervisor.listener('br0')).pid;
});
afterAll(async () => {
  await site.box.close();
  program.remove();
});

interface Stranger {
  readonly place?: Place | undefined;
  readonly uid?: number;
  readonly title?: string;
  /** Whose its environment says it is. */
  readonly role?: string;
  readonly says?: string;
  readonly shows?: string;
}

/** What becomes of a process that has the title and the environment of the listener of br0, where nothing else is said. */
async function tries(stranger: Stranger): Promise<string> {
  const { place = site.box, uid = NOBODY, title = 'one_tproxy_br0', role = title } = stranger;
  const { says = '', shows = '' } = stranger;
  const user = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  const variables = {
    NODE_OPTIONS: `--import=file://${program.file}`,
    [ROLE_VARIABLE]: role,
    [HOST_VARIABLE]: host,
    STRANGER_SOCKET: SOCKET,
    STRANGER_SAYS: says,
    STRANGER_SHOWS: shows,
  };
  const environment = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const become = [
    'env',
    '-i',
    ...environment,
    'bash',
    '-c',
    `exec -a ${title} "$0" </dev/null`,
    process.execPath,
  ];
  const { status, stdout, stderr } = await place.run([...user, ...become], { timeoutMs: 20_000 });
  return stdout.trim() || stderr.trim() || `ended with ${status}`;
}

const message = (type: number, body = ''): string =>
  `${String.fromCharCode(type, PROTOCOL_VERSION, 32, 32)}${body}`;
const HELLO = message(MessageType.hello, '{"bridge":"br0"}');
const STATE = message(MessageType.listening, '{"ports":[80],"sockets":[80],"more":false,"failures":[]}');

test.each<[string, Stranger, RegExp]>([
  ['another user', { uid: 1000, says: HELLO }, /^not let in: EACCES$/],
  ['one in the namespace of the host', { says: HELLO }, /^(cut off|ended with)/],
  [
    'one that speaks for another bridge',
    { says: message(MessageType.hello, '{"bridge":"br1"}') },
    /^cut off$/,
  ],
  ['one that says nonsense', { says: 'nonsense' }, /^cut off$/],
  ['one that says as much as it can', { says: message(MessageType.hello, 'x'.repeat(60_000)) }, /^cut off$/],
  ['one that shows sockets at once', { says: STATE, shows: 'service' }, /^cut off$/],
  ['one that shows a file', { says: HELLO, shows: 'file' }, /^cut off$/],
  ['one that shows much', { says: HELLO, shows: Array(100).fill('event').join() }, /^cut off$/],
])('%s is no listener', async (_what, stranger, end) => {
  expect(await tries(stranger)).toMatch(end);
  expect(await ask(site.guest, 80)).toBe('served');
  expect((await site.hypervisor.listener('br0')).pid).toBe(listener);
});

test('a second one in the namespace of the bridge is refused and ended', async () => {
  const place = site.box.netns('one_tproxy_br0');
  expect(await tries({ place, says: HELLO })).toMatch(/^(cut off|ended with)/);
  expect(site.hypervisor.log('one_tproxy')).toContainEqual(
    expect.objectContaining({
      msg: 'listener refused',
      reason: `process ${listener} is the listener already`,
    }),
  );
  expect(await ask(site.guest, 80)).toBe('served');
  expect((await site.hypervisor.listener('br0')).pid).toBe(listener);
});

const NETNS = 'one_tproxy_br0';
const NOT_IT = 'not the listener of this bridge';
test.each<[string, Stranger, string | undefined, string]>([
  ['of another title', { title: 'one_tproxy_br1', role: 'one_tproxy_br0' }, NETNS, NOT_IT],
  ['with another environment', { role: 'one_tproxy_br1' }, NETNS, NOT_IT],
  ['in the namespace of the host', {}, undefined, NOT_IT],
  ['in another namespace', {}, 'elsewhere', 'its netns is no longer that of the bridge'],
])('one %s is refused for that, although it has all the rest', async (_what, stranger, netns, why) => {
  const refused = () => site.hypervisor.log('one_tproxy').filter(({ reason }) => reason === why).length;
  const before = refused();
  const place = netns === undefined ? site.box : site.box.netns(netns);
  expect(await tries({ place, says: HELLO, ...stranger })).toMatch(/^(cut off|ended with)/);
  await expect.poll(refused).toBe(before + 1);
  expect(await ask(site.guest, 80)).toBe('served');
});
