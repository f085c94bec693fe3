import { parentPort, workerData } from 'node:worker_threads';
import { TproxyError } from '../errors.ts';
import type { DataPlaneData } from './messages.ts';
import { runDataPlane } from './thread.ts';

if (parentPort === null) throw new TproxyError('data plane: not started as a thread');
runDataPlane(parentPort, workerData as DataPlaneData);
