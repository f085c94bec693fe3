import { main } from './main.ts';

// Whoever calls by sudo brings their own.
process.umask(0o022);
void main(process.argv).then((code) => {
  process.exitCode = code;
});
