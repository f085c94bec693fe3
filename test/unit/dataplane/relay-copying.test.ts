import { vi } from 'vitest';
import { relaySuites } from './relay-suites.ts';

// The machine may be busy with other tests.
vi.setConfig({ testTimeout: 30_000 });

relaySuites({ pipes: false, shared: false });
