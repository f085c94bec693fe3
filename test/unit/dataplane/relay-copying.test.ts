import { relaySuites } from './relay-suites.ts';

relaySuites({ pipes: false, shared: false });
