import { accessSync, constants, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface Job {
  readonly container: { readonly image: string; readonly options: string };
  readonly steps: readonly { readonly run?: string }[];
}

test('the workflow is valid YAML and runs .ci/run as root of a privileged Debian container', () => {
  const document = parseDocument(readFileSync(`${ROOT}/.github/workflows/ci.yml`, 'utf8'));
  expect([...document.errors, ...document.warnings]).toEqual([]);
  const { jobs } = document.toJS() as { jobs: Readonly<Record<string, Job>> };
  const [job, ...others] = Object.values(jobs);
  expect(others).toEqual([]);
  // Without `user` in its options a container runs as root.
  expect(job?.container).toEqual({
    image: expect.stringMatching(/^debian:1[3-9]$/),
    options: '--privileged',
  });
  expect(job?.steps.at(-1)?.run).toBe('.ci/run');
  accessSync(`${ROOT}/.ci/run`, constants.X_OK);
});
