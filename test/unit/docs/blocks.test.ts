import { describe, expect, it } from 'vitest';
import { mismatch, readPage } from '../../support/docs/blocks.ts';

describe('readPage', () => {
  it('finds commands, where they run, and what they print', () => {
    const page = [
      '<!-- scene: empty -->',
      '```sh',
      'one',
      'two',
      '```',
      '```yaml',
      '# not: one',
      '```',
      '<!-- in the guest -->',
      '```console',
      '# ls',
      'a file',
      '$ true',
      '```',
      '<!-- not run: it hurts -->',
      '```sh',
      'rm -rf /',
      '```',
    ].join('\n');
    expect(readPage(page)).toEqual({
      scene: 'empty',
      others: ['# not: one'],
      blocks: [
        { line: 2, where: 'host', commands: [{ script: 'one\ntwo' }] },
        {
          line: 10,
          where: 'guest',
          commands: [
            { script: 'ls', shown: ['a file'] },
            { script: 'true', shown: [] },
          ],
        },
        { line: 15 + 1, where: 'host', commands: [{ script: 'rm -rf /' }], notRun: 'it hurts' },
      ],
    });
  });

  it('takes a remark for the next block only', () => {
    const page = ['<!-- in the guest -->', 'Some words.', '```sh', 'ls', '```'].join('\n');
    expect(readPage(page).blocks[0]?.where).toBe('host');
  });
});

describe('mismatch', () => {
  it.each([
    { shown: ['one_tproxy: 16803'], printed: 'one_tproxy: 7\n', fits: true },
    { shown: ['one_tproxy: 16803'], printed: 'one_tproxy: x\n', fits: false },
    { shown: ['port 5030'], printed: 'port 5031\n', fits: false },
    { shown: ['a … c'], printed: 'a b c\n', fits: true },
    { shown: ['a … c'], printed: 'a b\nc\n', fits: false },
    { shown: ['…', 'end'], printed: 'one\ntwo\nend\n', fits: true },
    { shown: ['…'], printed: '', fits: true },
    { shown: [], printed: '', fits: true },
    { shown: [], printed: 'something\n', fits: false },
    { shown: ['a (b) [c] $d'], printed: 'a  (b) [c]\t$d \n', fits: true },
  ])('$shown and $printed', ({ shown, printed, fits }) => {
    expect(mismatch(shown, printed) === undefined).toBe(fits);
  });
});
