import { describe, expect, test } from 'vitest';
import { CommandError, MissingToolError } from '../../../src/errors.ts';
import { runProgram } from '../../../src/system/run.ts';

const sh = (script: string, options = {}) => runProgram('sh', ['-c', script], options);

describe('a program', () => {
  test('gets its input and gives both outputs', async () => {
    expect(await sh('cat; echo oops >&2', { input: 'hello\n' })).toEqual({
      stdout: 'hello\n',
      stderr: 'oops\n',
    });
  });

  test('speaks English', async () => {
    expect((await sh('echo $LC_ALL')).stdout).toBe('C\n');
  });

  test('may end without reading its input', async () => {
    expect((await sh('exit 0', { input: 'x'.repeat(1_000_000) })).stdout).toBe('');
  });

  test('gets no shell', async () => {
    expect((await runProgram('echo', ['$HOME; *'])).stdout).toBe('$HOME; *\n');
  });
});

describe('a failure', () => {
  test('carries command line, status and what was said', async () => {
    const error = await sh('echo no >&2; exit 3').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CommandError);
    expect(error).toMatchObject({
      message: 'sh -c echo no >&2; exit 3: no',
      status: 3,
      stderr: 'no',
    });
  });

  test('of a program that says nothing names its status', async () => {
    await expect(sh('exit 4')).rejects.toThrow(/exit status 4$/);
  });

  test('by a signal has no status', async () => {
    const error = await sh('kill -9 $$').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: undefined });
    expect(String(error)).toMatch(/ended by SIGKILL$/);
  });

  test('of a program that is not there says what to install', async () => {
    const error = await runProgram('tproxy-no-such-program', []).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MissingToolError);
  });
});

describe('a program that hangs', () => {
  test('is ended, and what it said so far is no answer', async () => {
    const started = performance.now();
    const error = await sh('echo half; exec sleep 60', { timeoutMs: 100 }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: undefined });
    expect(String(error)).toMatch(/no answer within 0.1 s$/);
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('and ignores being told so is killed', async () => {
    const hang = sh("trap '' TERM; while :; do sleep 1; done", { timeoutMs: 100 });
    await expect(hang).rejects.toThrow(/no answer/);
  });
});

test('a program that says more than anything honest is ended, and that is no answer', async () => {
  const garrulous = sh("head -c 70000000 /dev/zero | tr '\\0' x");
  await expect(garrulous).rejects.toThrow(/more than \d+ bytes of output$/);
});

test.each([
  ['on standard output', '', /more than \d+ bytes of output$/],
  ['… when asked for more', '; sleep 60', /more than \d+ bytes of output$/],
  ['in its complaint', '>&2', /more than \d+ bytes of output$/],
])('a program that says nothing but NUL bytes %s does no harm', async (_, more, message) => {
  await expect(sh(`head -c 70000000 /dev/zero ${more}`)).rejects.toThrow(message);
});

test('a failure with much output costs little, and is told in short', async () => {
  const error = await sh('head -c 60000000 /dev/zero; head -c 1000000 /dev/zero >&2; exit 3').catch(
    (caught: unknown) => caught,
  );
  expect(error).toMatchObject({ status: 3 });
  expect(String(error).length).toBeLessThan(3000);
});

test('as much as is honest arrives whole', async () => {
  const { stdout } = await sh("head -c 67108864 /dev/zero | tr '\\0' x");
  expect(stdout).toHaveLength(67_108_864);
});
