import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Attachment } from '../../../src/driver/attachments/attachment.ts';
import { type AttachmentStore, attachmentsIn } from '../../../src/driver/attachments/attachments.ts';

const MOMENT = { bootId: 'boot', uptimeS: 12.5 };
const VM: Attachment = {
  owner: { is: 'vm', vmId: '7', nicId: '0', tap: 'one-7-0' },
  bridge: 'br0',
  network: { name: 'private', id: '0' },
  since: MOMENT,
  seen: MOMENT,
  servicePorts: [5030, 1234],
};
const HAND: Attachment = { ...VM, owner: { is: 'hand' }, network: { name: 'by hand' } };

let parent: string;
let directory: string;
let store: AttachmentStore;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'attachments-'));
  directory = join(parent, 'attachments');
  store = attachmentsIn(directory);
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

describe('records', () => {
  test('come back as they were put', async () => {
    await store.put(VM);
    await store.put(HAND);
    const { attachments, damaged } = await store.load();
    expect(damaged).toEqual([]);
    expect(attachments).toHaveLength(2);
    expect(attachments).toEqual(expect.arrayContaining([VM, HAND]));
  });

  test('are none when there is no directory', async () => {
    expect(await store.load()).toEqual({ attachments: [], damaged: [] });
  });

  test('are one per NIC: a second one takes the place of the first', async () => {
    await store.put(VM);
    await store.put({ ...VM, bridge: 'br1' });
    expect((await store.load()).attachments).toEqual([{ ...VM, bridge: 'br1' }]);
  });

  test('are for root alone', async () => {
    await store.put(VM);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'vm-7-0.json')).mode & 0o777).toBe(0o600);
  });

  test('leave nothing when the last one goes, and going twice is fine', async () => {
    await store.put(VM);
    await store.put(HAND);
    await store.remove(VM);
    expect((await store.load()).attachments).toEqual([HAND]);
    await store.remove(HAND);
    await store.remove(HAND);
    expect(existsSync(directory)).toBe(false);
  });

  test('show people the time', async () => {
    await store.put(VM);
    const text = readFileSync(join(directory, 'vm-7-0.json'), 'utf8');
    expect(JSON.parse(text).time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});

describe('a damaged record', () => {
  const good = { ...VM, owner: { is: 'vm', vmId: '7', nicId: '0', tap: 'one-7-0' } };

  test.each([
    ['empty', ''],
    ['cut off', JSON.stringify(good).slice(0, 40)],
    ['of binary rubbish', '\0\x01\x02'],
    ['a list', '[]'],
    ['without a bridge', JSON.stringify({ ...good, bridge: undefined })],
    ['with a bridge that is none', JSON.stringify({ ...good, bridge: '../x' })],
    ['without an owner', JSON.stringify({ ...good, owner: undefined })],
    ['of an unknown owner', JSON.stringify({ ...good, owner: { is: 'ghost' } })],
    ['without a network', JSON.stringify({ ...good, network: 'private' })],
    ['without a time', JSON.stringify({ ...good, since: undefined })],
    ['with ports that are none', JSON.stringify({ ...good, servicePorts: ['http'] })],
  ])('%s is set aside, told of, and harms no other', async (_, text) => {
    await store.put(VM);
    const file = join(directory, 'vm-8-0.json');
    writeFileSync(file, text);
    const { attachments, damaged } = await store.load();
    expect(attachments).toEqual([VM]);
    expect(damaged).toEqual([expect.stringContaining(`set aside as ${file}.damaged`)]);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe(text);
    expect(await store.load()).toEqual({ attachments: [VM], damaged: [] });
  });

  test('half written by a process that was killed is no record', async () => {
    await store.put(VM);
    writeFileSync(join(directory, 'vm-8-0.json.tmp'), '{"owner":');
    expect(await store.load()).toEqual({ attachments: [VM], damaged: [] });
    expect(readdirSync(directory)).toEqual(['vm-7-0.json']);
  });
});

describe('a file system that refuses', () => {
  test('leaves the old record as it was', async () => {
    await store.put(VM);
    // A directory in the place of the temporary file: as root, permissions would not stop anything.
    mkdirSync(join(directory, 'vm-7-0.json.tmp', 'x'), { recursive: true });
    await expect(store.put({ ...VM, bridge: 'br1' })).rejects.toThrow(
      /vm-7-0.json: can't be written: .*check the file system/,
    );
    chmodSync(directory, 0o700);
    expect(JSON.parse(readFileSync(join(directory, 'vm-7-0.json'), 'utf8')).bridge).toBe('br0');
  });
});
