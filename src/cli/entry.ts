import { main } from './main.ts';

// Whoever calls by sudo brings their own.
process.umask(0o022);
process.exitCode = await main(process.argv);
