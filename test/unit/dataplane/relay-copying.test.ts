import { afterAll, beforeAll, vi } from 'vitest';
import { givePipe, takePipe } from '../../../src/dataplane/pipes.ts';
import type { Pipe } from '../../../src/linux/splice.ts';
import { relaySuites } from './relay-suites.ts';

// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

const taken: Pipe[] = [];

beforeAll(() => {
  for (let pipe = takePipe(); pipe !== undefined; pipe = takePipe()) taken.push(pipe);
});

afterAll(() => {
  for (const pipe of taken) givePipe(pipe, 0);
});

relaySuites({ pipes: false, shared: false });
