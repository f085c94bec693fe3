import { afterAll, beforeAll, expect, test } from 'vitest';
import { Sandbox } from '../../support/sandbox.ts';
import { type Bundle, bundle } from './bundle.ts';

let box: Sandbox;
let program: Bundle;
beforeAll(async () => {
  [box, program] = await Promise.all([Sandbox.create(), bundle(new URL('confined.ts', import.meta.url))]);
});
afterAll(async () => {
  await box.close();
  program.remove();
});

test('a process with the filter can do what a listener needs and little else', async () => {
  // As root, with every capability: what is denied here is denied by the filter alone.
  const { stdout, stderr } = await box.run([process.execPath, program.file]);
  expect(stderr).toBe('');
  const { before, undone, denied, allowed, thread } = JSON.parse(stdout);
  expect(Object.entries(before).filter(([, result]) => result !== 'done')).toEqual([]);
  expect(undone).toBeUndefined();
  expect(Object.entries(denied).filter(([, result]) => result !== 'EPERM')).toEqual([]);
  expect(allowed).toEqual({
    'a non-blocking socket': 'done',
    'signal to itself': 'done',
    'limits of its own': 'done',
    'unix socket': 'done',
    'unix connection to nobody': 'ENOENT',
    listen: 'done',
  });
  expect(thread).toBe('done');
});

test('an abort still ends it', async () => {
  const script = `import(${JSON.stringify(program.file)}).then(() => setTimeout(() => process.abort(), 500))`;
  const { status } = await box.run([process.execPath, '-e', script]);
  expect(status).not.toBe(0);
});
