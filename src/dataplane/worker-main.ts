import { workerMain } from './worker.ts';

workerMain();
