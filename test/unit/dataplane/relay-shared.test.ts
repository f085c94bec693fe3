import { relaySuites } from './relay-suites.ts';

relaySuites({ pipes: true, shared: true });
