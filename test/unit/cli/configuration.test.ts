import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { reporterOn } from '../../../src/cli/commands/driver.ts';
import {
  configurationForVm,
  faultlessConfiguration,
  settingsForDaemons,
} from '../../../src/cli/configuration.ts';
import type { Io } from '../../../src/cli/io.ts';
import { ConfigError } from '../../../src/errors.ts';
import { DEFAULT_SETTINGS } from '../../../src/model/settings.ts';

const ENTRY = ':tproxy: [{service_port: 1, remote_addr: a, remote_port: 2}]\n';
const folder = mkdtempSync(join(tmpdir(), 'configuration-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const FAULTLESS = fileWith('faultless', `${ENTRY}:tproxy_keepalive: 7\n`);
const FAULTY = fileWith('faulty', `${ENTRY}:tproxy_keepalive: 7\n:tproxy_workers: many\n`);
const BROKEN = fileWith('broken', ':tproxy: [\n');
const MISSING = join(folder, 'missing');

function listening(): { io: Io; told: string[] } {
  const told: string[] = [];
  const io = { out: () => undefined, err: (text: string) => told.push(text), readStdin: async () => '' };
  return { io, told };
}

const SERVICE = [expect.objectContaining({ servicePort: 1 })];
const SEVEN = { ...DEFAULT_SETTINGS, keepaliveS: 7 };

describe('what a configuration means', () => {
  test.each([
    [FAULTLESS, SEVEN, []],
    [MISSING, DEFAULT_SETTINGS, []],
    [FAULTY, SEVEN, [`WARNING: ${FAULTY}: 1 error; tproxy check ${FAULTY} lists it`]],
    [BROKEN, DEFAULT_SETTINGS, [expect.stringMatching(/^WARNING: .*: 1 error/)]],
    [folder, DEFAULT_SETTINGS, [expect.stringMatching(/^WARNING: .* is a directory; .*their defaults$/)]],
  ])('to daemons: %s', async (file, settings, warnings) => {
    const { io, told } = listening();
    expect(await settingsForDaemons(file, io)).toEqual(settings);
    expect(told).toEqual(warnings);
  });

  test.each([
    [FAULTLESS, SERVICE, SEVEN, []],
    [MISSING, [], DEFAULT_SETTINGS, []],
    [FAULTY, SERVICE, SEVEN, [expect.stringMatching(/^ERROR: pre: .*faulty:3:/)]],
    [BROKEN, undefined, DEFAULT_SETTINGS, [expect.stringMatching(/^ERROR: pre: .*broken:/)]],
    [folder, undefined, DEFAULT_SETTINGS, [expect.stringMatching(/^ERROR: pre: .* is a directory/)]],
  ])('to one VM: %s', async (file, services, settings, errors) => {
    const { io, told } = listening();
    expect(await configurationForVm(file, reporterOn(io, 'pre'))).toMatchObject({ services, settings });
    expect(told).toEqual(errors);
  });

  const words = { refused: 'nothing was changed', missing: 'guests keep theirs' };
  test.each([
    [FAULTLESS, SERVICE, []],
    [MISSING, undefined, [`WARNING: there is no ${MISSING}: guests keep theirs`]],
  ])('to the whole host: %s', async (file, services, warnings) => {
    const { io, told } = listening();
    expect(await faultlessConfiguration(file, io, words)).toMatchObject({ services });
    expect(told).toEqual(warnings);
  });

  test.each([
    [FAULTY, `${FAULTY} has errors: nothing was changed`],
    [BROKEN, `${BROKEN} has errors: nothing was changed`],
    [folder, `${folder}: is a directory`],
  ])('to the whole host, refused: %s', async (file, what) => {
    const refused = await faultlessConfiguration(file, listening().io, words).catch((error) => error);
    expect(refused).toBeInstanceOf(ConfigError);
    expect(refused).toMatchObject({ what, exitCode: 2 });
  });
});
